//! The copy that receives: which chunks it has for good, and which packs its prune plans threaten
//! (design, "Prune", rule 3: condemned is absent for new references).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::housekeeping::new_plans;
use crate::format::pack::Class;
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::TransferTable;
use crate::ops::{Replica, Result};
use crate::progress::Progress;
use crate::store::ErrorKind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Bounds of a grace, whatever a plan says, and how long after it the plan means nothing any more.
const GRACE_MIN: Duration = DAY;
const GRACE_MAX: Duration = DAY.saturating_mul(30);
const LAPSE_AFTER: Duration = DAY.saturating_mul(30);

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
    plans: Mutex<BTreeSet<ObjectId>>,
    has_plans: AtomicBool,
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
        let mut known = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plans = new_plans(repository, &mut known, &mut |name, problem| {
            let text = format!("{name} at {} cannot be used: {problem}", self.replica.name);
            self.progress.notice(&text);
        })?;
        for stored in &plans {
            let grace = Duration::from_secs(stored.plan.grace_seconds).clamp(GRACE_MIN, GRACE_MAX);
            // Nobody can move when it was made by putting it again.
            let made = stored.plan.created.min(stored.modified);
            if repository.store.now()? >= made.plus(grace + LAPSE_AFTER) {
                continue;
            }
            let until = made.plus(grace / 3 * 2);
            for pack in &stored.plan.packs.0 {
                self.table.condemn(pack, stored.modified, until)?;
            }
        }
        if !plans.is_empty() {
            self.has_plans.store(true, Ordering::Relaxed);
        }
        Ok(!plans.is_empty())
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
