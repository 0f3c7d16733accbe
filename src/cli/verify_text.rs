//! What `verify` says about what other nights read, and about the store's own checksums.

use super::show;
use crate::ops::{self, VerifyReport};
use crate::seams::Timestamp;

/// What the store's checksums said, if they were asked for.
pub fn checksums(report: &VerifyReport, is_asked: bool) -> Vec<String> {
    let compared = report.checksums;
    if !is_asked {
        return Vec::new();
    }
    if compared.is_given_up && compared.agreeing == 0 {
        let sentence = "The store keeps no checksums that could be compared; offsite verify --budget \
                        reads a part of the contents every night.";
        return vec![sentence.to_owned()];
    }
    let agreeing = show::counted(compared.agreeing, "pack", "packs");
    let mut lines = vec![format!(
        "The store's own checksums of {agreeing} are those that were uploaded."
    )];
    if compared.unknown > 0 {
        let unknown = show::counted(compared.unknown, "pack", "packs");
        lines.push(format!("Of {unknown} there is no checksum to compare."));
    }
    lines
}

/// How much was read by this and earlier nights.
pub fn coverage(report: &VerifyReport, now: Timestamp) -> Vec<String> {
    // Of a whole reading there is nothing to add, and of none it was not asked.
    let is_part = report.packs_read > 0 && report.packs_read < report.packs_total;
    let Some(coverage) = report.coverage.filter(|_| is_part) else {
        return Vec::new();
    };
    let Some(oldest) = coverage.oldest else {
        return vec!["This machine has not read any of the contents yet.".to_owned()];
    };
    let share = ops::permille(coverage.recent_bytes, coverage.total_bytes);
    let mut line = format!(
        "Read within {} days: {}.{} % of {} of contents; ",
        ops::RECENT_DAYS,
        share / 10,
        share % 10,
        show::bytes(coverage.total_bytes),
    );
    line.push_str(&match coverage.never_read {
        0 => format!("the oldest reading is {} old.", age(now, oldest)),
        never => format!(
            "{} never read, the oldest other reading is {} old.",
            show::counted(never, "pack", "packs"),
            age(now, oldest)
        ),
    });
    vec![line]
}

fn age(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() / (24 * 3600) {
        0 => "less than a day".to_owned(),
        days => show::counted(days, "day", "days"),
    }
}
