//! "Somebody else can write where I restore to, and it is not somebody I trust."

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use crate::tree::{assert_same, noise, tree};
use crate::user::User;

fn backed_up(files: usize) -> User {
    let mut user = User::with_folder();
    for number in 0..files {
        let path = format!("photos/{}/{number}.jpg", number % 4);
        user.write(&path, noise(&path, 30_000));
    }
    user.write("photos/3/again.jpg", "first");
    user.write("victim/0.jpg", "mine");
    user.write("victim/passwd", "mine too");
    user.becomes_ordinary();
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    user
}

/// Content, permissions and times of what lies outside.
fn outside(user: &User) -> BTreeMap<String, (Vec<u8>, u32, i64, u64)> {
    let names = ["0.jpg", "passwd"].map(|name| name.to_owned());
    let look = |name: &String| {
        let path = user.path("victim").join(name);
        let metadata = fs::metadata(&path).unwrap();
        let content = fs::read(&path).unwrap();
        (content, metadata.mode(), metadata.mtime(), metadata.nlink())
    };
    assert_eq!(fs::read_dir(user.path("victim")).unwrap().count(), 2);
    names
        .into_iter()
        .map(|name| (name.clone(), look(&name)))
        .collect()
}

#[test]
fn links_that_are_planted_are_replaced_whatever_is_asked_for() {
    let user = backed_up(8);
    user.offsite(&["restore", "--quiet", "--target", "back"])
        .done();
    let before = outside(&user);
    let back = user.restored("back", "photos");
    for more in [&[][..], &["--delete"], &["--overwrite", "changed"]] {
        fs::remove_dir_all(back.join("0")).unwrap();
        symlink(user.path("victim"), back.join("0")).unwrap();
        fs::remove_file(back.join("1/1.jpg")).unwrap();
        symlink(user.path("victim/passwd"), back.join("1/1.jpg")).unwrap();
        let arguments = [&["restore", "--quiet", "--target", "back"], more].concat();
        user.offsite(&arguments).done();
        assert!(before == outside(&user), "{more:?}");
        assert_same(&user.path("photos"), &back);
    }
    // Here nothing is replaced: what leads out is left, and not followed.
    fs::remove_dir_all(back.join("0")).unwrap();
    symlink(user.path("victim"), back.join("0")).unwrap();
    let arguments = [
        "restore",
        "--quiet",
        "--target",
        "back",
        "--overwrite",
        "never",
    ];
    user.offsite(&arguments).ended(4);
    assert!(back.join("0").is_symlink());
    assert!(before == outside(&user));
    // What is only looked at is not looked at through it either.
    let arguments = [
        "restore",
        "--json",
        "--target",
        "back",
        "--dry-run",
        "--delete",
    ];
    let report = user.offsite(&arguments).done().json();
    assert_eq!(
        [&report["files_restored"], &report["files_deleted"]],
        [2, 0]
    );
}

/// A second name that somebody gave one of the files, outside: it is neither changed nor removed.
#[test]
fn a_file_with_a_name_outside_is_replaced_and_not_changed() {
    let user = backed_up(8);
    user.offsite(&["restore", "--quiet", "--target", "back"])
        .done();
    let back = user.restored("back", "photos");
    fs::remove_file(back.join("2/2.jpg")).unwrap();
    fs::hard_link(user.path("victim/passwd"), back.join("2/2.jpg")).unwrap();
    fs::hard_link(user.path("victim/0.jpg"), back.join("2/new.jpg")).unwrap();
    let arguments = ["restore", "--quiet", "--delete", "--target", "back"];
    user.offsite(&arguments).done();
    assert_same(&user.path("photos"), &back);
    let after = outside(&user);
    assert_eq!(after["passwd"].0, b"mine too");
    assert_eq!(after["0.jpg"].0, b"mine");
}

/// While the restore runs, a folder becomes a link and a folder again, over and over.
#[test]
fn a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere() {
    let user = backed_up(600);
    let before = outside(&user);
    let back = user.restored("back", "photos");
    fs::create_dir_all(&back).unwrap();
    give(&user.path("back"));
    for round in 0..3 {
        let mut running = user.start(&["restore", "--quiet", "--target", "back"]);
        let (folder, aside) = (back.join("1"), back.join("aside"));
        while !running.has_ended() {
            if folder.is_dir() && !folder.is_symlink() && fs::rename(&folder, &aside).is_ok() {
                let _ = symlink(user.path("victim"), &folder);
                std::thread::yield_now();
                if folder.is_symlink() {
                    let _ = fs::remove_file(&folder);
                }
                if fs::rename(&aside, &folder).is_err() {
                    let _ = fs::remove_dir_all(&aside);
                }
            }
        }
        let code = running.outcome().code;
        assert!(matches!(code, Some(0 | 4)), "{code:?} in round {round}");
        assert!(before == outside(&user), "round {round}");
    }
    user.offsite(&["restore", "--quiet", "--delete", "--target", "back"])
        .done();
    assert_same(&user.path("photos"), &back);
}

fn give(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        let mut folders = vec![folder.to_path_buf()];
        folders.extend(tree(folder).into_keys().map(|path| {
            folder.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&path))
        }));
        for folder in folders {
            std::os::unix::fs::lchown(folder, Some(65534), Some(65534)).unwrap();
        }
    }
}

/// Two at once, as when somebody starts a second one because the first is slow.
#[test]
fn two_restores_at_once_into_one_folder_leave_nothing_strange() {
    let user = backed_up(200);
    let arguments = ["restore", "--quiet", "--target", "back"];
    let running = [user.start(&arguments), user.start(&arguments)];
    for one in running {
        let outcome = one.outcome().done();
        assert_eq!(outcome.stderr, "");
    }
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
    assert_eq!(fs::read_dir(user.path("back")).unwrap().count(), 1);
}

#[test]
fn a_restore_that_was_killed_leaves_nothing_once_it_was_run_again() {
    let user = backed_up(300);
    for _ in 0..3 {
        let running = user.start(&["restore", "--quiet", "--target", "back"]);
        let back = user.restored("back", "photos");
        while !back.join("1").exists() {
            std::thread::yield_now();
        }
        running.kill();
    }
    user.offsite(&["restore", "--quiet", "--target", "back"])
        .done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}
