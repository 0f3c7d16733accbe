//! Every kind of object, damaged in every way: bytes flipped, cut off, made longer, swapped, taken
//! away. What a snapshot needs is missed by `verify --data`, which names the object, the snapshots and
//! the files; what it does not name restores; nothing wrong ever gets a final name; nothing panics.
//!
//! The short form takes some of the bytes, `OFFSITE_TEST_DAMAGE=all` each of the first and last 256
//! of each object. `scene` is an honest repository and what it must restore to, `harm` the ways to
//! damage its objects, `local` damages what the host remembers.

mod harm;
mod local;
mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use harm::{Harm, harms};
use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::ops::{Damage, Opened};
use scene::{Came, Copy, Outcome, Scene};

/// What was done and seen, over all threads.
#[derive(Default)]
struct Tally {
    /// Damage to what a snapshot needs, and how much of it was found.
    needed: AtomicUsize,
    found: AtomicUsize,
    /// Snapshots that were restored and compared.
    restored: AtomicUsize,
    /// Files that came back, each of them as it was, and files that did not.
    came: AtomicUsize,
    lost: AtomicUsize,
    panics: AtomicUsize,
}

fn add(sum: &AtomicUsize, more: usize) {
    sum.fetch_add(more, Ordering::Relaxed);
}

fn is_full() -> bool {
    std::env::var("OFFSITE_TEST_DAMAGE").is_ok_and(|it| it == "all")
}

impl Tally {
    fn tell(self, tried: usize, pairs: usize, complaints: usize) {
        let Self {
            needed,
            found,
            restored,
            came,
            lost,
            panics,
        } = self;
        let [needed, found, restored, came, lost, panics] =
            [needed, found, restored, came, lost, panics].map(AtomicUsize::into_inner);
        println!("counted: damage: {tried} damaged objects tried");
        println!("counted: damage: {pairs} pairs of a kind of object and a way to damage it");
        println!("counted: damage: {needed} of them damage to what a listed snapshot needs");
        println!("counted: damage: {found} of those found and told by a verify of all bytes");
        println!("counted: damage: {restored} restores from a damaged repository");
        println!("counted: damage: {came} files came back in them, each compared");
        println!("counted: damage: {lost} files did not, each named by verify before");
        println!(
            "counted: damage: {complaints} complaints: not found, not named, not restored \
             or restored otherwise"
        );
        println!("counted: damage: {panics} panics");
    }
}

/// What is no damage to any snapshot: a plan, what plans condemn, and what verify writes down. A
/// record of what was forgotten explains why something is gone, and is missed only by who knew that.
fn is_needed(scene: &Scene, object: &str) -> bool {
    match name::parse(object) {
        Some((Kind::Plan | Kind::Proof | Kind::Forget, _)) => false,
        _ => !scene.condemned.contains(object),
    }
}

/// By snapshot the files that were named, and whether it is named as a whole.
type Hurt = BTreeMap<ObjectId, (BTreeSet<Vec<u8>>, bool)>;

fn hurt(damage: &[Damage]) -> Hurt {
    let mut hurt = Hurt::new();
    for one in damage {
        for id in &one.snapshots {
            let (files, is_whole) = hurt.entry(*id).or_default();
            files.extend(one.files.iter().cloned());
            // Its record, or a part of its listing that nobody can name the files of.
            *is_whole |= one.files.is_empty();
        }
    }
    hurt
}

/// What verify says, held against what restores.
fn check(scene: &Scene, copy: &Copy, harm: &Harm, tally: &Tally) -> Result<(), String> {
    let object = harm.object.as_str();
    let is_needed = is_needed(scene, object) && !harm.is_made_up_for();
    let outcome = scene.verify(copy);
    let is_found = !matches!(outcome, Outcome::Sound(_));
    add(&tally.needed, usize::from(is_needed));
    add(&tally.found, usize::from(is_needed && is_found));
    let (opened, damage) = match outcome {
        Outcome::Sound(_) if is_needed => return Err("was not detected".to_owned()),
        Outcome::Sound(opened) => (opened, Vec::new()),
        Outcome::Damaged(opened, damage) => (opened, damage),
        // One clear sentence, and nothing to restore from but another copy.
        Outcome::Refused(said) if harm.may_refuse() && said.len() < 600 => return Ok(()),
        Outcome::Refused(said) => return Err(format!("nothing goes any more: {said}")),
        Outcome::Noticed(opened, _) if object.starts_with("keys/") => (opened, Vec::new()),
        Outcome::Noticed(_, said) if is_needed => return Err(format!("only noticed: {said}")),
        Outcome::Noticed(opened, _) => (opened, Vec::new()),
    };
    let is_named = |damage: &Damage| {
        let is_nowhere = object.starts_with(&damage.object) && damage.object.ends_with('/');
        damage.object == object || damage.object == harm.also || is_nowhere
    };
    if is_needed && !damage.is_empty() && !damage.iter().any(is_named) {
        return Err(format!("was not named, but {damage:?}"));
    }
    restore_all(scene, &opened, &hurt(&damage), harm, tally)
}

/// Each snapshot that is listed: what was not named restores, and nothing else comes than what was
/// backed up.
fn restore_all(
    scene: &Scene,
    opened: &Opened,
    hurt: &Hurt,
    harm: &Harm,
    tally: &Tally,
) -> Result<(), String> {
    for (id, expected) in &scene.pictures {
        let Some(came) = scene.restore(opened, id) else {
            if hurt.contains_key(id) || harm.is_gone(id) {
                continue;
            }
            return Err(format!("snapshot {id} is gone, and verify did not say so"));
        };
        for (path, bytes) in &came.files {
            if expected.get(path) != Some(bytes) {
                return Err(format!("{path} of {id} came back otherwise"));
            }
        }
        add(&tally.restored, 1);
        add(&tally.came, came.files.len());
        add(&tally.lost, expected.len() - came.files.len());
        let named = hurt.get(id);
        for path in expected
            .keys()
            .filter(|path| !came.files.contains_key(*path))
        {
            let archived = scene.archived(path);
            if !named.is_some_and(|(files, is_whole)| *is_whole || files.contains(&archived)) {
                let problems = came.problems;
                return Err(format!("{path} of {id} is lost, unsaid: {problems:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_is_damaged_is_found_and_named_and_never_restored() {
    let scene = Scene::new();
    let harms = harms(&scene, is_full());
    let next = AtomicUsize::new(0);
    let counts: Mutex<BTreeMap<(String, &str), usize>> = Mutex::default();
    let complaints: Mutex<Vec<String>> = Mutex::default();
    let tally = Tally::default();
    let work = || {
        let copy = scene.copy();
        while let Some(harm) = harms.get(next.fetch_add(1, Ordering::Relaxed)) {
            harm.inflict(&copy);
            let checked = catch_unwind(AssertUnwindSafe(|| check(&scene, &copy, harm, &tally)));
            let checked = checked.unwrap_or_else(|_| {
                add(&tally.panics, 1);
                Err("ended in a panic".to_owned())
            });
            if let Err(complaint) = checked {
                complaints
                    .lock()
                    .unwrap()
                    .push(format!("{harm}: {complaint}"));
            }
            scene.mend(&copy);
            let kind = name::parse(&harm.object).map(|(kind, _)| format!("{kind:?}"));
            let key = (kind.unwrap_or_default(), harm.what());
            *counts.lock().unwrap().entry(key).or_default() += 1;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let counts = counts.into_inner().unwrap();
    for ((kind, what), count) in &counts {
        println!("| {kind} | {what} | {count} |");
    }
    let complaints = complaints.into_inner().unwrap();
    tally.tell(counts.values().sum(), counts.len(), complaints.len());
    assert!(
        complaints.is_empty(),
        "{} of {}:\n{}",
        complaints.len(),
        harms.len(),
        complaints.join("\n")
    );
    assert!(
        harms.len() > 500 && counts.len() > 60,
        "{} harms",
        harms.len()
    );
}

/// The scene itself is whole, so that what is found above was done there.
#[test]
fn without_damage_nothing_is_found() {
    let scene = Scene::new();
    let copy = scene.copy();
    let Outcome::Sound(opened) = scene.verify(&copy) else {
        panic!("it is whole");
    };
    for (id, expected) in &scene.pictures {
        let Came { files, problems } = scene.restore(&opened, id).expect("a snapshot");
        assert!(files == *expected && problems.is_empty(), "{problems:?}");
    }
    for kind in Kind::ALL {
        let has = scene
            .objects
            .keys()
            .any(|it| name::parse(it).is_some_and(|it| it.0 == kind));
        assert!(has, "there is no {kind:?}");
    }
}
