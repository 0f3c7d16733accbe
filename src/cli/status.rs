//! `offsite status`: the 3-2-1 board. `status_text` has its words, `status_json` its document.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::config::StatusLimits;
use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::places::{Medium, Place};
use super::reach::{Wait, reach};
use super::when::time_span;
use super::{output, show, status_json, status_text};
use crate::format::name;
use crate::ops::status::{self, Ages, Board, CopyStatus, Facts, Unreachable};
use crate::progress::Progress;
use crate::store::Store;
use crate::store::open::StoreUrl;

/// A glance takes seconds, whoever does not answer.
const WAIT: Wait = Wait {
    patience: Duration::from_secs(5),
    limit: Duration::from_secs(10),
};

type Reached = std::result::Result<Arc<dyn Store>, Failure>;

/// Show whether the 3-2-1 rule holds today: three copies, on two media, one of them offsite
///
/// The live library counts as one copy. Each other copy is named with --repo, or in the
/// configuration. Where the configuration says what this machine backs up, its own snapshots count,
/// and those of other machines are named. What is wrong is said in a line, with what to do; then the exit code is 6.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// How old the last snapshot of a copy may be, such as 26h or 8d
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    max_snapshot_age: Option<Duration>,
    /// How old the last verify of a copy may be
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    max_verify_age: Option<Duration>,
    /// How old the last drill may be
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    max_drill_age: Option<Duration>,
}

impl Args {
    fn ages(&self, limits: &StatusLimits) -> Ages {
        Ages {
            snapshot: self.max_snapshot_age.or(limits.snapshot_age_max),
            verify: self.max_verify_age.or(limits.verify_age_max),
            drill: self.max_drill_age.or(limits.drill_age_max),
        }
    }
}

pub fn run(context: &Context, args: &Args) -> Result {
    let places = context.places()?;
    let stores = reach(context, &places, WAIT);
    let copies = places.iter().zip(stores);
    let copies = copies.map(|(place, store)| of_place(context, place, store));
    let copies = copies.collect();
    context.progress.finish();
    let ages = args.ages(&context.configuration()?.status);
    let board = Board::judge(copies, ages, context.seams.clock.now());
    if context.global.json {
        output::json(&status_json::document(&board))?;
    } else if !context.global.quiet || board.needs_attention() {
        output::lines(&status_text::lines(&board, show::ink_for_stdout()))?;
    }
    Ok(match board.needs_attention() {
        true => Status::Attention,
        false => Status::Done,
    })
}

/// A copy; one that is out of reach is a line of the board, and no failure of the command.
fn of_place(context: &Context, place: &Place, store: Reached) -> CopyStatus {
    let found = look(context, place, store).map_err(|failure| {
        let states = context.states().ok();
        let remembered = states.and_then(|states| status::remembered(&states, &place.key()));
        Unreachable {
            reason: reason(&failure),
            hint: failure.hint,
            remembered,
        }
    });
    CopyStatus {
        name: place.name.clone(),
        url: place.url.to_string(),
        medium: match place.medium {
            Medium::Disk => "disk",
            Medium::Nas => "nas",
            Medium::Cloud => "cloud",
        },
        offsite: place.offsite,
        bytes_free: found.is_ok().then(|| bytes_free(place)).flatten(),
        touched: found.is_ok().then(|| touched(place)).flatten(),
        same_as: None,
        found,
        behind: 0,
        counts: false,
    }
}

fn look(context: &Context, place: &Place, store: Reached) -> std::result::Result<Facts, Failure> {
    let (repository, state) = context.repository_in(place, store?, Access::Writer)?;
    let index = state.open_index(&place.key())?;
    let host = own_host(context)?;
    let progress = context.progress.as_ref();
    let mut facts = status::gather(&repository, &index, host.as_deref(), progress)?;
    if let (None, Some(lock)) = (facts.locked, place.object_lock) {
        facts.locked = status::shown_lock(&repository, lock);
        facts.requests += 1;
    }
    Ok(facts)
}

/// What this machine is called in snapshots, where the configuration says that it makes some.
fn own_host(context: &Context) -> std::result::Result<Option<String>, Failure> {
    let source = &context.configuration()?.source;
    let has_source = source.immich.is_some() || !source.folders.is_empty();
    Ok(has_source.then(|| source.host.clone().unwrap_or_else(host_name)))
}

/// The error with its causes, in one line.
fn reason(failure: &Failure) -> String {
    let mut reason = failure.error.to_string();
    let mut source = failure.error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        reason.push_str(": ");
        reason.push_str(show::without_number(&cause_text));
        source = cause.source();
    }
    reason
}

/// When the file named `repository` was last touched, of a folder.
fn touched(place: &Place) -> Option<i128> {
    let StoreUrl::Folder(folder) = &place.url else {
        return None;
    };
    let head = std::fs::symlink_metadata(folder.join(name::REPOSITORY)).ok()?;
    let nanoseconds = i128::from(head.ctime()) * 1_000_000_000 + i128::from(head.ctime_nsec());
    // Windows shares count so.
    Some(nanoseconds / 100 * 100)
}

/// What an ordinary user may still write to a folder's disk.
fn bytes_free(place: &Place) -> Option<u64> {
    let StoreUrl::Folder(folder) = &place.url else {
        return None;
    };
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}
