//! The copy that receives: which chunks it has for good, and which packs its prune plans threaten
//! (design, "Prune", rule 3: condemned is absent for new references).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::format::pack::Class;
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::TransferTable;
use crate::ops::{OpsError, Replica, Result};
use crate::progress::Progress;
use crate::repository::visit_new_plans;
use crate::seams::Timestamp;
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

#[derive(Default)]
struct Plans {
    known: HashSet<ObjectId>,
    /// The store's time at the first look, and the time since boot then.
    asked: Option<(Timestamp, Duration)>,
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

    /// Takes note of plans that were not there before and that a pruner can have made; tells whether
    /// there were any.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn look_for_plans(&self) -> Result<bool> {
        let repository = &self.replica.repository;
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let Plans { known, asked } = &mut *plans;
        let boot = repository.seams.clock.since_boot();
        let (then, since) = match asked {
            Some(asked) => *asked,
            None => *asked.insert((repository.store.now()?, boot)),
        };
        let is_any = visit_new_plans::<OpsError>(
            repository,
            then.plus(boot.saturating_sub(since)),
            known,
            &mut |name, problem| {
                let text = format!("{name} at {} cannot be used: {problem}", self.replica.name);
                self.progress.notice(&text);
            },
            &mut |stored| {
                // Nobody can move when it was made by putting it again.
                let until = stored.made().plus(stored.grace() / 3 * 2);
                for pack in &stored.plan.packs.0 {
                    self.table.condemn(pack, stored.modified, until)?;
                }
                Ok(())
            },
        )?;
        self.has_plans.fetch_or(is_any, Ordering::Relaxed);
        Ok(is_any)
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
