//! `[retention]`, `[prune]`, `[status]` and `[prices]` of `offsite.toml`: for how long snapshots are
//! kept, how space is freed, when something is amiss, and what storage costs.

use std::time::Duration;

use super::table::Table;
use super::values;
use crate::cli::prices::Prices;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What is marked today may still be taken up by a backup that runs.
const GRACE_MIN: Duration = DAY;
/// Nobody makes people pay for ten years.
const STORAGE_DAYS_MAX: u32 = 3650;
/// More snapshots than that nobody has.
const KEPT_MAX: u32 = 100_000;

/// Which snapshots are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    Host,
    Source,
}

impl GroupBy {
    /// As it is written in the configuration.
    pub const WORDS: [(&str, Self); 2] = [("host", Self::Host), ("source", Self::Source)];
}

/// Which snapshots `forget` keeps. By default no rule is set, and then none is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// So many of the newest; of all these numbers 0 is no rule.
    pub keep_last: u32,
    pub keep_hourly: u32,
    pub keep_daily: u32,
    pub keep_weekly: u32,
    pub keep_monthly: u32,
    pub keep_yearly: u32,
    /// All that are not older than this.
    pub keep_within: Option<Duration>,
    /// All that have one of these labels.
    pub keep_tags: Vec<String>,
    /// Empty: all snapshots are judged together.
    pub group_by: Vec<GroupBy>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_last: 0,
            keep_hourly: 0,
            keep_daily: 0,
            keep_weekly: 0,
            keep_monthly: 0,
            keep_yearly: 0,
            keep_within: None,
            keep_tags: Vec::new(),
            group_by: vec![GroupBy::Host, GroupBy::Source],
        }
    }
}

impl Retention {
    /// The numbers of snapshots, each with its key.
    pub fn counts(&self) -> [(&'static str, u32); 6] {
        [
            ("keep_last", self.keep_last),
            ("keep_hourly", self.keep_hourly),
            ("keep_daily", self.keep_daily),
            ("keep_weekly", self.keep_weekly),
            ("keep_monthly", self.keep_monthly),
            ("keep_yearly", self.keep_yearly),
        ]
    }

    /// Whether any rule is set.
    pub fn has_rules(&self) -> bool {
        let counts = self.counts().iter().any(|(_, count)| *count > 0);
        counts || self.keep_within.is_some() || !self.keep_tags.is_empty()
    }

    pub fn read(table: &Table<'_>) -> Self {
        let default = Self::default();
        let count = |key| table.whole(key, 0..=KEPT_MAX);
        let by = |text: &str| values::one_of(text, &GroupBy::WORDS);
        Self {
            keep_last: count("keep_last").unwrap_or(default.keep_last),
            keep_hourly: count("keep_hourly").unwrap_or(default.keep_hourly),
            keep_daily: count("keep_daily").unwrap_or(default.keep_daily),
            keep_weekly: count("keep_weekly").unwrap_or(default.keep_weekly),
            keep_monthly: count("keep_monthly").unwrap_or(default.keep_monthly),
            keep_yearly: count("keep_yearly").unwrap_or(default.keep_yearly),
            keep_within: table.text("keep_within", values::long_length),
            keep_tags: table.texts("keep_tags", values::plain).unwrap_or_default(),
            group_by: table.texts("group_by", by).unwrap_or(default.group_by),
        }
    }
}

/// How `prune` frees space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// Between marking and sweeping; at least 24 h.
    pub grace: Duration,
    /// What is stored for fewer days is paid for all the same, so it stays until then.
    pub minimum_storage_days: u32,
    /// Packs with more than so many percent of dead bytes are written anew; 1 to 100, where 100 is
    /// never.
    pub repack_above_percent: u32,
}

impl Default for Prune {
    fn default() -> Self {
        Self {
            grace: 3 * DAY,
            minimum_storage_days: 0,
            repack_above_percent: 40,
        }
    }
}

impl Prune {
    pub fn read(table: &Table<'_>) -> Self {
        let default = Self::default();
        let grace = |text: &str| match values::length(text)? {
            short if short < GRACE_MIN => Err(
                "it is at least 24h: a backup may still be at work on what is marked".to_owned(),
            ),
            grace => Ok(grace),
        };
        let days = table.whole("minimum_storage_days", 0..=STORAGE_DAYS_MAX);
        let percent = table.whole("repack_above_percent", 1..=100);
        Self {
            grace: table.text("grace", grace).unwrap_or(default.grace),
            minimum_storage_days: days.unwrap_or(default.minimum_storage_days),
            repack_above_percent: percent.unwrap_or(default.repack_above_percent),
        }
    }
}

/// When `status` asks for attention; `None`: never for that reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLimits {
    /// The greatest age of the last snapshot.
    pub snapshot_age_max: Option<Duration>,
    /// The greatest age of the last verify.
    pub verify_age_max: Option<Duration>,
    /// The greatest age of the last drill.
    pub drill_age_max: Option<Duration>,
}

impl Default for StatusLimits {
    fn default() -> Self {
        Self {
            // A night, and two hours for one that took longer.
            snapshot_age_max: Some(26 * HOUR),
            verify_age_max: Some(35 * DAY),
            drill_age_max: Some(100 * DAY),
        }
    }
}

impl StatusLimits {
    pub fn read(table: &Table<'_>) -> Self {
        let default = Self::default();
        let age = |key| table.text(key, values::length_or_never);
        Self {
            snapshot_age_max: age("snapshot_age_max").unwrap_or(default.snapshot_age_max),
            verify_age_max: age("verify_age_max").unwrap_or(default.verify_age_max),
            drill_age_max: age("drill_age_max").unwrap_or(default.drill_age_max),
        }
    }
}

/// Prices as `[prices]` says them, or `prices` of a repository.
pub fn read_prices(table: &Table<'_>) -> Prices {
    Prices {
        currency: table.text("currency", values::plain),
        stored_per_gb_month: table.amount("stored_per_gb_month"),
        egress_per_gb: table.amount("egress_per_gb"),
        put_per_1000: table.amount("put_per_1000"),
        get_per_1000: table.amount("get_per_1000"),
        list_per_1000: table.amount("list_per_1000"),
        minimum_storage_days: table.whole("minimum_storage_days", 0..=STORAGE_DAYS_MAX),
    }
}
