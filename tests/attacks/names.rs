//! Names that the source, or whoever may write there, chooses.

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
