//! "Whatever lay there is there again, as it was": names of any bytes, links, second names, owners,
//! times to the nanosecond, attributes, holes; from a directory and from object storage.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::path::Path;

use rustix::fs::{XattrFlags, getxattr, setxattr};
use serde_json::json;

use crate::everything_a_file_system_holds::make;
use crate::tree::{differences, name, set_mode, set_modified, tree};
use crate::user::{User, both};

const LABEL: &str = "user.xdg.tags";
const HOLE: u64 = 30_000_000;

/// What a tree holds beside what [`make`] makes. Whether the file system has attributes.
fn make_more(root: &Path) -> bool {
    let holes = fs::File::create(root.join("holes")).unwrap();
    holes.set_len(HOLE).unwrap();
    drop(holes);
    if is_root() {
        for (path, owner, group) in [("empty", 1234, 5678), ("inner", 0, 7)] {
            chown(root.join(path), Some(owner), Some(group)).unwrap();
        }
        lchown(root.join("to nowhere"), Some(4321), Some(1)).unwrap();
        chown(root.join("video"), Some(99), Some(98)).unwrap();
    }
    let labelled = ["empty", "video", "inner", ""].map(|path| {
        let flags = XattrFlags::empty();
        setxattr(root.join(path), LABEL, b"beach\0\xff", flags).is_ok()
    });
    set_mode(&root.join("inner"), 0o2750);
    set_modified(&root.join("inner"), (1_234_567_890, 987_654_321));
    set_modified(root, (-1, 1));
    labelled == [true; 4]
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Owner, group, the number of names and, as the first of them, which file it is.
fn owners(root: &Path) -> BTreeMap<Vec<u8>, (u32, u32, u64)> {
    let of = |path: Vec<u8>| {
        let stat = fs::symlink_metadata(root.join(name(&path))).unwrap();
        let names = if stat.is_dir() { 0 } else { stat.nlink() };
        (path, (stat.uid(), stat.gid(), names))
    };
    tree(root).into_keys().map(of).collect()
}

/// A photo library has no programs that run as somebody else: a restore does not make any.
fn differences_but_set_id(expected: &Path, found: &Path) -> Vec<String> {
    let [expected, found] = [expected, found].map(|root| {
        let mut nodes = tree(root);
        let files = nodes.values_mut().filter(|node| node.kind == "file");
        files.for_each(|node| node.mode &= 0o1777);
        nodes
    });
    differences(&expected, &found)
}

fn label(path: &Path) -> Vec<u8> {
    let mut value = [0; 64];
    let bytes = getxattr(path, LABEL, &mut value[..]).unwrap();
    value[..bytes].to_vec()
}

fn assert_linked_and_sparse(back: &Path) {
    let inode = |path: &str| fs::metadata(back.join(path)).unwrap().ino();
    for second in ["video", "inner/most/again", "zz"] {
        assert_eq!(inode(second), inode("a second name"), "{second}");
    }
    let holes = fs::metadata(back.join("holes")).unwrap();
    assert_eq!(holes.size(), HOLE);
    let on_disk = holes.blocks() * 512;
    assert!(
        on_disk < HOLE / 2,
        "holes take no room, but these {on_disk}"
    );
}

#[test]
fn all_of_it_comes_back_from_wherever_it_was_stored() {
    for user in both() {
        let photos = user.path("photos");
        make(&photos);
        let has_attributes = make_more(&photos);
        user.init();
        let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
        assert_eq!(figures["problems"], json!([]));
        let outcome = user.offsite(&["restore", "--json", "--target", "back"]);
        let outcome = outcome.done();
        assert_eq!(outcome.json()["problems"], json!([]));
        if is_root() {
            assert_eq!(outcome.stderr, "", "nothing to be said");
        }
        let back = user.restored("back", "photos");
        assert_eq!(differences_but_set_id(&photos, &back), [""; 0]);
        assert_eq!(owners(&photos), owners(&back));
        assert_linked_and_sparse(&back);
        if has_attributes {
            for path in ["empty", "a second name", "inner", ""] {
                assert_eq!(label(&back.join(path)), b"beach\0\xff", "{path}");
            }
        }
    }
}

#[test]
fn an_ordinary_user_gets_all_but_the_owners_and_is_told_so() {
    if !is_root() {
        return; // nobody here who could have made files of others
    }
    let mut user = User::with_folder();
    let photos = user.path("photos");
    make(&photos);
    make_more(&photos);
    user.init();
    user.offsite(&["backup", "photos"]).done();
    user.becomes_ordinary();
    let outcome = user.offsite(&["restore", "--json", "--target", "back"]);
    let outcome = outcome.done();
    assert_eq!(outcome.json()["problems"], json!([]));
    assert!(outcome.stderr.contains("owner"), "{outcome}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome}");
    let back = user.restored("back", "photos");
    assert_linked_and_sparse(&back);
    assert_eq!(differences_but_set_id(&photos, &back), [""; 0]);
    let mine = owners(&back);
    assert!(mine.values().all(|(owner, ..)| *owner == 65534), "{mine:?}");
}
