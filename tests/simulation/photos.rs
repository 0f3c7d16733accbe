//! The photos of all hosts: some are the same. No file is ever changed, so that a run can be repeated
//! call for call; what a library holds of a night is said by what is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::turns::Dice;

/// Photos of a host.
const PHOTOS: u64 = 10;

pub struct Pool {
    pub folder: PathBuf,
    /// By host and name.
    pub contents: BTreeMap<(String, String), Vec<u8>>,
}

/// In memory where that can be had: there is nothing to learn here from waiting for a disk.
pub fn scratch() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.unwrap()
}

/// In one place for all runs on this machine, and left there: so the kernel's change times, which nobody
/// can set and which are part of a snapshot, are the same when a seed is played again.
pub fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut contents = BTreeMap::new();
        for (host, first) in [("anna", 0), ("ben", PHOTOS / 2)] {
            for (number, file) in (first..).zip(all()) {
                contents.insert((host.to_owned(), file), noise(number));
            }
        }
        let made = scratch();
        let user = rustix::process::getuid().as_raw();
        let name = format!("offsite-simulation-2-{user}");
        let folder = made.path().with_file_name(name);
        if !folder.exists() {
            for ((host, file), content) in &contents {
                std::fs::create_dir_all(made.path().join(host)).unwrap();
                std::fs::write(made.path().join(host).join(file), content).unwrap();
            }
            // Somebody else may have been faster; then this goes away with its contents.
            let _ = std::fs::rename(made.path(), &folder);
        }
        for ((host, file), content) in &contents {
            let found = std::fs::read(folder.join(host).join(file)).unwrap();
            assert!(found == *content, "{folder:?} is to be removed");
        }
        Pool { folder, contents }
    })
}

pub fn all() -> impl Iterator<Item = String> {
    (0..PHOTOS).map(|number| format!("{number}.jpg"))
}

/// Of different lengths: some are one chunk, some several.
fn noise(number: u64) -> Vec<u8> {
    let mut noise = vec![0; 700 + 4_900 * (number as usize % 7)];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}

/// A part of the photos, at least one.
pub fn some(dice: &mut Dice) -> BTreeSet<String> {
    let always = dice.below(PHOTOS);
    let often = dice.one_of(&[1_000, 2_000, 4_000]);
    let mut number = 0;
    all()
        .filter(|_| {
            number += 1;
            number - 1 == always || dice.happens(often)
        })
        .collect()
}
