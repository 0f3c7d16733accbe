//! "Stop Immich for the time of the backup, start it again whatever happens, and tell me."

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::user::User;

const DUMP: &str = "printf -- '--\\n-- PostgreSQL database dump\\n--\\n\\n--\\n-- PostgreSQL database \
                    dump complete\\n--\\n'";
const NOTE: &str =
    "echo $OFFSITE_HOOK $OFFSITE_OUTCOME $OFFSITE_EXIT_CODE $OFFSITE_SNAPSHOT >> log";

/// A user whose four hooks note that they ran.
fn user() -> User {
    let mut user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.repository = String::new();
    configure(&user, DUMP, &[]);
    user.offsite(&["init"]).done();
    user
}

/// With these hooks, or limits of hooks, in the place of those that only note.
fn configure(user: &User, dump: &str, hooks: &[(&str, &str)]) {
    let mut lines: Vec<String> = vec![
        "[source]\nfolders = ['photos']\n[database]".to_owned(),
        format!("command = '''{dump}'''"),
        "[[repository]]\nname = 'disk'\nurl = 'repository'\n[hooks]".to_owned(),
    ];
    for key in ["before", "after", "on_success", "on_failure"] {
        let other = hooks.iter().find(|(name, _)| *name == key);
        lines.push(format!(
            "{key} = '''{}'''",
            other.map_or(NOTE, |(_, hook)| hook)
        ));
    }
    let limits = hooks.iter().filter(|(name, _)| name.ends_with("_timeout"));
    lines.extend(limits.map(|(name, limit)| format!("{name} = '{limit}'")));
    user.write("offsite.toml", lines.join("\n"));
    let _ = fs::remove_file(user.path("log"));
}

fn log(user: &User) -> Vec<String> {
    let log = fs::read_to_string(user.path("log")).unwrap_or_default();
    log.lines().map(|line| line.trim().to_owned()).collect()
}

fn snapshots(user: &User) -> usize {
    user.objects.list("snapshots/").len()
}

#[test]
fn they_run_in_order_and_learn_how_it_ended() {
    let user = user();
    let saved = user.offsite(&["backup", "--json"]).done().json();
    let snapshot = saved["snapshot"].as_str().expect("an id").to_owned();
    let all_well = [
        "before".to_owned(),
        format!("after done 0 {snapshot}"),
        format!("on_success done 0 {snapshot}"),
    ];
    assert_eq!(log(&user), all_well);
    configure(&user, DUMP, &[]);
    user.offsite(&["backup", "--dry-run"]).done();
    assert_eq!(log(&user), [""; 0], "nothing is stored, nothing is stopped");

    // A backup that fails, and one that never begins.
    configure(
        &user,
        "echo 'no server'; exit 4",
        &[("on_failure", "echo \"$OFFSITE_ERROR\" >> log")],
    );
    user.offsite(&["backup"]).ended(1);
    let noted = log(&user);
    assert_eq!(noted[..2], ["before", "after failed 1"]);
    assert!(noted[2].contains("exit status 4"), "{noted:?}");
    configure(&user, DUMP, &[]);
    user.offsite(&["backup", "--repo", "./nowhere"]).ended(10);
    assert_eq!(log(&user), ["on_failure failed 10"]);
    assert_eq!(snapshots(&user), 1);

    // Saved, but not all of it: who is told of failures is told.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut user = user;
    user.becomes_ordinary();
    fs::create_dir(user.path("photos/closed")).expect("a folder that only root may open");
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(user.path("photos/closed"), closed).expect("permissions");
    user.offsite(&["backup"]).ended(3);
    let noted = log(&user);
    let [.., after, failure] = noted.as_slice() else {
        panic!("{noted:?}");
    };
    assert!(after.starts_with("after incomplete 3 "), "{noted:?}");
    assert!(failure.starts_with("on_failure incomplete 3 "), "{noted:?}");
}

#[test]
fn a_before_that_fails_or_hangs_stops_the_backup_and_after_runs() {
    let user = user();
    let fails = "echo 'no such container' >&2; exit 3";
    configure(&user, DUMP, &[("before", fails)]);
    let failed = user.offsite(&["backup", "--json"]).ended(1).json();
    let told = failed["error"].to_string();
    assert!(
        told.contains("`before` failed") && told.contains("no such container"),
        "{told}"
    );
    assert_eq!(log(&user), ["after failed 1", "on_failure failed 1"]);

    let hangs = "echo $$ > pids; (trap '' TERM; exec sleep 1000) & echo $! >> pids; wait";
    configure(&user, DUMP, &[("before", hangs), ("before_timeout", "1s")]);
    let overdue = user.offsite(&["backup"]).ended(1);
    assert!(overdue.stderr.contains("longer than 1.0 s"), "{overdue}");
    assert_eq!(log(&user), ["after failed 1", "on_failure failed 1"]);
    let pids = fs::read_to_string(user.path("pids")).expect("it was started");
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        let is_gone = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(status) => status.contains(") Z "),
            Err(_) => true,
        };
        wait_until(is_gone);
    }
    assert_eq!(snapshots(&user), 0);
}

#[test]
fn an_interrupt_does_not_keep_after_from_running() {
    let user = user();
    for (hang_in, expected) in [
        (
            "dump",
            vec![
                "before",
                "after interrupted 130",
                "on_failure interrupted 130",
            ],
        ),
        (
            "before",
            vec!["after interrupted 130", "on_failure interrupted 130"],
        ),
    ] {
        let hangs = format!("echo > begun_{hang_in}; sleep 1000");
        match hang_in {
            "dump" => configure(&user, &hangs, &[]),
            _ => configure(&user, DUMP, &[("before", &hangs)]),
        }
        let running = user.start(&["backup"]);
        let begun = user.path(format!("begun_{hang_in}"));
        wait_until(|| Path::new(&begun).exists());
        running.signal("INT");
        running.outcome().ended(130);
        assert_eq!(log(&user), expected, "{hang_in}");
    }
}

/// A second Ctrl-C ended the program at once, and `immich-server` stayed stopped until somebody
/// wanted to see a photo.
#[test]
fn whoever_cannot_wait_still_gets_his_server_back() {
    let user = user();
    // A dump that hears no signal, and an `after` of its time.
    let hangs = "trap '' TERM; echo > begun; exec sleep 1000";
    let takes_its_time = format!("echo > starting; sleep 1; {NOTE}");
    configure(&user, hangs, &[("after", &takes_its_time)]);
    let running = user.start(&["backup"]);
    wait_until(|| user.path("begun").exists());
    running.signal("INT");
    running.signal("INT");
    wait_until(|| user.path("starting").exists());
    // He is not getting more patient.
    running.signal("INT");
    let ended = running.outcome().ended(130);
    let noted = log(&user);
    assert_eq!(noted[..2], ["before", "after interrupted 130"], "{ended}");
    let times = noted.iter().filter(|it| it.starts_with("after")).count();
    assert_eq!(times, 1, "{noted:?}");
}

#[test]
fn an_after_that_fails_is_loud_and_the_snapshot_is_saved() {
    let user = user();
    let fails = "echo 'port 2283 is taken'; exit 1";
    configure(&user, DUMP, &[("after", fails), ("on_failure", "false")]);
    let outcome = user.offsite(&["backup", "--json"]).ended(1);
    let saved = outcome.json();
    assert!(saved["snapshot"].is_string(), "{saved}");
    for words in [
        "`after` failed",
        "port 2283 is taken",
        "`on_failure` failed",
    ] {
        assert!(outcome.stderr.contains(words), "{words}: {outcome}");
    }
    assert_eq!(snapshots(&user), 1);
    // That nobody could be told is a warning.
    configure(&user, DUMP, &[("on_success", "exit 7")]);
    let outcome = user.offsite(&["backup"]).done();
    assert!(outcome.stderr.contains("`on_success` failed"), "{outcome}");
}

/// The mail of the guide was empty when the server had not come up again, and when a copy was away:
/// what is wrong with a backup that is saved was told to nobody.
#[test]
fn a_hook_hears_what_is_wrong_with_a_backup_that_is_saved() {
    let user = user();
    let mail = (
        "on_failure",
        "echo \"$OFFSITE_EXIT_CODE $OFFSITE_ERROR\" >> log",
    );
    configure(&user, DUMP, &[("after", "exit 3"), mail]);
    user.offsite(&["backup"]).ended(1);
    let noted = log(&user);
    assert!(
        noted[1].starts_with("1 the command `after` failed"),
        "{noted:?}"
    );

    configure(&user, DUMP, &[mail]);
    let file = fs::read_to_string(user.path("offsite.toml")).expect("text");
    let away = "[[repository]]\nname = 'usb'\nurl = 'not-mounted'\n[hooks]";
    user.write("offsite.toml", file.replace("[hooks]", away));
    user.offsite(&["backup"]).ended(7);
    let noted = log(&user);
    let [_, _, told] = noted.as_slice() else {
        panic!("{noted:?}");
    };
    assert!(
        told.starts_with("7 behind: usb does not have the snapshot"),
        "{told}"
    );
}

#[test]
fn they_do_not_inherit_the_passphrase_and_know_the_configuration() {
    let user = user();
    let notes = "env > seen; echo more than anybody wants to know";
    configure(&user, DUMP, &[("before", notes)]);
    let quiet = user.offsite(&["backup"]).done();
    assert!(!quiet.to_string().contains("anybody"), "{quiet}");
    let seen = fs::read_to_string(user.path("seen")).expect("it ran");
    assert!(!seen.contains("OFFSITE_PASSPHRASE"), "{seen}");
    let file = user.path("offsite.toml").display().to_string();
    assert!(seen.contains(&format!("OFFSITE_CONFIG={file}")), "{seen}");
    let verbose = user.offsite(&["backup", "--verbose"]).done();
    assert!(verbose.stderr.contains("anybody wants"), "{verbose}");
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..1200 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it never came to that");
}
