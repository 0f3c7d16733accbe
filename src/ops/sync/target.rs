//! The copy that receives: which chunks it has for good, and which packs its prune plans threaten
//! (design, "Prune", rule 3: condemned is absent for new references).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::false_plans::is_false;
use crate::format::pack::Class;
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::TransferTable;
use crate::ops::{OpsError, Replica, Result};
use crate::progress::Progress;
use crate::repository::visit_plans;
use crate::store::ErrorKind;

/// How a pack stands at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is there, with its right size, and nothing threatens it.
    There,
    /// It must be put, again if need be.
    Lacking,
    /// A sweep may take it away at any moment, and what is put now with it.
    Pending,
}

pub struct Target<'t> {
    pub replica: &'t Replica,
    table: &'t TransferTable,
    progress: &'t dyn Progress,
    plans: Mutex<Plans>,
    has_plans: AtomicBool,
}

/// Plans by their names.
#[derive(Default)]
struct Plans {
    known: BTreeSet<ObjectId>,
    /// Held against what snapshots need.
    judged: BTreeSet<ObjectId>,
    /// Those that are false.
    passed_over: BTreeSet<ObjectId>,
}

impl<'t> Target<'t> {
    pub fn new(replica: &'t Replica, table: &'t TransferTable, progress: &'t dyn Progress) -> Self {
        Self {
            replica,
            table,
            progress,
            plans: Mutex::default(),
            has_plans: AtomicBool::new(false),
        }
    }

    /// Takes note of plans that were not there before; tells whether there were any.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn look_for_plans(&self) -> Result<bool> {
        let repository = &self.replica.repository;
        let mut looked = self.lock();
        let now = repository.store.now()?;
        let mut new = false;
        visit_plans::<OpsError>(
            repository,
            now,
            &mut |id| looked.known.insert(*id),
            &mut |name, problem| {
                let text = format!("{name} at {} cannot be used: {problem}", self.replica.name);
                self.progress.notice(&text);
            },
            &mut |stored| {
                new = true;
                // Nobody can move when it was made by putting it again.
                let until = stored.made().plus(stored.grace() / 3 * 2);
                for pack in &stored.plan.packs.0 {
                    self.table.condemn(pack, stored.modified, until)?;
                }
                Ok(())
            },
        )?;
        if new {
            self.has_plans.store(true, Ordering::Relaxed);
        }
        Ok(new)
    }

    /// Passes over the plans that are false, if any are; tells whether there were any. Each is judged
    /// once.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn expose_false_plans(&self) -> Result<bool> {
        let mut looked = self.lock();
        let doubtful: Vec<_> = looked.known.difference(&looked.judged).copied().collect();
        let mut exposed = Vec::new();
        for id in doubtful {
            looked.judged.insert(id);
            if is_false(self.replica, &id)? {
                exposed.push(id);
                let name = name::of(Kind::Plan, &id);
                self.progress.notice(&format!(
                    "{name} at {} condemns what a snapshot needs: no prune made it, and it is \
                     passed over",
                    self.replica.name
                ));
            }
        }
        if exposed.is_empty() {
            return Ok(false);
        }
        // What only they name is good again; the others are read anew.
        looked.passed_over.extend(exposed);
        looked.known = looked.passed_over.clone();
        drop(looked);
        self.table.pardon_all()?;
        self.has_plans.store(false, Ordering::Relaxed);
        self.look_for_plans()?;
        Ok(true)
    }

    /// Whether the chunk lies in a pack that the target has and that nothing threatens.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn is_stored(&self, kind: Kind, id: &ChunkId) -> Result<bool> {
        let index = &self.replica.index;
        if !self.has_plans.load(Ordering::Relaxed) {
            return Ok(index.is_stored(id)?);
        }
        for place in index.places(id)? {
            let is_metadata = place.class == Class::Metadata as u8;
            if place.live
                && is_metadata == (kind == Kind::ListingPack)
                && self.standing(kind, &place.pack, place.pack_bytes)? == Standing::There
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn lock(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the pack itself has told this host what it holds, and is there.
    ///
    /// # Errors
    /// `Index`.
    pub fn has_spoken(&self, pack: &ObjectId) -> Result<bool> {
        let claims = self.replica.index.claims_of(pack)?;
        let is_live = claims.iter().any(|claim| claim.live);
        Ok(is_live && self.replica.index.is_verified(pack)?)
    }

    /// Asks the store how a pack stands.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn standing(&self, kind: Kind, pack: &ObjectId, bytes: u64) -> Result<Standing> {
        let is_condemned =
            self.has_plans.load(Ordering::Relaxed) && self.table.is_condemned(pack)?;
        let known = self.replica.index.pack(pack)?;
        let is_listed = known.is_some_and(|known| known.live && known.bytes == bytes);
        if is_listed && !is_condemned {
            return Ok(Standing::There);
        }
        let store = self.replica.repository.store.as_ref();
        let found = match store.head(&name::of(kind, pack)) {
            Ok(info) => Some(info),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let is_right = found.as_ref().is_some_and(|info| info.bytes == bytes);
        if is_condemned {
            let modified = found.map(|info| info.modified);
            if let Some(until) = self.table.threat(pack, modified)? {
                let is_late = store.now()? >= until;
                return Ok(if is_late {
                    Standing::Pending
                } else {
                    Standing::Lacking
                });
            }
        }
        // It was read and found damaged: sound bytes take its place.
        let is_sound = !self.replica.index.is_distrusted(pack)?;
        Ok(if is_right && is_sound {
            Standing::There
        } else {
            Standing::Lacking
        })
    }
}
