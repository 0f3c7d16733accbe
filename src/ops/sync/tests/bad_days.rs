//! Sources that are not what they should be. (Copies that fail half-way: tests/nth.)

use std::sync::Mutex;

use super::*;
use crate::format::Kind;
use crate::format::cbor;
use crate::format::segment::Segment;
use crate::progress::Progress;
use crate::repository::seal_record;
use crate::store::ErrorKind;
use crate::store::local::Local;

#[test]
fn a_damaged_pack_is_never_copied_and_the_file_is_named() {
    let largest = largest_pack();
    for harm in 0..3 {
        let (clock, first) = original().copy();
        match harm {
            0 => assert!(first.tamper(&largest, |bytes| bytes[5_000] ^= 1)),
            1 => assert!(first.tamper(&largest, |bytes| bytes.truncate(70_000))),
            _ => assert!(first.lose(&largest)),
        }
        let second = fresh(&clock);
        let from = original().at("first", first.clone(), &clock);
        let to = original().at("second", second.clone(), &clock);
        let report = run(&from, &to);
        assert!(second.peek(&largest).is_none(), "harm {harm}");
        assert!(!report.lacking.is_empty(), "harm {harm}");
        for lacking in report.lacking.values() {
            assert!(lacking.files_total > 0, "{lacking:?}");
        }
        let copied = report.snapshots_copied;
        assert_eq!(copied.len() + report.lacking.len(), 3);
        let mut copied: Vec<_> = copied;
        copied.sort_by_key(|id| original().snapshots.iter().position(|one| one == id));
        assert_whole(&second, &clock, &copied);
        // Once the source is healed, the rest follows.
        let sound = original()
            .objects
            .iter()
            .find(|(name, _)| *name == largest)
            .unwrap();
        first.put(&largest, sound.1.clone()).unwrap();
        assert!(run(&original().at("first", first, &clock), &to).is_level());
        assert_whole(&second, &clock, &original().snapshots);
    }
}

/// A pack of the first night, which only some snapshots need, would do as well; the largest is one.
fn largest_pack() -> String {
    let packs = original().objects.iter();
    let packs = packs.filter(|(name, _)| name.starts_with("packs/"));
    packs
        .max_by_key(|(_, bytes)| bytes.len())
        .unwrap()
        .0
        .clone()
}

#[test]
fn a_third_copy_gives_what_the_source_has_damaged() {
    let (clock, first) = original().copy();
    let (_, third) = original().copy();
    for name in original().names("") {
        if name.starts_with("packs/") || name.starts_with("listings/") {
            assert!(first.tamper(&name, |bytes| bytes[3_000] ^= 1));
        }
    }
    let second = fresh(&clock);
    let from = original().at("first", first, &clock);
    let to = original().at("second", second.clone(), &clock);
    let third = original().at("third", third, &clock);
    let direction = Direction {
        from: Some(0),
        to: Some(1),
    };
    let replicas = vec![from, to, third];
    let report = sync(replicas, direction, &LevelOptions::default(), &Silent).unwrap();
    assert!(report.is_level(), "{report:?}");
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn a_source_without_segments_is_read_by_the_ends_of_its_packs() {
    let (clock, first) = original().copy();
    original()
        .names("index/")
        .iter()
        .for_each(|name| assert!(first.lose(name)));
    let second = fresh(&clock);
    let from = original().at("first", first, &clock);
    let to = original().at("second", second.clone(), &clock);
    assert!(run(&from, &to).is_level());
    assert_whole(&second, &clock, &original().snapshots);
}

#[test]
fn a_false_claim_about_a_pack_is_found_out_before_the_commit() {
    let (clock, first) = original().copy();
    // Every segment says of each pack what is true of the next.
    let writer = &original().repository.writer;
    for name in original().names("index/") {
        let bytes = first.peek(&name).unwrap();
        let payload = crate::repository::open_record(writer, Kind::Segment, &bytes).unwrap();
        let mut segment: Segment = cbor::decode(&payload).unwrap();
        let claims = segment.packs.clone();
        let count = segment.packs.len();
        for (place, pack) in segment.packs.iter_mut().enumerate() {
            let other = &claims[(place + 1) % count];
            let entries = other.entries().unwrap();
            let class = pack.class().unwrap();
            let header = pack.header.clone();
            *pack = crate::format::segment::PackRow::new(
                pack.id, pack.bytes, class, None, header, &entries,
            );
        }
        first.lose(&name);
        let random = original().repository.seams.random.as_ref();
        let lie = seal_record(writer, random, Kind::Segment, &cbor::encode(&segment)).unwrap();
        first.put(&lie.name, lie.bytes).unwrap();
    }
    let second = fresh(&clock);
    let from = original().at("first", first, &clock);
    let to = original().at("second", second.clone(), &clock);
    let report = run(&from, &to);
    assert_whole(&second, &clock, &{
        let mut there = report.snapshots_copied.clone();
        there.sort_by_key(|id| original().snapshots.iter().position(|one| one == id));
        there
    });
    assert!(report.is_level(), "{report:?}");
}

#[test]
fn a_damaged_snapshot_is_said_and_the_others_come() {
    let (clock, first) = original().copy();
    let name = format!("snapshots/{}", original().snapshots[1]);
    assert!(first.tamper(&name, |bytes| bytes[200] ^= 1));
    let second = fresh(&clock);
    let from = original().at("first", first, &clock);
    let report = run(&from, &original().at("second", second.clone(), &clock));
    assert_eq!(
        report.lacking.keys().collect::<Vec<_>>(),
        [&original().snapshots[1]]
    );
    let rest = [original().snapshots[0], original().snapshots[2]];
    assert_whole(&second, &clock, &rest);
}

/// Tries at each stage to be alone in a folder.
struct Sweeper {
    folder: Local,
    /// Whether each stage kept it out, by its name.
    kept_out: Mutex<Vec<(String, bool)>>,
}

impl Progress for Sweeper {
    fn stage(&self, name: &str, _: Option<u64>) {
        let is_out = self
            .folder
            .hold(true)
            .is_err_and(|it| it.kind == ErrorKind::InUse);
        self.kept_out
            .lock()
            .unwrap()
            .push((name.to_owned(), is_out));
    }
    fn expect(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn item(&self, _: &[u8]) {}
    fn notice(&self, _: &str) {}
    fn finish(&self) {}
}

/// A sweep with `--exclusive` believes to be alone in the folder, and deletes what it just marked.
#[test]
fn nobody_sweeps_a_folder_while_it_is_brought_level() {
    let (clock, first) = original().copy();
    let folder = tempfile::tempdir().unwrap();
    let open = || Local::open(folder.path(), Seams::real()).unwrap();
    replicate(&original().repository, &open()).unwrap();
    let from = original().at("first", first, &clock);
    let to = original().at("folder", Arc::new(open()), &clock);
    let sweeper = Sweeper {
        folder: open(),
        kept_out: Mutex::default(),
    };
    let report = level(&from, &to, &LevelOptions::default(), &sweeper).unwrap();
    assert_eq!(report.snapshots_copied.len(), 3);
    let kept_out = sweeper.kept_out.into_inner().unwrap();
    let mut copying = kept_out
        .iter()
        .filter(|(stage, _)| !stage.starts_with("Comparing"));
    assert!(
        kept_out.len() > 3 && copying.all(|(_, is_out)| *is_out),
        "{kept_out:?}"
    );
    assert!(open().hold(true).is_ok(), "it is over");
}
