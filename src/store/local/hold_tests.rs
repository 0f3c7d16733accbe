//! Who can hold a directory at the same time.

use super::*;
use crate::seams::Seams;
use crate::store::Store;

#[test]
fn many_add_at_once_and_whoever_deletes_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Local::open(folder.path(), Seams::real()).unwrap();
    let (one, other) = (open(), open());
    let (first, second) = (one.hold(false).unwrap(), other.hold(false).unwrap());
    assert!(first.is_some() && second.is_some());
    let in_use =
        |exclusive| matches!(one.hold(exclusive), Err(error) if error.kind == ErrorKind::InUse);
    assert!(in_use(true));
    drop(first);
    assert!(in_use(true));
    drop(second);
    let alone = other.hold(true).unwrap();
    assert!(in_use(true) && in_use(false));
    drop(alone);
    assert!(one.hold(false).unwrap().is_some());
}

#[test]
fn the_file_is_no_object_and_no_leftover() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::open(folder.path(), Seams::real()).unwrap();
    let held = store.hold(false).unwrap();
    let file = folder.path().join("tmp").join(FILE);
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    store.put("a", "b".into()).unwrap();
    let mut names = Vec::new();
    store
        .list("", &mut |object| {
            names.push(object.name);
            Ok(())
        })
        .unwrap();
    assert_eq!(names, ["a"]);
    assert!(file.exists());
    drop(held);
}
