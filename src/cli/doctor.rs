//! `offsite doctor`: what a store really does (`policies`: what a credential should be allowed).

mod policies;

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::exit::{Failure, Result, Status};
use super::places::Place;
use super::show::{Align, Table};
use super::{output, profile, show};
use crate::ops::{self, DoctorOptions, DoctorReport, DoctorVerdict, Expectation};
use crate::repository::{RepositoryError, identify};
use crate::store::ErrorKind;
use crate::store::open::StoreUrl;

/// Widths of the table, which has 100 columns together.
const SEEN_COLUMNS: usize = 44;
const MEANS_COLUMNS: usize = 48;

/// Try out what a store really does, and say what it means
///
/// Stores and removes a few objects in tmp/ at the address of the repository: no repository need
/// be there, and one that is there is not touched. Finds out whether what was stored is there at
/// once, whether conditions, checksums and locks hold, what this credential may do, and whether the
/// clocks agree. Where something does not hold that backups rely on, it ends with 1.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Print policies for credentials that may do just what they are for, and try nothing
    #[arg(long, value_name = "ROLE", num_args = 0..=1)]
    credentials: Option<Option<Role>>,
    /// Fail unless the credential is right for this: one for backup must not be able to delete
    #[arg(long, value_name = "ROLE", conflicts_with = "credentials")]
    expect: Option<Role>,
    /// Also store a thousand small objects, to see a listing of several pages
    #[arg(long)]
    thorough: bool,
}

/// What a credential is for.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Put, get, list and lock: what the backup host has every night
    Backup,
    /// Also delete and extend locks: for prune, best on another machine
    Maintenance,
    /// Get and list
    Restore,
}

impl Role {
    const ALL: [Self; 3] = [Self::Backup, Self::Maintenance, Self::Restore];

    const fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Maintenance => "maintenance",
            Self::Restore => "restore",
        }
    }

    const fn expectation(self) -> Expectation {
        match self {
            Self::Backup => Expectation::Backup,
            Self::Maintenance => Expectation::Maintenance,
            Self::Restore => Expectation::Restore,
        }
    }
}

pub fn run(context: &Context, args: &Args) -> Result {
    if let Some(role) = args.credentials {
        return credentials(context, &bucket_of(context)?, role);
    }
    let each = context.at_each(|place| examine(context, place, args))?;
    if context.global.json {
        if each.has_document() {
            let documents = each.done.iter();
            let mut documents: Vec<_> = documents.map(document).collect();
            match each.is_one() {
                true => output::json(&documents.swap_remove(0))?,
                false => output::json(&json!({
                    "ok": each.done.iter().all(|(_, (report, _))| report.is_sound()),
                    "repositories": documents,
                    "missed": each.missed_json(),
                }))?,
            }
        }
    } else {
        let mut said = Vec::new();
        for done in &each.done {
            said.extend(said.last().map(|_| String::new()));
            said.extend(lines(done));
        }
        output::lines(&said)?;
    }
    let is_sound = each.done.iter().all(|(_, (report, _))| report.is_sound());
    each.end(match is_sound {
        true => Status::Done,
        false => Status::Unsound,
    })
}

/// The only bucket among the places.
fn bucket_of(context: &Context) -> std::result::Result<Place, Failure> {
    let mut places = context.distinct_places()?;
    if places.len() > 1 {
        places.retain(|place| !place.is_folder());
    }
    let several = places.len() > 1;
    match places.pop() {
        Some(place) if !several => Ok(place),
        Some(_) => Err(Failure::usage(
            "there are several buckets",
            "say which with --repo NAME",
        )),
        None => Err(no_bucket()),
    }
}

fn no_bucket() -> Failure {
    Failure::usage(
        "credentials are for buckets, and this is a folder",
        "for a folder, let another user own it than the one who runs backups",
    )
}

/// What was found at a place, and whether this host remembers it.
type Examined = (DoctorReport, bool);

fn credentials(context: &Context, place: &Place, role: Option<Role>) -> Result {
    let StoreUrl::S3 { bucket, prefix } = &place.url else {
        return Err(no_bucket());
    };
    let policy = |role: Role| policies::policy(role.expectation(), bucket, prefix);
    match role {
        // Nothing but the document, so that it can be handed on as it is.
        Some(role) => output::json(&policy(role))?,
        None if context.global.json => {
            let all = Role::ALL.map(|role| (role.name().to_owned(), policy(role)));
            output::json(&all.into_iter().collect::<serde_json::Map<_, _>>())?;
        }
        None => {
            let mut lines = Vec::new();
            for role in Role::ALL {
                lines.push(format!(
                    "For {}, {}:",
                    role.name(),
                    policies::what_for(role.expectation())
                ));
                let text = serde_json::to_string_pretty(&policy(role));
                lines.push(text.map_err(|error| Failure::failed(error, ""))?);
                lines.push(String::new());
            }
            lines.extend(policies::NOTES.iter().map(|note| (*note).to_owned()));
            output::lines(&lines)?;
        }
    }
    Ok(Status::Done)
}

/// Tries the store in a folder of its own below the repository, and remembers what it did.
fn examine(
    context: &Context,
    place: &Place,
    args: &Args,
) -> std::result::Result<Examined, Failure> {
    // Whether the place is there at all, and whose repository it holds.
    let repository = identify(context.store_at(place, false)?.as_ref());
    // A credential that may not even read is worth trying out.
    let repository = match repository {
        Err(RepositoryError::Store(error)) if error.kind == ErrorKind::Denied => None,
        Err(error @ (RepositoryError::NoPlace { .. } | RepositoryError::Store(_))) => {
            return Err(error.into());
        }
        told => told.ok(),
    };
    let mut random = [0; 6];
    let drawn = context.seams.random.fill(&mut random);
    drawn.map_err(|error| Failure::failed(error, ""))?;
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let (url, folder) = scratch_place(&place.url, &format!("tmp/doctor-{name}"));
    let store = place.open_bare_at(&url, &context.seams)?;
    let _heeding = context.seams.interrupt.heed();
    let options = DoctorOptions {
        folder: folder.as_deref(),
        expect: args.expect.map(Role::expectation),
        wants_lock: place.object_lock.is_some(),
        thorough: args.thorough,
    };
    let progress = context.progress.as_ref();
    let report = ops::doctor(store.as_ref(), &context.seams, &options, progress)?;
    let remembered = match repository {
        Some(id) => profile::remember(place, &context.state(id)?, &report.profile)?,
        None => false,
    };
    Ok((report, remembered))
}

/// Below the repository, where no listing of it looks.
fn scratch_place(url: &StoreUrl, below: &str) -> (StoreUrl, Option<PathBuf>) {
    match url {
        StoreUrl::Folder(path) => {
            let path = path.join(below);
            (StoreUrl::Folder(path.clone()), Some(path))
        }
        StoreUrl::S3 { bucket, prefix } => {
            let slash = if prefix.is_empty() { "" } else { "/" };
            let url = StoreUrl::S3 {
                bucket: bucket.clone(),
                prefix: format!("{prefix}{slash}{below}"),
            };
            (url, None)
        }
    }
}

fn document((place, (report, remembered)): &(Place, Examined)) -> serde_json::Value {
    let probes = report.findings.iter().map(|finding| {
        json!({
            "name": finding.probe,
            "verdict": finding.verdict.name(),
            "found": finding.found,
            "means": finding.means,
        })
    });
    json!({
        "url": place.url.to_string(),
        "ok": report.is_sound(),
        "probes": probes.collect::<Vec<_>>(),
        "profile": report.profile,
        "left_behind": report.left,
        "remembered": remembered,
    })
}

fn lines((place, (report, remembered)): &(Place, Examined)) -> Vec<String> {
    let mut table = Table::new([
        ("", Align::Left),
        ("Seen", Align::Left),
        ("Means", Align::Left),
    ]);
    for finding in &report.findings {
        let verdict = match finding.verdict {
            DoctorVerdict::Good => "ok",
            DoctorVerdict::Lacking => "note",
            DoctorVerdict::Broken => "BAD",
            DoctorVerdict::Unknown => "?",
        };
        let found = show::fold(&show::harmless_sentence(&finding.found), SEEN_COLUMNS);
        let means = show::fold(finding.means, MEANS_COLUMNS);
        for line in 0..found.len().max(means.len()) {
            let of = |cell: &[String]| cell.get(line).cloned().unwrap_or_default();
            let verdict = if line == 0 { verdict } else { "" };
            table.row([verdict.to_owned(), of(&found), of(&means)]);
        }
    }
    let ink = show::ink_for_stdout();
    let mut lines = vec![show::harmless_sentence(&place.url.to_string())];
    lines.extend(table.lines().into_iter().map(|line| match line.get(..4) {
        Some("BAD ") => ink.bad(&line),
        Some("note") => ink.warn(&line),
        _ => line,
    }));
    for left in &report.left {
        let left = show::harmless_sentence(left);
        lines.push(format!(
            "Could not be removed from the scratch place: {left}"
        ));
    }
    if *remembered {
        lines.push("This host remembers it and acts on it.".to_owned());
    }
    lines.push(if report.is_sound() {
        "Nothing stands in the way of backups here.".to_owned()
    } else {
        "Something is not as it must be: see what is marked BAD.".to_owned()
    });
    lines
}
