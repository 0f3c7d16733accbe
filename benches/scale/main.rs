//! Makes what `benches/scale.sh` measures.
//!
//! `cargo bench --bench scale -- repository FOLDER` makes `FOLDER/repository` and `FOLDER/words`, as the
//! environment says (`FILES`, `CHUNKS_PER_PACK`, `NIGHTS`, `SNAPSHOTS`);
//! `cargo bench --bench scale -- tree FOLDER` makes `FILES` files that take no room, to be backed up.

mod synthetic;

use std::fs::{self, File};
use std::path::Path;

use synthetic::{Result, Sizes};

fn main() -> Result {
    // `cargo bench` adds a flag of its own; run with all other benchmarks, there is nothing to do.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["repository", folder, ..] => synthetic::make(Path::new(folder), &sizes()),
        ["tree", folder, ..] => tree(Path::new(folder), sizes().files),
        _ => Ok(()),
    }
}

fn sizes() -> Sizes {
    let number = |name: &str, default: u64| {
        let value = std::env::var(name).ok();
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    Sizes {
        files: number("FILES", 2_000_000),
        chunks_per_pack: number("CHUNKS_PER_PACK", 16),
        nights: number("NIGHTS", 8),
        snapshots: number("SNAPSHOTS", 1000),
    }
}

/// Files of 1 to 4,096 zero bytes, which take an inode each and no room.
fn tree(folder: &Path, files: u64) -> Result {
    for number in 0..files {
        let beneath = folder.join(format!("{:05}", number / 500));
        if number % 500 == 0 {
            fs::create_dir_all(&beneath)?;
        }
        let file = File::create(beneath.join(format!("IMG_{number:07}.jpg")))?;
        file.set_len(1 + number % 4096)?;
    }
    Ok(())
}
