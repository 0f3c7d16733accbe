//! `offsite init`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::secret::{self, Purpose, Surroundings};
use super::{output, show};
use crate::crypto::KdfCost;
use crate::format::FORMAT_VERSION;
use crate::format::parameters::Parameters;
use crate::ops::{self, InitOptions, InitReport, StateFolder};
use crate::progress::Progress;
use crate::repository::identify;
use crate::store::open::StoreUrl;

/// Make a repository in an empty folder or bucket prefix
///
/// Draws a new key, guards it with a passphrase, and leaves on this host what it needs to back up:
/// a writer key, which can add backups but cannot read them. With --recovery-kit it writes a page
/// to print: 24 words that open the repository when passphrase and host are lost.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Write the recovery kit here: a page to print (FILE.html, or FILE.txt for plain text)
    #[arg(long, value_name = "FILE")]
    recovery_kit: Option<PathBuf>,
    /// How large the objects are that photos are packed into, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    pack_size: u32,
    /// Make a further copy of this repository: the same passphrases and words open it, and
    /// offsite sync or the next backup brings the snapshots
    #[arg(long, value_name = "URL", conflicts_with_all = ["recovery_kit", "pack_size"])]
    replica_of: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    if let Some(original) = &args.replica_of {
        return replicate(context, original);
    }
    if let Some(kit) = args.recovery_kit.as_ref().filter(|kit| kit.exists()) {
        return Err(Failure::usage(
            &format!("{} exists already", kit.display()),
            "an old recovery kit is precious: choose another name",
        ));
    }
    let url = context.url()?;
    let progress = context.progress.as_ref();
    let passphrase = secret::passphrase(&context.ways(), Purpose::Choose, &Surroundings, progress)?;
    let store = context.store(true)?;
    progress.stage("Making the repository", None);
    let options = InitOptions {
        passphrase: &passphrase,
        cost: KdfCost::DEFAULT,
        host: host_name(),
        pack_bytes: args.pack_size << 20,
    };
    debug_assert!(
        options.pack_bytes <= Parameters::PACK_BYTES_MAX,
        "clap has checked it"
    );
    let report = ops::init(store, &context.seams, &options);
    progress.finish();
    let report = report?;
    let state = context.state(report.repository.id())?;
    state.save_writer_key(&report.repository.writer)?;
    context.remember(
        &report.repository,
        &context.place()?,
        &report.repository_object,
    );
    if let Some(path) = &args.recovery_kit {
        write_kit(context, &report, path)?;
    }
    let id = report.repository.id().to_string();
    if context.global.json {
        output::json(&json!({ "repository_id": id, "url": url.to_string() }))?;
        return Ok(Status::Done);
    }
    let lines = told(&id, &url, &state, args);
    output::lines(&lines)?;
    Ok(Status::Done)
}

/// What a person should know of the new repository.
fn told(id: &str, url: &StoreUrl, state: &StateFolder, args: &Args) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Made the repository {id} at {}.",
            show::harmless_sentence(&url.to_string())
        ),
        format!(
            "This host's writer key is in {}: it can back up, but not read.",
            show::harmless(state.path().as_os_str().as_encoded_bytes())
        ),
    ];
    match &args.recovery_kit {
        Some(path) => lines.push(format!(
            "The recovery kit is in {}: print it, keep it away from this machine, delete the file.",
            show::harmless(path.as_os_str().as_encoded_bytes())
        )),
        None => lines.push(
            "Without the passphrase nothing can be restored: offsite key kit FILE writes a page to \
             print."
                .to_owned(),
        ),
    }
    lines.push(
        "Next: offsite backup --immich DIR --database-url URL (or --database-command CMD)"
            .to_owned(),
    );
    lines
}

/// A further copy: the same `repository` object and key slots, and no snapshot yet.
fn replicate(context: &Context, original: &str) -> Result {
    let (place, original) = (context.place()?, context.place_named(original)?);
    if place.key() == original.key() {
        return Err(Failure::usage(
            "a repository cannot be a copy of itself",
            "give the new place with --repo URL, the old one with --replica-of",
        ));
    }
    let url = original.url.to_string();
    let source = context
        .store_at(&original, false)
        .map_err(|failure| failure.with_address(&url))?;
    // Before anything is made: is it a repository at all?
    identify(source.as_ref())?;
    let (from, state) = context.repository_in(&original, source, Access::Writer)?;
    let to = context.store_at(&place, true)?;
    let progress = context.progress.as_ref();
    progress.stage("Making the copy", None);
    let made = ops::init_replica(&from, to.as_ref());
    progress.finish();
    for slot in made? {
        progress.notice(&format!(
            "{slot} is no good and was left out: offsite key list"
        ));
    }
    let id = from.id().to_string();
    if context.global.json {
        let address = place.url.to_string();
        output::json(&json!({ "repository_id": id, "url": address, "replica_of": url }))?;
        return Ok(Status::Done);
    }
    let [new, old] = [&place, &original].map(|it| show::harmless_sentence(&it.url.to_string()));
    output::lines(&[
        format!("Made a copy of the repository {id} at {new}; it holds no snapshot yet."),
        format!(
            "The same passphrases and 24 words open it; this host's writer key is in {}.",
            show::harmless(state.path().as_os_str().as_encoded_bytes())
        ),
        format!("Next: offsite sync --repo {old} --repo {new}"),
    ])?;
    Ok(Status::Done)
}

fn write_kit(
    context: &Context,
    report: &InitReport,
    path: &std::path::Path,
) -> std::result::Result<(), Failure> {
    let reader = report.repository.read_key("to write a recovery kit")?;
    super::key::write_kit(
        context,
        reader,
        &report.repository_object,
        FORMAT_VERSION,
        path,
    )
    .inspect_err(|_| {
        // The repository is there and sound; the kit can be written again.
        context.progress.notice(&format!(
            "the repository was made, but not the recovery kit {}: offsite key kit FILE \
                 writes one",
            show::harmless(path.as_os_str().as_encoded_bytes())
        ));
    })
}
