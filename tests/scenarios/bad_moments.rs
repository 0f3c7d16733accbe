//! "Of all nights, that one": the disk was full, the key had been changed, the clock was
//! wrong. One sentence says what it was, nothing is lost, and the next run goes on.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::harness::seaweedfs::SeaweedFs;
use crate::slow_or_absent_store::{start, user_of, wait_until_it_says};
use crate::tree::{assert_same, noise};
use crate::user::{Outcome, User, outcome_of};

fn with_photos(user: &User, files: usize) {
    for number in 0..files {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 3_000_000));
    }
}

fn restores(user: &User) {
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
    let verified = user.offsite(&["verify", "--data", "--json"]).done().json();
    assert_eq!(verified["ok"], true, "{verified}");
}

/// What stands in the one error: the sentence, its causes, a hint.
#[track_caller]
fn assert_one_error(outcome: &Outcome, sentence: &str, hint: &str) {
    let errors = outcome.stderr.matches("error: ").count();
    assert_eq!(errors, 1, "{outcome}");
    assert!(outcome.stderr.contains(sentence), "{outcome}");
    assert!(outcome.stderr.contains(hint), "{outcome}");
    let causes: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.trim_start().starts_with("because: "))
        .collect();
    assert!(causes.len() < 2, "the same is said twice: {outcome}");
}

/// Runs a script where it may mount: in a namespace of its own, in which an ordinary user is root.
pub fn in_own_mounts(user: &User, script: &str) -> Outcome {
    let offsite = user.command();
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command.env_clear().current_dir(user.path(""));
    for (name, value) in offsite.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("OFFSITE", offsite.get_program());
    outcome_of(&mut command)
}

#[test]
fn a_full_disk_of_the_repository_is_named_and_room_is_all_it_needs() {
    let user = User::with_folder();
    with_photos(&user, 6);
    let script = r#"
        mkdir repository && mount -t tmpfs -o size=12m none repository && "$OFFSITE" init --pack-size 4 >&2 || exit 90
        "$OFFSITE" backup --json photos; test $? = 1 || exit 91
        "$OFFSITE" snapshots --json | grep -qx '\[\]' || exit 92
        mount -o remount,size=90m repository || exit 93
        "$OFFSITE" backup --json photos > second.json || exit 94
        "$OFFSITE" verify --data > /dev/null || exit 95
        exec "$OFFSITE" restore --target back
    "#;
    let outcome = in_own_mounts(&user, script).done();
    assert_eq!(outcome.text().matches("there is no space left").count(), 1);
    assert!(outcome.text().contains("make room and run again"));
    let second = std::fs::read(user.path("second.json")).unwrap();
    let second: serde_json::Value = serde_json::from_slice(&second).unwrap();
    let sent = second["bytes_uploaded"].as_u64().unwrap();
    assert!(sent < 6 * 3_000_000, "what arrived was sent again: {sent}");
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named_and_nothing_is_sent() {
    let mut user = User::with_folder();
    with_photos(&user, 2);
    user.becomes_ordinary();
    user.init();
    user.offsite(&["backup", "photos"]).done();
    user.write("photos/new.jpg", "new");
    let stored = user.objects.list("");
    let folders = std::fs::read_dir(&user.state).unwrap().flatten();
    let mut folders = folders.map(|entry| entry.path());
    let inner = folders.find(|path| path.join("writer.key").exists());
    let inner = inner.unwrap();
    let everything = || {
        let files = std::fs::read_dir(&inner).unwrap();
        files
            .map(|file| file.unwrap().path())
            .chain([inner.clone()])
    };
    let may_write = |yes: bool| {
        for path in everything() {
            let mut permissions = std::fs::metadata(&path).unwrap().permissions();
            let mode = permissions.mode();
            permissions.set_mode(if yes { mode | 0o200 } else { mode & !0o222 });
            std::fs::set_permissions(&path, permissions).unwrap();
        }
    };
    may_write(false);
    let refused = user.offsite(&["backup", "photos"]).ended(1);
    assert_one_error(&refused, "the local index", "--state-dir");
    assert_eq!(user.objects.list(""), stored);
    // Whoever is in need can read all the same.
    let read = user.offsite(&["snapshots", "--json"]).done();
    assert_eq!(read.json().as_array().map(Vec::len), Some(1));
    assert!(
        read.stderr.contains("a temporary index is used instead"),
        "{read}"
    );
    user.offsite(&["restore", "--target", "read-only", "--include", "**/0.jpg"])
        .done();
    assert_eq!(user.objects.list(""), stored);
    may_write(true);
    user.offsite(&["backup", "photos"]).done();
    restores(&user);
}

#[test]
fn credentials_that_are_no_longer_good_are_named_and_new_ones_go_on() {
    let server = SeaweedFs::start();
    let mut user = user_of(&server);
    user.init();
    user.set("AWS_ACCESS_KEY_ID", server.host_access_key());
    user.set("AWS_SECRET_ACCESS_KEY", server.host_secret_key());
    let mut run = start(&user, &["backup", "photos", "--upload-limit", "4M"]);
    // Twenty megabytes take five seconds at that rate.
    std::thread::sleep(Duration::from_secs(2));
    server.stop();
    wait_until_it_says(&user, "trying again");
    server.change_host_secret("another-secret");
    server.start_again();
    let status = run.wait().expect("a process of this test");
    let said = std::fs::read_to_string(user.path("stderr")).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("no credentials that the store accepts"),
        "{said}"
    );
    assert!(said.contains("hint: set AWS_ACCESS_KEY_ID"), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");

    user.set("AWS_SECRET_ACCESS_KEY", "another-secret");
    user.offsite(&["backup", "photos"]).done();
    restores(&user);
}

/// Answers every request as a store does whose clock is `behind` ours.
fn store_with_another_clock(behind: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 16_384];
            let _ = stream.read(&mut request);
            let time = SystemTime::now() - behind;
            let body = "<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code><Message>\
                The difference between the request time and the server's time is too large.\
                </Message></Error>";
            let date = aws_sdk_s3::primitives::DateTime::from(time);
            let date = date
                .fmt(aws_sdk_s3::primitives::DateTimeFormat::HttpDate)
                .unwrap();
            let _ = write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nContent-Type: application/xml\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}

#[test]
fn a_clock_that_is_wrong_is_named_with_how_wrong_it_is() {
    let port = store_with_another_clock(Duration::from_secs(20 * 60));
    let mut user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.repository = "s3://photos/offsite".to_owned();
    user.set("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    user.set("AWS_ACCESS_KEY_ID", "somebody");
    user.set("AWS_SECRET_ACCESS_KEY", "secret");
    let refused = user.offsite(&["backup", "photos"]).ended(1);
    let words = "this machine is 20 minutes ahead of the store";
    assert_one_error(&refused, words, "hint: set the clock of this machine");
}
