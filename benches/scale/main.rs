//! A repository of millions of chunks without their data, for `benches/scale.sh`.
//!
//! `cargo bench --bench scale -- repository FOLDER` makes `FOLDER/repository` and `FOLDER/words`, as
//! the environment says (`FILES`, `CHUNKS_PER_PACK`, `NIGHTS`, `SNAPSHOTS`);
//! `cargo bench --bench scale -- tree FOLDER` makes `FILES` files that take no room, to be backed up.
//!
//! Segments, listings and snapshots are sealed as a backup seals them. Packs are of two kinds. With few chunks
//! each (16 of a megabyte, as photos have), they are files of the right size with the right end and holes for
//! contents: whatever does not read contents finds what it looks for. With 16,384 chunks of eight bytes
//! each, packs are whole, and everything can be done with them.
//!
//! The first snapshot has files that later ones have not: a twentieth of all in a row, so that packs die, and
//! each second of a fifth of all, so that packs are half dead.

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
use offsite::index::Index;
use offsite::ops::{self, InitOptions};
use offsite::repository::{Repository, SealedObject, SegmentWriter, seal_record};
use offsite::seams::{Seams, Timestamp};
use offsite::store::local::Local;
use packs::Packs;

/// Between two snapshots.
const APART: Duration = Duration::from_secs(6 * 3600);

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result {
    // `cargo bench` adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["repository", folder, ..] => repository(Path::new(folder)),
        ["tree", folder, ..] => tree(Path::new(folder)),
        // Run with all other benchmarks, it has nothing to do.
        _ => Ok(()),
    }
}

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn repository(folder: &Path) -> Result {
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
    let files = number("FILES", 2_000_000);
    let mut packs = Packs::new(&repository, &place, number("CHUNKS_PER_PACK", 16))?;
    let library = Library::new(&repository.writer, files, packs.chunk_bytes());
    let nights = number("NIGHTS", 8).max(1);
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
    snapshots(&repository, &place, files, &|snapshot, back| {
        let night = snapshot.min(nights - 1) as usize;
        record(listings[night], session, files, back)
    })
}

/// Puts the snapshots, each with the time in the store that it says itself.
fn snapshots(
    repository: &Repository,
    place: &Path,
    files: u64,
    record: &dyn Fn(u64, Duration) -> Snapshot,
) -> Result {
    let count = number("SNAPSHOTS", 1000).max(1);
    for snapshot in 0..count {
        let back = APART * u32::try_from(count - snapshot)?;
        let payload = cbor::encode(&record(snapshot, back));
        let random = repository.seams.random.as_ref();
        let sealed: SealedObject =
            seal_record(&repository.writer, random, Kind::Snapshot, &payload)?;
        let path = place.join(&sealed.name);
        fs::create_dir_all(place.join("snapshots"))?;
        fs::write(&path, &sealed.bytes)?;
        File::options()
            .write(true)
            .open(&path)?
            .set_modified(SystemTime::now() - back)?;
    }
    println!("{count} snapshots of {files} files");
    Ok(())
}

fn record(
    listing: (u8, offsite::id::ChunkId),
    session: offsite::id::SessionId,
    files: u64,
    back: Duration,
) -> Snapshot {
    let time = Seams::real().clock.now().minus(back);
    Snapshot {
        time,
        started: time,
        finished: time.plus(Duration::from_secs(60)),
        store_time: Some(Timestamp::from_seconds(time.seconds())),
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

/// Files of 1 to 4,096 zero bytes, which take an inode each and no room.
fn tree(folder: &Path) -> Result {
    for number in 0..number("FILES", 2_000_000) {
        let beneath = folder.join(format!("{:05}", number / 500));
        if number % 500 == 0 {
            fs::create_dir_all(&beneath)?;
        }
        let file = File::create(beneath.join(format!("IMG_{number:07}.jpg")))?;
        file.set_len(1 + number % 4096)?;
    }
    Ok(())
}
