//! When the rule holds, and what is said to need attention.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::facts::{NextPrune, Proven, Word, gather, remembered};
use super::{Ages, Board, Checked, CopyStatus, Facts, Newest, Unreachable};
use crate::format::housekeeping::{Finding, Plan};
use crate::format::{Kind, cbor};
use crate::id::ObjectId;
use crate::index::{Index, Watch};
use crate::ops::trust::rollback_tests::{Host, PLACE, World};
use crate::ops::{VerifyOptions, prove_verify, verify};
use crate::progress::Silent;
use crate::repository::{Repository, seal_record, store_proof};
use crate::seams::{Clock, SystemClock, Timestamp};
use crate::store::Store;

const HOUR: u64 = 60 * 60;

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

fn hours_ago(hours: u64) -> Timestamp {
    now().minus(Duration::from_secs(hours * HOUR))
}

fn newest(hours: u64) -> Newest {
    Newest {
        id: ObjectId::new([hours as u8; 32]),
        time: hours_ago(hours),
        host: "nas".to_owned(),
        suspect: None,
        has_database: true,
    }
}

fn proven(hours: u64, ok: bool) -> Option<Proven> {
    Some(Proven {
        ended: hours_ago(hours),
        ok,
        host: "nas".to_owned(),
        word: Word::Owner,
        share_permille: None,
    })
}

/// A copy in good order, whose snapshots are so many hours old.
fn copy(medium: &'static str, offsite: bool, ages: &[u64]) -> CopyStatus {
    let last = ages.last().copied().map(newest);
    let facts = Facts {
        snapshots: ages
            .iter()
            .copied()
            .map(newest)
            .map(|it| (it.time, it.id))
            .collect(),
        newest_good: last.clone(),
        newest: last,
        hosts: BTreeMap::new(),
        bytes_snapshots: 10,
        bytes_stored: 5,
        packs: 1,
        bytes_added: 5,
        vanished: Ok(Vec::new()),
        verify: proven(24, true),
        verify_reported: None,
        drill: proven(24 * 30, true),
        prune: None,
        locked: None,
        created: hours_ago(24 * 365),
        own: None,
        requests: 6,
    };
    CopyStatus {
        name: medium.to_owned(),
        url: String::new(),
        medium,
        offsite,
        found: Ok(facts),
        bytes_free: None,
        touched: None,
        same_as: None,
        behind: 0,
        counts: false,
    }
}

fn with(mut copy: CopyStatus, change: impl FnOnce(&mut Facts)) -> CopyStatus {
    change(copy.found.as_mut().unwrap());
    copy
}

fn judge(copies: &[CopyStatus]) -> Board {
    Board::judge(copies.to_vec(), Ages::default(), now())
}

fn concerns(board: &Board) -> Vec<Checked> {
    let bad = board.checks.iter().filter(|check| !check.ok);
    bad.map(|check| check.what).collect()
}

#[test]
fn a_disk_and_a_bucket_beside_the_library_are_three_two_one() {
    let good = [copy("disk", false, &[27, 3]), copy("cloud", true, &[27, 3])];
    let board = judge(&good);
    assert!(
        board.is_satisfied() && !board.needs_attention(),
        "{:?}",
        board.checks
    );
    assert_eq!((board.copies, board.media.len(), board.offsite), (3, 2, 1));
    assert_eq!(board.requests(), 12);

    let one = judge(&good[1..]);
    assert!(!one.is_satisfied());
    assert_eq!(concerns(&one), [Checked::Copies]);
    let disks = [copy("disk", false, &[3]), copy("disk", false, &[3])];
    assert_eq!(concerns(&judge(&disks)), [Checked::Media, Checked::Offsite]);
    let alone = judge(&[]);
    assert_eq!(alone.copies, 1);
    assert_eq!(
        concerns(&alone),
        [Checked::Copies, Checked::Media, Checked::Offsite]
    );
}

#[test]
fn an_old_or_suspect_copy_does_not_count_and_one_that_lags_is_behind() {
    let nas = copy("nas", false, &[27, 3]);
    let late = judge(&[nas.clone(), copy("cloud", true, &[51, 27])]);
    assert_eq!((late.copies, late.offsite), (2, 0));
    let expected = [
        Checked::Copies,
        Checked::Offsite,
        Checked::Snapshot,
        Checked::Level,
    ];
    assert_eq!(concerns(&late), expected);
    assert_eq!(
        (late.repositories[0].behind, late.repositories[1].behind),
        (0, 1)
    );
    // What is older than its newest may have been forgotten there.
    let shorter = judge(&[copy("nas", false, &[75, 51, 3]), copy("cloud", true, &[3])]);
    assert_eq!(concerns(&shorter), []);
    let suspect = with(copy("cloud", true, &[27, 3]), |facts| {
        facts.newest_good = Some(newest(27));
        facts.newest.as_mut().unwrap().suspect = Some("much changed".to_owned());
    });
    assert!(concerns(&judge(&[nas.clone(), suspect])).contains(&Checked::Trusted));
    let empty = judge(&[nas, copy("cloud", true, &[])]);
    assert_eq!(empty.repositories[1].behind, 2);
    assert_eq!(empty.copies, 2);
}

/// A NAS that was mounted twice counted as two copies.
#[test]
fn one_place_by_two_names_is_one_copy() {
    let own = |copy, byte| {
        with(copy, |facts| {
            facts.own = Some(ObjectId::new([byte; 32]));
        })
    };
    let bucket = || own(copy("cloud", true, &[3]), 1);
    let board = judge(&[own(copy("disk", false, &[3]), 2), bucket(), bucket()]);
    assert_eq!((board.copies, board.repositories[2].same_as), (3, Some(1)));
    assert_eq!(concerns(&board), [Checked::Distinct]);
    // Copied with all its times, such as by rsync, it is a copy.
    let folder = |touched| CopyStatus {
        touched: Some(touched),
        ..own(copy("nas", false, &[3]), 3)
    };
    let board = judge(&[folder(1), bucket(), folder(2)]);
    assert_eq!((board.copies, concerns(&board)), (4, vec![]));
    let board = judge(&[folder(1), bucket(), folder(1)]);
    assert_eq!(
        (board.copies, concerns(&board)),
        (3, vec![Checked::Distinct])
    );
    // Nothing is there yet.
    let new = || copy("nas", false, &[]);
    assert!(!concerns(&judge(&[new(), new()])).contains(&Checked::Distinct));
}

#[test]
fn a_verify_that_failed_is_too_old_or_is_due_needs_attention() {
    let verified = |verify: Option<Proven>, made: u64| {
        let one = with(copy("cloud", true, &[3]), |facts| {
            facts.verify = verify;
            facts.created = hours_ago(made);
        });
        concerns(&judge(&[copy("nas", false, &[3]), one]))
    };
    assert_eq!(verified(proven(24 * 34, true), 9_000), []);
    assert_eq!(verified(proven(24 * 36, true), 9_000), [Checked::Verify]);
    assert_eq!(verified(proven(1, false), 9_000), [Checked::Verify]);
    assert_eq!(verified(None, 9_000), [Checked::Verify]);
    // A repository of yesterday has time.
    assert_eq!(verified(None, 24), []);
}

/// Whoever had the writer key reported a verify each night, and the board stayed green for ever.
#[test]
fn what_anybody_could_report_does_not_stand_for_what_is_known() {
    let judged = |known: Option<Proven>, said: Option<Proven>| {
        let one = with(copy("cloud", true, &[3]), |facts| {
            facts.verify = known;
            facts.verify_reported = said;
        });
        let board = judge(&[copy("nas", false, &[3]), one]);
        let facts = board.repositories[1].found.as_ref().unwrap();
        let ended = board.verify(facts).unwrap().ended;
        (now().since(ended).as_secs() / HOUR, concerns(&board))
    };
    let failed = vec![Checked::Verify];
    // A failure that is known is not taken back by hearsay; nor is one that is only heard of unheard.
    let known = |hours, ok| proven(hours, ok);
    assert_eq!(
        judged(known(48, false), proven(1, true)),
        (48, failed.clone())
    );
    assert_eq!(
        judged(known(48, true), proven(1, false)),
        (1, failed.clone())
    );
    assert_eq!(judged(known(1, true), proven(48, false)), (1, vec![]));
    // What is known goes before, until it is too old.
    assert_eq!(judged(known(48, true), proven(1, true)), (48, vec![]));
    assert_eq!(judged(known(24 * 40, true), proven(1, true)), (1, vec![]));
    assert_eq!(judged(known(24 * 40, true), None), (24 * 40, failed));
}

/// The same, as the store and this host's memory have it; nobody drills without the read key.
#[test]
fn this_host_remembers_what_it_verified_and_believes_no_unsigned_drill() {
    let (world, host) = (World::new(), Host::new("nas"));
    world.back_up(&host).unwrap();
    let writer = Repository {
        reader: None,
        ..world.repository.clone()
    };
    let look = || gather(&writer, &host.index, None, &Silent).unwrap();
    let now = SystemClock.now();
    for kind in ["drill", "verify"] {
        store_proof(&writer, finding(kind, now, &[])).unwrap();
    }
    let facts = look();
    assert_eq!((facts.drill, facts.verify), (None, None));
    assert_eq!(facts.verify_reported.unwrap().word, Word::Reported);
    let report = verify(
        &writer,
        &host.index,
        &VerifyOptions { data: false },
        &Silent,
    )
    .unwrap();
    prove_verify(&writer, &host.index, &report, "nas", now, None).unwrap();
    let known = look().verify.unwrap();
    let expected = (true, Word::ThisHost, Some(0), "nas");
    let found = (
        known.ok,
        known.word,
        known.share_permille,
        known.host.as_str(),
    );
    assert_eq!(found, expected);
}

#[test]
fn one_drill_will_do_and_without_a_database_none_is_missed() {
    let undrilled = |medium| with(copy(medium, true, &[3]), |facts| facts.drill = None);
    let one = judge(&[copy("nas", false, &[3]), undrilled("cloud")]);
    assert_eq!(concerns(&one), []);
    let none = [undrilled("nas"), undrilled("cloud")];
    assert_eq!(concerns(&judge(&none)), [Checked::Drill]);
    let plain = none.map(|one| {
        with(one, |facts| {
            facts.newest.as_mut().unwrap().has_database = false;
        })
    });
    assert_eq!(concerns(&judge(&plain)), []);
}

#[test]
fn a_full_disk_ahead_and_what_vanished_are_told() {
    let mut full = copy("nas", false, &[3]);
    full.bytes_free = Some(4);
    assert_eq!(
        concerns(&judge(&[full, copy("cloud", true, &[3])])),
        [Checked::Room]
    );
    let unsure = with(copy("cloud", true, &[3]), |facts| {
        facts.vanished = Err("the memory is damaged".to_owned());
    });
    assert_eq!(
        concerns(&judge(&[copy("nas", false, &[3]), unsure])),
        [Checked::Whole]
    );
}

fn finding(kind: &str, ended: Timestamp, figures: &[(&str, u64)]) -> Finding {
    let figures = figures.iter().map(|(name, it)| ((*name).to_owned(), *it));
    Finding {
        kind: kind.to_owned(),
        host: "nas".to_owned(),
        began: ended,
        ended,
        snapshot: None,
        ok: true,
        figures: cbor::Counts(figures.collect()),
        summary: String::new(),
    }
}

/// Proofs and a plan, as other verbs leave them; gives when the plan was stored.
fn leave_proofs_and_a_plan(world: &World, now: Timestamp) -> Timestamp {
    let repository = &world.repository;
    let prove = |kind: &str, ended, figures: &[(&str, u64)]| {
        store_proof(repository, finding(kind, ended, figures)).unwrap();
    };
    let hour = Duration::from_secs(HOUR);
    let figures = [("packs_read", 352), ("packs_total", 1_000)];
    prove("verify", now.minus(hour), &figures);
    prove("drill", now.minus(hour * 2), &[]);
    // Nobody's verify of next year makes a copy look cared for.
    prove("verify", now.plus(hour * 9_000), &[]);
    let plan = Plan {
        host: "nas".to_owned(),
        created: now,
        grace_seconds: 72 * HOUR,
        packs: cbor::Joined(vec![ObjectId::new([1; 32])]),
        segments: cbor::Joined(Vec::new()),
        snapshots: cbor::Joined(Vec::new()),
        forgets: cbor::Joined(Vec::new()),
    };
    let random = repository.seams.random.as_ref();
    let payload = cbor::encode(&plan);
    let sealed = seal_record(&repository.writer, random, Kind::Plan, &payload).unwrap();
    world.memory.put(&sealed.name, sealed.bytes).unwrap();
    world.memory.head(&sealed.name).unwrap().modified
}

#[test]
fn a_look_is_cheap_and_shows_what_other_verbs_left() {
    let (world, host) = (World::new(), Host::new("nas"));
    world.back_up(&host).unwrap();
    let now = SystemClock.now();
    let marked = leave_proofs_and_a_plan(&world, now);
    gather(&world.repository, &host.index, None, &Silent).unwrap();
    let facts = gather(&world.repository, &host.index, None, &Silent).unwrap();
    assert_eq!((facts.snapshots.len(), facts.packs > 0), (1, true));
    let verify = facts.verify.unwrap();
    let expected = (Some(352), Word::Owner);
    assert_eq!((verify.share_permille, verify.word), expected);
    let hour = Duration::from_secs(HOUR);
    assert_eq!(facts.drill.unwrap().ended, now.minus(hour * 2));
    let from = marked.plus(hour * 72);
    assert_eq!(facts.prune, Some(NextPrune { from, packs: 1 }));
    // Snapshots, segments, packs, listings, slots, proofs, plans: a LIST each.
    assert_eq!(facts.requests, 7);
}

#[test]
fn what_was_seen_is_remembered_for_the_day_without_a_connection() {
    let (world, host) = (World::new(), Host::new("nas"));
    world.back_up(&host).unwrap();
    let repository = &world.repository;
    let states = tempfile::tempdir().unwrap();
    assert!(remembered(states.path(), PLACE).is_none());
    let head = crate::repository::head(world.memory.as_ref()).unwrap();
    crate::ops::trust::remember(repository, states.path(), PLACE, &head).unwrap();
    assert!(remembered(states.path(), PLACE).is_none());
    let state = crate::ops::StateFolder::new(states.path(), repository.id());
    let trust = Arc::new(state.open_trust().unwrap());
    let index = Index::in_memory().unwrap();
    let index = index.watched(Watch::with(trust, PLACE));
    gather(repository, &index, None, &Silent).unwrap();
    let remembered = remembered(states.path(), PLACE).unwrap();
    assert_eq!(
        (remembered.snapshots, remembered.newest.is_some()),
        (1, true)
    );
    let gone = CopyStatus {
        found: Err(Unreachable {
            reason: "no route".to_owned(),
            hint: String::new(),
            remembered: Some(remembered),
        }),
        ..copy("cloud", true, &[])
    };
    let board = Board::judge(vec![gone], Ages::default(), remembered.looked);
    assert_eq!((board.copies, board.offsite), (2, 1));
    assert_eq!(concerns(&board), [Checked::Copies, Checked::Reachable]);
}
