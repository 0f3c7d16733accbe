//! The open packs of one run. Threads bring chunks; full packs come out.
//!
//! A chunk gets its pack and its position in one step under the lock, is sealed outside of it, and
//! is appended under the lock again. A pack that is full takes no further chunk; whoever brings the
//! last frame that was promised to it finishes it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pack_builder::{FinishedPack, PackBuilder, PackKeys};
use super::pack_room::{Admission, Held, PackRoom};
use super::{ObjectProblem, Repository};
use crate::crypto::{CryptoError, Secret, session_id};
use crate::format::TAG_BYTES;
use crate::format::frame::{Codec, Shape};
use crate::format::header::pack_extension;
use crate::format::pack::{Class, FooterEntry};
use crate::format::parameters::Parameters;
use crate::id::{ChunkId, SessionId};

/// So many packs of a class are open, and a chunk goes to a random one: the order of chunks is not
/// to be read off the order of packs.
const OPEN_PACKS: usize = 2;
/// Least target of a data pack.
const PACK_BYTES_MIN: u32 = 1024 * 1024;
/// Listing packs are small: they are fetched to read a listing.
const METADATA_PACK_BYTES: usize = 4 * 1024 * 1024;

/// So many data packs are held at once, the open ones included: two that are filled, three that wait
/// for the store or are on their way. With fewer, threads wait for a disk that is as fast as they are.
/// Part of the memory bound.
const PACKS_HELD_MAX: usize = 5;

/// A chunk on its way into a pack.
#[derive(Debug)]
pub struct Plaintext<'a> {
    pub id: ChunkId,
    /// Bytes before compression.
    pub plain_bytes: u32,
    pub codec: Codec,
    /// Compressed or not, as `codec` says. It is sealed where it stands: nobody can read it there
    /// afterwards.
    pub content: &'a mut [u8],
}

/// Packs what a run stores. Shared by the threads of the run.
pub struct PackWriter {
    repository: Repository,
    session: Secret,
    extension: [u8; 84],
    open: Mutex<[Vec<OpenPack>; 3]>,
    data_pack_bytes: usize,
    room: PackRoom,
}

struct OpenPack {
    number: u64,
    builder: PackBuilder,
    /// Bytes of frames that were promised, whether they arrived or not.
    promised_bytes: usize,
    /// Frames that were promised and did not arrive yet.
    awaited: usize,
    /// Takes no further chunk.
    full: bool,
}

impl PackWriter {
    /// Begins a session: draws its key and seals it.
    ///
    /// # Errors
    /// `NoRandomness`, `SealSession`.
    pub fn new(repository: &Repository) -> Result<Self, CryptoError> {
        let random = repository.seams.random.as_ref();
        let (session, sealed) = repository.writer.new_session(random)?;
        // Whoever has a writer key could have put another `repository` there, and packs that are
        // larger than a reader takes would be lost.
        let pack_bytes = repository.parameters.pack_bytes;
        let pack_bytes = pack_bytes.clamp(PACK_BYTES_MIN, Parameters::PACK_BYTES_MAX);
        let data_pack_bytes = pack_bytes as usize;
        Ok(Self {
            session,
            extension: pack_extension(&sealed),
            open: Mutex::default(),
            repository: repository.clone(),
            data_pack_bytes,
            room: PackRoom::new(data_pack_bytes),
        })
    }

    pub fn session(&self) -> SessionId {
        session_id(&self.extension)
    }

    /// Waits while packs that are open, wait for the store or are on their way, and those that others
    /// may begin, are [`PACKS_HELD_MAX`]. Whoever is about to add a chunk asks first, and keeps the
    /// answer until it is added.
    pub fn wait_for_room(&self) -> Admission<'_> {
        self.room.enter(self.data_pack_bytes, self.held_bytes_max())
    }

    /// Whether nobody would have to wait for room now.
    pub fn has_room(&self) -> bool {
        let bytes = self.data_pack_bytes;
        self.room.has_room(bytes, self.held_bytes_max())
    }

    fn held_bytes_max(&self) -> usize {
        PACKS_HELD_MAX * self.data_pack_bytes
    }

    /// The run ends: nobody waits for room any more.
    pub fn stop_waiting(&self) {
        self.room.close();
    }

    /// Gives back to the system what packs stood in, and nobody uses now.
    pub fn release_memory(&self) {
        self.room.release_memory();
    }

    /// Seals a chunk into one of the open packs. Gives the pack if that finished it.
    ///
    /// # Errors
    /// `Crypto`: no randomness.
    pub fn add(
        &self,
        class: Class,
        chunk: Plaintext<'_>,
    ) -> Result<Option<FinishedPack>, ObjectProblem> {
        // Chunks have at most 8 MiB.
        let stored = chunk.content.len() as u32 + TAG_BYTES;
        let shape = Shape {
            stored,
            plain: chunk.plain_bytes,
            codec: chunk.codec,
        };
        let (number, position, keys) = {
            let mut open = self.lock();
            let pack = self.choose(class, of_class(&mut open, class))?;
            pack.promised_bytes += stored as usize;
            pack.awaited += 1;
            let position = pack.builder.take_position()?;
            pack.full = pack.promised_bytes >= self.target_bytes(class)
                || pack.builder.positions_left() == 0;
            (pack.number, position, pack.builder.keys())
        };
        let entry = FooterEntry {
            id: chunk.id,
            shape,
            position: position.number(),
        };
        let tag = keys.seal_chunk(position, shape, chunk.content)?;

        let mut open = self.lock();
        let packs = of_class(&mut open, class);
        let place = packs.iter().position(|pack| pack.number == number);
        let Some((place, pack)) = place.and_then(|place| Some((place, packs.get_mut(place)?)))
        else {
            unreachable!("a pack stays open while a frame is awaited");
        };
        pack.builder.append(entry, chunk.content, &tag);
        pack.awaited -= 1;
        if !pack.full || pack.awaited > 0 {
            return Ok(None);
        }
        let finished = packs.swap_remove(place);
        drop(open);
        finished.builder.finish().map(Some)
    }

    /// Finishes what is open of a class, merged into as few packs as it fits in. The caller has
    /// seen to it that no thread still adds chunks of that class.
    ///
    /// # Errors
    /// `Crypto`.
    pub fn finish(&self, class: Class) -> Result<Vec<FinishedPack>, ObjectProblem> {
        let packs = std::mem::take(of_class(&mut self.lock(), class));
        let mut merged: Vec<PackBuilder> = Vec::new();
        let target = self.target_bytes(class);
        for pack in packs.into_iter().filter(|pack| !pack.builder.is_empty()) {
            let builder = pack.builder;
            match merged
                .iter_mut()
                .find(|other| other.has_room_for(&builder, target))
            {
                Some(other) => other.absorb(&builder)?,
                None => merged.push(builder),
            }
        }
        merged.into_iter().map(PackBuilder::finish).collect()
    }

    /// A random open pack that is not full; makes more if there are too few.
    fn choose<'a>(
        &self,
        class: Class,
        packs: &'a mut Vec<OpenPack>,
    ) -> Result<&'a mut OpenPack, CryptoError> {
        let random = self.repository.seams.random.as_ref();
        let mut byte = [0];
        random
            .fill(&mut byte)
            .map_err(|_| CryptoError::NoRandomness)?;
        while packs.iter().filter(|pack| !pack.full).count() < OPEN_PACKS {
            packs.push(self.open_pack(class, packs)?);
        }
        let choice = usize::from(byte[0]) % OPEN_PACKS;
        let mut candidates = packs.iter_mut().filter(|pack| !pack.full);
        // There are as many as can be chosen.
        candidates.nth(choice).ok_or(CryptoError::PositionsUsedUp)
    }

    fn open_pack(&self, class: Class, packs: &[OpenPack]) -> Result<OpenPack, CryptoError> {
        let Repository { writer, seams, .. } = &self.repository;
        let random = seams.random.as_ref();
        let keys = PackKeys::new(writer, random, class, &self.session, &self.extension)?;
        let bytes = self.target_bytes(class);
        // Those of metadata are small, and few.
        let held = match class {
            Class::Files | Class::Dump => self.room.hold(bytes),
            Class::Metadata => Held::default(),
        };
        Ok(OpenPack {
            number: packs.iter().map(|pack| pack.number + 1).max().unwrap_or(0),
            builder: PackBuilder::new(class, keys, self.room.take(bytes), held),
            promised_bytes: 0,
            awaited: 0,
            full: false,
        })
    }

    fn target_bytes(&self, class: Class) -> usize {
        match class {
            Class::Files | Class::Dump => self.data_pack_bytes,
            Class::Metadata => METADATA_PACK_BYTES,
        }
    }

    fn lock(&self) -> MutexGuard<'_, [Vec<OpenPack>; 3]> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_class(open: &mut [Vec<OpenPack>; 3], class: Class) -> &mut Vec<OpenPack> {
    let [files, dump, metadata] = open;
    match class {
        Class::Files => files,
        Class::Dump => dump,
        Class::Metadata => metadata,
    }
}
