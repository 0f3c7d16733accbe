//! "Offsite itself is gone. I have the repository, the words, the format page and Python."
//!
//! `docs/decoder/decode.py` was written from `docs/format.md` alone, by somebody who had not seen
//! the code. It restores a repository of today, and the golden ones that are kept for ever, which
//! `offsite` must restore as well.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::only_the_bucket_left::words_of_the_kit;
use crate::tree::{assert_same, name, noise};
use crate::user::{Outcome, User, outcome_of};

/// Python with the packages that the decoder names; `tests/run` installs it.
fn decoder(repository: &Path, words: &Path, arguments: &[&OsStr]) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("OFFSITE_TEST_PYTHON").map_or_else(
        || root.join("target/test-servers/venv/bin/python"),
        PathBuf::from,
    );
    assert!(
        python.exists(),
        "the decoder needs Python at {}: run tests/run, which installs it",
        python.display()
    );
    let mut command = Command::new(python);
    command
        .arg(root.join("docs/decoder/decode.py"))
        .arg(repository)
        .arg("--words-file")
        .arg(words)
        .args(arguments);
    outcome_of(&mut command)
}

/// Restores the latest snapshot of a folder repository into `target`, with the words of `kit.txt`.
pub fn restored_by_the_decoder(user: &User, target: &str) {
    let words = words_of_the_kit(&user.path("kit.txt"));
    user.write("words.txt", words.join(" "));
    let repository = user.path(user.repository.clone());
    let target = user.path(target);
    let arguments = [
        OsStr::new("restore"),
        OsStr::new("latest"),
        target.as_os_str(),
    ];
    decoder(&repository, &user.path("words.txt"), &arguments).done();
}

#[test]
fn a_repository_of_today_comes_back_by_the_page_alone() {
    let user = User::with_folder();
    for number in 0..700 {
        user.write(
            format!("photos/2024/{number}.jpg"),
            format!("photo {number}"),
        );
    }
    user.write("photos/video.mp4", noise("video", 3_000_000));
    user.write(Path::new("photos").join(name(b"odd\xff\n.jpg")), b"odd");
    user.write("photos/empty", b"");
    std::os::unix::fs::symlink("video.mp4", user.path("photos/link")).unwrap();
    let dump = dump_of_many_rows();
    user.write("dump.sql", &dump);
    user.offsite(&["init", "--recovery-kit", "kit.txt", "--pack-size", "1"])
        .done();
    user.offsite(&["backup", "photos", "--database-file", "dump.sql"])
        .done();
    restored_by_the_decoder(&user, "back");
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
    assert_eq!(
        fs::read(user.path("back/database.sql")).unwrap(),
        dump.as_bytes()
    );
}

#[test]
fn golden_repositories_restore_for_ever() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/repositories");
    let mut versions = 0;
    for version in fs::read_dir(kept)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if !version.is_dir() {
            continue;
        }
        versions += 1;
        let mut user = User::with_folder();
        let repository = user.path("golden");
        copy(&version.join("repository"), &repository);
        user.set("OFFSITE_REPOSITORY", &repository);
        user.unset("OFFSITE_PASSPHRASE");
        let words = version.join("words.txt");
        let flag = ["--words-file", words.to_str().unwrap()];
        for (number, snapshot) in ["latest~1", "latest"].into_iter().enumerate() {
            let expected = manifest(&version.join(format!("{snapshot}.sha256")));
            assert!(expected.len() > 1000, "the manifest is whole");
            let by_offsite = format!("by-offsite-{number}");
            user.offsite(&[&["restore", snapshot, "--target", &by_offsite], &flag[..]].concat())
                .done();
            assert_eq!(digests(&user.path(&by_offsite)), expected);
        }
        user.offsite(&[&["verify", "--data"], &flag[..]].concat())
            .done();
        let target = user.path("by-decoder");
        let arguments = [
            OsStr::new("restore"),
            OsStr::new("latest"),
            target.as_os_str(),
        ];
        decoder(&repository, &words, &arguments).done();
        assert_eq!(digests(&target), manifest(&version.join("latest.sha256")));
    }
    assert!(versions > 0, "there is at least one golden repository");
}

/// More than 512 chunks of a dump, so that its ids stand in id lists.
fn dump_of_many_rows() -> String {
    let mut dump = String::from(
        "--\n-- PostgreSQL database dump\n--\n\nCOPY public.asset (id, \"originalPath\") FROM stdin;\n",
    );
    for row in 0..200_000 {
        dump.push_str(&format!(
            "{row:08}\t/data/library/anna/{row:08}/IMG_{row:04}.jpg and more\n"
        ));
    }
    dump.push_str("\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n");
    dump
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Relative path and SHA-256 of every file, less the markers that a restore adds.
fn digests(root: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut digests = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && !path.ends_with(".immich") {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .as_os_str()
                    .as_bytes()
                    .to_vec();
                let digest = Sha256::digest(fs::read(&path).unwrap());
                let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                digests.insert(name, hex);
            }
        }
    }
    digests
}

/// What `sha256sum -z` wrote of `find .`.
fn manifest(path: &Path) -> BTreeMap<Vec<u8>, String> {
    let bytes = fs::read(path).unwrap();
    let lines = bytes
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (digest, name) = line.split_at(64);
            let name = name.strip_prefix(b"  ./").unwrap().to_vec();
            (name, String::from_utf8(digest.to_vec()).unwrap())
        })
        .collect()
}
