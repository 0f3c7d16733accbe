//! `offsite init`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::init_copies::{looked_at, nothing_to_make};
use super::places::Place;
use super::secret::{self, Purpose, Surroundings};
use super::{output, show};
use crate::format::FORMAT_VERSION;
use crate::format::parameters::Parameters;
use crate::ops::{self, InitOptions, InitReport, StateFolder};
use crate::progress::Progress;
use crate::repository::identify;

/// Make a repository in an empty folder or bucket prefix
///
/// Draws a new key, guards it with a passphrase, and leaves on this host what it needs to back up:
/// a writer key, which can add backups but cannot read them. With --recovery-kit it writes a page
/// to print: 24 words that open the repository when passphrase and host are lost.
///
/// Where the configuration, or several --repo, name more than one copy, the first becomes a new
/// repository and the others copies of it; those that are there already are left as they are.
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
    let places = context.distinct_places()?;
    let (there, lacking) = match places.len() {
        1 => (None, places),
        _ => looked_at(context, places)?,
    };
    let mut made = Vec::new();
    let mut lacking = lacking.into_iter();
    let home = match there {
        Some(home) if args.recovery_kit.is_some() => {
            return Err(Failure::usage(
                &format!("the repository is at {} already", home.name),
                "offsite key kit FILE writes its recovery kit; without --recovery-kit the copies \
                 that are not there yet are made",
            ));
        }
        Some(home) => home,
        None => {
            let first = lacking.next().ok_or_else(|| nothing_to_make(context))?;
            made.push(create(context, &first, args)?);
            first
        }
    };
    let mut failed = None;
    for place in lacking {
        match copy(context, &home, &place) {
            Ok(one) => made.push(one),
            Err(failure) => {
                let name = show::harmless_sentence(&place.name);
                let why = show::harmless_sentence(&failure.in_one_line());
                let text = format!("{name} was not made: {why}; offsite init tries it again");
                context.progress.notice(&text);
                failed.get_or_insert(failure);
            }
        }
    }
    if made.is_empty() && failed.is_none() {
        return Err(nothing_to_make(context));
    }
    // What was made is there, and has to be known.
    if !(made.is_empty() || context.global.json && failed.is_some()) {
        tell(context, &made)?;
    }
    failed.map_or(Ok(Status::Done), Err)
}

/// What was made at a place, and what a person should know of it.
struct Made {
    id: String,
    url: String,
    /// The address that it is a copy of.
    replica_of: Option<String>,
    lines: Vec<String>,
}

/// A new repository, with a key of its own.
fn create(context: &Context, place: &Place, args: &Args) -> std::result::Result<Made, Failure> {
    let progress = context.progress.as_ref();
    let passphrase = secret::passphrase(&context.ways(), Purpose::Choose, &Surroundings, progress)?;
    let store = context.store_at(place, true)?;
    progress.stage("Making the repository", None);
    let options = InitOptions {
        passphrase: &passphrase,
        cost: secret::cost_of_new_slots(),
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
    context.remember(&report.repository, place, &report.repository_object);
    if let Some(path) = &args.recovery_kit {
        write_kit(context, &report, path)?;
    }
    let id = report.repository.id().to_string();
    let url = place.url.to_string();
    Ok(Made {
        lines: told(&id, &url, &state, args),
        id,
        url,
        replica_of: None,
    })
}

/// What a person should know of the new repository.
fn told(id: &str, url: &str, state: &StateFolder, args: &Args) -> Vec<String> {
    let mut lines = vec![
        format!(
            "Made the repository {id} at {}.",
            show::harmless_sentence(url)
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
    lines
}

/// Says what was made, and what comes next.
fn tell(context: &Context, made: &[Made]) -> Result {
    if context.global.json {
        let document = |one: &Made| match &one.replica_of {
            Some(original) => json!({
                "repository_id": one.id, "url": one.url, "replica_of": original,
            }),
            None => json!({ "repository_id": one.id, "url": one.url }),
        };
        let mut told = made.first().map(document).unwrap_or_default();
        if made.len() > 1 {
            told["further"] = made.iter().skip(1).map(document).collect();
        }
        output::json(&told)?;
        return Ok(Status::Done);
    }
    let mut lines: Vec<&str> = made
        .iter()
        .flat_map(|one| one.lines.iter().map(String::as_str))
        .collect();
    let source = &context.configuration()?.source;
    let has_source = source.immich.is_some() || !source.folders.is_empty();
    lines.push(match has_source {
        true => "Next: offsite backup",
        false => "Next: offsite backup --immich DIR --database-url URL (or --database-command CMD)",
    });
    output::lines(&lines)?;
    Ok(Status::Done)
}

/// A further copy: the same `repository` object and key slots, and no snapshot yet.
fn replicate(context: &Context, original: &str) -> Result {
    let original = context.place_named(original)?;
    let [place] = context.distinct_places()?.try_into().map_err(|_| {
        Failure::usage(
            "--replica-of makes one copy, and several were named",
            "name the new one with --repo; without --replica-of, offsite init makes all that are \
             named and not there yet",
        )
    })?;
    if place.key() == original.key() {
        return Err(Failure::usage(
            "a repository cannot be a copy of itself",
            "give the new place with --repo URL, the old one with --replica-of",
        ));
    }
    let made = copy(context, &original, &place)?;
    if context.global.json {
        return tell(context, &[made]);
    }
    let [new, old] = [&place, &original].map(|it| show::harmless_sentence(&it.name));
    output::lines(&made.lines)?;
    output::lines(&[format!("Next: offsite sync --repo {old} --repo {new}")])?;
    Ok(Status::Done)
}

/// Makes a copy of the repository at `original`.
fn copy(context: &Context, original: &Place, place: &Place) -> std::result::Result<Made, Failure> {
    let url = original.url.to_string();
    let source = context
        .store_at(original, false)
        .map_err(|failure| failure.with_address(&url))?;
    // Before anything is made: is it a repository at all?
    identify(source.as_ref())?;
    let (from, state) = context.repository_in(original, source, Access::Writer)?;
    let to = context.store_at(place, true)?;
    let progress = context.progress.as_ref();
    progress.stage("Making the copy", None);
    let made = ops::init_replica(&from, to.as_ref());
    progress.finish();
    for slot in made? {
        progress.notice(&format!(
            "{slot} is no good and was left out: offsite key list"
        ));
    }
    let new = place.url.to_string();
    let shown = show::harmless_sentence(&new);
    let id = from.id().to_string();
    Ok(Made {
        lines: vec![
            format!("Made a copy of the repository {id} at {shown}; it holds no snapshot yet."),
            format!(
                "The same passphrases and 24 words open it; this host's writer key is in {}.",
                show::harmless(state.path().as_os_str().as_encoded_bytes())
            ),
        ],
        id,
        url: new,
        replica_of: Some(url),
    })
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
