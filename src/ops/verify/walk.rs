//! Every listing of every snapshot held against where chunks lie. `survey` goes once through what
//! snapshots share and only notes which leaves are in trouble; `trace`, when there are any, goes
//! to those alone and finds for each snapshot and file which object is to blame.
//!
//! Memory: what is kept are the metadata chunks that were visited, some 100 bytes each.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Result;
use super::catalog::is_there;
use super::findings::Findings;
use crate::format::entry::Entry;
use crate::format::listing::decode_problem_list;
use crate::format::pack::Class;
use crate::format::{Kind, name};
use crate::id::{ChunkId, ObjectId};
use crate::index::Index;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, StoredSnapshot, read_ids,
};

pub struct Walk<'w> {
    claims: &'w Index,
    /// Where a content chunk must be found: what was proven, or else what is claimed.
    contents: &'w Index,
    findings: &'w Findings,
    /// Metadata proves itself by being read, from wherever a restore would read it.
    chunks: ChunkReader<'w>,
    /// Metadata chunks that were gone into, each with its place in the order of keys: in another
    /// place the same chunk could be wrong.
    seen: HashSet<[u8; 32]>,
    /// Whether all is well with a chunk of a listing (or a problem list) and its entries.
    sound: HashMap<ChunkId, bool>,
    files_checked: u64,
}

impl<'w> Walk<'w> {
    pub fn new(
        repository: &'w Repository,
        claims: &'w Index,
        proven: Option<&'w Index>,
        findings: &'w Findings,
    ) -> Self {
        Self {
            claims,
            contents: proven.unwrap_or(claims),
            findings,
            chunks: ChunkReader::new(repository, claims, Fetch::Packs),
            seen: HashSet::new(),
            sound: HashMap::new(),
            files_checked: 0,
        }
    }

    pub fn files_checked(&self) -> u64 {
        self.files_checked
    }

    pub fn found_trouble(&self) -> bool {
        self.sound.values().any(|sound| !sound)
    }

    /// Visits what no earlier snapshot showed.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn survey(&mut self, snapshot: &StoredSnapshot) -> Result<()> {
        for id in problem_lists(snapshot) {
            if self.seen.insert(place(&id, None, None)) {
                let sound = self.problem_list(&id)?.is_ok();
                note(&mut self.sound, id, sound);
            }
        }
        let top = snapshot.record.listing;
        if !self.seen.insert(place(&top.1, None, None)) {
            return Ok(());
        }
        let Self {
            chunks,
            contents,
            seen,
            sound,
            files_checked,
            ..
        } = self;
        let filter = |first: Key<'_>, next: Option<Key<'_>>, id: &ChunkId| {
            seen.insert(place(id, Some(first), next))
        };
        let mut entries = ListingReader::new(chunks, top).filtered(Box::new(filter));
        while let Some(entry) = entries.next() {
            let is_sound = match damage_apart(entry)? {
                Ok(entry) if entry.has_content() => {
                    *files_checked += 1;
                    is_whole(chunks, contents, &entry)?
                }
                Ok(_) => true,
                Err(_) => false,
            };
            note(sound, entries.chunk(), is_sound);
        }
        Ok(())
    }

    /// Goes to what is in trouble and blames the objects that cause it.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn trace(&self, snapshot: &StoredSnapshot, local: &Index) -> Result<()> {
        let blame = Blame { walk: self, local };
        for id in problem_lists(snapshot) {
            if self.sound.get(&id) == Some(&false)
                && let Err(error) = self.problem_list(&id)?
            {
                for object in blame.metadata(&id, &error)? {
                    self.findings.hurts(&object, &snapshot.id);
                }
            }
        }
        let top = snapshot.record.listing;
        if self.is_sound(&top.1) && top.0 == 0 {
            return Ok(());
        }
        let filter = |_: Key<'_>, _: Option<Key<'_>>, id: &ChunkId| !self.is_sound(id);
        let mut entries = ListingReader::new(&self.chunks, top).filtered(Box::new(filter));
        while let Some(entry) = entries.next() {
            match damage_apart(entry)? {
                Ok(entry) if entry.has_content() => {
                    for object in blame.file(&entry)? {
                        self.findings.hurts_file(&object, &snapshot.id, &entry.path);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    for object in blame.metadata(&entries.chunk(), &error)? {
                        self.findings
                            .hurts_listing(&object, &snapshot.id, &error.to_string());
                    }
                }
            }
        }
        Ok(())
    }

    /// Of a node that was gone into, the answer is `false`: what is beneath it is not known here.
    fn is_sound(&self, id: &ChunkId) -> bool {
        self.sound.get(id) == Some(&true)
    }

    fn problem_list(&self, id: &ChunkId) -> Result<Result<(), RepositoryError>> {
        let read = self.chunks.metadata(id);
        damage_apart(read.and_then(|bytes| Ok(decode_problem_list(&bytes).map(drop)?)))
    }
}

type Key<'k> = (u32, &'k [u8]);

/// A chunk of a listing and the keys between which it stands.
fn place(id: &ChunkId, first: Option<Key<'_>>, next: Option<Key<'_>>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_bytes());
    for key in [first, next] {
        match key {
            None => hasher.update(&[0]),
            Some((root, path)) => hasher
                .update(&[1])
                .update(&root.to_le_bytes())
                .update(&(path.len() as u64).to_le_bytes())
                .update(path),
        };
    }
    *hasher.finalize().as_bytes()
}

fn note(sound: &mut HashMap<ChunkId, bool>, id: ChunkId, is_sound: bool) {
    let noted = sound.entry(id).or_insert(true);
    *noted &= is_sound;
}

fn problem_lists(snapshot: &StoredSnapshot) -> Vec<ChunkId> {
    let problems = snapshot.record.problems.as_ref();
    problems.map_or(Vec::new(), |problems| problems.chunks.0.clone())
}

/// Damage is an answer; anything else ends the work.
fn damage_apart<T>(result: Result<T, RepositoryError>) -> Result<Result<T, RepositoryError>> {
    match result {
        Err(error) if !error.is_damage() => Err(error.into()),
        other => Ok(other),
    }
}

/// Whether every chunk of a file lies somewhere.
fn is_whole(chunks: &ChunkReader<'_>, contents: &Index, entry: &Entry) -> Result<bool> {
    let mut whole = true;
    let read = read_ids::<RepositoryError>(chunks, entry, &mut |id| {
        whole = whole && contents.is_stored(id)?;
        Ok(())
    });
    Ok(damage_apart(read)?.is_ok() && whole)
}

/// Finds out which object is to blame.
struct Blame<'b, 'w> {
    walk: &'b Walk<'w>,
    /// What the host remembers: it may know what lay in a pack that is gone with its segment.
    local: &'b Index,
}

impl Blame<'_, '_> {
    /// Objects because of which a file cannot be restored; none if it can.
    fn file(&self, entry: &Entry) -> Result<BTreeSet<String>> {
        let mut objects = BTreeSet::new();
        let mut lost = Vec::new();
        let read = read_ids::<RepositoryError>(&self.walk.chunks, entry, &mut |id| {
            if !self.walk.contents.is_stored(id)? {
                lost.push(*id);
            }
            Ok(())
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
    fn metadata(&self, id: &ChunkId, error: &RepositoryError) -> Result<BTreeSet<String>> {
        let kind = Kind::ListingPack;
        match innermost(error) {
            // It was read from a pack that is there: then this pack is damaged.
            RepositoryError::ChunkDamaged { pack, problem, .. } if self.is_there(pack)? => {
                let object = name::of(kind, pack);
                self.walk.findings.damaged(&object, problem.clone())?;
                Ok([object].into())
            }
            // Authentic, and yet not what it should be: written wrongly.
            RepositoryError::Listing(problem) => {
                let places = self.walk.claims.places(id)?;
                let Some(place) = places.first() else {
                    return Ok(self.nowhere(kind, &error.to_string()));
                };
                let object = name::of(kind, &place.pack);
                let problem = problem.clone();
                self.walk.findings.damaged(&object, problem.into())?;
                Ok([object].into())
            }
            _ => self.chunk(id, kind),
        }
    }

    /// Objects in which a chunk that lies nowhere should lie.
    fn chunk(&self, id: &ChunkId, kind: Kind) -> Result<BTreeSet<String>> {
        let mut objects = BTreeSet::new();
        for index in [self.walk.claims, self.local] {
            for place in index.places(id)? {
                if kind_of(place.class) != Some(kind) {
                    continue;
                }
                let object = name::of(kind, &place.pack);
                if self.walk.findings.is_damaged(&object) {
                    objects.insert(object);
                } else if !self.is_there(&place.pack)? {
                    let problem = crate::repository::ObjectProblem::Missing;
                    self.walk.findings.damaged(&object, problem)?;
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
        self.walk.findings.says(object, problem.to_owned());
        [object.to_owned()].into()
    }

    fn is_there(&self, pack: &ObjectId) -> Result<bool> {
        is_there(self.walk.claims, pack)
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
