//! The index in the state folder is damaged: bits flipped anywhere, cut off, made longer, emptied,
//! gone, that of another repository. Whatever it says, a backup that succeeds is whole, a restore is
//! right, and nobody need be there: at the latest the run after next goes through.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use offsite::index::{Index, IndexError};
use offsite::ops::{Opened, OpsError, VerifyOptions, verify};
use offsite::progress::Silent;
use offsite::repository::RepositoryError;

use super::is_full;
use super::scene::{Copy, Scene, back_up, files};

enum Way {
    Flip(usize, u8),
    Cut(usize),
    Longer,
    Is(&'static [u8]),
    Foreign,
    /// Through SQLite itself.
    Said(&'static str),
}

impl Way {
    fn inflict(&self, path: &Path, scene: &Scene) {
        let mut bytes = std::fs::read(scene.index_path()).unwrap();
        match self {
            Self::Flip(at, bit) => bytes[*at] ^= bit,
            Self::Cut(length) => bytes.truncate(*length),
            Self::Longer => bytes.extend([7; 4096]),
            Self::Is(other) => bytes = other.to_vec(),
            Self::Said(_) => {}
            Self::Foreign => bytes = std::fs::read(scene.foreign_index_path()).unwrap(),
        }
        Index::remove(path);
        std::fs::write(path, bytes).unwrap();
        if let Self::Said(sql) = self {
            let index = rusqlite::Connection::open(path).unwrap();
            index.execute_batch(sql).unwrap();
        }
    }
}

fn ways(scene: &Scene) -> Vec<Way> {
    let length = std::fs::metadata(scene.index_path()).unwrap().len() as usize;
    let mut ways = vec![
        Way::Longer,
        Way::Is(b""),
        Way::Is(b"no database"),
        Way::Foreign,
    ];
    let cuts = [1, 100, 4096, length / 2, length - 4096, length - 1];
    ways.extend(cuts.map(Way::Cut));
    let (step, inside) = if is_full() { (1, 5_000) } else { (7, 300) };
    let ends = (0..256).chain(length - 256..length).step_by(step);
    ways.extend(ends.map(|at| Way::Flip(at, 1 << (at % 8))));
    // Two bytes of the head: of such a file SQLite said that it may only be read, or that its format
    // is not supported, and so did every run from then on.
    ways.extend([Way::Flip(18, 0x04), Way::Flip(47, 0x80)]);
    // Of a value of another type a restore said that a part of the listing was lost, and the file
    // stayed.
    ways.extend(
        [
            "UPDATE chunks SET codec = 'no'",
            "UPDATE packs SET header = 7",
        ]
        .map(Way::Said),
    );
    let mut dice = blake3::Hasher::new().update(b"local").finalize_xof();
    for _ in 0..inside {
        let mut drawn = [0; 8];
        dice.fill(&mut drawn);
        let drawn = u64::from_le_bytes(drawn);
        ways.push(Way::Flip((drawn >> 8) as usize % length, 1 << (drawn & 7)));
    }
    ways
}

/// A night with that index; gives whether all of it went through.
fn night(scene: &Scene, copy: &Copy, path: &Path) -> Result<(), OpsError> {
    let index = Index::open(path).map_err(RepositoryError::from)?;
    let repository = scene.over(copy);
    let made = back_up(&repository, &index, scene.source())?;
    // Without a memory, from the store alone.
    let fresh = Opened::look(repository, Index::in_memory().unwrap(), &Silent).unwrap();
    let options = VerifyOptions { data: true };
    let report = verify(&fresh.repository, &fresh.index, &options, &Silent).unwrap();
    assert!(
        report.is_sound(),
        "the backup is not whole: {:?}",
        report.damage
    );
    let came = scene.restore(&fresh, &made).expect("the new snapshot");
    assert!(came.files == files(scene.source()), "{:?}", came.problems);

    let opened = Opened::look(fresh.repository, index, &Silent)?;
    for (id, expected) in &scene.pictures {
        let came = scene.restore_with(&opened, id)?;
        assert!(
            came.files == *expected,
            "{id} came back otherwise: {:?}",
            came.problems
        );
    }
    Ok(())
}

#[test]
fn a_damaged_index_costs_time_and_nothing_else() {
    let scene = Scene::new();
    let ways = ways(&scene);
    let next = AtomicUsize::new(0);
    let complaints: Mutex<Vec<String>> = Mutex::default();
    let counts: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let work = || {
        let copy = scene.copy();
        let path = copy.folder().join("index.sqlite");
        let count = |what: &str| *counts.lock().unwrap().entry(what.to_owned()).or_default() += 1;
        while let Some(way) = ways.get(next.fetch_add(1, Ordering::Relaxed)) {
            way.inflict(&path, &scene);
            let what = match way {
                Way::Flip(at, bit) => format!("byte {at}, {bit:#x}"),
                Way::Cut(length) => format!("cut to {length}"),
                Way::Said(sql) => sql.to_string(),
                _ => "other".to_owned(),
            };
            let mut tries = 0;
            let complaint = loop {
                tries += 1;
                match catch_unwind(AssertUnwindSafe(|| night(&scene, &copy, &path))) {
                    Ok(Ok(())) => break None,
                    Ok(Err(error)) if tries > 2 => break Some(format!("for ever: {error:?}")),
                    Ok(Err(OpsError::Repository(RepositoryError::Index(
                        IndexError::Unsound { .. },
                    )))) => count("told, and the next run made it anew"),
                    Ok(Err(error)) => break Some(format!("{error:?}")),
                    Err(_) => break Some("a panic".to_owned()),
                }
            };
            count(if tries == 1 {
                "went through"
            } else {
                "went through later"
            });
            let complaint = complaint.map(|it| format!("{what}: {it}"));
            complaints.lock().unwrap().extend(complaint);
            scene.mend(&copy);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let complaints = complaints.into_inner().unwrap();
    println!(
        "counted: damage: {} damaged indexes of the host, a backup, a verify and all restores with each",
        ways.len()
    );
    for (what, count) in counts.into_inner().unwrap() {
        println!("counted: damage: {count} such indexes: {what}");
    }
    println!(
        "counted: damage: {} such indexes that lost anything, needed a human or caused a panic",
        complaints.len()
    );
    assert!(
        complaints.is_empty(),
        "{}:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
