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

/// Photos that are a chunk each, so that packs are even: a pack is full at a mebibyte, and never
/// reaches two.
fn with_small_photos(user: &User) -> u64 {
    for number in 0..SMALL_FILES {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, SMALL_FILE_BYTES));
    }
    user.offsite(&["init", "--pack-size", "1"]).done();
    (SMALL_FILES * SMALL_FILE_BYTES) as u64
}

const SMALL_FILES: usize = 120;
const SMALL_FILE_BYTES: usize = 500_000;
const SMALL_PACK_BYTES_MAX: u64 = 2 << 20;

/// Uploads that can be under way at once: their packs may have arrived without being noted.
const TRANSFERS: u64 = 4;
/// Beside the photos: headers, footers and padding, in packs and in listings.
const FRAMES_PERCENT: u64 = 8;

#[test]
fn a_kill_at_any_time_costs_the_open_packs() {
    let user = User::with_folder();
    let total = with_small_photos(&user);
    let frames = total * FRAMES_PERCENT / 100;
    for share in [30, 60, 90] {
        let wanted = total * share / 100;
        let before = stored(&user);
        let mut running = user.start(&BACKUP_SLOWLY);
        while stored(&user) < wanted {
            assert!(!running.has_ended(), "{}", running.outcome());
            std::thread::sleep(Duration::from_millis(5));
        }
        running.kill();
        // It went on from where the last one stopped, and did not begin again.
        let sent = stored(&user) - before;
        assert!(sent < total * 30 / 100 + 5 * SMALL_PACK_BYTES_MAX, "{sent}");
    }
    let before = stored(&user);
    let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
    let sent = figures["bytes_uploaded"].as_u64().expect("a number");
    // Packs that were open or under way at one of three kills.
    let lost = 3 * TRANSFERS * SMALL_PACK_BYTES_MAX;
    assert!(
        sent <= total - before + lost + frames,
        "{before} of {total} were there, {sent} were sent"
    );
    let stored = stored(&user);
    assert!(
        stored <= total + lost + frames,
        "{stored} are stored of {total}"
    );
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}

const BACKUP_SLOWLY: [&str; 6] = [
    "backup",
    "--upload-limit",
    "12M",
    "--checkpoint-interval",
    "1s",
    "photos",
];

/// Both at once: the power goes, and with it the disk that the state was on.
#[test]
fn with_the_state_lost_too_a_kill_costs_what_follows_the_last_checkpoint() {
    let user = User::with_folder();
    let total = with_small_photos(&user);
    let frames = total * FRAMES_PERCENT / 100;
    let mut running = user.start(&BACKUP_SLOWLY);
    while stored(&user) < total * 60 / 100 {
        assert!(!running.has_ended(), "{}", running.outcome());
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill();
    let written = |name: &String| {
        let object = std::path::Path::new(&user.repository).join(name);
        let stat = std::fs::metadata(object).expect("an object");
        stat.modified().expect("a time")
    };
    let segments = user.objects.list("index/");
    let checkpoint = segments.keys().map(written).max().expect("a checkpoint");
    let packs = user.objects.list("packs/");
    let recorded = packs.iter().filter(|(name, _)| written(name) < checkpoint);
    let recorded: u64 = recorded.map(|(_, bytes)| bytes).sum();
    assert!(recorded > 0);

    std::fs::remove_dir_all(&user.state).expect("the state is lost");
    let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
    let sent = figures["bytes_uploaded"].as_u64().expect("a number");
    let under_way = TRANSFERS * SMALL_PACK_BYTES_MAX;
    assert!(
        sent <= total - recorded + under_way + frames,
        "{recorded} of {total} were recorded, {sent} were sent"
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

#[test]
fn ctrl_c_while_the_dump_hangs_ends_the_command_as_well() {
    let user = User::with_folder();
    user.init();
    let command = "echo $$ > hanging; sleep 600";
    let running = user.start(&["backup", "--database-command", command]);
    let has_begun =
        || std::fs::read_to_string(user.path("hanging")).is_ok_and(|text| text.ends_with('\n'));
    while !has_begun() {
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal("INT");
    let outcome = running.outcome().ended(130);
    assert!(outcome.stderr.contains("interrupted"), "{outcome}");
    let number = std::fs::read_to_string(user.path("hanging")).expect("its number");
    let process = std::path::Path::new("/proc").join(number.trim());
    assert!(!process.exists(), "the command lives on");
    assert_eq!(user.objects.list("snapshots/").len(), 0);
}
