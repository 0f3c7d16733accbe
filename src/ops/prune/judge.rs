//! What is to become of one pack: the word of the pack itself, read now, against what snapshots need.

use super::elsewhere::Elsewhere;
use super::options::PruneOptions;
use super::sessions::Sessions;
use super::view::{kind_of, name_of};
use crate::id::ChunkId;
use crate::index::Index;
use crate::index::prune::{PruneTables, ShownPack};
use crate::ops::Result;
use crate::repository::{PackContents, Repository, RepositoryError, read_contents};
use crate::seams::Timestamp;
use crate::store::ErrorKind;

/// What a pack holds that somebody needs, and whether it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nobody needs it.
    Dead,
    /// What of it is needed lies elsewhere too, and was read there.
    Superseded,
    /// It seems to be superseded, which only the read key can see.
    Unproven,
    Needed,
    /// A session that may still be running put it.
    Running,
    PaidFor,
    /// Why it cannot be read.
    Unreadable(String),
    /// It is not there any more.
    Gone,
}

/// How closely other places are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Chunks are read there.
    Read,
    /// It is enough that they are said to lie there.
    Claimed,
}

/// Judges packs; shared by threads.
pub struct Judge<'p> {
    pub repository: &'p Repository,
    pub index: &'p Index,
    pub tables: &'p PruneTables<'p>,
    pub sessions: &'p Sessions,
    pub options: &'p PruneOptions,
    pub elsewhere: Elsewhere<'p>,
}

impl Judge<'_> {
    /// `free_at`: when the pack would be deleted.
    ///
    /// # Errors
    /// `Store` where the store is out of reach; `Index`.
    pub fn fate(&self, pack: &ShownPack, free_at: Timestamp, proof: Proof) -> Result<Fate> {
        let contents = match self.contents(pack)? {
            Ok(contents) => contents,
            Err(fate) => return Ok(fate),
        };
        if !self.sessions.are_over_for(&contents.header, pack.modified) {
            self.note_its_word(pack, &contents)?;
            return Ok(Fate::Running);
        }
        if self.is_paid_for(pack, free_at) {
            return Ok(Fate::PaidFor);
        }
        let mut needed = Vec::new();
        for entry in &contents.entries {
            if self.tables.is_reached(&entry.id)? {
                needed.push(entry.id);
            }
        }
        if needed.is_empty() {
            return Ok(Fate::Dead);
        }
        let fate = self.elsewhere(pack, &needed, proof)?;
        if fate == Fate::Needed {
            self.note_its_word(pack, &contents)?;
        }
        Ok(fate)
    }

    /// From now on its own word is known, whatever segments say.
    fn note_its_word(&self, pack: &ShownPack, contents: &PackContents) -> Result<()> {
        if !self.index.is_verified(&pack.id)? {
            let row = contents.indexed(pack.id, pack.bytes, None);
            self.index.add_pack(&row)?;
        }
        Ok(())
    }

    fn elsewhere(&self, pack: &ShownPack, needed: &[ChunkId], proof: Proof) -> Result<Fate> {
        if !self.elsewhere.are_claimed(pack, needed)? {
            return Ok(Fate::Needed);
        }
        if !self.elsewhere.can_read(pack) {
            return Ok(Fate::Unproven);
        }
        Ok(match proof {
            Proof::Read if !self.elsewhere.are_read(pack, needed)? => Fate::Needed,
            Proof::Read => Fate::Superseded,
            Proof::Claimed => {
                self.elsewhere.pass_over(pack, needed)?;
                Fate::Superseded
            }
        })
    }

    /// Whether it would still be younger than what is paid for anyway.
    pub fn is_paid_for(&self, pack: &ShownPack, at: Timestamp) -> bool {
        pack.modified.plus(self.options.minimum_storage) > at
    }

    /// What the pack says that it holds, or what that makes of it.
    fn contents(&self, pack: &ShownPack) -> Result<Result<PackContents, Fate>> {
        let store = self.repository.store.as_ref();
        let writer = &self.repository.writer;
        let read = read_contents(store, writer, kind_of(pack), &pack.id, pack.bytes);
        let problem = match read {
            Ok(contents) => return Ok(Ok(contents)),
            Err(RepositoryError::Object { problem, .. }) => problem,
            Err(error) => return Err(error.into()),
        };
        match store.head(&name_of(pack)) {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Err(Fate::Gone)),
            _ => Ok(Err(Fate::Unreadable(problem.to_string()))),
        }
    }
}
