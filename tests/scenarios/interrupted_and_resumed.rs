//! "I had to stop the first backup, it takes days." What was sent counts.

use std::time::Duration;

use crate::tree::{assert_same, noise};
use crate::user::{Running, User, both};

const FILES: usize = 24;
const FILE_BYTES: usize = 2_500_000;
/// What `--pack-size 4` makes of a pack at most, with all its frames.
const PACK_BYTES_MAX: u64 = 6 << 20;

fn with_photos(user: &User) -> u64 {
    for number in 0..FILES {
        let path = format!("photos/{number}.mov");
        user.write(&path, noise(&path, FILE_BYTES));
    }
    user.offsite(&["init", "--pack-size", "4"]).done();
    // Written a while ago, as photos are: what is fresh is not trusted to hold still.
    let status = std::process::Command::new("find")
        .arg(user.path("photos"))
        .args([
            "-type",
            "f",
            "-exec",
            "touch",
            "-d",
            "2024-05-01",
            "{}",
            "+",
        ])
        .status();
    assert!(status.expect("find starts").success());
    std::thread::sleep(Duration::from_secs(4));
    (FILES * FILE_BYTES) as u64
}

fn stored(user: &User) -> u64 {
    user.objects.list("packs/").values().sum()
}

/// Starts a backup and waits until so many packs have arrived.
fn started(user: &User, packs: usize) -> Running {
    let arguments = [
        "backup",
        "--upload-limit",
        "12M",
        "--checkpoint-interval",
        "1s",
        "photos",
    ];
    let mut running = user.start(&arguments);
    while user.objects.list("packs/").len() < packs {
        assert!(!running.has_ended(), "{}", running.outcome());
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

#[test]
fn ctrl_c_and_sigterm_keep_what_is_on_its_way_and_write_a_checkpoint() {
    for (user, signal) in both().into_iter().zip(["INT", "TERM"]) {
        let total = with_photos(&user);
        let running = started(&user, 3);
        running.signal(signal);
        let outcome = running.outcome().ended(130);
        assert!(outcome.stderr.contains("interrupted"), "{outcome}");
        assert!(outcome.stderr.contains("goes on from there"), "{outcome}");
        assert_eq!(user.objects.list("snapshots/").len(), 0);
        assert!(!user.objects.list("index/").is_empty(), "a checkpoint");

        // Even from a machine that knows nothing of it, what arrived is not sent again.
        let before = stored(&user);
        let state = user.path("another-state").display().to_string();
        let arguments = ["--state-dir", &state, "backup", "--json", "photos"];
        let figures = user.offsite(&arguments).done().json();
        let sent = figures["bytes_uploaded"].as_u64().expect("a number");
        assert!(
            sent < total - before + PACK_BYTES_MAX,
            "{before} of {total} were there, {sent} were sent"
        );
        user.offsite(&["restore", "--target", "back"]).done();
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
    }
}

/// `pg_dump` says nothing while it waits for a lock, which may be for half an hour.
#[test]
fn ctrl_c_does_not_wait_for_a_dump_that_hangs() {
    let user = User::with_folder();
    user.write("photos/a.jpg", b"photo");
    user.offsite(&["init"]).done();
    let header = "printf -- '--\\n-- PostgreSQL database dump\\n--\\n';";
    for begins in ["", header] {
        let pid = user.path("pid");
        let _ = std::fs::remove_file(&pid);
        let pid = pid.display();
        let command = format!("{begins} echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 600");
        let mut running = user.start(&["backup", "photos", "--database-command", &command]);
        while !user.path("pid").exists() {
            assert!(!running.has_ended(), "{}", running.outcome());
            std::thread::sleep(Duration::from_millis(10));
        }
        running.signal("INT");
        let outcome = running.outcome().ended(130);
        assert!(outcome.stderr.contains("interrupted"), "{outcome}");
        let pid = std::fs::read_to_string(user.path("pid")).expect("it was written");
        let place = format!("/proc/{}", pid.trim());
        assert!(!std::path::Path::new(&place).exists(), "it still runs");
        assert_eq!(user.objects.list("snapshots/").len(), 0);
    }
}

#[test]
fn a_kill_at_any_time_costs_the_open_packs() {
    let user = User::with_folder();
    let total = with_photos(&user);
    let packs_total = total.div_ceil(5 << 20) as usize;
    let mut sent_before = 0;
    for share in [30, 60, 90] {
        let running = started(&user, packs_total * share / 100);
        running.kill();
        let now = stored(&user);
        assert!(now > sent_before, "it went on: {sent_before}, then {now}");
        sent_before = now;
    }
    user.offsite(&["backup", "photos"]).done();
    // Three kills; each cost at most what was open or on its way and not acknowledged.
    let stored = stored(&user);
    assert!(
        stored < total + 3 * 4 * PACK_BYTES_MAX,
        "{stored} are stored of {total}"
    );
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}

#[test]
fn a_host_that_lost_its_state_reads_nothing_again() {
    for user in both() {
        with_photos(&user);
        user.offsite(&["backup", "photos"]).done();
        std::fs::remove_dir_all(&user.state).expect("the state is lost");
        user.write("photos/new.jpg", b"new");
        let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
        assert_eq!(figures["files_unmodified"], FILES, "{figures}");
        assert_eq!(figures["bytes_read"], 3, "{figures}");
        user.offsite(&["restore", "--target", "back"]).done();
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
    }
}
