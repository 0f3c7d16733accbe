//! "It is an Immich library: take what matters, and bring it back so that Immich starts."

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tree::{assert_same, tree};
use crate::user::{User, both, outcome_of};

const KEPT: [&str; 3] = ["library", "upload", "profile"];
const GENERATED: [&str; 3] = ["thumbs", "encoded-video", "backups"];

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples")
        .join(name)
}

/// An upload location and its dump, backed up.
fn immich(user: &User) {
    let unpacked = Command::new("tar")
        .args(["--extract", "--file"])
        .arg(sample("upload-location.tar"))
        .arg("--directory")
        .arg(user.path(""))
        .status();
    assert!(unpacked.expect("tar starts").success());
    // What Immich can make again may be large, and is not wanted.
    user.write("upload-location/thumbs/aa/bb.webp", "a small picture");
    user.write(
        "upload-location/backups/immich-db-backup.sql.gz",
        "an old dump",
    );
    fs::copy(sample("v3.0-pg_dump.sql"), user.path("dump.sql")).unwrap();
    user.init();
    let arguments = [
        "backup",
        "--json",
        "--immich",
        "upload-location",
        "--database-file",
        "dump.sql",
    ];
    let figures = user.offsite(&arguments).done().json();
    assert_eq!(figures["problems"], serde_json::json!([]));
    assert_eq!(figures["database"]["complete"], true);
    let bytes = fs::metadata(sample("v3.0-pg_dump.sql")).unwrap().len();
    assert_eq!(figures["database"]["bytes"], bytes);
}

#[test]
fn photos_and_database_come_back_and_what_immich_makes_itself_does_not() {
    for user in both() {
        immich(&user);
        user.offsite(&["restore", "--target", "back"]).done();
        for folder in KEPT {
            let (expected, found) = (
                format!("upload-location/{folder}"),
                format!("back/{folder}"),
            );
            assert_same(&user.path(expected), &user.path(found));
        }
        for folder in GENERATED {
            let names: Vec<_> = tree(&user.path("back").join(folder)).into_keys().collect();
            assert_eq!(names, [b"".to_vec(), b".immich".to_vec()], "{folder}");
        }
        let dump = user.path("back/database.sql");
        assert!(fs::read(&dump).unwrap() == fs::read(sample("v3.0-pg_dump.sql")).unwrap());
        assert_eq!(
            fs::metadata(&dump).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        let all = fs::read_dir(user.path("back")).unwrap().count();
        assert_eq!(all, KEPT.len() + GENERATED.len() + 1);
    }
}

#[test]
fn database_and_cat_give_the_very_bytes() {
    let user = User::with_folder();
    immich(&user);
    let dump = fs::read(sample("v3.0-pg_dump.sql")).unwrap();
    assert!(user.offsite(&["database"]).done().stdout == dump);
    assert!(
        user.offsite(&["cat", "latest", "database.sql"])
            .done()
            .stdout
            == dump
    );

    let part = ["restore", "--path", "database.sql", "--target", "part"];
    user.offsite(&part).done();
    assert!(fs::read(user.path("part/database.sql")).unwrap() == dump);
    assert_eq!(fs::read_dir(user.path("part")).unwrap().count(), 1);

    let inside = tree(&user.path("upload-location/library"));
    let odd = inside
        .keys()
        .find(|path| path.contains(&b'\\'))
        .expect("an odd name");
    let path = [b"library/".as_slice(), odd].concat();
    let path = std::ffi::OsString::from_vec(path);
    let outcome = outcome_of(user.command().args(["cat", "latest"]).arg(&path)).done();
    assert!(outcome.stdout == fs::read(user.path("upload-location").join(&path)).unwrap());
}

#[test]
fn ls_shows_names_that_no_terminal_obeys() {
    let user = User::with_folder();
    user.write("upload-location/upload/x/\u{1b}[2Jcleared\n.jpg", "a photo");
    immich(&user);
    let json = user
        .offsite(&["ls", "--json", "latest", "--recursive"])
        .done();
    assert!(!json.stdout.contains(&b'\x1b'), "{json}");
    let paths = json.json();
    let mut paths = paths.as_array().unwrap().iter().map(|it| &it["path"]);
    assert!(paths.any(|path| path == "upload/x/\u{1b}[2Jcleared\n.jpg"));
    let text = user.offsite(&["ls", "latest", "--recursive"]).done().text();
    assert!(text.contains("upload/x/\\x1b[2Jcleared\\n.jpg\n"), "{text}");
    assert!(text.contains("\\t+1.png\n"), "{text}");
    assert!(
        text.lines().all(|line| !line.chars().any(char::is_control)),
        "{text}"
    );
    for generated in ["thumbs/aa", "encoded-video/7", "backups/immich"] {
        assert!(!text.contains(generated), "{text}");
    }
    let top = user.offsite(&["ls"]).done().text();
    let mut names: Vec<_> = top.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["database.sql", "library/", "profile/", "upload/"]);
}
