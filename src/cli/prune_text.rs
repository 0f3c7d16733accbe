//! What a person is told of a prune.

use super::show;
use crate::ops::{PruneReport, Sum};

/// So many packs that cannot be read are named on the terminal.
const UNREADABLE_SHOWN_MAX: usize = 10;

/// A sentence for each thing that was done, or would be.
pub fn summary(report: &PruneReport, dry_run: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "{} with {}, in {} of {}.",
        show::counted(report.snapshots, "snapshot", "snapshots"),
        show::counted(report.chunks, "chunk", "chunks"),
        show::counted(report.kept.packs, "pack", "packs"),
        show::bytes(report.kept.bytes),
    )];
    let (deleted, marked, rewritten) = match dry_run {
        true => ("Would delete", "Would mark", "Would rewrite"),
        false => ("Deleted", "Marked", "Rewrote"),
    };
    if report.swept.packs > 0 {
        lines.push(format!("{deleted} {}.", of(report.swept)));
    }
    if report.marked.packs > 0 {
        lines.push(format!(
            "{marked} {} that nothing needs.",
            of(report.marked)
        ));
    }
    if report.rewritten.packs > 0 {
        lines.push(format!(
            "{rewritten} {}, of which {} were needed.",
            of(report.rewritten),
            show::bytes(report.rewritten_into_bytes)
        ));
    }
    lines.extend(waiting(report));
    lines.extend(kept(report));
    if report.swept.packs + report.marked.packs + report.waiting.packs == 0 {
        lines.push("There is nothing to give back.".to_owned());
    }
    lines
}

fn of(sum: Sum) -> String {
    let packs = show::counted(sum.packs, "pack", "packs");
    format!("{packs} of {}", show::bytes(sum.bytes))
}

fn waiting(report: &PruneReport) -> Vec<String> {
    let mut lines = Vec::new();
    if report.put_off {
        lines.push(
            "Nothing was deleted now, because a backup is at work in the folder; the next prune \
             does it."
                .to_owned(),
        );
    }
    if let (Some(next), Some(last)) = (report.next_sweep, report.free_after) {
        let bytes = show::bytes(report.waiting.bytes);
        let when = show::time(last);
        let first = show::time(next);
        let after = match first == when {
            true => format!("with the first prune after {when}"),
            false => format!("with prunes after {first} and {when}"),
        };
        lines.push(format!(
            "{bytes} will be free {after}; a prune that comes over four weeks later than that \
             marks anew."
        ));
    }
    lines
}

/// What is not free, and why.
fn kept(report: &PruneReport) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |sum: Sum, text: String| {
        if sum.packs > 0 {
            lines.push(format!("{} {text}", of(sum)));
        }
    };
    say(
        report.pardoned,
        "were marked before and are needed again; they stay.".to_owned(),
    );
    say(
        report.retained,
        match &report.retained_until {
            Some(until) => format!("are locked against deletion ({until}); they go later."),
            None => "are locked against deletion; they go when the lock is over.".to_owned(),
        },
    );
    say(
        report.denied,
        "could not be deleted, because these credentials may not; prune with those for \
         maintenance."
            .to_owned(),
    );
    say(
        report.paid_for,
        "are younger than the storage that is paid for anyway; they go later.".to_owned(),
    );
    say(
        report.unproven,
        "are stored elsewhere too, which only the passphrase or the words can show; give one of \
         them and prune again."
            .to_owned(),
    );
    if report.rewritable.packs > 0 {
        lines.push(format!(
            "Rewriting {} would free {} more, with the passphrase or the words.",
            show::counted(report.rewritable.packs, "pack", "packs"),
            show::bytes(report.rewritable.bytes)
        ));
    }
    if report.unreadable_total > 0 {
        lines.push(format!(
            "{} cannot be read, and so are kept:",
            show::counted(report.unreadable_total, "pack", "packs")
        ));
        let named = report.unreadable.iter().take(UNREADABLE_SHOWN_MAX);
        lines.extend(named.map(|(object, problem)| format!("  {object}: {problem}")));
    }
    lines
}
