//! Dumps: as the gate and the reader of Immich's tables see them, out of compressed files, and on
//! their way back to psql.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use offsite::source::database::{Changes, DatabaseSource, Dump, DumpFacts, Gate, Replay};
use offsite::source::immich::reader::{Reader, Summary};
use offsite::source::immich::rows::{Row, RowSink};

/// Counts rows; remembers and goes back as often as it is told.
#[derive(Default)]
struct Counting {
    rows: u64,
    remembered: u64,
}

impl RowSink for Counting {
    fn row(&mut self, _: Row<'_>) -> io::Result<()> {
        self.rows += 1;
        Ok(())
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.rows = 0;
        Ok(())
    }

    fn remember(&mut self) -> io::Result<bool> {
        self.remembered = self.rows;
        Ok(true)
    }

    fn go_back(&mut self) -> io::Result<()> {
        self.rows = self.remembered;
        Ok(())
    }
}

/// What is said of a dump that comes in pieces of a size.
fn judged(dump: &[u8], piece: usize) -> (Option<DumpFacts>, Summary, u64) {
    let mut reader = Reader::new(Counting::default());
    let facts = {
        let mut gate = Gate::observed(Some(Box::new(&mut reader)));
        let fed = dump.chunks(piece).try_for_each(|piece| gate.feed(piece));
        fed.and_then(|()| gate.finish()).ok()
    };
    let summary = reader.summary();
    (facts, summary, reader.into_sink().rows)
}

/// The verdict on a dump does not depend on how it comes in.
pub fn dump(bytes: &[u8]) -> bool {
    let (piece, dump) = super::choice(bytes);
    let whole = judged(dump, dump.len().max(1));
    let (facts, summary, rows) = judged(dump, usize::from(piece).max(1));
    assert_eq!(whole.0, facts);
    if facts.is_some() {
        assert_eq!((&whole.1, whole.2), (&summary, rows));
    }
    let _ = summary.media_location();
    facts.is_some()
}

/// A file of a dump, compressed or not.
pub fn dump_file(bytes: &[u8]) -> bool {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("dump", flags).expect("a file in memory");
    let mut file = std::fs::File::from(file);
    file.write_all(bytes).expect("room in memory");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let Ok(mut dump) = Dump::open(&DatabaseSource::File(path.into())) else {
        return false;
    };
    let mut buffer = vec![0; 1 << 16];
    // What is small here may be endless there.
    for _ in 0..32 {
        match dump.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => assert!(count <= buffer.len()),
        }
    }
    dump.finish().is_ok()
}

fn replayed(dump: &[u8], piece: usize, changes: &Changes) -> (Vec<u8>, u64) {
    let mut replay = Replay::new(changes.clone());
    let mut out = Vec::new();
    let mut take = |bytes: &[u8]| {
        out.extend_from_slice(bytes);
        Ok::<(), io::Error>(())
    };
    for piece in dump.chunks(piece) {
        replay.feed(piece, &mut take).expect("nothing fails here");
    }
    let contents = replay.finish(&mut take).expect("nothing fails here");
    (out, contents.rows())
}

/// What psql gets: without changes the bytes themselves, with them the same however they come in.
pub fn replay(bytes: &[u8]) -> bool {
    let (piece, dump) = super::choice(bytes);
    let piece = usize::from(piece).max(1);
    let (out, rows) = replayed(dump, piece, &Changes::default());
    assert!(out == dump, "changed although nothing was asked for");
    let changes = Changes {
        search_path: true,
        left_out: ["vector", "vchord", "vectors"].map(str::to_owned).into(),
    };
    let once = replayed(dump, dump.len().max(1), &changes);
    assert!(
        once == replayed(dump, piece, &changes),
        "depends on the size of the pieces"
    );
    rows > 0
}
