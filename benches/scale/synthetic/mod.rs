//! A repository of millions of chunks without their data.
//!
//! Segments, listings and snapshots are sealed as a backup seals them. Packs are of two kinds. With few
//! chunks each (16 of a megabyte, as photos have), they are files of the right size with the right end and holes
//! for contents: whatever does not read contents finds what it looks for. With 16,384 chunks of
//! eight bytes each, packs are whole, and everything can be done with them.
//!
//! The first snapshot has files that later ones have not: a twentieth of all in a row, so that packs die,
//! and each second of a fifth of all, so that packs are half dead.

mod library;
mod packs;

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use library::Library;
use offsite::crypto::KdfCost;
use offsite::format::snapshot::{Root, Snapshot, Statistics};
use offsite::format::{Kind, cbor};
use offsite::id::{ChunkId, SessionId};
use offsite::index::Index;
use offsite::ops::{self, InitOptions};
use offsite::repository::{Repository, SegmentWriter, seal_record};
use offsite::seams::Seams;
use offsite::store::local::Local;
use packs::Packs;

/// Between two snapshots.
const APART: Duration = Duration::from_secs(6 * 3600);

pub type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// How large it is to be.
pub struct Sizes {
    /// With five chunks each.
    pub files: u64,
    pub chunks_per_pack: u64,
    /// Listings that differ; snapshots beyond have the last.
    pub nights: u64,
    pub snapshots: u64,
}

/// Makes `repository` and `words` in a folder.
pub fn make(folder: &Path, sizes: &Sizes) -> Result {
    let place = folder.join("repository");
    fs::create_dir_all(&place)?;
    let seams = Seams::real();
    let options = InitOptions {
        passphrase: "only for this measurement",
        cost: KdfCost::LEAST,
        host: "scale".to_owned(),
        pack_bytes: 16 << 20,
    };
    let store = Arc::new(Local::open(&place, seams.clone())?);
    let repository = ops::init(store, &seams, &options)?.repository;
    if let Some(key) = &repository.reader {
        fs::write(folder.join("words"), key.words()?.as_bytes())?;
    }
    let mut packs = Packs::new(&repository, &place, sizes.chunks_per_pack)?;
    let library = Library::new(&repository.writer, sizes.files, packs.chunk_bytes());
    let nights = sizes.nights.max(1);
    library.each_chunk(nights, &mut |chunk, content| packs.add(chunk, content))?;
    let mut listings = Vec::new();
    for night in 0..nights {
        listings.push(packs.list(&library, night)?);
    }
    let session = packs.session();
    let mut segments = SegmentWriter::new(session);
    let index = Index::temporary()?;
    packs.finish(&mut |row| {
        segments.add(row);
        if segments.is_large(1) {
            segments.publish(&repository, &index)?;
        }
        Ok(())
    })?;
    segments.publish(&repository, &index)?;
    for number in 0..sizes.snapshots.max(1) {
        let back = APART * u32::try_from(sizes.snapshots.max(1) - number)?;
        let listing = listings[number.min(nights - 1) as usize];
        put(
            &repository,
            &place,
            &record(listing, session, sizes.files, back),
            back,
        )?;
    }
    Ok(())
}

/// Puts a snapshot; the store has it since the time that it says itself.
fn put(repository: &Repository, place: &Path, record: &Snapshot, back: Duration) -> Result {
    let random = repository.seams.random.as_ref();
    let payload = cbor::encode(record);
    let sealed = seal_record(&repository.writer, random, Kind::Snapshot, &payload)?;
    let path = place.join(&sealed.name);
    fs::create_dir_all(place.join("snapshots"))?;
    fs::write(&path, &sealed.bytes)?;
    let file = File::options().write(true).open(&path)?;
    Ok(file.set_modified(SystemTime::now() - back)?)
}

fn record(listing: (u8, ChunkId), session: SessionId, files: u64, back: Duration) -> Snapshot {
    let time = Seams::real().clock.now().minus(back);
    Snapshot {
        time,
        started: time,
        finished: time.plus(Duration::from_secs(60)),
        store_time: Some(time),
        host: "scale".to_owned(),
        tags: Vec::new(),
        profile: String::new(),
        tool: "offsite benches/scale".to_owned(),
        roots: vec![Root {
            number: library::ROOT,
            kind: "path".to_owned(),
            source: b"/srv/photos".to_vec(),
        }],
        session,
        continues: Vec::new().into(),
        parent: None,
        listing,
        database: None,
        statistics: Statistics {
            files,
            ..Statistics::default()
        },
        audit: Default::default(),
        problems: None,
        suspect: None,
        findings: None,
        mounts: Vec::new(),
    }
}
