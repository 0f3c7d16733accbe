//! The disk of a directory is unmounted while somebody is at work in it.

use super::*;
use crate::seams::Seams;

/// A verify called every object missing, a look every snapshot, and a backup went on in the empty
/// folder beneath, on the disk of the system.
#[test]
fn an_empty_folder_in_the_place_of_the_disk_is_no_store() {
    let above = tempfile::tempdir().unwrap();
    let (mounted, away) = (above.path().join("usb"), above.path().join("away"));
    let first = Local::create(&mounted, Seams::real()).unwrap();
    first.put("packs/3f/a", "bytes".into()).unwrap();
    let store = Local::open(&mounted, Seams::real()).unwrap();
    let whole = Window::Whole { bytes_max: 10 };
    store.get("packs/3f/a", whole).unwrap();
    fs::rename(&mounted, &away).unwrap();
    fs::create_dir(&mounted).unwrap();
    let kind = |error: Option<StoreError>| error.map(|error| error.kind);
    let answers = [
        kind(store.put("packs/3f/b", "more".into()).err()),
        kind(store.get("packs/3f/a", whole).err()),
        kind(store.head("packs/3f/a").err()),
        kind(store.delete("packs/3f/a").err()),
        kind(store.list("", &mut |_| Ok(())).err()),
        kind(store.list("snapshots/", &mut |_| Ok(())).err()),
        kind(store.hold(false).err()),
        kind(store.now().err()),
    ];
    assert_eq!(answers, [Some(ErrorKind::NoContainer); 8]);
    assert_eq!(fs::read_dir(&mounted).unwrap().count(), 0);
    fs::remove_dir(&mounted).unwrap();
    fs::rename(&away, &mounted).unwrap();
    store.put("packs/3f/b", "more".into()).unwrap();
    // What nobody ever used is empty, and that is all.
    let fresh = above.path().join("fresh");
    let fresh = Local::create(&fresh, Seams::real()).unwrap();
    fresh.list("", &mut |_| Ok(())).unwrap();
    fresh.put("a", "b".into()).unwrap();
}
