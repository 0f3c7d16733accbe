//! What is to become of one pack: the word of the pack itself, read now, against what snapshots need.

use super::elsewhere::Elsewhere;
use super::options::PruneOptions;
use super::sessions::Sessions;
use super::view::{kind_of, name_of};
use crate::format::header::Header;
use crate::format::pack::Class;
use crate::id::ChunkId;
use crate::index::Index;
use crate::index::prune::{PruneTables, ShownPack};
use crate::ops::Result;
use crate::repository::{ObjectProblem, PackContents, Repository, RepositoryError, read_contents};
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

/// What a pack says of itself.
enum Contents {
    Read(PackContents),
    Gone,
    /// It is there, and its end is not that of a pack.
    Mute(ObjectProblem),
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
            Contents::Read(contents) => contents,
            Contents::Gone => return Ok(Fate::Gone),
            Contents::Mute(problem) => return self.fate_of_mute(pack, free_at, proof, &problem),
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

    /// Of a pack whose own end is damaged, so that nobody can find anything in it but by what segments
    /// say of it: that stands in for its word. Where none speaks of a pack of this size nobody can
    /// find anything in it at all.
    fn fate_of_mute(
        &self,
        pack: &ShownPack,
        free_at: Timestamp,
        proof: Proof,
        problem: &ObjectProblem,
    ) -> Result<Fate> {
        let unreadable = Fate::Unreadable(problem.to_string());
        if problem.is_unsupported() {
            return Ok(unreadable);
        }
        let mut claims = self.index.claims_of(&pack.id)?;
        claims.retain(|claim| {
            claim.bytes == pack.bytes && (claim.class == Class::Metadata as u8) == pack.metadata
        });
        let repository = Some(self.repository.id());
        let mut headers = claims
            .iter()
            .map(|claim| Header::decode(&claim.header, kind_of(pack), repository));
        let are_over = |header: &Header| self.sessions.are_over_for(header, pack.modified);
        let is_over =
            !claims.is_empty() && headers.all(|header| header.is_ok_and(|it| are_over(&it)));
        if !is_over && !self.sessions.are_over_for_all(pack.modified) {
            return Ok(unreadable);
        }
        if self.is_paid_for(pack, free_at) {
            return Ok(Fate::PaidFor);
        }
        let mut needed = Vec::new();
        for claim in &claims {
            for chunk in self.index.chunks_of(claim.number)? {
                if self.tables.is_reached(&chunk.id)? {
                    needed.push(chunk.id);
                }
            }
        }
        if needed.is_empty() {
            return Ok(Fate::Dead);
        }
        Ok(match self.elsewhere(pack, &needed, proof)? {
            Fate::Needed => unreadable,
            fate => fate,
        })
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

    /// What the pack says that it holds.
    fn contents(&self, pack: &ShownPack) -> Result<Contents> {
        let store = self.repository.store.as_ref();
        let writer = &self.repository.writer;
        let read = read_contents(store, writer, kind_of(pack), &pack.id, pack.bytes);
        let problem = match read {
            Ok(contents) => return Ok(Contents::Read(contents)),
            Err(RepositoryError::Object { problem, .. }) => problem,
            Err(error) => return Err(error.into()),
        };
        match store.head(&name_of(pack)) {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Contents::Gone),
            _ => Ok(Contents::Mute(problem)),
        }
    }
}
