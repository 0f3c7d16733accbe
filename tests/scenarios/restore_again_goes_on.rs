//! "The restore stopped in the middle of the night. I just started it again."

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use serde_json::Value;

use crate::tree::{assert_same, noise, set_mode, set_modified};
use crate::user::User;

const FILES: usize = 30;

fn backed_up() -> User {
    let user = User::with_folder();
    for number in 0..FILES {
        let path = format!("photos/{}/{number}.jpg", number % 3);
        user.write(&path, noise(&path, 20_000 + number));
    }
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    user
}

fn restore(user: &User) -> Value {
    user.offsite(&["restore", "--json", "--target", "back"])
        .done()
        .json()
}

#[test]
fn what_is_there_and_right_is_left_alone() {
    let user = backed_up();
    let first = restore(&user);
    assert_eq!(
        [&first["files_restored"], &first["files_skipped"]],
        [FILES, 0]
    );
    let again = restore(&user);
    assert_eq!(
        [&again["files_restored"], &again["files_skipped"]],
        [0, FILES]
    );
    assert_eq!(again["bytes_restored"], 0);

    let back = user.restored("back", "photos");
    let mut bytes = fs::read(back.join("0/3.jpg")).unwrap();
    bytes[9999] ^= 1;
    fs::write(back.join("0/3.jpg"), bytes).unwrap();
    fs::remove_file(back.join("1/4.jpg")).unwrap();
    fs::write(back.join("2/5.jpg"), "cut sho").unwrap();
    let third = restore(&user);
    assert_eq!(
        [&third["files_restored"], &third["files_skipped"]],
        [3, FILES - 3]
    );
    assert_eq!(third["problems"], serde_json::json!([]));
    assert_same(&user.path("photos"), &back);
}

#[test]
fn permissions_and_times_are_put_right_where_the_content_is() {
    let user = backed_up();
    restore(&user);
    let back = user.restored("back", "photos");
    set_modified(&back.join("0/3.jpg"), (1_000_000_000, 0));
    set_mode(&back.join("1/4.jpg"), 0o777);
    set_mode(&back.join("2"), 0o700);
    let report = restore(&user);
    assert_eq!(report["files_restored"], 0);
    assert_same(&user.path("photos"), &back);

    // A file with a second name elsewhere is not changed behind that name's back, but replaced.
    fs::hard_link(back.join("0/3.jpg"), user.path("elsewhere")).unwrap();
    set_mode(&user.path("elsewhere"), 0o604);
    let report = restore(&user);
    assert_eq!(report["files_restored"], 1);
    assert_same(&user.path("photos"), &back);
    let elsewhere = fs::metadata(user.path("elsewhere")).unwrap();
    assert_eq!(elsewhere.mode() & 0o7777, 0o604);
}

#[test]
fn root_gives_files_their_owners_after_somebody_else_could_not() {
    if !rustix::process::geteuid().is_root() {
        return; // nobody here who could
    }
    let user = backed_up();
    restore(&user);
    let photo = user.restored("back", "photos/0/3.jpg");
    std::os::unix::fs::chown(&photo, Some(1234), Some(5678)).unwrap();
    let report = restore(&user);
    assert_eq!(report["files_restored"], 0);
    let found = fs::metadata(&photo).unwrap();
    assert_eq!((found.uid(), found.gid()), (0, 0));
}

#[test]
fn links_that_somebody_planted_lead_nowhere() {
    let user = backed_up();
    restore(&user);
    let back = user.restored("back", "photos");
    user.write("victim/0.jpg", "mine");
    user.write("victim/passwd", "mine too");
    fs::remove_dir_all(back.join("0")).unwrap();
    symlink(user.path("victim"), back.join("0")).unwrap();
    fs::remove_file(back.join("1/1.jpg")).unwrap();
    symlink(user.path("victim/passwd"), back.join("1/1.jpg")).unwrap();
    fs::remove_file(back.join("2/2.jpg")).unwrap();
    symlink(user.path("victim/not there"), back.join("2/2.jpg")).unwrap();
    restore(&user);
    assert_same(&user.path("photos"), &back);
    assert_eq!(fs::read(user.path("victim/0.jpg")).unwrap(), b"mine");
    assert_eq!(fs::read(user.path("victim/passwd")).unwrap(), b"mine too");
    assert_eq!(fs::read_dir(user.path("victim")).unwrap().count(), 2);
}

#[test]
fn an_ordinary_user_gets_the_files_and_a_word_about_owners() {
    let is_root = rustix::process::geteuid().is_root();
    let mut user = backed_up();
    user.becomes_ordinary();
    let outcome = user.offsite(&["restore", "--target", "back"]).done();
    // Where the tests do not run as root, the files were theirs from the beginning.
    assert_eq!(outcome.stderr.contains("owner"), is_root, "{outcome}");
    assert_eq!(
        outcome.stderr.lines().count(),
        usize::from(is_root),
        "{outcome}"
    );
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}
