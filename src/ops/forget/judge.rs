//! Which snapshots are kept, and why. Written against a forger: whoever holds a writer key can put
//! any number of snapshots with any times in them, but none before the store's own clock
//! (docs/decisions/0007-what-a-forger-cannot-push-out.md has the reasoning and the bound).
//!
//! The rules are applied several times over, each time to those snapshots only that arrived at most
//! so long after the time they claim ([`LATENESS_MAX`]); what any round keeps is kept. So what came
//! late pushes out only what came as late. Two rounds more are for clocks that were wrong. Suspect
//! snapshots are judged apart and count for no other.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::candidate::{Candidate, Drilled};
use super::policy::{Moment, Period, Policy, Rule};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The rounds: a backup of minutes; of a day; one that came with a weekly or a monthly sync; and
/// whatever there is. The last comes first, because it is the one that people expect.
const LATENESS_MAX: [Duration; 5] = [
    Duration::MAX,
    HOUR,
    DAY,
    DAY.saturating_mul(8),
    DAY.saturating_mul(32),
];

/// Which snapshots are judged together, and so can take each other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupBy {
    #[default]
    HostAndSource,
    Host,
    Nothing,
}

/// Why a snapshot is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    Rule(Rule),
    /// As a rule says when what came later than it claims is left aside.
    LateApart(Rule),
    /// As a rule says if the store's clock or that of a host was wrong.
    ClocksApart(Rule),
    Tag(String),
    /// The newest of its group that is not suspect; of a group of suspect ones the newest.
    Newest,
    NewestCleanAudit,
    NewestDrilled,
    /// The host said that a drill went well, and nobody signed it.
    NewestDrilledUnsigned,
    /// Snapshots were named, and it is none of them.
    NotNamed,
    /// Nothing keeps it but the store, which has it locked: until when, in its words, such as `until
    /// 2026-11-01 03:00 UTC`; empty where it does not say.
    Locked(String),
}

impl Reason {
    /// Whether it holds whatever the rules say, and also against being named.
    pub fn protects(&self) -> bool {
        matches!(
            self,
            Self::Newest
                | Self::NewestCleanAudit
                | Self::NewestDrilled
                | Self::NewestDrilledUnsigned
        )
    }

    /// In words.
    pub fn words(&self) -> String {
        let rule = |rule: &Rule| match rule {
            Rule::Last => "last",
            Rule::LastOfDay => "last of its day",
            Rule::Period(Period::Hour) => "hourly",
            Rule::Period(Period::Day) => "daily",
            Rule::Period(Period::Week) => "weekly",
            Rule::Period(Period::Month) => "monthly",
            Rule::Period(Period::Year) => "yearly",
            Rule::Within => "within",
        };
        match self {
            Self::Rule(it) => rule(it).to_owned(),
            Self::LateApart(it) => format!("{} (without those that came late)", rule(it)),
            Self::ClocksApart(it) => format!("{} (if a clock was wrong)", rule(it)),
            Self::Tag(tag) => format!("tag {tag}"),
            Self::Newest => "newest".to_owned(),
            Self::NewestCleanAudit => "newest clean audit".to_owned(),
            Self::NewestDrilled => "newest drilled".to_owned(),
            Self::NewestDrilledUnsigned => "newest drilled (unsigned)".to_owned(),
            Self::NotNamed => "not named".to_owned(),
            Self::Locked(until) => format!("locked {until}").trim_end().to_owned(),
        }
    }
}

/// Why each candidate is kept, in their order; a set without a reason is one to remove.
pub fn judge<C: Borrow<Candidate>>(
    candidates: &[C],
    policy: &Policy,
    group_by: GroupBy,
    zone: &TimeZone,
) -> Vec<BTreeSet<Reason>> {
    let mut reasons = protections(candidates, group_by);
    let candidates: &[&Candidate] = &candidates.iter().map(C::borrow).collect::<Vec<_>>();
    for group in groups(candidates, group_by) {
        for is_suspect in [false, true] {
            let row = row(candidates, &group, is_suspect);
            rounds(candidates, &row, |round, reason| {
                for (number, rule) in policy.choose(round, zone) {
                    let because = reasons.get_mut(number);
                    because.map(|because| {
                        because.contains(&Reason::Rule(rule)) || because.insert(reason(rule))
                    });
                }
            });
        }
    }
    for (candidate, because) in candidates.iter().zip(&mut reasons) {
        let tags = candidate
            .tags
            .iter()
            .filter(|tag| policy.tags.contains(tag));
        because.extend(tags.cloned().map(Reason::Tag));
        // It is also the last of its day; nobody need be told.
        if because.contains(&Reason::Rule(Rule::Last)) {
            because.remove(&Reason::Rule(Rule::LastOfDay));
        }
    }
    reasons
}

/// The reasons that hold without any rule: of each group, and in each round.
pub fn protections<C: Borrow<Candidate>>(
    candidates: &[C],
    group_by: GroupBy,
) -> Vec<BTreeSet<Reason>> {
    let candidates: &[&Candidate] = &candidates.iter().map(C::borrow).collect::<Vec<_>>();
    let mut reasons = vec![BTreeSet::new(); candidates.len()];
    for group in groups(candidates, group_by) {
        let mut sound = row(candidates, &group, false);
        if sound.is_empty() {
            sound = row(candidates, &group, true);
        }
        rounds(candidates, &sound, |round, _| {
            let newest = |is_meant: &dyn Fn(&Candidate) -> bool| {
                let mut meant = round
                    .iter()
                    .filter(|one| candidates.get(one.number).is_some_and(|one| is_meant(one)));
                meant.next().map(|one| one.number)
            };
            let found = [
                (Reason::Newest, newest(&|_| true)),
                (Reason::NewestCleanAudit, newest(&|one| one.is_clean)),
                (
                    Reason::NewestDrilled,
                    newest(&|one| one.drilled == Drilled::Signed),
                ),
                (
                    Reason::NewestDrilledUnsigned,
                    newest(&|one| one.drilled == Drilled::Unsigned),
                ),
            ];
            for (reason, number) in found {
                let because = number.and_then(|number| reasons.get_mut(number));
                because.map(|because| because.insert(reason));
            }
        });
    }
    reasons
}

/// Those that are judged together, by their places among the candidates.
fn groups(candidates: &[&Candidate], group_by: GroupBy) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<(&str, &[u8]), Vec<usize>> = BTreeMap::new();
    for (number, one) in candidates.iter().enumerate() {
        let key = match group_by {
            GroupBy::HostAndSource => (one.host.as_str(), one.source.as_slice()),
            GroupBy::Host => (one.host.as_str(), [].as_slice()),
            GroupBy::Nothing => ("", [].as_slice()),
        };
        groups.entry(key).or_default().push(number);
    }
    groups.into_values().collect()
}

/// Those of a group that are suspect, or those that are not; newest first.
fn row(candidates: &[&Candidate], group: &[usize], is_suspect: bool) -> Vec<Moment> {
    let mut row: Vec<Moment> = group
        .iter()
        .filter_map(|number| Some((*number, candidates.get(*number)?)))
        .filter(|(_, one)| one.is_suspect == is_suspect)
        .map(|(number, one)| Moment {
            number,
            time: one.time(),
            arrived: one.arrived,
            started: one.started,
            id: one.id,
        })
        .collect();
    newest_first(&mut row);
    row
}

fn newest_first(row: &mut [Moment]) {
    row.sort_by_key(|one| std::cmp::Reverse((one.time, one.arrived, one.started, one.id)));
}

/// Visits the rounds of a row, which the first has all of; with each what it makes of a rule.
fn rounds(
    candidates: &[&Candidate],
    row: &[Moment],
    mut visit: impl FnMut(&[Moment], fn(Rule) -> Reason),
) {
    let of = |one: &Moment| candidates.get(one.number);
    for lateness_max in LATENESS_MAX {
        let is_in = |one: &&Moment| of(one).is_some_and(|one| one.lateness() <= lateness_max);
        let round: Vec<Moment> = row.iter().filter(is_in).copied().collect();
        let reason = match lateness_max == Duration::MAX {
            true => Reason::Rule,
            false => Reason::LateApart,
        };
        visit(&round, reason);
    }
    // A store that lost its times, or was set up anew under a wrong clock, shows all of them as of one
    // day, and one whose clock begins at 1970 takes each new one for the oldest: then what they claim
    // counts as well, and what their hosts say.
    let said = |it: &Candidate| it.claimed.max(it.started);
    let is_early = |one: &Moment| of(one).is_some_and(|it| said(it) > it.time().plus(DAY));
    if row.iter().any(is_early) {
        let by_word = |one: &Moment| Moment {
            time: of(one).map_or(one.time, |one| said(one)),
            ..*one
        };
        let mut round: Vec<Moment> = row.iter().map(by_word).collect();
        newest_first(&mut round);
        visit(&round, Reason::ClocksApart);
    }
    // One that is still to come was made by a clock that stood ahead, and is the newest for as long.
    let is_past = |one: &&Moment| of(one).is_some_and(|it| !it.is_to_come);
    let round: Vec<Moment> = row.iter().filter(is_past).copied().collect();
    if round.len() < row.len() {
        visit(&round, Reason::ClocksApart);
    }
}
