//! What a verify found so far. Shared by threads.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::report::{Damage, FILES_NAMED_MAX, UNKNOWN_NAMED_MAX, VerifyReport};
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::repository::ObjectProblem;

/// So many paths are remembered for each object, so that a file of many snapshots counts once;
/// beyond that it counts once for each.
const FILES_REMEMBERED_MAX: usize = 100_000;

const REMEMBERED: &str = "it was damaged when it was last read, and was not read this time";

/// Grows with the damage, not with the repository.
#[derive(Default)]
pub struct Findings {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    damage: BTreeMap<String, Found>,
    counts: VerifyReport,
}

#[derive(Default)]
struct Found {
    problem: String,
    is_remembered: bool,
    /// More about it, in the order in which it was found.
    notes: Vec<String>,
    snapshots: BTreeSet<ObjectId>,
    files: Vec<Vec<u8>>,
    files_total: u64,
    remembered: HashSet<[u8; 32]>,
}

impl Findings {
    /// Notes that an object cannot be used: it is damaged, missing, or of a later version, which the
    /// text says. What was noted first stays.
    pub fn damaged(&self, object: &str, problem: &ObjectProblem) {
        self.says(object, problem.to_string());
    }

    /// As `damaged`, in words.
    pub fn says(&self, object: &str, problem: String) {
        let mut state = self.lock();
        let found = state.damage.entry(object.to_owned()).or_default();
        if found.problem.is_empty() {
            found.problem = problem;
        }
    }

    /// Notes that an object was damaged when it was last read, and was not read this time. A verify
    /// that reads less must not take back what one that read more has found.
    pub fn remembered(&self, object: &str) {
        let mut state = self.lock();
        let found = state.damage.entry(object.to_owned()).or_default();
        if found.problem.is_empty() {
            REMEMBERED.clone_into(&mut found.problem);
            found.is_remembered = true;
        }
    }

    /// Adds to what is known of a damaged object.
    pub fn note(&self, object: &str, text: String) {
        if let Some(found) = self.lock().damage.get_mut(object) {
            found.notes.push(text);
        }
    }

    pub fn is_damaged(&self, object: &str) -> bool {
        self.lock().damage.contains_key(object)
    }

    /// A snapshot that cannot be restored whole because of the object.
    pub fn hurts(&self, object: &str, snapshot: &ObjectId) {
        if let Some(found) = self.lock().damage.get_mut(object) {
            found.snapshots.insert(*snapshot);
        }
    }

    /// A file of that snapshot that cannot be restored because of the object.
    pub fn hurts_file(&self, object: &str, snapshot: &ObjectId, path: &[u8]) {
        if let Some(found) = self.lock().damage.get_mut(object) {
            found.snapshots.insert(*snapshot);
            found.add_file(path);
        }
    }

    /// A part of that snapshot's listing that cannot be read because of the object. Only the first
    /// is told.
    pub fn hurts_listing(&self, object: &str, snapshot: &ObjectId, text: &str) {
        if let Some(found) = self.lock().damage.get_mut(object) {
            found.snapshots.insert(*snapshot);
            let told = "so its files cannot be named";
            if !found.notes.iter().any(|note| note.ends_with(told)) {
                found.notes.push(format!("{text}, {told}"));
            }
        }
    }

    pub fn unknown(&self, name: String) {
        let counts = &mut self.lock().counts;
        counts.unknown_objects_total += 1;
        if counts.unknown_objects.len() < UNKNOWN_NAMED_MAX {
            counts.unknown_objects.push(name);
        }
    }

    pub fn add_snapshot(&self) {
        self.lock().counts.snapshots_checked += 1;
    }

    pub fn add_objects(&self, objects: u64) {
        self.lock().counts.objects_checked += objects;
    }

    /// What is not there, or nobody knows where it was (then only the prefix of its name), and all
    /// snapshots that it hurts.
    pub fn missing(&self) -> (BTreeSet<String>, BTreeSet<ObjectId>) {
        let state = self.lock();
        let missing = state.damage.iter().filter(|(name, it)| it.is_missing(name));
        let (names, hurt): (_, Vec<_>) = missing
            .map(|(name, it)| (name.clone(), &it.snapshots))
            .unzip();
        (names, hurt.into_iter().flatten().copied().collect())
    }

    /// Of what is missing those snapshots are hurt no longer; and what hurts none is no damage, if it
    /// may be gone.
    pub fn let_go(&self, may_go: &BTreeSet<String>, forgotten: &BTreeSet<ObjectId>) {
        self.lock().damage.retain(|object, found| {
            if found.is_missing(object) {
                found.snapshots.retain(|id| !forgotten.contains(id));
            }
            !may_go.contains(object) || !found.snapshots.is_empty()
        });
    }

    /// Damage, counts of snapshots and objects, unknown objects; the rest is for others to fill in.
    pub fn into_report(self) -> VerifyReport {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let damage = state.damage.into_iter();
        VerifyReport {
            damage: damage
                .map(|(object, found)| found.into_damage(object))
                .collect(),
            ..state.counts
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    fn is_missing(&self, object: &str) -> bool {
        let packs = [Kind::DataPack, Kind::ListingPack].map(name::prefix);
        self.problem == ObjectProblem::Missing.to_string() || packs.contains(&object)
    }

    fn add_file(&mut self, path: &[u8]) {
        let hash = *blake3::hash(path).as_bytes();
        if self.remembered.contains(&hash) {
            return;
        }
        if self.remembered.len() < FILES_REMEMBERED_MAX {
            self.remembered.insert(hash);
        }
        self.files_total += 1;
        if self.files.len() < FILES_NAMED_MAX {
            self.files.push(path.to_vec());
        }
    }

    fn into_damage(mut self, object: String) -> Damage {
        self.files.sort();
        self.notes.insert(0, self.problem);
        Damage {
            object,
            problem: self.notes.join("; "),
            is_remembered: self.is_remembered,
            snapshots: self.snapshots.into_iter().collect(),
            files: self.files,
            files_total: self.files_total,
        }
    }
}
