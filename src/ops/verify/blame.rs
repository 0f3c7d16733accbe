//! From a file or a listing that is in trouble to the objects that are to blame.

use std::collections::BTreeSet;

use super::super::Result;
use super::catalog::is_there;
use super::fetch::damage_apart;
use super::findings::Findings;
use super::part::Contents;
use crate::format::entry::Entry;
use crate::format::pack::Class;
use crate::format::{Kind, name};
use crate::id::ChunkId;
use crate::index::Index;
use crate::repository::{ChunkReader, ObjectProblem, RepositoryError, SeenLists};

/// Finds out which object is to blame.
pub struct Blame<'b> {
    /// Where chunks are said to lie.
    pub claims: &'b Index,
    pub contents: Contents<'b>,
    /// What the host remembers: it may know what lay in a pack that is gone with its segment.
    pub local: &'b Index,
    pub chunks: &'b ChunkReader<'b>,
    pub findings: &'b Findings,
}

impl Blame<'_> {
    /// Objects because of which a file cannot be restored; none if it can.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn file(&self, entry: &Entry) -> Result<BTreeSet<String>> {
        let mut objects = BTreeSet::new();
        let mut lost = Vec::new();
        let mut lists = SeenLists::default();
        let read = lists.all::<RepositoryError>(self.chunks, entry, &mut |kind, id| {
            if kind == Kind::DataPack && !self.contents.is_stored(id)? {
                lost.push(*id);
            }
            Ok(true)
        });
        if let Err(error) = damage_apart(read)? {
            objects.extend(match chunk_of(&error) {
                Some(id) => self.metadata(&id, &error)?,
                None => self.nowhere(Kind::ListingPack, &error.to_string()),
            });
        }
        for id in lost {
            objects.extend(self.chunk(&id, Kind::DataPack)?);
        }
        Ok(objects)
    }

    /// Objects because of which a metadata chunk cannot be used.
    ///
    /// # Errors
    /// `Store`, `Index`; `Object` for what is of a later version.
    pub fn metadata(&self, id: &ChunkId, error: &RepositoryError) -> Result<BTreeSet<String>> {
        let kind = Kind::ListingPack;
        match innermost(error) {
            // It was read from a pack that is there: then this pack is damaged.
            RepositoryError::ChunkDamaged { pack, problem, .. } if is_there(self.claims, pack)? => {
                let object = name::of(kind, pack);
                self.findings.damaged(&object, problem);
                Ok([object].into())
            }
            // Authentic, and yet not what it should be: written wrongly.
            RepositoryError::Listing(problem) => {
                let places = self.claims.places(id)?;
                let Some(place) = places.first() else {
                    return Ok(self.nowhere(kind, &error.to_string()));
                };
                let object = name::of(kind, &place.pack);
                let problem = problem.clone();
                self.findings.damaged(&object, &problem.into());
                Ok([object].into())
            }
            _ => self.chunk(id, kind),
        }
    }

    /// Objects in which a chunk that lies nowhere should lie.
    fn chunk(&self, id: &ChunkId, kind: Kind) -> Result<BTreeSet<String>> {
        let mut objects = BTreeSet::new();
        for index in [self.claims, self.local] {
            for place in index.places(id)? {
                if kind_of(place.class) != Some(kind) {
                    continue;
                }
                let object = name::of(kind, &place.pack);
                if self.findings.is_damaged(&object) {
                    objects.insert(object);
                } else if !is_there(self.claims, &place.pack)? {
                    self.findings.damaged(&object, &ObjectProblem::Missing);
                    objects.insert(object);
                }
            }
            if !objects.is_empty() {
                return Ok(objects);
            }
        }
        let problem = format!("the chunk {id} lies nowhere, and nothing says where it lay");
        Ok(self.nowhere(kind, &problem))
    }

    fn nowhere(&self, kind: Kind, problem: &str) -> BTreeSet<String> {
        let object = name::prefix(kind);
        self.findings.says(object, problem.to_owned());
        [object.to_owned()].into()
    }
}

fn kind_of(class: u8) -> Option<Kind> {
    Class::from_number(class).ok().map(Class::kind)
}

fn innermost(error: &RepositoryError) -> &RepositoryError {
    match error {
        RepositoryError::ListingLost { cause, .. } => innermost(cause),
        other => other,
    }
}

/// The chunk that an error is about.
fn chunk_of(error: &RepositoryError) -> Option<ChunkId> {
    match innermost(error) {
        RepositoryError::ChunkMissing { id } | RepositoryError::ChunkDamaged { id, .. } => {
            Some(*id)
        }
        _ => None,
    }
}
