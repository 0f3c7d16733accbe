//! What others claim: second places, forged segments, false chunks, a poisoned index.

use super::*;
use crate::format::frame::Codec;
use crate::format::pack::{Class, FooterEntry};
use crate::format::segment::{PackRow, Segment};
use crate::id::SessionId;
use crate::index::IndexedPack;
use crate::repository::{PackWriter, Plaintext, SegmentWriter};

/// A data pack with one chunk that claims to be `id`.
pub(super) fn put_chunk(repository: &Repository, id: ChunkId, content: &[u8]) -> String {
    let packs = PackWriter::new(repository).unwrap();
    let chunk = Plaintext {
        id,
        plain_bytes: content.len() as u32,
        codec: Codec::Plain,
        content: &mut content.to_vec(),
    };
    let full = packs.add(Class::Files, chunk).unwrap();
    let mut finished = packs.finish(Class::Files).unwrap();
    let pack = full.unwrap_or_else(|| finished.remove(0));
    let object = &pack.object;
    let store = repository.store.as_ref();
    store.put(&object.name, object.bytes.clone()).unwrap();
    let mut segments = SegmentWriter::new(packs.session());
    segments.add(pack.row());
    let index = Index::in_memory().unwrap();
    segments.publish(repository, &index).unwrap();
    object.name.clone()
}

/// The content of a chunk that one file needs.
fn chunk_and_content() -> (&'static Needed, Vec<u8>) {
    let fixture = fixture();
    let needed = fixture.contents.iter().max_by_key(|one| one.row.plain);
    let needed = needed.unwrap();
    let index = Index::in_memory().unwrap();
    load_catalog(&fixture.repository, &index).unwrap();
    let fetch = crate::repository::Fetch::Packs;
    let chunks = crate::repository::ChunkReader::new(&fixture.repository, &index, fetch);
    (needed, chunks.content(&needed.row.id).unwrap().to_vec())
}

#[test]
fn a_bad_chunk_with_another_good_place_hurts_nobody() {
    let fixture = fixture();
    let (needed, content) = chunk_and_content();
    let store = fixture.copy();
    let repository = fixture.at(store.clone());
    put_chunk(&repository, needed.row.id, &content);
    assert!(store.tamper(&needed.pack, |body| body[needed.row.start as usize] ^= 1));
    let report = check(&repository, true);
    assert_eq!(damaged(&report), [needed.pack.as_str()]);
    assert_eq!(Hurt::of(&report.damage[0]), Hurt::default());
    let problem = &report.damage[0].problem;
    assert!(problem.contains("1 of its"), "{problem}");
}

#[test]
fn garbage_under_a_true_id_is_found_with_the_read_key_only() {
    let fixture = fixture();
    let (needed, content) = chunk_and_content();
    let store = fixture.copy();
    let mut repository = fixture.at(store.clone());
    let garbage = vec![7; content.len()];
    let poison = put_chunk(&repository, needed.row.id, &garbage);
    // Beside the true chunk it is damage that hurts nobody.
    let report = check(&repository, true);
    assert_eq!(damaged(&report), [poison.as_str()]);
    assert_eq!(Hurt::of(&report.damage[0]), Hurt::default());
    // In its place it hurts all who need the chunk, as does the loss.
    assert!(store.lose(&needed.pack));
    let report = check(&repository, true);
    let mut expected = [poison.as_str(), needed.pack.as_str()];
    expected.sort_unstable();
    assert_eq!(damaged(&report), expected);
    for damage in &report.damage {
        let by_poison = |row: &ChunkRow| damage.object != poison || row.id == needed.row.id;
        let hurt = fixture.hurt(&needed.pack, by_poison);
        assert_eq!(Hurt::of(damage), hurt, "{}", damage.object);
    }
    // Who cannot decrypt misses only what other packs claim to hold.
    repository.reader = None;
    let report = check(&repository, true);
    assert!(!report.decrypted);
    let rest = fixture.hurt(&needed.pack, |row| row.id != needed.row.id);
    let found: Hurt = report.damage.first().map(Hurt::of).unwrap_or_default();
    assert_eq!(found, rest);
}

fn forged(fixture: &Fixture, pack: ObjectId, bytes: u64, rows: &[ChunkRow]) -> Segment {
    let entries: Vec<FooterEntry> = rows
        .iter()
        .map(|row| FooterEntry {
            id: row.id,
            shape: crate::format::frame::Shape {
                stored: row.stored,
                plain: row.plain,
                codec: Codec::from_number(row.codec).unwrap(),
            },
            position: row.position,
        })
        .collect();
    let index = Index::in_memory().unwrap();
    load_catalog(&fixture.repository, &index).unwrap();
    let mut known = index.packs_after(None, 100).unwrap();
    known.retain(|pack| pack.class == Class::Files as u8);
    let some = known.remove(0);
    Segment {
        session: SessionId::new([1; 16]),
        continues: Vec::new().into(),
        replaces: Vec::new().into(),
        packs: vec![PackRow::new(
            pack,
            bytes,
            Class::Files,
            None,
            some.header,
            &entries,
        )],
    }
}

#[test]
fn a_segment_that_names_packs_that_do_not_exist_does_no_harm() {
    let fixture = fixture();
    let store = fixture.copy();
    let repository = fixture.at(store.clone());
    let rows: Vec<ChunkRow> = fixture
        .contents
        .iter()
        .take(5)
        .enumerate()
        .map(|(position, one)| ChunkRow {
            position: position as u32,
            ..one.row
        })
        .collect();
    let segment = forged(fixture, ObjectId::new([9; 32]), 1 << 20, &rows);
    put_record(&repository, Kind::Segment, &cbor::encode(&segment));
    for data in [true, false] {
        let report = check(&repository, data);
        assert!(report.is_sound(), "{:?}", report.damage);
    }
}

#[test]
fn a_segment_that_lies_about_a_pack_takes_nothing_away() {
    let fixture = fixture();
    let needed = &fixture.contents[0];
    let (_, Some(pack)) = name::parse(&needed.pack).unwrap() else {
        panic!("a pack has a hash");
    };
    let bytes = fixture.copy().peek(&needed.pack).unwrap().len() as u64;
    // A reader takes it for a frame all the same, compressed as the true one may not be.
    let false_row = ChunkRow {
        codec: 1,
        plain: needed.row.plain + 1,
        ..needed.row
    };
    let lies = [
        forged(fixture, pack, bytes + 1, &[needed.row]),
        forged(fixture, pack, bytes, &[]),
        forged(fixture, pack, bytes, &[false_row]),
    ];
    for lie in lies {
        let store = fixture.copy();
        let repository = fixture.at(store.clone());
        // The first segment to be read is the forged one.
        let first = fixture.names("index/").remove(0);
        loop {
            let name = put_record(&repository, Kind::Segment, &cbor::encode(&lie));
            if name < first {
                break;
            }
            assert!(store.lose(&name));
        }
        for data in [true, false] {
            let report = check(&repository, data);
            assert!(report.is_sound(), "{:?}", report.damage);
        }
        let restored = restore_all(&repository);
        assert!(restored.is_empty(), "{restored:?}");
    }
}

/// What a host without an index cannot restore.
fn restore_all(repository: &Repository) -> Vec<(Vec<u8>, String)> {
    use crate::ops::{Opened, RestoreOptions, restore};
    let index = Index::in_memory().unwrap();
    let opened = Opened::look(repository.clone(), index, &Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        target: folder.path().join("restored"),
        files: true,
        database: true,
        ..RestoreOptions::default()
    };
    let snapshot = opened.snapshot("latest", &Default::default()).unwrap();
    let Opened {
        repository, index, ..
    } = &opened;
    let report = restore(repository, index, &snapshot.record, &options, &Silent).unwrap();
    report.problems
}

#[test]
fn what_the_host_remembers_is_no_excuse() {
    let fixture = fixture();
    let store = fixture.copy();
    let repository = fixture.at(store.clone());
    let index = Index::in_memory().unwrap();
    load_catalog(&repository, &index).unwrap();
    // The index was told that all chunks lie in a pack that is there, and it knows the snapshots.
    let pack = &fixture.contents[0].pack;
    let others = fixture.contents.iter().map(|one| &one.pack);
    let other = others.into_iter().find(|other| *other != pack).unwrap();
    let (_, Some(other)) = name::parse(other).unwrap() else {
        panic!("a pack has a hash");
    };
    let known = index.pack(&other).unwrap().unwrap();
    let poisoned = Index::in_memory().unwrap();
    poisoned
        .add_pack(&IndexedPack {
            id: other,
            bytes: known.bytes,
            class: known.class,
            crc: known.crc,
            header: known.header,
            chunks: fixture.contents.iter().map(|one| one.row).collect(),
        })
        .unwrap();
    load_catalog(&repository, &poisoned).unwrap();
    crate::repository::load_snapshots(&repository, &poisoned, &mut |_, _| {}).unwrap();
    assert!(store.lose(pack));
    let snapshot = name::of(Kind::Snapshot, &fixture.snapshots[0]);
    assert!(store.tamper(&snapshot, |body| body[200] ^= 1));
    for data in [true, false] {
        let report = verify(&repository, &poisoned, &VerifyOptions { data }, &Silent).unwrap();
        let mut expected = [pack.as_str(), snapshot.as_str()];
        expected.sort_unstable();
        assert_eq!(damaged(&report), expected);
    }
}

#[test]
fn what_the_host_remembers_names_a_pack_that_is_gone_with_its_segment() {
    let fixture = fixture();
    let store = fixture.copy();
    let repository = fixture.at(store.clone());
    let index = Index::in_memory().unwrap();
    load_catalog(&repository, &index).unwrap();
    let pack = &fixture.contents[0].pack;
    assert!(store.lose(pack));
    let segments = fixture.names("index/");
    assert!(segments.iter().all(|name| store.lose(name)));
    for data in [true, false] {
        let report = verify(&repository, &index, &VerifyOptions { data }, &Silent).unwrap();
        assert_eq!(damaged(&report), [pack.as_str()]);
        assert_eq!(Hurt::of(&report.damage[0]), fixture.hurt(pack, |_| true));
        // Without it, the files are named all the same.
        let report = check(&repository, data);
        assert_eq!(damaged(&report), ["packs/"]);
        assert_eq!(Hurt::of(&report.damage[0]), fixture.hurt(pack, |_| true));
    }
}
