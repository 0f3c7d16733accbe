//! "It is more than files: labels, second names, pipes that a program left. Take what can be taken."

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use offsite::cli::show::{harmless, rfc3339};
use offsite::seams::Timestamp;
use rustix::fs::{CWD, Mode, XattrFlags, mkfifoat, setxattr};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::bad_moments::in_own_mounts;
use crate::decoder_without_offsite::restored_by_the_decoder;
use crate::tree::{assert_same, name, noise, set_mode, set_modified, tree};
use crate::user::User;

/// All that a file system can hold, but what nobody can read back.
pub fn make(root: &Path) {
    fs::create_dir_all(root.join("inner/most")).unwrap();
    let names: [&[u8]; 6] = [
        b"latin1 \xe9t\xe9.jpg",
        b"two\nlines",
        b"\xff\xfe",
        b" ",
        b"-rf",
        &[b'n'; 250],
    ];
    for (number, bytes) in names.iter().enumerate() {
        let path = root.join(name(bytes));
        fs::write(&path, noise("photo", number * 1000)).unwrap();
        set_mode(&path, [0o600, 0o4755, 0o444][number % 3]);
        set_modified(&path, (-5 + number as i64 * 3, 123_456_789));
    }
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("video"), noise("video", 3_000_000)).unwrap();
    for (target, link) in [
        (&b"video"[..], "to a file"),
        (b"inner", "to a folder"),
        (b"/no/such\n\xffthing", "to nowhere"),
    ] {
        symlink(name(target), root.join(link)).unwrap();
    }
    fs::create_dir(root.join("empty folder")).unwrap();
    set_mode(&root.join("empty folder"), 0o1770);
    for second in ["inner/most/again", "a second name", "zz"] {
        fs::hard_link(root.join("video"), root.join(second)).unwrap();
    }
}

fn listed(user: &User) -> BTreeMap<String, Value> {
    let list = user.offsite(&["ls", "--json", "--recursive"]).done().json();
    let top = user.path("photos").display().to_string();
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            // Exact as text; where it is none, in base64.
            let path = match entry.get("path_bytes") {
                Some(bytes) => BASE64_STANDARD.decode(bytes.as_str().unwrap()).unwrap(),
                None => entry["path"].as_str().unwrap().as_bytes().to_vec(),
            };
            let path = harmless(path.strip_prefix(&top.as_bytes()[1..]).unwrap());
            (path.trim_start_matches('/').to_owned(), entry.clone())
        })
        .collect()
}

#[test]
fn all_of_it_stands_in_the_listing_and_what_has_no_content_is_said_to_be_left_out() {
    let user = User::with_folder();
    make(&user.path("photos"));
    mkfifoat(CWD, user.path("photos/a pipe"), Mode::RUSR).unwrap();
    let _socket = UnixListener::bind(user.path("photos/inner/a socket")).unwrap();
    let mut expected = tree(&user.path("photos"));
    expected.retain(|_, node| node.kind != "something else");
    user.init();
    let outcome = user.offsite(&["backup", "--json", "photos"]).done();
    assert_eq!(outcome.json()["problems"], json!([]));
    // Four names are one file.
    let bytes: usize = (0..6).map(|number| number * 1000).sum();
    assert_eq!(outcome.json()["bytes_total"], bytes + 3_000_000);
    assert_eq!(outcome.json()["files_total"], 6 + 1 + 4);
    let notes: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(notes.len(), 2, "{outcome}");
    assert!(
        notes[0].starts_with("note: ")
            && notes[0].ends_with("a pipe is a named pipe and is left out")
    );
    assert!(notes[1].ends_with("a socket is a socket and is left out"));

    let listed = listed(&user);
    assert_eq!(listed.len(), expected.len());
    for (path, node) in &expected {
        let entry = &listed[&harmless(path)];
        let at = user.path("photos").join(name(path));
        let metadata = fs::symlink_metadata(&at).unwrap();
        let linked = metadata.nlink() > 1 && node.kind == "file";
        let kind = match linked && path != b"a second name" {
            true => "hard_link",
            false => node.kind,
        };
        assert_eq!(entry["type"], kind, "{entry}");
        assert_eq!(entry["mode"], metadata.mode() & 0o7777, "{entry}");
        let (seconds, nanoseconds) = node.modified;
        let modified = Timestamp::from_nanoseconds(seconds * 1_000_000_000 + nanoseconds);
        assert_eq!(entry["modified"], rfc3339(modified), "{entry}");
        assert_eq!(entry["owner"], metadata.uid(), "{entry}");
        if node.kind == "file" {
            assert_eq!(entry["size"], metadata.size(), "{entry}");
        }
        if kind == "hard_link" {
            let first = entry["first"].as_str().unwrap();
            assert!(first.ends_with("photos/a second name"), "{entry}");
            assert_eq!(entry["sha1"], listed["a second name"]["sha1"]);
        }
    }
    let target = |link: &str| listed[link]["target"].clone();
    assert_eq!(target("to nowhere"), "/no/such\\n\\xffthing");
    assert_eq!(target("to a folder"), "inner");
}

#[test]
fn labels_come_along_and_a_label_that_changed_is_noticed() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    let label = |value: &[u8]| {
        for path in ["photos/a.jpg", "photos"] {
            let set = setxattr(user.path(path), "user.xdg.tags", value, XattrFlags::empty());
            if set == Err(Errno::NOTSUP) {
                return false;
            }
            set.unwrap();
        }
        true
    };
    if !label(b"beach\0") {
        eprintln!("the file system of the tests has no extended attributes");
        return;
    }
    user.init();
    for value in [b"beach\0".as_slice(), b"summer"] {
        label(value);
        user.offsite(&["backup", "photos"]).done();
        let listed = listed(&user);
        let in_base64 = ["YmVhY2gA", "c3VtbWVy"][usize::from(value == b"summer")];
        for path in ["", "a.jpg"] {
            assert_eq!(listed[path]["attributes"]["user.xdg.tags"], in_base64);
        }
    }
}

/// The page that the decoder was written from says what a hard link is; both must agree.
#[test]
fn the_decoder_brings_second_names_back_as_one_file() {
    let user = User::with_folder();
    make(&user.path("photos"));
    user.offsite(&["init", "--recovery-kit", "kit.txt"]).done();
    user.offsite(&["backup", "photos"]).done();
    restored_by_the_decoder(&user, "back");
    let back = user.restored("back", "photos");
    // Another owner's set-user-ID program is not brought back as one.
    for path in tree(&user.path("photos")).into_keys() {
        let at = user.path("photos").join(name(&path));
        let mode = fs::symlink_metadata(&at).unwrap().mode();
        if mode & 0o4000 != 0 {
            set_mode(&at, mode & 0o1777);
        }
    }
    assert_same(&user.path("photos"), &back);
    let inode = |path: &str| fs::metadata(back.join(path)).unwrap().ino();
    for second in ["video", "inner/most/again", "zz"] {
        assert_eq!(inode(second), inode("a second name"), "{second}");
    }
}

#[test]
fn a_disk_that_is_mounted_inside_is_taken_or_not_as_the_person_says() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.write("photos/usb/hidden beneath the mount", "x");
    user.init();
    let inside = |arguments: &str| {
        let script = format!(
            "mount -t tmpfs none photos/usb && echo x > photos/usb/b.jpg && \
             exec \"$OFFSITE\" backup --json photos {arguments}"
        );
        in_own_mounts(&user, &script)
    };
    let all = inside("").done().json();
    assert_eq!(all["files_total"], 2);
    assert!(listed(&user).contains_key("usb/b.jpg"));
    let one = inside("--one-file-system").done();
    assert_eq!(one.json()["files_total"], 1);
    let note = "usb is on another file system: it is kept as an empty folder";
    assert!(one.stderr.contains(note), "{one}");
    let listed = listed(&user);
    assert_eq!(listed.keys().collect::<Vec<_>>(), ["", "a.jpg", "usb"]);
}

#[test]
fn what_is_left_out_can_be_said_in_a_file_and_a_wrong_line_is_named() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.write("photos/@eaDir/a.jpg", "a thumbnail");
    user.write(
        "photos/cache/CACHEDIR.TAG",
        "Signature: 8a477f597d28d172789f06886806bc55",
    );
    user.write("photos/cache/thumbnail", "x");
    user.write("leave-out.txt", "# noise\n\n@eaDir/\n._*\n");
    user.init();
    let all = user.offsite(&["backup", "--json", "photos"]).done().json();
    assert_eq!(all["files_total"], 4, "nothing is left out unasked");
    let arguments = [
        "backup",
        "--exclude-file",
        "leave-out.txt",
        "--exclude-caches",
        "photos",
    ];
    user.offsite(&arguments).done();
    assert_eq!(
        listed(&user).keys().collect::<Vec<_>>(),
        ["", "a.jpg", "cache", "cache/CACHEDIR.TAG"]
    );
    user.write("leave-out.txt", "# noise\n\n@eaDir/\n[a-\n");
    let wrong = user.offsite(&arguments).ended(2);
    assert!(wrong.stderr.contains("line 4 of leave-out.txt"), "{wrong}");
    let absent = ["backup", "--exclude-file", "no-such-file", "photos"];
    let absent = user.offsite(&absent).ended(2);
    assert!(absent.stderr.contains("no-such-file"), "{absent}");
}

#[test]
fn a_dry_run_says_what_a_backup_would_do_and_stores_nothing() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    let before = user.objects.list("");
    let dry = ["backup", "--dry-run", "--json", "photos"];
    for _ in 0..2 {
        let figures = user.offsite(&dry).done().json();
        assert_eq!(figures["dry_run"], true);
        assert_eq!(figures["snapshot"], Value::Null);
        assert_eq!(figures["files_new"], 1);
        assert_eq!(figures["bytes_read"], 7);
    }
    assert_eq!(user.objects.list(""), before);
    // The database command is not run: it could cost an hour.
    let dump = [
        "backup",
        "--dry-run",
        "photos",
        "--database-command",
        "touch ran",
    ];
    let text = user.offsite(&dump).done().text();
    assert!(text.contains("nothing was stored"), "{text}");
    assert!(!user.path("ran").exists());
    let gone = user
        .offsite(&["backup", "--dry-run", "no such folder"])
        .ended(1);
    assert!(gone.stderr.contains("no such folder"), "{gone}");
}

#[test]
fn what_immich_makes_again_is_mentioned_and_is_no_warning() {
    let user = User::with_folder();
    for folder in ["library", "upload", "profile", "thumbs"] {
        user.write(format!("immich/{folder}/.immich"), "x");
    }
    user.init();
    let arguments = ["backup", "--immich", "immich", "--no-database"];
    let outcome = user.offsite(&arguments).done();
    assert!(
        outcome.stderr.starts_with("note: left out: thumbs"),
        "{outcome}"
    );
    assert!(!outcome.stderr.contains("warning"), "{outcome}");
}
