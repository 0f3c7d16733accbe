//! The rules of the protocol, each of which can be broken, and who takes part in a search.

/// Ticks: three are the least grace, 24 hours; so one is 8 hours.
pub const GRACE: u8 = 3;
/// References made before a plan stay good until then, counted from its T0.
pub const LIMIT: u8 = 2;
/// From then on a plan means nothing any more, counted from when it was made.
pub const LAPSE: u8 = 6;
/// A mark takes no longer.
pub const MARK: u8 = 1;
/// A commit may be under way for so long after the look that allowed it. (Fifteen minutes in
/// truth: one tick shows how much room a third of the grace leaves.)
pub const COMMIT: u8 = 1;

/// What a sweep takes for the age of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The store's time since the LastModified of the plan.
    LastModified,
    /// The time that the plan itself claims.
    Claimed,
    /// The clock of the pruner, which jumps.
    OwnClock,
}

/// All `true` and `LastModified`: the protocol.
#[derive(Clone, Copy)]
pub struct Rules {
    pub sweep_recomputes: bool,
    pub sweep_spares_what_is_newer: bool,
    pub sweep_takes_its_own_plans_only: bool,
    pub sweep_ends_before_the_lapse: bool,
    pub sweep_removes_its_plan_last: bool,
    pub sweep_age: Age,
    pub snapshots_are_listed_first: bool,
    pub mark_leaves_open_sessions: bool,
    pub mark_names_all_snapshots: bool,
    pub relied_on_is_in_no_plan: bool,
    pub writer_lists_plans_first: bool,
    pub writer_looks_before_commit: bool,
    pub writer_heeds_the_limit: bool,
    pub writer_commits_soon: bool,
    pub writer_lists_packs_again: bool,
    /// Counted from the LIST of plans that came before the LIST of packs, not from the latter.
    pub age_counts_from_the_plans: bool,
    /// A writer believes in its own packs only while no record closes its session.
    pub writer_doubts_its_own_packs: bool,
    pub writer_counts_from_its_own_look: bool,
    /// Whether it can be honest is judged by when a plan was made, not by its LastModified.
    pub writer_judges_by_when_it_was_made: bool,
    pub sync_heeds_plans: bool,
    /// It asks whether what it put again arrived before the references to it would have to.
    pub sync_is_in_time: bool,
    pub alarm_is_checked: bool,
}

impl Rules {
    pub const GOOD: Self = Self {
        sweep_recomputes: true,
        sweep_spares_what_is_newer: true,
        sweep_takes_its_own_plans_only: true,
        sweep_ends_before_the_lapse: true,
        sweep_removes_its_plan_last: true,
        sweep_age: Age::LastModified,
        snapshots_are_listed_first: true,
        mark_leaves_open_sessions: true,
        mark_names_all_snapshots: true,
        relied_on_is_in_no_plan: true,
        writer_lists_plans_first: true,
        writer_looks_before_commit: true,
        writer_heeds_the_limit: true,
        writer_commits_soon: true,
        writer_lists_packs_again: true,
        age_counts_from_the_plans: true,
        writer_doubts_its_own_packs: true,
        writer_counts_from_its_own_look: true,
        writer_judges_by_when_it_was_made: true,
        sync_heeds_plans: true,
        sync_is_in_time: true,
        alarm_is_checked: true,
    };
}

/// What a writer does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Absent,
    Backup,
    Sync,
}

/// Who takes part.
#[derive(Clone, Copy)]
pub struct Cast {
    pub writers: [Role; 2],
    pub pruners: usize,
    /// Puts a plan.
    pub forges_plans: bool,
    /// Puts an honest one again.
    pub puts_plans_again: bool,
    /// Puts records that name the sessions of writers.
    pub forges_records: bool,
    /// The chunk lies in a second old pack as well, and pruners have the read key.
    pub duplicate: bool,
    /// A snapshot reaches the chunk at first, and is forgotten at any time.
    pub old_snapshot: bool,
    /// Another snapshot that reaches it comes and goes at any time.
    pub swift_snapshot: bool,
    /// Time ends here.
    pub ticks: u8,
}

impl Cast {
    pub const SMALL: Self = Self {
        writers: [Role::Backup, Role::Absent],
        pruners: 1,
        forges_plans: false,
        puts_plans_again: false,
        forges_records: false,
        duplicate: false,
        old_snapshot: false,
        swift_snapshot: false,
        ticks: 9,
    };

    pub fn is_crowd(&self) -> bool {
        self.pruners == 2 || self.writers[1] != Role::Absent
    }
}
