//! Names that the source, or whoever may write there, chooses.

use offsite::seams::Seams;
use offsite::store::Store;
use offsite::store::local::Local;

use crate::world::World;

/// A restore that was killed leaves `.offsite-….part` beside a file; the library is then used and
/// backed up, with that file in it. (Or somebody makes one of that name, which only takes a hash.)
/// The next restore used the same name for its own unfinished file: it took the archived file away
/// that it had just restored, and said that all was well.
#[test]
fn an_archived_file_with_the_name_of_an_unfinished_one_comes_back() {
    let world = World::new();
    let hash = blake3::hash(b"note.txt").to_hex();
    for length in [16, 32] {
        world.write(&format!(".offsite-{}.part", &hash[..length]), b"mine");
    }
    let id = world.backup().unwrap();
    world.assert_restores(&id);
}

/// Whoever can put things into a directory store puts folders into folders: forty of them, by the
/// store's own rules, and a thousand by hand. Listing that prefix was an error from then on.
#[test]
fn folders_nested_deeply_do_not_end_the_listing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::open(folder.path(), Seams::real()).unwrap();
    let deep = format!("snapshots/{}x", "d/".repeat(40));
    for name in ["snapshots/a", deep.as_str(), "snapshots/z"] {
        store.put(name, "body".into()).unwrap();
    }
    let by_hand = folder.path().join("snapshots").join("e/".repeat(1000));
    std::fs::create_dir_all(by_hand).unwrap();
    let mut names = Vec::new();
    let listed = store.list("snapshots/", &mut |info| {
        names.push(info.name);
        Ok(())
    });
    listed.unwrap();
    assert_eq!(names, ["snapshots/a", deep.as_str(), "snapshots/z"]);
}
