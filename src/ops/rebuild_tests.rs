//! An index that was rebuilt knows, row by row, what the one knew that wrote the repository.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::crypto::KdfCost;
use crate::ops::{BackupOptions, InitOptions, SourceChoice, backup, init};
use crate::progress::Silent;
use crate::seams::{Seams, SystemClock};
use crate::store::memory::Memory;

/// A repository of three backups, and the index of the host that made them.
fn written() -> (Arc<Memory>, Repository, Index) {
    let store = Arc::new(Memory::new(Arc::new(SystemClock)));
    let options = InitOptions {
        passphrase: "correct horse",
        cost: KdfCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        },
        host: "nas".to_owned(),
        pack_bytes: 1 << 20,
    };
    let mut repository = init(store.clone(), &Seams::real(), &options)
        .unwrap()
        .repository;
    repository.parameters.files = (4_096, 16_384, 65_536);
    let folder = tempfile::tempdir().unwrap();
    let index = Index::in_memory().unwrap();
    for night in 0..3_u8 {
        let mut noise = vec![0; 1_500_000];
        blake3::Hasher::new()
            .update(&[night])
            .finalize_xof()
            .fill(&mut noise);
        std::fs::write(folder.path().join(format!("{night}.jpg")), noise).unwrap();
        let options = BackupOptions {
            source: SourceChoice {
                paths: vec![folder.path().to_path_buf()],
                ..SourceChoice::default()
            },
            current: PathBuf::from("/"),
            host: "nas".to_owned(),
            tags: Vec::new(),
            accept_shrunk: false,
            checkpoint: Default::default(),
        };
        backup(&repository, &index, &options, &Silent).unwrap();
    }
    (store, repository, index)
}

fn segments(store: &Memory) -> Vec<String> {
    let names = store.names().into_iter();
    names.filter(|name| name.starts_with("index/")).collect()
}

#[test]
fn segments_and_footers_say_the_same_row_by_row() {
    let (store, repository, index) = written();
    let expected = index.all_rows().unwrap();
    assert!(expected.len() > 100, "{}", expected.len());
    let fresh = Index::in_memory().unwrap();

    let report = rebuild_index(&repository, &fresh, &Silent).unwrap();
    assert!(fresh.all_rows().unwrap() == expected);
    assert_eq!((report.packs_from_footers, report.packs_unreadable), (0, 0));

    let forced = rebuild_index_from_footers(&repository, &fresh, &Silent).unwrap();
    assert!(fresh.all_rows().unwrap() == expected);
    assert_eq!(forced.packs_from_footers, forced.packs);
    assert_eq!((forced.packs, forced.chunks), (report.packs, report.chunks));

    // One segment damaged, one gone; then none left.
    let names = segments(&store);
    assert_eq!(names.len(), 3);
    assert!(store.tamper(&names[0], |bytes| bytes[200] ^= 1) && store.lose(&names[1]));
    let mended = rebuild_index(&repository, &fresh, &Silent).unwrap();
    assert!(fresh.all_rows().unwrap() == expected);
    assert_eq!(mended.damaged_segments, 1);
    assert!(0 < mended.packs_from_footers && mended.packs_from_footers < mended.packs);
    names.iter().for_each(|name| {
        store.lose(name);
    });
    let alone = rebuild_index(&repository, &fresh, &Silent).unwrap();
    assert!(fresh.all_rows().unwrap() == expected);
    assert_eq!(alone.packs_from_footers, alone.packs);
}

#[test]
fn a_pack_that_nobody_can_speak_for_is_counted_and_holds_up_nothing() {
    let (store, repository, index) = written();
    let pack = index.packs_after(None, 1).unwrap().remove(0);
    let name = [Kind::DataPack, Kind::ListingPack]
        .map(|kind| name::of(kind, &pack.id))
        .into_iter()
        .find(|name| store.tamper(name, |bytes| bytes.reverse()));
    assert!(name.is_some());
    segments(&store)
        .iter()
        .for_each(|name| assert!(store.lose(name)));
    let lost = index.chunks_of(pack.number).unwrap().len() as u64;
    let fresh = Index::in_memory().unwrap();
    let report = rebuild_index(&repository, &fresh, &Silent).unwrap();
    assert_eq!(report.packs_unreadable, 1);
    assert_eq!(report.packs_from_footers, report.packs - 1);
    assert_eq!(report.chunks, index.count_chunks().unwrap() - lost);
}
