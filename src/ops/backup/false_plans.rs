//! Whoever holds the writer key can put a plan that condemns everything, every day anew, and every
//! night would send everything again. A claim in metadata never takes anything away: a plan is
//! passed over as a whole once it is known to be false, and no pruner made it, so that nobody
//! deletes by it (a sweep takes its own plans only).
//!
//! A pruner never condemns all places of a chunk that a snapshot reaches which it knew. So a file
//! that lies unchanged in such a snapshot, and of which a plan takes a chunk, proves the plan false.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::notices::Notices;
use crate::id::{ChunkId, ObjectId};
use crate::index::{CachedContent, Index};
use crate::ops::Result;
use crate::progress::Progress;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, fetch_plan, few_ids,
};
use crate::source::Found;

/// So many files are looked up for one plan at most: an honest one is never proved false, and each
/// costs a descent into a listing.
const LOOKED_UP_MAX: u32 = 1000;
/// Plans that are doubted; a flood of others is believed, which costs and loses nothing.
const DOUBTED_MAX: usize = 1000;
/// Larger files prove nothing.
const IDS_MAX: usize = 1024 * 1024;

/// A snapshot, and level and id of the topmost chunk of its listing.
type Witness = (ObjectId, (u8, ChunkId));

/// What is held against plans.
pub struct Doubts<'r> {
    repository: &'r Repository,
    index: &'r Index,
    notices: Notices<'r>,
    /// Newest first.
    witnesses: OnceLock<Vec<Witness>>,
    plans: Mutex<HashMap<ObjectId, Doubted>>,
}

struct Doubted {
    /// The newest that the plan names.
    witness: Option<Witness>,
    looked_up: u32,
}

impl<'r> Doubts<'r> {
    pub fn new(repository: &'r Repository, index: &'r Index, notices: Notices<'r>) -> Self {
        Self {
            repository,
            index,
            notices,
            witnesses: OnceLock::new(),
            plans: Mutex::default(),
        }
    }

    /// Snapshots of the same source, newest first.
    pub fn call(&self, witnesses: Vec<Witness>) {
        self.witnesses.get_or_init(|| witnesses);
    }

    /// Whether a plan that condemns a chunk of this file, unchanged as it is, was found to be false.
    ///
    /// # Errors
    /// `Index`; `Store` when it is out of reach.
    pub fn expose(&self, found: &Found, content: &CachedContent) -> Result<bool> {
        let mut exposed = false;
        for chunk in &content.chunks {
            for plan in self.index.condemning(chunk)? {
                if !self.is_false(&plan, chunk, found)? {
                    continue;
                }
                self.index.acquit(&plan)?;
                self.notices.notice(&format!(
                    "plans/{plan} condemns what a snapshot needs: no prune made it, and it is \
                     passed over"
                ));
                exposed = true;
            }
        }
        Ok(exposed)
    }

    fn is_false(&self, plan: &ObjectId, chunk: &ChunkId, found: &Found) -> Result<bool> {
        let Some((_, listing)) = self.next_witness(plan)? else {
            return Ok(false);
        };
        match self.chunks_in(listing, found) {
            Ok(ids) => Ok(ids.contains(chunk)),
            Err(error) if error.is_damage() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whom to ask about the plan, if it is worth it still.
    fn next_witness(&self, plan: &ObjectId) -> Result<Option<Witness>> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if !plans.contains_key(plan) {
            if plans.len() >= DOUBTED_MAX {
                return Ok(None);
            }
            let doubted = Doubted {
                witness: self.witness(plan)?,
                looked_up: 0,
            };
            plans.insert(*plan, doubted);
        }
        let Some(doubted) = plans.get_mut(plan) else {
            return Ok(None);
        };
        doubted.looked_up += 1;
        Ok(doubted
            .witness
            .filter(|_| doubted.looked_up <= LOOKED_UP_MAX))
    }

    fn witness(&self, plan: &ObjectId) -> Result<Option<Witness>> {
        let plan = match fetch_plan(self.repository, plan) {
            Ok(plan) => plan,
            Err(error) => {
                error.into_unusable()?;
                return Ok(None);
            }
        };
        let named: HashSet<_> = plan.snapshots.0.iter().collect();
        let mut witnesses = self.witnesses.get().into_iter().flatten();
        Ok(witnesses.find(|(id, _)| named.contains(id)).copied())
    }

    /// The chunks of the file as a snapshot holds it; none if it does not.
    fn chunks_in(
        &self,
        listing: (u8, ChunkId),
        found: &Found,
    ) -> Result<Vec<ChunkId>, RepositoryError> {
        let chunks = ChunkReader::new(self.repository, self.index, Fetch::Packs);
        let listing = ListingReader::new(&chunks, listing);
        for entry in listing.beneath(&found.path) {
            let entry = entry?;
            if entry.root == found.root && entry.path == found.path {
                return Ok(few_ids(&chunks, &entry, IDS_MAX)?.unwrap_or_default());
            }
        }
        Ok(Vec::new())
    }
}
