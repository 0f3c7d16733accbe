//! What each stage of a backup or a restore costs by itself, on one thread, in bytes or things a second.
//! `benches/README.md` says how to read it.
//!
//! `cargo bench --bench stages`; a part of a name after `--` runs those alone. `CHUNKS=10000000` in the
//! environment makes the index larger than its 1,000,000 chunks; it lies in the folder for temporary
//! files and takes some 100 bytes a chunk.

mod contents;
mod index;
mod listing;
mod packs;

use std::sync::{Arc, OnceLock};

use offsite::crypto::KdfCost;
use offsite::ops::{self, InitOptions};
use offsite::repository::Repository;
use offsite::seams::{Seams, SystemClock};
use offsite::store::memory::Memory;

fn main() {
    divan::main();
    index::remove_files();
}

/// A repository in memory, with the key that reads.
fn repository() -> &'static Repository {
    static REPOSITORY: OnceLock<Repository> = OnceLock::new();
    REPOSITORY.get_or_init(|| {
        let options = InitOptions {
            passphrase: "a passphrase for a benchmark",
            cost: KdfCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            host: "bench".to_owned(),
            pack_bytes: 16 << 20,
        };
        let store = Arc::new(Memory::new(Arc::new(SystemClock)));
        let made = ops::init(store, &Seams::real(), &options);
        made.expect("a repository in memory").repository
    })
}

/// Bytes that nothing compresses, as those of photos and videos.
fn photo(bytes: usize) -> Vec<u8> {
    let mut photo = vec![0; bytes];
    blake3::Hasher::new()
        .update(b"photo")
        .finalize_xof()
        .fill(&mut photo);
    photo
}

/// A dump: rows with hexadecimal names, paths and numbers.
fn dump(bytes: usize) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 500);
    let mut row = 0_u64;
    while text.len() < bytes {
        let hash = blake3::hash(&row.to_le_bytes()).to_hex();
        text += &format!(
            "{row}\tupload/library/{row:08}.jpg\t\\\\x{}\t[",
            &hash[..40]
        );
        for digits in hash.as_bytes().chunks(8) {
            let number = digits
                .iter()
                .fold(0, |sum, digit| sum * 31 + u32::from(*digit));
            text += &format!("0.0{:06},", number % 1_000_000);
        }
        text += "]\n";
        row += 1;
    }
    text.truncate(bytes);
    text.into_bytes()
}
