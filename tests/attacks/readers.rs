//! What is read for people only (audits, proofs, searches, comparisons) is as hostile as the rest.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use offsite::format::Kind;
use offsite::format::cbor::{self, Counts, Joined};
use offsite::format::entry::{Entry, EntryType, Key};
use offsite::format::finding::{Finding, Findings, append_finding, begin_finding_list};
use offsite::format::housekeeping::{Finding as Held, Proof};
use offsite::format::listing::{Child, append_child, append_entry, begin_leaf, begin_node};
use offsite::format::pack::Class;
use offsite::format::snapshot::Snapshot;
use offsite::id::ObjectId;
use offsite::ops::{self, FindOptions};
use offsite::progress::Silent;
use offsite::repository::{load_proofs, store_proof};
use offsite::seams::Timestamp;

use crate::world::{World, noise, restore};

fn held(summary: &str, figures: BTreeMap<String, u64>) -> Held {
    Held {
        kind: "drill".to_owned(),
        host: "mallory".to_owned(),
        began: Timestamp::default(),
        ended: Timestamp::default(),
        snapshot: None,
        ok: true,
        figures: Counts(figures),
        summary: summary.to_owned(),
    }
}

/// Proofs that are some KB in the store and 32 MiB in memory each: two thousand of them were read at
/// once.
#[test]
fn a_proof_that_swells_is_passed_over() {
    let world = World::new();
    let honest = world.backup().unwrap();
    store_proof(&world.repository, held("all came back", BTreeMap::new())).unwrap();
    let figures = (0..2_000).map(|number| (number.to_string(), 1)).collect();
    let long = " ".repeat(1 << 20);
    for forged in [held(&long, BTreeMap::new()), held("", figures)] {
        let proof = Proof {
            finding: cbor::encode(&forged),
            signature: None,
        };
        let random = world.repository.seams.random.as_ref();
        let writer = &world.repository.writer;
        let payload = cbor::encode(&proof);
        // What is too long is not sealed by the library; a forger meets the reader's same bound.
        if let Ok(object) = offsite::repository::seal_record(writer, random, Kind::Proof, &payload)
        {
            assert!(payload.len() < 20_000);
            world.put(&object);
        }
    }
    let mut damaged = 0;
    let proofs = load_proofs(&world.repository, &mut |_, _| damaged += 1).unwrap();
    assert_eq!((proofs.len(), damaged), (1, 1));
    world.assert_restores(&honest);
}

/// A record of 1 MiB names one finding list thirty thousand times: two billion findings. And its
/// counts, added up, are more than there is a number for.
#[test]
fn findings_without_end_are_refused_and_counts_without_bounds_borne() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut list = begin_finding_list();
    while list.len() < 900_000 {
        let finding = Finding {
            verdict: "missing".to_owned(),
            ..Finding::default()
        };
        append_finding(&mut list, &finding);
    }
    let (ids, _) = world.put_chunks(Class::Metadata, &[&list]);
    let counts = ["missing", "checksum_mismatch"].map(|name| (name.to_owned(), u64::MAX));
    for (repeated, is_endless) in [(1, false), (30_000, true)] {
        let record = Snapshot {
            audit: Counts(counts.clone().into()),
            findings: Some(Findings {
                count: u64::MAX,
                chunks: Joined(vec![ids[0]; repeated]),
            }),
            ..world.record(&honest)
        };
        let forged = world.put_snapshot(&record);
        let opened = world.open();
        let snapshot = opened.snapshot(&forged.to_string(), &Default::default());
        let (repository, index) = (&opened.repository, &opened.index);
        let mut grave = 0;
        let audited = ops::audit(
            repository,
            index,
            &opened.snapshots,
            snapshot.unwrap(),
            &mut |report| {
                grave = report.grave;
                Ok(())
            },
            &mut |_| Ok(()),
        );
        assert_eq!(audited.is_err(), is_endless);
        assert_eq!(grave, if is_endless { 0 } else { u64::MAX });
    }
}

fn with_listing(world: &World, honest: &ObjectId, entries: &[Entry]) -> ObjectId {
    let mut leaf = begin_leaf();
    entries
        .iter()
        .for_each(|entry| append_entry(&mut leaf, entry));
    let (ids, _) = world.put_chunks(Class::Metadata, &[&leaf]);
    world.put_snapshot(&Snapshot {
        listing: (0, ids[0]),
        ..world.record(honest)
    })
}

/// Nodes that name one child over and over, at all eight levels: to walk them would take for ever.
#[test]
fn a_listing_that_repeats_itself_is_refused_by_who_compares_and_who_searches() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let mut leaf = begin_leaf();
    append_entry(&mut leaf, &Entry::new(1, b"a".to_vec(), EntryType::Folder));
    let mut id = world.put_chunks(Class::Metadata, &[&leaf]).0[0];
    for level in 1..=8 {
        let mut node = begin_node(level);
        for number in 0..1_000 {
            // Each is said to begin where it does not.
            let key = match number {
                0 => b"a".to_vec(),
                _ => format!("a{number:05}").into_bytes(),
            };
            let key = Key { root: 1, path: key };
            append_child(&mut node, &Child { key, id });
        }
        id = world.put_chunks(Class::Metadata, &[&node]).0[0];
    }
    let forged = world.put_snapshot(&Snapshot {
        listing: (8, id),
        ..world.record(&honest)
    });
    let opened = world.open();
    let (repository, index) = (&opened.repository, &opened.index);
    let (old, new) = (world.record(&honest), world.record(&forged));
    for both in [(&old, &new), (&new, &old)] {
        let mut count = 0;
        let compared = ops::diff(repository, index, both, b"", &mut |_| {
            count += 1;
            Ok(())
        });
        assert!(compared.is_err());
        assert!(count < 1_000, "{count}");
    }
    let snapshots: Vec<_> = opened.snapshots.iter().collect();
    let options = FindOptions {
        patterns: vec!["*".to_owned()],
        ..FindOptions::default()
    };
    let found = ops::find(
        repository,
        index,
        &snapshots,
        &options,
        &Silent,
        &mut |_| Ok(()),
    );
    assert_eq!(found.unwrap().unreadable.len(), 1);
    world.assert_restores(&honest);
}

/// Further names of what is no file, is not there, comes later, or is the name itself; attributes
/// that no kernel takes, and one that would make a program powerful.
#[test]
fn absurd_hard_links_and_attributes_cost_nobody_else_anything() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let content = noise(40, 5_000);
    let chunk = world.put_chunks(Class::Files, &[&content]).0[0];
    let sha1: [u8; 20] = {
        use sha1::Digest as _;
        sha1::Sha1::digest(&content).into()
    };
    let file = |path: &str, kind| {
        let mut entry = Entry::new(1, path.as_bytes().to_vec(), kind);
        (entry.size, entry.mode) = (Some(content.len() as u64), Some(0o644));
        entry.modified = Some(Timestamp::from_seconds(1_700_000_000));
        (entry.sha1, entry.chunks) = (Some(sha1.into()), Some(Joined(vec![chunk])));
        entry
    };
    let mut entries = vec![file("a", EntryType::File)];
    let long = vec![b'n'; 300];
    entries[0].attributes = Some(
        [
            (b"security.capability".as_slice(), vec![1; 20]),
            (b"user.\0nul".as_slice(), vec![0]),
            (long.as_slice(), vec![7; 350_000]),
            (b"".as_slice(), vec![]),
        ]
        .map(|(name, value)| (name.to_vec().into(), value.into()))
        .to_vec(),
    );
    entries.push(Entry::new(1, b"b".to_vec(), EntryType::Folder));
    let firsts: [(u32, &[u8]); 8] = [
        (1, b"c0"),
        (1, b"b"),
        (1, b"z"),
        (0, b"database.sql"),
        (1, b"absent"),
        (1, b"../../etc/passwd"),
        (1, b"/etc/passwd"),
        (7, b"a"),
    ];
    for (number, (root, first)) in firsts.into_iter().enumerate() {
        let mut entry = file(&format!("c{number}"), EntryType::HardLink);
        entry.first = Some((root, first.to_vec().into()));
        entries.push(entry);
    }
    entries.push(file("z", EntryType::File));
    let forged = with_listing(&world, &honest, &entries);
    let (report, target) = restore(&world.open(), &forged.to_string()).unwrap();
    assert_eq!(report.files_restored + report.problems.len() as u64, 10);
    for entry in entries.iter().filter(|entry| entry.has_content()) {
        let path = target
            .path()
            .join(std::str::from_utf8(&entry.path).unwrap());
        if let Ok(found) = std::fs::read(&path) {
            assert!(found == content, "{path:?}");
            assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o644);
        }
    }
    let capability = rustix::fs::getxattr(
        target.path().join("a"),
        "security.capability",
        &mut [0_u8; 64][..],
    );
    assert!(capability.is_err(), "rights of a program came back");
    world.assert_restores(&honest);
}
