//! A finding of `offsite status` in words: what is the matter, and what to do.

use std::time::Duration;

use super::show;
use crate::ops::status::{Board, COPIES_WANTED, Check, Checked, CopyStatus, Facts, Proven};
use crate::ops::trust::VanishedList;
use crate::seams::Timestamp;

const DAY: u64 = 24 * 60 * 60;

/// One check.
pub struct Words {
    /// As scripts know it.
    pub name: &'static str,
    /// The copy that it is about.
    pub repository: Option<String>,
    pub detail: String,
    /// What to do where it is not as it should be.
    pub hint: String,
}

/// What people call a copy.
pub fn name_of(copy: &CopyStatus) -> String {
    show::harmless_sentence(&copy.name)
}

/// How long ago, in one unit: `9 h ago`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        seconds if seconds < 60 => "just now".to_owned(),
        seconds => format!("{} ago", length(seconds)),
    }
}

/// In one unit, rounded down: nobody asks for the minutes of a week.
fn length(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / DAY),
    }
}

pub fn about(board: &Board, check: &Check) -> Words {
    let copy = check.copy.and_then(|number| board.repositories.get(number));
    let (name, detail, hint) = match (copy, check.what) {
        (_, Checked::Copies) => (
            "copies",
            format!("{} of {COPIES_WANTED} copies", board.copies),
            "make another with offsite init --repo URL --replica-of URL".to_owned(),
        ),
        (_, Checked::Media) => (
            "media",
            format!("all copies lie on one medium, {}", listed(board)),
            "put one on another, such as a NAS or a bucket".to_owned(),
        ),
        (_, Checked::Offsite) => (
            "offsite",
            match board.offsite {
                0 => "no copy is out of the house".to_owned(),
                number => format!("{number} out of the house"),
            },
            "put one elsewhere, such as in a bucket".to_owned(),
        ),
        (_, Checked::Drill) => ("drill", drill(board), "run offsite drill".to_owned()),
        (Some(copy), what) => of_copy(board, copy, what),
        (None, _) => ("", String::new(), String::new()),
    };
    let detail = match (check.what, check.ok) {
        (Checked::Media, true) => listed(board),
        _ => detail,
    };
    Words {
        name,
        repository: copy.map(name_of),
        detail,
        hint,
    }
}

fn listed(board: &Board) -> String {
    let media: Vec<&str> = board.media.iter().copied().collect();
    media.join(", ")
}

fn of_copy(board: &Board, copy: &CopyStatus, what: Checked) -> (&'static str, String, String) {
    let facts = match &copy.found {
        Ok(facts) => facts,
        Err(unreachable) if what == Checked::Reachable => {
            let reason = show::harmless_sentence(&unreachable.reason);
            return ("reachable", reason, unreachable.hint.clone());
        }
        Err(_) => return ("snapshot", snapshot(board, copy), back_up(copy)),
    };
    let newest = facts.newest.as_ref();
    match what {
        Checked::Distinct => {
            let hint = "name each place once, and put a further copy elsewhere";
            ("distinct", distinct(board, copy), hint.to_owned())
        }
        Checked::Whole => ("whole", whole(facts), LOOK.to_owned()),
        Checked::Snapshot => ("snapshot", snapshot(board, copy), back_up(copy)),
        Checked::Trusted => {
            let suspect = newest.and_then(|newest| newest.suspect.as_deref());
            let detail = match suspect {
                Some(why) => format!(
                    "the newest snapshot is suspect: {}",
                    show::harmless_sentence(why)
                ),
                None => "the newest snapshot is no suspect".to_owned(),
            };
            ("trusted", detail, ACCEPT.to_owned())
        }
        Checked::Level => {
            let detail = match copy.behind {
                0 => "level with the other copies".to_owned(),
                behind => format!(
                    "it lacks {} that other copies have",
                    show::counted(behind, "snapshot", "snapshots")
                ),
            };
            ("level", detail, "offsite sync brings it level".to_owned())
        }
        Checked::Verify => {
            let detail = proof(board, board.verify(facts), board.ages.verify, "verify");
            let hint = "run offsite verify --data, or a part of it each night".to_owned();
            ("verify", detail, hint)
        }
        Checked::Locked => {
            let until = facts.locked.map_or(board.now, |locked| locked.until);
            let end = if until > board.now { "end" } else { "ended" };
            let detail = match until <= facts.created {
                true => "what was stored first is not locked".to_owned(),
                false => format!(
                    "as far as this host knows, locks {end} on {}",
                    show::time(until)
                ),
            };
            let hint = "run offsite lock extend, best every night".to_owned();
            ("locked", detail, hint)
        }
        Checked::Room => {
            let free = show::bytes(copy.bytes_free.unwrap_or(0));
            let added = show::bytes(facts.bytes_added);
            let detail = format!("{free} free, and the last 30 days took {added}");
            (
                "room",
                detail,
                "make room, or offsite forget and prune".to_owned(),
            )
        }
        _ => ("reachable", "it answers".to_owned(), String::new()),
    }
}

const LOOK: &str = "look who deleted or hid them, or put an older copy back, and delete nothing until \
                    you know; if it was you, say so with offsite forget ID";
const ACCEPT: &str = "look at it with offsite audit; if it is right, run one backup with \
                      --accept-changes";

fn back_up(copy: &CopyStatus) -> String {
    let hint = match copy.newest() {
        Some(_) => "run offsite backup, and see why the scheduled one did not",
        None => "make one with offsite backup",
    };
    hint.to_owned()
}

fn snapshot(board: &Board, copy: &CopyStatus) -> String {
    let limit = limit(board.ages.snapshot);
    match copy.newest() {
        Some(newest) => format!(
            "the last good snapshot is from {}{limit}",
            ago(board, newest)
        ),
        None => "there is no good snapshot".to_owned(),
    }
}

fn distinct(board: &Board, copy: &CopyStatus) -> String {
    match copy.same_as.and_then(|at| board.repositories.get(at)) {
        Some(other) => format!("it is the same place as {}", name_of(other)),
        None => "a place of its own".to_owned(),
    }
}

fn whole(facts: &Facts) -> String {
    match &facts.vanished {
        Ok(vanished) if vanished.is_empty() => "nothing vanished".to_owned(),
        Ok(vanished) => {
            let subject = match vanished.len() {
                1 => "a snapshot that this host saw there is gone".to_owned(),
                number => format!("{number} snapshots that this host saw there are gone"),
            };
            format!("{subject}, unexplained: {}", VanishedList(vanished.clone()))
        }
        Err(error) => format!(
            "nobody can say whether snapshots vanished: {}",
            show::harmless_sentence(error)
        ),
    }
}

fn drill(board: &Board) -> String {
    proof(board, board.drill(), board.ages.drill, "drill")
}

fn proof(board: &Board, proven: Option<&Proven>, max: Option<Duration>, what: &str) -> String {
    match proven {
        Some(proven) if !proven.ok => {
            format!(
                "the {what} of {} found something wrong",
                ago(board, proven.ended)
            )
        }
        Some(proven) => format!(
            "the last {what} was {}{}",
            ago(board, proven.ended),
            limit(max)
        ),
        None => format!("no {what} yet{}", limit(max)),
    }
}

fn ago(board: &Board, then: Timestamp) -> String {
    age(board.now, then)
}

fn limit(max: Option<Duration>) -> String {
    max.map_or(String::new(), |max| {
        format!(" (one every {} is wanted)", length(max.as_secs()))
    })
}
