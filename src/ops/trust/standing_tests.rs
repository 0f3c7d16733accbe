//! What stands at an address is no longer what stood there.

use std::path::Path;
use std::sync::Arc;

use super::rollback_tests::{PLACE, World};
use super::{Standing, identify, remember};
use crate::format::Kind;
use crate::format::name::REPOSITORY;
use crate::id::RepositoryId;
use crate::ops::{OpsError, Result, StateFolder};
use crate::repository::{RepositoryError, head, open_with, seal_record};
use crate::store::Store;

struct Home {
    world: World,
    states: tempfile::TempDir,
}

impl Home {
    /// A host that opened the repository once.
    fn new() -> Self {
        let home = Self {
            world: World::new(),
            states: tempfile::tempdir().unwrap(),
        };
        let found = home.identify().unwrap();
        assert!(found.trouble.is_none());
        home.remember(&home.world, &found);
        home
    }

    fn states(&self) -> &Path {
        self.states.path()
    }

    fn identify(&self) -> Result<Standing> {
        identify(self.world.memory.as_ref(), self.states(), PLACE)
    }

    fn remember(&self, world: &World, found: &Standing) {
        remember(&world.repository, self.states(), PLACE, &found.head).unwrap();
    }

    fn id(&self) -> RepositoryId {
        self.world.repository.id()
    }

    fn keep_writer_key(&self) {
        let state = StateFolder::new(self.states(), self.id());
        state
            .save_writer_key(&self.world.repository.writer)
            .unwrap();
    }
}

#[test]
fn another_repository_at_the_address_is_an_error_until_the_note_is_deleted() {
    let home = Home::new();
    let other = World::new();
    let look = || identify(other.memory.as_ref(), home.states(), PLACE);
    let Err(OpsError::OtherStands { was, is, noted, .. }) = look() else {
        panic!("it was taken for the one that was there");
    };
    assert_eq!((was, is), (home.id(), other.repository.id()));
    std::fs::remove_file(&noted.0).unwrap();
    let found = look().unwrap();
    assert_eq!(found.id, other.repository.id());
    home.remember(&other, &found);
    assert!(look().is_ok());
    assert!(matches!(home.identify(), Err(OpsError::OtherStands { .. })));
    // Elsewhere it is no surprise.
    identify(home.world.memory.as_ref(), home.states(), "elsewhere").unwrap();
}

#[test]
fn a_repository_file_that_is_lost_or_damaged_is_read_from_the_copy() {
    let home = Home::new();
    home.keep_writer_key();
    let good = head(home.world.memory.as_ref()).unwrap();
    let memory = &home.world.memory;
    for (at, harm) in [(0, "magic"), (60, "header"), (200, "body")] {
        assert!(memory.tamper(REPOSITORY, |bytes| bytes[at] ^= 1), "{harm}");
        let found = home.identify().unwrap();
        assert_eq!((found.id, &found.head), (home.id(), &good), "{harm}");
        assert!(found.trouble.unwrap().contains("--heal"), "{harm}");
        memory.put(REPOSITORY, good.clone()).unwrap();
    }
    // Gone, with packs that show that it was there.
    home.world
        .back_up(&super::rollback_tests::Host::new("nas"))
        .unwrap();
    memory.lose(REPOSITORY);
    let found = home.identify().unwrap();
    assert!(found.trouble.is_some());
    let repository = &home.world.repository;
    let (store, seams) = (repository.store.clone(), repository.seams.clone());
    open_with(store, seams, repository.writer.clone(), None, &found.head).unwrap();
    // A host that knows nothing cannot help itself.
    let fresh = tempfile::tempdir().unwrap();
    let error = identify(memory.as_ref(), fresh.path(), PLACE).unwrap_err();
    assert!(matches!(
        error,
        OpsError::Repository(RepositoryError::HeadLost { .. })
    ));
}

#[test]
fn an_empty_disk_in_the_place_of_the_repository_is_no_repository() {
    let home = Home::new();
    let seams = &home.world.repository.seams;
    let empty = Arc::new(crate::store::memory::Memory::new(seams.clock.clone()));
    let error = identify(empty.as_ref(), home.states(), PLACE).unwrap_err();
    assert!(matches!(
        error,
        OpsError::Repository(RepositoryError::NoRepository { .. })
    ));
}

#[test]
fn a_repository_file_of_the_same_key_that_is_another_is_an_error() {
    let home = Home::new();
    home.keep_writer_key();
    // Whoever has the writer key can make one, with other parameters.
    let repository = &home.world.repository;
    let random = repository.seams.random.as_ref();
    let payload = crate::format::cbor::encode(&repository.parameters);
    let forged = seal_record(&repository.writer, random, Kind::Repository, &payload).unwrap();
    home.world.memory.put(REPOSITORY, forged.bytes).unwrap();
    let error = home.identify().unwrap_err();
    assert!(matches!(error, OpsError::HeadReplaced { .. }), "{error}");
}

#[test]
fn a_note_that_is_damaged_is_an_error_and_not_ignored() {
    let home = Home::new();
    let folder = home.states().join("places");
    let note = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    std::fs::write(note.path(), "offsite-place-1: 12").unwrap();
    let error = home.identify().unwrap_err();
    assert!(matches!(error, OpsError::File { .. }), "{error}");
}
