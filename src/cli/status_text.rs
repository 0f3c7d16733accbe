//! What `offsite status` says: a screen of 80 columns that is as honest without colours.

use std::time::Duration;

use super::show::{self, Ink};
use super::status_words::{about, age, name_of};
use crate::ops::status::{
    Board, COPIES_WANTED, Check, Checked, CopyStatus, Facts, MEDIA_WANTED, OFFSITE_WANTED, Proven,
    Word,
};
use crate::seams::Timestamp;

const COLUMNS: usize = 80;
/// Width of the names of lines.
const NAME: usize = 11;
/// So many machines are named.
const HOSTS_MAX: usize = 6;

/// The board.
pub fn lines(board: &Board, ink: Ink) -> Vec<String> {
    let mut lines = rule(board, ink);
    for (number, copy) in board.repositories.iter().enumerate() {
        lines.push(String::new());
        lines.extend(of_copy(board, number, copy, ink));
    }
    lines.push(String::new());
    lines.extend(concerns(board, ink));
    lines.push(format!(
        "Looked with {}.",
        show::counted(board.requests(), "request", "requests")
    ));
    lines
}

/// Three lines that are the rule.
fn rule(board: &Board, ink: Ink) -> Vec<String> {
    let counting = || board.repositories.iter().filter(|copy| copy.counts);
    let names = counting().map(|copy| match &copy.found {
        Ok(_) => name_of(copy),
        Err(_) => format!("{} (no answer)", name_of(copy)),
    });
    let library = "the live library".to_owned();
    let copies: Vec<String> = std::iter::once(library).chain(names).collect();
    let media: Vec<&str> = board.media.iter().copied().collect();
    let offsite: Vec<String> = counting()
        .filter(|copy| copy.offsite)
        .map(name_of)
        .collect();
    let rows = [
        ("copies", COPIES_WANTED, board.copies, copies.join(", ")),
        (
            "media",
            MEDIA_WANTED,
            board.media.len() as u64,
            media.join(", "),
        ),
        ("offsite", OFFSITE_WANTED, board.offsite, offsite.join(", ")),
    ];
    let row = |(what, wanted, have, who): (&str, u64, u64, String)| {
        let word = match have {
            _ if have >= wanted => "ok".to_owned(),
            0 => "none".to_owned(),
            _ => format!("only {have}"),
        };
        let cell = format!("{word:<8}");
        let cell = match have >= wanted {
            true => ink.good(&cell),
            false => ink.bad(&cell),
        };
        let line = format!("{wanted} {what:<9}{cell}{who}");
        line.trim_end().to_owned()
    };
    rows.into_iter().map(row).collect()
}

/// The lines about one copy.
struct About<'b> {
    board: &'b Board,
    number: usize,
    ink: Ink,
    lines: Vec<String>,
}

impl About<'_> {
    /// A line, folded where it is long; marked where one of the checks about the copy is not as it
    /// should be.
    fn say(&mut self, name: &str, checks: &[Checked], text: &str) {
        let is_bad = self.board.checks.iter().any(|check| {
            check.copy == Some(self.number) && !check.ok && checks.contains(&check.what)
        });
        let mark = if is_bad { "!" } else { " " };
        let head = format!("{mark} {name:<NAME$}");
        let head = if is_bad { self.ink.bad(&head) } else { head };
        let mut folded = show::fold(text, COLUMNS - NAME - 2).into_iter();
        let first = folded.next().unwrap_or_default();
        self.lines.push(format!("{head}{first}"));
        let indent = " ".repeat(NAME + 2);
        self.lines
            .extend(folded.map(|rest| format!("{indent}{rest}")));
    }

    fn facts(&mut self, copy: &CopyStatus, facts: &Facts) {
        let Board { now, ages, .. } = *self.board;
        if let Some(other) = copy.same_as.and_then(|at| self.board.repositories.get(at)) {
            let text = format!("{}, by another name: no copy of its own", name_of(other));
            self.say("same as", &[Checked::Distinct], &text);
        }
        let checks = [Checked::Snapshot, Checked::Trusted, Checked::Level];
        self.say("snapshot", &checks, &snapshot(self.board, copy, facts));
        if facts.hosts.len() > 1 {
            self.say("of", &[], &of_hosts(facts, now));
        }
        let vanished = match &facts.vanished {
            Ok(vanished) => match vanished.len() as u64 {
                0 => None,
                number => Some(show::counted(number, "snapshot", "snapshots")),
            },
            Err(_) => Some("nobody can say".to_owned()),
        };
        if let Some(vanished) = vanished {
            self.say("vanished", &[Checked::Whole], &vanished);
        }
        self.say("size", &[], &size(facts));
        let verified = proven(self.board.verify(facts), now, facts.created, ages.verify);
        self.say("verify", &[Checked::Verify], &verified);
        let newest = facts.newest.as_ref();
        if newest.is_some_and(|newest| newest.has_database) || facts.drill.is_some() {
            let drilled = proven(facts.drill.as_ref(), now, facts.created, ages.drill);
            self.say("drill", &[], &drilled);
        }
        if let Some(locked) = facts.locked {
            let until = match locked.until <= facts.created {
                true => "not all of it".to_owned(),
                false => format!("until {}", show::time(locked.until)),
            };
            self.say("locked", &[Checked::Locked], &until);
        }
        if let Some(prune) = facts.prune {
            let packs = show::counted(prune.packs, "pack", "packs");
            let from = show::time(prune.from);
            let text = match prune.from <= now {
                true => format!("{packs} may go since {from}: offsite prune"),
                false => format!("{packs} may go from {from} on"),
            };
            self.say("prune", &[], &text);
        }
        if let Some(free) = copy.bytes_free {
            self.say("free", &[Checked::Room], &show::bytes(free));
        }
    }
}

fn of_copy(board: &Board, number: usize, copy: &CopyStatus, ink: Ink) -> Vec<String> {
    let url = show::harmless_sentence(&copy.url);
    let name = name_of(copy);
    let place = match copy.offsite {
        true => format!("{}, offsite", copy.medium),
        false => copy.medium.to_owned(),
    };
    let heading = match name == url {
        true => format!("{} ({place})", ink.strong(&name)),
        false => format!("{} ({place}) {url}", ink.strong(&name)),
    };
    let mut about = About {
        board,
        number,
        ink,
        lines: vec![heading],
    };
    match &copy.found {
        Ok(facts) => about.facts(copy, facts),
        Err(unreachable) => {
            let reason = show::harmless_sentence(&unreachable.reason);
            about.say("no answer", &[Checked::Reachable], &reason);
            about.say("snapshot", &[Checked::Snapshot], &last_known(board, copy));
        }
    }
    about.lines
}

fn last_known(board: &Board, copy: &CopyStatus) -> String {
    let remembered = copy.found.as_ref().err().and_then(|it| it.remembered);
    let Some(remembered) = remembered else {
        return "this host never saw it".to_owned();
    };
    let looked = age(board.now, remembered.looked);
    let newest = match remembered.newest {
        Some(newest) => format!("the last one {}", show::time(newest)),
        None => "none".to_owned(),
    };
    let snapshots = show::counted(remembered.snapshots, "snapshot", "snapshots");
    let bytes = show::bytes(remembered.bytes_stored);
    format!("{newest}; {snapshots}, {bytes} together, when looked at {looked}")
}

fn snapshot(board: &Board, copy: &CopyStatus, facts: &Facts) -> String {
    let Some(newest) = &facts.newest else {
        return match facts.snapshots.len() as u64 {
            0 => "none".to_owned(),
            others => format!("none of this machine; {} in all", show::count(others)),
        };
    };
    let mut text = format!(
        "{}, {}; {} in all",
        age(board.now, newest.time),
        show::time(newest.time),
        show::count(facts.snapshots.len() as u64)
    );
    if newest.suspect.is_some() {
        text.push_str(", suspect");
    }
    match copy.behind {
        0 if board.repositories.len() > 1 => text.push_str(", level"),
        0 => {}
        behind => text.push_str(&format!(", {} behind", show::count(behind))),
    }
    text
}

/// The newest of each machine, the one first that was heard of last.
fn of_hosts(facts: &Facts, now: Timestamp) -> String {
    let mut hosts: Vec<_> = facts.hosts.iter().collect();
    hosts.sort_by_key(|(_, newest)| std::cmp::Reverse(**newest));
    let more = hosts.len().saturating_sub(HOSTS_MAX) as u64;
    let shown = hosts.into_iter().take(HOSTS_MAX);
    let shown = shown.map(|(host, newest)| {
        let host = show::harmless(host.as_bytes());
        format!("{host} {}", age(now, *newest))
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(", and {} more", show::count(more)));
    }
    text
}

fn size(facts: &Facts) -> String {
    let mut text = show::bytes(facts.bytes_stored);
    if facts.bytes_snapshots > facts.bytes_stored && facts.bytes_stored > 0 {
        // Exact enough up to 9 PB.
        let times = facts.bytes_snapshots as f64 / facts.bytes_stored as f64;
        let all = show::bytes(facts.bytes_snapshots);
        text.push_str(&format!(" for {all} of snapshots, {times:.1} times"));
    }
    let added = show::bytes(facts.bytes_added);
    text.push_str(&format!("; {added} new in 30 days"));
    text
}

/// When it was last shown, by whom, and of how much.
fn proven(
    proven: Option<&Proven>,
    now: Timestamp,
    made: Timestamp,
    max: Option<Duration>,
) -> String {
    let Some(proven) = proven else {
        return match max {
            Some(max) => format!("never; due {}", show::time(made.plus(max))),
            None => "never".to_owned(),
        };
    };
    let mut text = age(now, proven.ended);
    if !proven.ok {
        text.push_str(", and it FAILED");
    }
    if let Some(permille) = proven.share_permille {
        let (whole, tenth) = (permille / 10, permille % 10);
        text.push_str(&format!(", {whole}.{tenth} % read"));
    }
    match proven.word {
        Word::Owner => text.push_str(", signed"),
        Word::ThisHost => text.push_str(", by this host"),
        Word::Reported => {
            let host = show::harmless(proven.host.as_bytes());
            text.push_str(&format!(", reported by {host}, unsigned"));
        }
    }
    text
}

/// What is wrong, and what to do.
fn concerns(board: &Board, ink: Ink) -> Vec<String> {
    let bad: Vec<&Check> = board.checks.iter().filter(|check| !check.ok).collect();
    if bad.is_empty() {
        return vec![ink.good("All is well.")];
    }
    let number = show::counted(bad.len() as u64, "thing needs", "things need");
    let mut lines = vec![ink.bad(&format!("{number} attention:"))];
    for check in bad {
        let words = about(board, check);
        let whose = match &words.repository {
            Some(name) => format!("{name}: "),
            None => String::new(),
        };
        let sentence = format!("{whose}{}; {}", words.detail, words.hint);
        for (line, text) in show::fold(&sentence, COLUMNS - 4).into_iter().enumerate() {
            let lead = if line == 0 { "! " } else { "    " };
            lines.push(format!("{lead}{text}"));
        }
    }
    lines
}
