//! The packs of the synthetic repository: whole ones, or ends of packs behind a hole.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use offsite::compress::Compressor;
use offsite::crypto::{ObjectKey, Position, Purpose, Secret, draw_salt, session_id};
use offsite::format::frame::{Codec, Role, Shape};
use offsite::format::header::{Header, PACK_HEADER_BYTES, pack_extension};
use offsite::format::pack::{
    Class, FooterEntry, PACK_END_BYTES, TRAILER_BYTES, Trailer, encode_entries,
};
use offsite::format::segment::PackRow;
use offsite::format::{Kind, PACK_CHUNKS_MAX, TAG_BYTES, name, padme};
use offsite::id::{ChunkId, ObjectId, SessionId};
use offsite::repository::{
    FinishedPack, ListingWriter, PackWriter, Plaintext, Repository, RepositoryError,
};

use super::Result;
use super::library::Library;

/// What a chunk of a pack with a hole claims to have.
const HOLLOW_CHUNK_BYTES: u32 = 1 << 20;

pub struct Packs<'p> {
    repository: &'p Repository,
    place: PathBuf,
    /// Whole packs, and those of listings.
    whole: PackWriter,
    /// Packs with a hole, if contents have them.
    hollow: Option<Hollow>,
    rows: Vec<PackRow>,
    /// Metadata chunks that are stored.
    known: HashSet<ChunkId>,
}

/// Packs with so many chunks each, with a session of their own.
struct Hollow {
    session: Secret,
    extension: [u8; 84],
    chunks: usize,
    entries: Vec<FooterEntry>,
}

impl<'p> Packs<'p> {
    /// With [`PACK_CHUNKS_MAX`] chunks each they are whole, with fewer they have holes.
    pub fn new(repository: &'p Repository, place: &Path, chunks: u64) -> Result<Self> {
        let (session, sealed) = repository
            .writer
            .new_session(repository.seams.random.as_ref())?;
        let hollow = (chunks < u64::from(PACK_CHUNKS_MAX)).then(|| Hollow {
            session,
            extension: pack_extension(&sealed),
            chunks: chunks.max(1) as usize,
            entries: Vec::new(),
        });
        for number in 0..=255 {
            for kind in ["packs", "listings"] {
                fs::create_dir_all(place.join(format!("{kind}/{number:02x}")))?;
            }
        }
        Ok(Self {
            repository,
            place: place.to_path_buf(),
            whole: PackWriter::new(repository)?,
            hollow,
            rows: Vec::new(),
            known: HashSet::new(),
        })
    }

    /// The session that snapshots name: that of the contents.
    pub fn session(&self) -> SessionId {
        let hollow = self.hollow.as_ref();
        hollow.map_or(self.whole.session(), |hollow| session_id(&hollow.extension))
    }

    /// Plain bytes of a chunk.
    pub fn chunk_bytes(&self) -> u64 {
        match self.hollow {
            Some(_) => u64::from(HOLLOW_CHUNK_BYTES),
            None => 8,
        }
    }

    pub fn add(&mut self, id: ChunkId, content: &[u8]) -> Result {
        let Some(hollow) = &mut self.hollow else {
            return self.add_whole(Class::Files, id, content.len(), Codec::Plain, content);
        };
        let shape = Shape::plain(HOLLOW_CHUNK_BYTES);
        let position = hollow.entries.len() as u32;
        hollow.entries.push(FooterEntry {
            id,
            shape,
            position,
        });
        if hollow.entries.len() >= hollow.chunks {
            self.end_hollow()?;
        }
        Ok(())
    }

    /// Writes the listing of a night; gives level and id of its topmost chunk.
    pub fn list(&mut self, library: &Library<'_>, night: u64) -> Result<(u8, ChunkId)> {
        let mut listing = ListingWriter::new(&self.repository.writer);
        let mut compressor = Compressor::new()?;
        let mut failure = None;
        let mut store = |bytes: &[u8]| -> Result<ChunkId, RepositoryError> {
            let id = self.repository.writer.metadata_id(bytes);
            if self.known.insert(id) {
                compressor.begin_file();
                let (codec, content) = match compressor.compress(bytes) {
                    Some(small) => (Codec::Zstd, &*small),
                    None => (Codec::Plain, bytes),
                };
                let stored = self.add_whole(Class::Metadata, id, bytes.len(), codec, content);
                failure = failure.take().or(stored.err());
            }
            Ok(id)
        };
        library.each_entry(night, &mut |entry| Ok(listing.push(entry, &mut store)?))?;
        let top = listing.finish(&mut store)?;
        failure.map_or(Ok(top), Err)
    }

    /// Writes what is open, and gives what segments say of all packs.
    pub fn finish(mut self, take: &mut dyn FnMut(PackRow) -> Result) -> Result {
        self.end_hollow()?;
        for class in [Class::Files, Class::Metadata] {
            for pack in self.whole.finish(class)? {
                self.put(&pack)?;
            }
        }
        self.rows.into_iter().try_for_each(take)
    }

    fn add_whole(
        &mut self,
        class: Class,
        id: ChunkId,
        plain: usize,
        codec: Codec,
        content: &[u8],
    ) -> Result {
        let chunk = Plaintext {
            id,
            plain_bytes: plain as u32,
            codec,
            content: &mut content.to_vec(),
        };
        match self.whole.add(class, chunk)? {
            Some(pack) => self.put(&pack),
            None => Ok(()),
        }
    }

    fn put(&mut self, pack: &FinishedPack) -> Result {
        fs::write(self.place.join(&pack.object.name), pack.bytes())?;
        self.rows.push(pack.row());
        Ok(())
    }

    fn end_hollow(&mut self) -> Result {
        let Some(hollow) = &mut self.hollow else {
            return Ok(());
        };
        let entries = std::mem::take(&mut hollow.entries);
        if entries.is_empty() {
            return Ok(());
        }
        let (header, bytes, end) = hollow.end_of(self.repository, &entries)?;
        let id = ObjectId::of(&end);
        let file = File::create(self.place.join(name::of(Kind::DataPack, &id)))?;
        file.write_all_at(&end, bytes - end.len() as u64)?;
        let row = PackRow::new(id, bytes, Class::Files, None, header, &entries);
        self.rows.push(row);
        Ok(())
    }
}

impl Hollow {
    /// Header, length and end of a pack with these chunks: footer, header again, trailer.
    fn end_of(
        &self,
        repository: &Repository,
        entries: &[FooterEntry],
    ) -> Result<(Vec<u8>, u64, Vec<u8>)> {
        let (kind, writer) = (Kind::DataPack, &repository.writer);
        let salt = draw_salt(repository.seams.random.as_ref())?;
        let mut header = Header::unfinished(kind, repository.id(), salt, &self.extension);
        let (_, body) = ObjectKey::derive(Purpose::Body, &self.session, &header)?;
        let subkey = writer.subkey(kind.number());
        let (key, tail) = ObjectKey::derive(Purpose::Tail, &subkey, &header)?;
        header.extend_from_slice(&body);
        header.extend_from_slice(&tail);
        let seal = |out: &mut Vec<u8>, role: Role, plain: &[u8]| -> Result {
            let position = Position::fixed(role.fixed_position());
            let shape = Shape::plain(plain.len() as u32);
            let additional = shape.additional(kind, role, position.number());
            let start = out.len();
            out.extend_from_slice(plain);
            Ok(key.seal(position, &additional, out, start)?)
        };
        let body_bytes = entries
            .iter()
            .map(|one| u64::from(one.shape.stored))
            .sum::<u64>();
        let mut end = Vec::new();
        seal(&mut end, Role::Footer, &encode_entries(entries))?;
        let trailer = Trailer {
            body_bytes,
            footer_stored: end.len() as u32,
            chunks: entries.len() as u32,
            class: Class::Files,
        };
        let pad = u64::from(TAG_BYTES);
        let least =
            PACK_HEADER_BYTES as u64 + body_bytes + pad + (end.len() + PACK_END_BYTES) as u64;
        end.extend_from_slice(&header);
        let encoded = trailer.encode();
        debug_assert_eq!(encoded.len(), TRAILER_BYTES as usize);
        seal(&mut end, Role::Trailer, &encoded)?;
        let bytes = padme::padded(least, kind.padded_bytes_min().unwrap_or(0));
        Ok((header, bytes, end))
    }
}
