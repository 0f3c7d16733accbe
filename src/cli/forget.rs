//! `offsite forget`

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use clap::Args as ClapArgs;
use jiff::Span;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::config::{self, Retention};
use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::places::Place;
use super::show::{self, Align, Table};
use super::{output, span};
use crate::ops::{self, ForgetOptions, ForgetPlace, ForgetReport, GroupBy, JudgedSnapshot, Policy};
use crate::repository::SnapshotFilter;

/// Let go of old snapshots, by rules or by name
///
/// Rules keep: of each hour, day, week, month or year the first and the last snapshot, of so many of
/// them as are given. What no rule keeps is removed; its space is freed by offsite prune. Hosts and
/// sources are judged apart. The newest snapshot, the newest with a clean audit and the newest drilled
/// one always stay, and a suspect one takes no other's place.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Remove these, whatever the rules say: an id or its beginning, or latest~N
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    #[command(flatten)]
    keep: Keep,
    /// Judge only the snapshots of this machine
    #[arg(long, value_name = "H")]
    host: Option<String>,
    /// Judge only the snapshots with this label
    #[arg(long, value_name = "T")]
    tag: Option<String>,
    /// What is judged apart: host,source (without it); only host; or none
    #[arg(long, value_name = "WHAT", value_parser = group_by)]
    group_by: Option<GroupBy>,
    /// Remove the named ones even where they are the newest, or the newest that is audited or drilled
    #[arg(long, requires = "snapshots")]
    even_protected: bool,
    /// Show what would stay and go, and why; remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// The rules; the configuration may give them as well.
#[derive(ClapArgs, Debug, Clone, Default)]
pub struct Keep {
    /// Keep the newest so many, and the newest of each of the last so many days
    #[arg(long, value_name = "N")]
    pub keep_last: Option<NonZeroU32>,
    /// Keep the first and last of each hour, for so many hours that have any
    #[arg(long, value_name = "N")]
    pub keep_hourly: Option<NonZeroU32>,
    /// Keep the first and last of each day
    #[arg(long, value_name = "N")]
    pub keep_daily: Option<NonZeroU32>,
    /// Keep the first and last of each week, which begins on Monday
    #[arg(long, value_name = "N")]
    pub keep_weekly: Option<NonZeroU32>,
    /// Keep the first and last of each month
    #[arg(long, value_name = "N")]
    pub keep_monthly: Option<NonZeroU32>,
    /// Keep the first and last of each year
    #[arg(long, value_name = "N")]
    pub keep_yearly: Option<NonZeroU32>,
    /// Keep all that are at most so much older than the newest, such as 30d, 12h or 1y6m
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
    pub keep_within: Option<Span>,
    /// Keep all with this label
    #[arg(long, value_name = "T")]
    pub keep_tag: Vec<String>,
}

impl Keep {
    /// The rules as the library knows them.
    pub fn policy(&self) -> Policy {
        Policy {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within: self.keep_within,
            tags: self.keep_tag.clone(),
        }
    }
}

/// The rules of the configuration, where the command line names none.
fn configured(rules: &Retention) -> std::result::Result<Policy, Failure> {
    let within = rules.keep_within.map(Span::try_from).transpose();
    let within = within.map_err(|error| Failure::failed(error, "give a shorter keep_within"))?;
    Ok(Policy {
        last: NonZeroU32::new(rules.keep_last),
        hourly: NonZeroU32::new(rules.keep_hourly),
        daily: NonZeroU32::new(rules.keep_daily),
        weekly: NonZeroU32::new(rules.keep_weekly),
        monthly: NonZeroU32::new(rules.keep_monthly),
        yearly: NonZeroU32::new(rules.keep_yearly),
        within,
        tags: rules.keep_tags.clone(),
    })
}

/// The rules of the configuration, if it has any.
pub fn retention(context: &Context) -> std::result::Result<Option<ops::Retention>, Failure> {
    let rules = &context.configuration()?.retention;
    let policy = configured(rules)?;
    Ok((!policy.is_empty()).then(|| ops::Retention {
        policy,
        group_by: grouped(rules),
        zone: TimeZone::system(),
    }))
}

fn grouped(rules: &Retention) -> GroupBy {
    let by = |what| rules.group_by.contains(&what);
    match (by(config::GroupBy::Host), by(config::GroupBy::Source)) {
        (_, true) => GroupBy::HostAndSource,
        (true, false) => GroupBy::Host,
        (false, false) => GroupBy::Nothing,
    }
}

fn group_by(text: &str) -> std::result::Result<GroupBy, String> {
    let mut words: Vec<&str> = text.split(',').map(str::trim).collect();
    words.sort_unstable();
    match words.as_slice() {
        ["host", "source"] => Ok(GroupBy::HostAndSource),
        ["host"] => Ok(GroupBy::Host),
        ["none" | ""] => Ok(GroupBy::Nothing),
        _ => Err("write host,source, host, or none".to_owned()),
    }
}

pub fn run(context: &Context, args: &Args) -> Result {
    let rules = &context.configuration()?.retention;
    let policy = match args.keep.policy() {
        none if none.is_empty() && args.snapshots.is_empty() => configured(rules)?,
        policy => policy,
    };
    let options = ForgetOptions {
        policy,
        group_by: args.group_by.unwrap_or_else(|| grouped(rules)),
        filter: SnapshotFilter {
            host: args.host.clone(),
            tag: args.tag.clone(),
            ..SnapshotFilter::default()
        },
        named: args.snapshots.clone(),
        even_protected: args.even_protected,
        dry_run: args.dry_run,
        host: host_name(),
        zone: TimeZone::system(),
    };
    let each = context.at_each(|place| at_place(context, place, &options))?;
    if context.global.json {
        if each.has_document() {
            let all = |of: fn(&ForgetReport) -> &Vec<JudgedSnapshot>| -> Value {
                let each = each.done.iter();
                let all = each.flat_map(|(place, one)| {
                    let all = of(one).iter();
                    all.map(|one| as_json(place, one))
                });
                all.collect()
            };
            output::json(&json!({
                "dry_run": args.dry_run,
                "kept": all(|one| &one.kept),
                "removed": all(|one| &one.removed),
                "missed": each.missed_json(),
            }))?;
        }
    } else if !context.global.quiet {
        for (place, report) in &each.done {
            let heading = each.heading(place);
            output::lines(&lines(context, report, args.dry_run, heading))?;
        }
    }
    each.end(Status::Done)
}

fn at_place(
    context: &Context,
    place: &Place,
    options: &ForgetOptions,
) -> std::result::Result<ForgetReport, Failure> {
    let (repository, state) = context.repository_at(place, Access::Writer)?;
    let key = place.key();
    let index = state.open_index(&key)?;
    let trust = state.open_trust()?;
    let at = ForgetPlace {
        repository: &repository,
        index: &index,
        trust: &trust,
        key: &key,
    };
    Ok(ops::forget(&at, options, context.progress.as_ref())?)
}

fn as_json(place: &Place, one: &JudgedSnapshot) -> Value {
    let reasons: Vec<String> = one.reasons.iter().map(ops::Reason::words).collect();
    json!({
        "id": one.id.to_string(),
        "time": show::rfc3339(one.time),
        "judged_by": show::rfc3339(one.candidate.time()),
        "host": one.candidate.host,
        "tags": one.candidate.tags,
        "suspect": one.suspect,
        "reasons": reasons,
        "place": place.name,
    })
}

fn lines(
    context: &Context,
    report: &ForgetReport,
    is_dry_run: bool,
    heading: Option<String>,
) -> Vec<String> {
    let mut lines: Vec<String> = heading.into_iter().collect();
    if !report.explained.is_empty() {
        let gone = show::counted(report.explained.len() as u64, "snapshot", "snapshots");
        let would = if is_dry_run {
            "Would explain"
        } else {
            "Explained"
        };
        lines.push(format!(
            "{would} why {gone} that vanished will not be missed any more."
        ));
    }
    if !report.given_up.is_empty() {
        let number = report.given_up.len() as u64;
        let what = show::counted(number, "snapshot that nobody", "snapshots that nobody");
        let verb = if is_dry_run {
            "Would remove"
        } else {
            "Removed"
        };
        lines.push(format!("{verb} {what} can read."));
    }
    if report.kept.is_empty() && report.removed.is_empty() {
        lines.push("There is no snapshot that could be judged.".to_owned());
        return lines;
    }
    let shows_removed = is_dry_run || context.global.verbose;
    lines.extend(tables(report, shows_removed));
    let removed = show::counted(report.removed.len() as u64, "snapshot", "snapshots");
    let kept = show::count(report.kept.len() as u64);
    lines.push(match (is_dry_run, report.removed.len()) {
        (true, _) => format!("Would remove {removed} and keep {kept}."),
        (false, 0) => format!("Removed nothing; {kept} kept."),
        (false, _) => {
            format!("Removed {removed}, kept {kept}. The space is freed by offsite prune.")
        }
    });
    if report.locked > 0 {
        let locked = show::counted(report.locked, "snapshot is", "snapshots are");
        lines.push(format!(
            "{locked} locked against deletion yet, and will go when the lock is over."
        ));
    }
    if report.left_aside > 0 {
        let others = show::counted(report.left_aside, "snapshot", "snapshots");
        lines.push(format!("{others} of other machines or labels not judged."));
    }
    lines
}

/// A table for each host and source, oldest first: they are judged apart, and paths are long.
fn tables(report: &ForgetReport, shows_removed: bool) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), Vec<&JudgedSnapshot>> = BTreeMap::new();
    let removed = report.removed.iter().filter(|_| shows_removed);
    for one in report.kept.iter().chain(removed) {
        let sources = one.sources.iter().map(|path| show::harmless(path));
        let sources = sources.collect::<Vec<_>>().join(", ");
        let host = show::harmless(one.candidate.host.as_bytes());
        groups.entry((host, sources)).or_default().push(one);
    }
    let mut lines = Vec::new();
    for ((host, sources), mut rows) in groups {
        rows.sort_by_key(|one| (one.candidate.time(), one.id));
        lines.push(format!("{host}: {sources}"));
        lines.extend(table(&rows).lines());
    }
    lines
}

fn table(rows: &[&JudgedSnapshot]) -> Table {
    let mut table = Table::new([
        ("Snapshot", Align::Left),
        ("Time", Align::Left),
        ("Tags", Align::Left),
        ("", Align::Left),
        ("Why", Align::Left),
    ]);
    for one in rows {
        let reasons: Vec<String> = one.reasons.iter().map(ops::Reason::words).collect();
        let remark = match (&one.suspect, reasons.is_empty()) {
            (Some(_), true) => "suspect".to_owned(),
            (Some(_), false) => format!("{} (suspect)", reasons.join(", ")),
            (None, _) => reasons.join(", "),
        };
        let verdict = if one.reasons.is_empty() {
            "remove"
        } else {
            "keep"
        };
        table.row([
            one.id.to_string().chars().take(12).collect(),
            show::time(one.time),
            show::harmless(one.candidate.tags.join(", ").as_bytes()),
            verdict.to_owned(),
            show::harmless_sentence(&remark),
        ]);
    }
    table
}
