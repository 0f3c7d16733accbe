//! The protocol of prune as a model, in which every order of the steps of everybody is tried:
//! writers, any of which may sleep as long as it likes before its commit, pruners, a sync, and a
//! forger who has the writer key. What must always hold: a listed snapshot keeps its chunks.
//!
//! All at once would be too many, so each search has a cast of its own. `rules` can be broken one
//! by one, and each break must be caught, so that the model is known to see;
//! docs/decisions/0006-prune-protocol.md says what each is for. `world` is a state; `writer`,
//! `pruner` and `forger` are the steps; `search` goes through them all.

mod forger;
mod pruner;
mod rules;
mod search;
mod world;
mod writer;

use rules::{Age, Cast, Role, Rules};
use search::search;

const TWO_WRITERS: Cast = Cast {
    writers: [Role::Backup; 2],
    ticks: 6,
    ..Cast::SMALL
};
const SYNC: Cast = Cast {
    writers: [Role::Sync, Role::Absent],
    ..Cast::SMALL
};
const SYNC_AND_BACKUP: Cast = Cast {
    writers: [Role::Backup, Role::Sync],
    ticks: 6,
    ..Cast::SMALL
};
const SYNC_AND_TWO_PRUNERS: Cast = Cast {
    pruners: 2,
    ticks: 7,
    ..SYNC
};
const TWO_PRUNERS: Cast = Cast {
    pruners: 2,
    ticks: 6,
    ..Cast::SMALL
};
/// With the read key, of a chunk that lies in two packs and that a snapshot reaches for a while.
const TWO_READERS: Cast = Cast {
    writers: [Role::Absent; 2],
    duplicate: true,
    old_snapshot: true,
    ticks: 9,
    ..TWO_PRUNERS
};
const FORGED_PLAN: Cast = Cast {
    forges_plans: true,
    puts_plans_again: true,
    ticks: 6,
    ..Cast::SMALL
};
const FORGED_PLAN_LATER: Cast = Cast {
    old_snapshot: true,
    ..FORGED_PLAN
};
const FORGED_PLAN_AND_SYNC: Cast = Cast {
    forges_plans: true,
    puts_plans_again: true,
    ticks: 7,
    ..SYNC
};
const FORGED_RECORD: Cast = Cast {
    forges_records: true,
    ticks: 9,
    ..Cast::SMALL
};
const FORGOTTEN: Cast = Cast {
    old_snapshot: true,
    ..Cast::SMALL
};

const COMES_AND_GOES: Cast = Cast {
    swift_snapshot: true,
    ticks: 8,
    ..Cast::SMALL
};

const PUT_AGAIN: Cast = Cast {
    puts_plans_again: true,
    swift_snapshot: true,
    ticks: 7,
    ..Cast::SMALL
};

const PUT_AGAIN_AND_SYNC: Cast = Cast {
    puts_plans_again: true,
    ticks: 8,
    ..SYNC
};

/// The protocol holds, whatever these do in whatever order.
#[track_caller]
fn holds(cast: Cast) {
    let found = search(&Rules::GOOD, &cast);
    if let Some((wrong, way)) = &found.wrong {
        panic!("{wrong}:\n{}", way.join("\n"));
    }
    assert!(found.frees, "and nothing is ever freed");
    println!("counted: prune_model: 1 searches through every order of the steps of a cast");
    println!(
        "counted: prune_model: {} states, in each of which a listed snapshot has its chunks",
        found.states
    );
}

/// Without one of its rules it does not.
#[track_caller]
fn breaks(cast: Cast, spoil: impl FnOnce(&mut Rules)) {
    let mut rules = Rules::GOOD;
    spoil(&mut rules);
    let found = search(&rules, &cast);
    let (wrong, way) = found.wrong.expect("nobody noticed");
    println!("{} states; {wrong}:\n{}", found.states, way.join("\n"));
    println!("counted: prune_model: 1 searches that caught a broken protocol");
    assert!(way.len() < 30, "the shortest way is short");
}

#[test]
fn two_writers_and_a_pruner() {
    holds(TWO_WRITERS);
}

#[test]
fn a_writer_and_two_pruners() {
    holds(TWO_PRUNERS);
}

#[test]
fn a_sync_with_a_pruner_with_two_and_with_a_backup() {
    holds(SYNC);
    holds(SYNC_AND_TWO_PRUNERS);
    holds(SYNC_AND_BACKUP);
}

#[test]
fn two_pruners_with_the_read_key() {
    holds(TWO_READERS);
}

#[test]
fn a_forger_who_puts_plans_and_puts_honest_ones_again() {
    holds(FORGED_PLAN);
    holds(FORGED_PLAN_LATER);
    holds(FORGED_PLAN_AND_SYNC);
    holds(PUT_AGAIN);
    holds(PUT_AGAIN_AND_SYNC);
}

#[test]
fn a_forger_who_closes_sessions() {
    holds(FORGED_RECORD);
}

#[test]
fn snapshots_are_forgotten_meanwhile() {
    holds(FORGOTTEN);
    holds(COMES_AND_GOES);
}

#[test]
fn a_snapshot_that_comes_after_the_plan_saves_its_packs() {
    assert!(search(&Rules::GOOD, &Cast::SMALL).rescues);
}

#[test]
fn a_sweep_that_does_not_recompute_is_caught() {
    breaks(Cast::SMALL, |rules| rules.sweep_recomputes = false);
}

#[test]
fn a_sweep_of_packs_that_were_put_again_is_caught() {
    breaks(SYNC, |rules| rules.sweep_spares_what_is_newer = false);
}

#[test]
fn a_sweep_by_anybodys_plan_is_caught() {
    let spoil = |rules: &mut Rules| rules.sweep_takes_its_own_plans_only = false;
    breaks(SYNC_AND_TWO_PRUNERS, spoil);
    // A writer who ignores what it knows to be false needs that rule as well.
    breaks(FORGED_PLAN_LATER, spoil);
}

#[test]
fn a_sweep_that_trusts_what_a_plan_says_of_its_age_is_caught() {
    breaks(FORGED_PLAN, |rules| {
        rules.sweep_takes_its_own_plans_only = false;
        rules.sweep_age = Age::Claimed;
    });
}

#[test]
fn a_sweep_that_trusts_the_clock_of_its_host_is_caught() {
    breaks(Cast::SMALL, |rules| rules.sweep_age = Age::OwnClock);
}

#[test]
fn a_sweep_that_removes_its_plan_first_is_caught() {
    breaks(Cast::SMALL, |rules| {
        rules.sweep_removes_its_plan_last = false;
    });
}

#[test]
fn a_sweep_that_goes_on_after_the_plan_lapsed_is_caught() {
    breaks(Cast::SMALL, |rules| {
        rules.sweep_ends_before_the_lapse = false;
    });
}

#[test]
fn two_that_rely_each_on_what_the_other_deletes_are_caught() {
    breaks(TWO_READERS, |rules| rules.relied_on_is_in_no_plan = false);
}

#[test]
fn packs_listed_before_snapshots_are_caught() {
    breaks(TWO_PRUNERS, |rules| {
        rules.snapshots_are_listed_first = false;
    });
}

#[test]
fn an_alarm_without_a_second_look_is_caught() {
    let cast = Cast {
        old_snapshot: true,
        ..TWO_PRUNERS
    };
    breaks(cast, |rules| rules.alarm_is_checked = false);
}

#[test]
fn a_mark_that_condemns_packs_of_open_sessions_is_caught() {
    breaks(Cast::SMALL, |rules| rules.mark_leaves_open_sessions = false);
}

#[test]
fn a_plan_that_does_not_name_all_snapshots_is_caught() {
    breaks(Cast::SMALL, |rules| rules.mark_names_all_snapshots = false);
}

#[test]
fn a_writer_that_does_not_look_before_its_commit_is_caught() {
    breaks(Cast::SMALL, |rules| {
        rules.writer_looks_before_commit = false;
    });
}

#[test]
fn a_writer_that_ignores_the_limit_is_caught() {
    breaks(Cast::SMALL, |rules| rules.writer_heeds_the_limit = false);
}

#[test]
fn a_writer_that_commits_long_after_it_looked_is_caught() {
    breaks(Cast::SMALL, |rules| rules.writer_commits_soon = false);
}

#[test]
fn a_writer_that_does_not_see_plans_at_first_is_caught() {
    breaks(Cast::SMALL, |rules| rules.writer_lists_plans_first = false);
}

#[test]
fn a_writer_that_does_not_list_packs_again_is_caught() {
    breaks(Cast::SMALL, |rules| rules.writer_lists_packs_again = false);
    breaks(Cast::SMALL, |rules| rules.age_counts_from_the_plans = false);
}

#[test]
fn a_writer_that_counts_from_the_time_of_a_plan_is_caught() {
    breaks(FORGED_PLAN, |rules| {
        rules.writer_counts_from_its_own_look = false;
    });
}

#[test]
fn a_writer_that_judges_a_plan_by_its_last_time_is_caught() {
    breaks(PUT_AGAIN, |rules| {
        rules.writer_judges_by_when_it_was_made = false;
    });
}

#[test]
fn a_writer_that_believes_in_its_own_packs_is_caught() {
    breaks(FORGED_RECORD, |rules| {
        rules.writer_doubts_its_own_packs = false;
    });
}

#[test]
fn a_sync_that_takes_condemned_packs_for_present_is_caught() {
    breaks(SYNC, |rules| rules.sync_heeds_plans = false);
}

#[test]
fn a_sync_that_puts_a_pack_again_too_late_is_caught() {
    breaks(SYNC, |rules| rules.sync_is_in_time = false);
}
