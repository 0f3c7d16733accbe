//! `offsite sync`

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::Context;
use super::copies::Absent;
use super::exit::{Failure, Result, Status};
use super::forget::retention;
use super::{output, show};
use crate::ops::{self, Direction, LevelOptions, PlaceReport, SyncReport};
use crate::progress::Progress;

/// So many snapshots and files are named on the terminal.
const SHOWN_MAX: usize = 10;

/// Bring the copies of the repository level
///
/// Each copy gets the snapshots that any other has, that it has not forgotten, and that the rules of
/// the configuration would keep. Packs are copied
/// as they are and held against their names: no photo is read or encrypted again, and no passphrase
/// is needed. It can be stopped at any time; the next run goes on from there.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Only from this copy: its name, or its address
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Only to this copy
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let (replicas, absent) = context.replicas()?;
    let which = |name: &Option<String>| {
        let name = name.as_ref();
        name.map(|name| context.which(&replicas, name)).transpose()
    };
    let direction = Direction {
        from: which(&args.from)?,
        to: which(&args.to)?,
    };
    if direction.from.is_some() && direction.from == direction.to {
        return Err(Failure::usage(
            "a copy cannot be brought level with itself",
            "name two different ones with --from and --to",
        ));
    }
    if replicas.len() < 2 {
        let mut absent = absent;
        let named = "the copies that were named hold one repository";
        return Err(match absent.is_empty() {
            true => Failure::usage(named, "name another one with --repo"),
            false => absent.swap_remove(0).1,
        });
    }
    let retention = retention(context)?;
    let options = LevelOptions {
        retention: retention.as_ref(),
        ..LevelOptions::default()
    };
    let report = ops::sync(replicas, direction, &options, context.progress.as_ref());
    context.progress.finish();
    tell(context, &report?, &absent)
}

/// Says what was copied and what was not, and how that ends.
pub fn tell(context: &Context, report: &SyncReport, absent: &[Absent]) -> Result {
    for (name, failure) in absent {
        let name = show::harmless_sentence(name);
        let error = show::harmless_sentence(&failure.error.to_string());
        let text = format!("{name} cannot be reached and is not brought level: {error}");
        context.progress.notice(&text);
    }
    let is_level = report.is_level() && absent.is_empty();
    if context.global.json {
        output::json(&document(report, absent, is_level))?;
    } else if !(context.global.quiet && is_level) {
        let mut lines = Vec::new();
        report
            .places
            .iter()
            .for_each(|place| describe(place, &mut lines));
        output::lines(&lines)?;
    }
    Ok(match (report.has_damage(), is_level) {
        (true, _) => Status::Damage,
        (false, false) => Status::Behind,
        (false, true) => Status::Done,
    })
}

fn describe(place: &PlaceReport, lines: &mut Vec<String>) {
    let ink = show::ink_for_stdout();
    let name = show::harmless_sentence(&place.name);
    let came = &place.came;
    let what = match came.snapshots_copied.len() as u64 {
        0 => "nothing new".to_owned(),
        number => format!(
            "{} in {} ({})",
            show::counted(number, "snapshot", "snapshots"),
            show::counted(came.objects_copied, "object", "objects"),
            show::bytes(came.bytes_copied)
        ),
    };
    let has = show::counted(place.snapshots, "snapshot", "snapshots");
    lines.push(format!("{name}: {what}; it holds {has}"));
    if came.is_level() && place.failure.is_none() {
        lines.push(format!("  {}", ink.good("It is level.")));
    }
    if came.forgotten > 0 {
        let number = show::counted(came.forgotten, "snapshot", "snapshots");
        lines.push(format!("  {number} forgotten there did not come back"));
    }
    for (id, why) in came.waiting.iter().take(SHOWN_MAX) {
        let id: String = id.to_string().chars().take(12).collect();
        lines.push(ink.bad(&format!("  snapshot {id} waits: {}", why.reason)));
    }
    for (id, lacking) in came.lacking.iter().take(SHOWN_MAX) {
        let id: String = id.to_string().chars().take(12).collect();
        let mut text = format!("  snapshot {id} was not copied, for it would not be whole");
        if let Some(reason) = &lacking.reason {
            text.push_str(": ");
            text.push_str(&show::harmless_sentence(show::without_number(reason)));
        }
        lines.push(ink.bad(&text));
        for path in lacking.files.iter().take(SHOWN_MAX) {
            lines.push(format!("    file: {}", show::harmless(path)));
        }
        let more = lacking.files_total.saturating_sub(SHOWN_MAX as u64);
        if more > 0 {
            let more = show::count(more);
            lines.push(format!("    and {more} more (--json names them)"));
        }
    }
    if came.let_go > 0 {
        let number = show::counted(came.let_go, "snapshot", "snapshots");
        lines.push(format!(
            "  {number} not copied, which the next offsite forget would remove there"
        ));
    }
    if let Some((other, error)) = &place.failure {
        let other = show::harmless_sentence(other);
        let error = show::harmless_sentence(&error.to_string());
        lines.push(ink.bad(&format!("  Not brought level with {other}: {error}")));
    }
}

fn document(report: &SyncReport, absent: &[Absent], is_level: bool) -> Value {
    let mut places: Vec<Value> = report.places.iter().map(place_document).collect();
    places.extend(absent.iter().map(|(name, failure)| {
        json!({ "name": name, "level": false, "error": failure.error.to_string() })
    }));
    json!({
        "level": is_level,
        "objects_copied": report.objects_copied(),
        "bytes_copied": report.bytes_copied(),
        "places": places,
    })
}

fn place_document(place: &PlaceReport) -> Value {
    let came = &place.came;
    let copied: Vec<_> = came
        .snapshots_copied
        .iter()
        .map(ToString::to_string)
        .collect();
    let waiting = came.waiting.iter();
    let waiting: Vec<_> = waiting
        .map(|(id, why)| json!({ "snapshot": id.to_string(), "reason": why.reason }))
        .collect();
    let lacking: Vec<_> = came
        .lacking
        .iter()
        .map(|(id, lacking)| {
            let files: Vec<_> = lacking
                .files
                .iter()
                .map(|path| show::harmless(path))
                .collect();
            json!({
                "snapshot": id.to_string(),
                "reason": lacking.reason,
                "files": files,
                "files_total": lacking.files_total,
            })
        })
        .collect();
    json!({
        "name": place.name,
        "level": came.is_level() && place.failure.is_none(),
        "snapshots": place.snapshots,
        "copied": copied,
        "objects_copied": came.objects_copied,
        "bytes_copied": came.bytes_copied,
        "waiting": waiting,
        "lacking": lacking,
        "forgotten": came.forgotten,
        "let_go": came.let_go,
        "error": place.failure.as_ref().map(|(_, error)| error.to_string()),
    })
}
