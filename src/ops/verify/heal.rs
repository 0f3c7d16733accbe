//! `verify --heal`: what was found missing or damaged is fetched from another copy, held against its
//! name, put, and fetched again. Never anything but identical bytes under the same name; what no copy
//! can mend is named as before. What each copy has for itself, no other can give back: `own`.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::super::error::with_causes;
use super::super::sync::{LevelOptions, level, of_a_copy};
use super::super::{OpsError, Replica, Result};
use super::head::{candidate, heal_head};
use super::own;
use super::part::VerifyPart;
use super::report::{Damage, VerifyOptions, VerifyReport};
use super::run::verify_part;
use super::turns::PackReads;
use crate::format::slot::SLOT_BYTES_MAX;
use crate::format::{Kind, PACK_BYTES_MAX, name};
use crate::id::ObjectId;
use crate::index::{Index, PackRead};
use crate::progress::Progress;
use crate::repository::{
    ObjectProblem, Others, Repository, RepositoryError, check_slot_bytes, check_whole_pack,
    copy_slot, list_objects, load_catalog, open_record,
};
use crate::store::{ErrorKind, Store, Window};

/// Healing shows what was hidden behind it: a listing that can be read again names further packs.
const ROUNDS_MAX: usize = 4;

/// An object that is whole again, or, if only this copy has it, said anew and gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Healed {
    pub object: String,
}

/// What healing came to.
#[derive(Debug, Default)]
pub struct HealReport {
    pub healed: Vec<Healed>,
    /// What was checked, with the damage that is left.
    pub verify: VerifyReport,
}

/// Heals what `report` found, and looks again. `kept` gives what this host itself keeps of an object
/// by its name (of `repository` and key slots), if it does.
///
/// # Errors
/// `Store` when the repository is out of reach, `Index`.
pub fn heal(
    repository: &Repository,
    index: &Index,
    report: VerifyReport,
    part: &VerifyPart,
    kept: &dyn Fn(&str) -> Option<Bytes>,
    progress: &dyn Progress,
) -> Result<HealReport> {
    let mut healing = Healing {
        repository,
        index,
        kept,
        reads: part.reads.as_deref(),
        progress,
        healed: BTreeSet::new(),
    };
    let mut report = report;
    for _ in 0..ROUNDS_MAX {
        progress.stage("Healing", None);
        let mut left = Vec::new();
        let before = healing.healed.len();
        for damage in std::mem::take(&mut report.damage) {
            if !healing.object(&damage)? {
                left.push(damage);
            }
        }
        let whole = healing.level(&left)?;
        progress.finish();
        report.damage = left;
        if healing.healed.len() == before && whole.is_empty() {
            break;
        }
        for mut damage in std::mem::take(&mut report.damage) {
            let is_spared = spare(&mut damage, &whole);
            if !(is_spared && healing.is_gone(&damage.object)?) {
                report.damage.push(damage);
            }
        }
        // What was read and is left as it is stays in the report; the rest is looked at anew.
        let options = VerifyOptions { data: false };
        let mut again = verify_part(repository, index, &options, part, progress)?;
        // What is known of an object that was read says more than that it was damaged then.
        let is_known = |object: &str| report.damage.iter().any(|known| known.object == object);
        again
            .damage
            .retain(|new| !(new.is_remembered && is_known(&new.object)));
        report.bytes_read += again.bytes_read;
        report.damage.retain(|damage| {
            let is_new = again.damage.iter().any(|new| new.object == damage.object);
            !damage.object.ends_with('/') && !is_new
        });
        report.damage.extend(again.damage);
        report
            .damage
            .sort_by(|one, other| one.object.cmp(&other.object));
        if report.damage.is_empty() {
            break;
        }
    }
    Ok(HealReport {
        healed: healing
            .healed
            .into_iter()
            .map(|object| Healed { object })
            .collect(),
        verify: report,
    })
}

struct Healing<'h> {
    repository: &'h Repository,
    index: &'h Index,
    kept: &'h dyn Fn(&str) -> Option<Bytes>,
    reads: Option<&'h PackReads>,
    progress: &'h dyn Progress,
    healed: BTreeSet<String>,
}

impl Healing<'_> {
    /// Whether an object is whole now.
    fn object(&mut self, damage: &Damage) -> Result<bool> {
        let object = &damage.object;
        // Once is enough: a store that does not keep what it is given is not healed by more of it.
        if self.healed.contains(object) {
            return Ok(false);
        }
        self.progress.item(object.as_bytes());
        let healed = match name::parse(object) {
            Some((Kind::Repository, _)) => self.head()?,
            Some((kind, Some(id))) => {
                self.named(kind, &id, object)?
                    || own::let_go(self.repository, self.index, kind, &id)?
            }
            _ if object == name::prefix(Kind::KeySlot) => self.slots()?,
            _ => false,
        };
        if healed {
            self.healed.insert(object.clone());
        }
        Ok(healed)
    }

    fn head(&self) -> Result<bool> {
        let Repository {
            store,
            writer,
            others,
            ..
        } = self.repository;
        let copies = others.reachable(self.repository.id());
        let copies = copies.filter_map(|(_, store)| candidate(store.as_ref()));
        let kept = (self.kept)(name::REPOSITORY).into_iter();
        heal_head(store.as_ref(), writer, kept.chain(copies))
    }

    /// An object whose name is the hash of its bytes.
    fn named(&self, kind: Kind, id: &ObjectId, name: &str) -> Result<bool> {
        let repository = self.repository;
        let writer = &repository.writer;
        let bytes_max = match kind {
            Kind::DataPack | Kind::ListingPack => PACK_BYTES_MAX,
            Kind::KeySlot => SLOT_BYTES_MAX,
            _ => kind.record_bytes_max(),
        };
        let window = Window::Whole { bytes_max };
        let mut check = |bytes: Bytes| -> Result<Bytes, ObjectProblem> {
            if ObjectId::of(&bytes) != *id {
                return Err(ObjectProblem::WrongName);
            }
            match kind {
                Kind::DataPack | Kind::ListingPack => {
                    check_whole_pack(writer, kind, id, &bytes)?;
                }
                Kind::KeySlot => check_slot_bytes(repository.id(), name, &bytes)?,
                _ => {
                    open_record(writer, kind, &bytes)?;
                }
            }
            Ok(bytes)
        };
        let kept = (self.kept)(name).and_then(|bytes| check(bytes).ok());
        let others = &repository.others;
        let found = kept.or_else(|| others.find(repository.id(), name, window, &mut check));
        let Some(bytes) = found else {
            return Ok(false);
        };
        let store = repository.store.as_ref();
        store.put(name, bytes.clone())?;
        // The answer of the store is no proof that it now gives out these bytes.
        if store.get(name, window).ok() != Some(bytes) {
            return Ok(false);
        }
        self.index.trust_again(&[*id])?;
        if let Some(reads) = self.reads.filter(|_| kind == Kind::DataPack) {
            let at = repository.seams.clock.now();
            let was_sound = true;
            let noted = reads.note(id, PackRead { at, was_sound });
            noted.map_err(RepositoryError::from)?;
        }
        Ok(true)
    }

    /// All key slots, of a repository that has none.
    fn slots(&self) -> Result<bool> {
        let (home, id) = (self.repository.store.as_ref(), self.repository.id());
        let mut copied = false;
        for (_, store) in self.repository.others.reachable(id) {
            let mut names = Vec::new();
            let listed = list_objects(store.as_ref(), Kind::KeySlot, &mut |_, info| {
                names.push(info.name);
            });
            if listed.is_err() {
                continue;
            }
            for name in names {
                copied |= copy_slot(store.as_ref(), home, id, &name).is_ok();
            }
        }
        Ok(copied)
    }

    /// Snapshots that lack chunks, of packs that no other copy has by that name, such as those that a
    /// prune rewrote here, or of which nothing says where they lay: another copy knows where they lie
    /// there. Gives the snapshots that have all they need by now.
    fn level(&mut self, left: &[Damage]) -> Result<BTreeSet<ObjectId>> {
        let mut these = BTreeSet::new();
        let mut bad = Vec::new();
        for Damage {
            object, snapshots, ..
        } in left
        {
            match name::parse(object) {
                Some((Kind::DataPack | Kind::ListingPack, Some(id))) => bad.push(id),
                None if object.ends_with('/') => {}
                _ => continue,
            }
            these.extend(snapshots.iter().copied());
        }
        if these.is_empty() {
            return Ok(these);
        }
        let these: Vec<_> = these.into_iter().collect();
        let options = LevelOptions {
            these: Some(&these),
            again: true,
            ..LevelOptions::default()
        };
        let home = self.replica("this copy", &self.repository.store)?;
        home.index.distrust(&bad)?;
        let mut whole = BTreeSet::new();
        for (name, store) in self.repository.others.reachable(self.repository.id()) {
            let other = self.replica(name, store)?;
            match level(&other, &home, &options, self.progress) {
                Ok(report) => whole.extend(report.snapshots_copied),
                Err(error) => self.pass_over(name, of_a_copy(error)?)?,
            }
        }
        if !whole.is_empty() {
            load_catalog(self.repository, self.index)?;
        }
        Ok(whole)
    }

    /// A copy that fails half-way: the next one is asked, unless it was this copy that failed.
    fn pass_over(&self, copy: &str, error: OpsError) -> Result<()> {
        self.progress.finish();
        if self.repository.store.head(name::REPOSITORY).is_err() {
            return Err(error);
        }
        let why = with_causes(&error);
        self.progress
            .notice(&format!("{copy} failed while healing from it: {why}"));
        Ok(())
    }

    /// A prefix stands for objects of which nothing says the names: those that lacked them found
    /// what they need.
    fn is_gone(&self, object: &str) -> Result<bool> {
        if object.ends_with('/') {
            return Ok(true);
        }
        match self.repository.store.head(object) {
            Ok(_) => Ok(false),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// A copy as a stranger sees it.
    fn replica(&self, name: &str, store: &Arc<dyn Store>) -> Result<Replica> {
        Ok(Replica {
            name: name.to_owned(),
            repository: Repository {
                store: Arc::clone(store),
                others: Others::default(),
                ..self.repository.clone()
            },
            index: Index::temporary()?,
        })
    }
}

/// These snapshots need the object no more: its chunks lie elsewhere too. Tells whether nobody needs
/// it any more.
fn spare(damage: &mut Damage, whole: &BTreeSet<ObjectId>) -> bool {
    let before = damage.snapshots.len();
    damage.snapshots.retain(|id| !whole.contains(id));
    let is_spared = damage.snapshots.is_empty() && before > 0;
    if is_spared {
        damage.files.clear();
        damage.files_total = 0;
    }
    is_spared
}
