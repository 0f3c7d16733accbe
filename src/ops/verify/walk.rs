//! Every listing of every snapshot held against where chunks lie. `survey` goes once through what
//! snapshots share and only notes which leaves are in trouble; `trace`, when there are any, goes
//! to those alone and finds for each snapshot and file which object is to blame.
//!
//! Memory: what is kept are the metadata chunks that were visited, some 100 bytes each.

use std::collections::{HashMap, HashSet};

use super::super::Result;
use super::blame::Blame;
use super::fetch::damage_apart;
use super::findings::Findings;
use super::part::Contents;
use crate::format::FormatError;
use crate::format::Kind;
use crate::format::entry::Entry;
use crate::format::finding::decode_finding_list;
use crate::format::listing::decode_problem_list;
use crate::id::ChunkId;
use crate::index::Index;
use crate::repository::{
    ChunkReader, Fetch, ListingReader, Repository, RepositoryError, SeenLists, StoredSnapshot,
};

/// Chunks of contents that are looked up at once, in the order of the index: 4 MiB.
const ASKED_MAX: usize = 64 * 1024;

pub struct Walk<'w> {
    claims: &'w Index,
    contents: Contents<'w>,
    findings: &'w Findings,
    /// Metadata proves itself by being read, from wherever a restore would read it.
    chunks: ChunkReader<'w>,
    /// Metadata chunks that were gone into, each with its place in the order of keys: in another
    /// place the same chunk could be wrong.
    seen: HashSet<[u8; 32]>,
    /// Whether all is well with a chunk of a listing (or a problem list) and its entries.
    sound: HashMap<ChunkId, bool>,
    lists: SeenLists,
    /// Chunks of contents that were not looked up yet, each with the leaf that names it.
    asked: Vec<(ChunkId, ChunkId)>,
    files_checked: u64,
}

impl<'w> Walk<'w> {
    pub fn new(repository: &'w Repository, contents: Contents<'w>, findings: &'w Findings) -> Self {
        let claims = contents.claims;
        Self {
            claims,
            contents,
            findings,
            chunks: ChunkReader::new(repository, claims, Fetch::Packs),
            seen: HashSet::new(),
            sound: HashMap::new(),
            lists: SeenLists::default(),
            asked: Vec::new(),
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
        for id in snapshot.problem_lists() {
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
            lists,
            asked,
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
                    match &entry.chunks {
                        Some(ids) => {
                            asked.extend(ids.0.iter().map(|id| (*id, entries.chunk())));
                            true
                        }
                        None => is_whole(chunks, contents, lists, &entry)?,
                    }
                }
                Ok(_) => true,
                Err(_) => false,
            };
            note(sound, entries.chunk(), is_sound);
            if asked.len() >= ASKED_MAX {
                look_up(contents, asked, sound)?;
            }
        }
        look_up(contents, asked, sound)
    }

    /// Goes to what is in trouble and blames the objects that cause it.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn trace(&self, snapshot: &StoredSnapshot, local: &Index) -> Result<()> {
        let blame = Blame {
            claims: self.claims,
            contents: self.contents,
            local,
            chunks: &self.chunks,
            findings: self.findings,
        };
        for id in snapshot.problem_lists() {
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
        damage_apart(read.and_then(|bytes| match decode_problem_list(&bytes) {
            Err(FormatError::WrongRole) => Ok(decode_finding_list(&bytes).map(drop)?),
            decoded => Ok(decoded.map(drop)?),
        }))
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

/// Looks up what was asked for, each chunk once; leaves that name what lies nowhere are not sound.
fn look_up(
    contents: &Contents<'_>,
    asked: &mut Vec<(ChunkId, ChunkId)>,
    sound: &mut HashMap<ChunkId, bool>,
) -> Result<()> {
    asked.sort_unstable();
    for of_one in asked.chunk_by(|one, next| one.0 == next.0) {
        let id = of_one.first().map(|(id, _)| *id);
        if let Some(id) = id
            && !contents.is_stored(&id)?
        {
            of_one
                .iter()
                .for_each(|(_, leaf)| note(sound, *leaf, false));
        }
    }
    asked.clear();
    Ok(())
}

/// Whether every chunk of a file that names lists of them lies somewhere.
fn is_whole(
    chunks: &ChunkReader<'_>,
    contents: &Contents<'_>,
    lists: &mut SeenLists,
    entry: &Entry,
) -> Result<bool> {
    let read = lists.all::<RepositoryError>(chunks, entry, &mut |kind, id| match kind {
        Kind::DataPack => Ok(contents.is_stored(id)?),
        // It is read, which says more.
        _ => Ok(true),
    });
    Ok(damage_apart(read)?.unwrap_or(false))
}
