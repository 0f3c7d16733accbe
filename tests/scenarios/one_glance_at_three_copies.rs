//! "Does it hold today: three copies, two media, one offsite? Tell me in one screen, and wake me only
//! when it does not."

use std::process::Command;

use crate::bad_moments::in_own_mounts;
use crate::user::User;

fn check<'v>(
    board: &'v serde_json::Value,
    name: &str,
    repository: Option<&str>,
) -> &'v serde_json::Value {
    let checks = board["checks"].as_array().expect("checks");
    let found = checks.iter().find(|it| {
        it["name"] == name && repository.is_none_or(|wanted| it["repository"] == wanted)
    });
    found.unwrap_or_else(|| panic!("no check {name}: {board:#}"))
}

#[test]
fn a_bucket_and_a_disk_beside_the_library_are_enough_and_one_is_not() {
    let user = User::with_bucket();
    user.init();
    user.write("photos/a.jpg", b"a");
    user.offsite(&["backup", "photos"]).done();
    let one = user.offsite(&["status", "--json"]).ended(6).json();
    assert_eq!(
        (&one["satisfied"], &one["copies"]),
        (&false.into(), &2.into())
    );
    assert_eq!(
        (&one["media"], &one["offsite"]),
        (&serde_json::json!(["cloud", "disk"]), &1.into())
    );
    assert_eq!(check(&one, "copies", None)["ok"], false);
    assert_eq!(check(&one, "offsite", None)["ok"], true);
}

#[test]
fn copies_that_lag_or_are_gone_are_named_and_the_rest_is_still_shown() {
    let user = User::with_folder();
    user.init();
    user.write("photos/a.jpg", b"a");
    user.offsite(&["backup", "photos"]).done();
    let copy = user.path("usb-disk");
    let copied = Command::new("cp")
        .arg("-a")
        .args([&user.path("repository"), &copy])
        .status();
    assert!(copied.expect("cp").success());
    let (home, disk) = (user.repository.clone(), copy.display().to_string());
    let both = |more: &[&str]| {
        let arguments = [&["status", "--repo", &home, "--repo", &disk], more].concat();
        user.offsite(&arguments).ended(6)
    };
    let level = both(&["--json"]).json();
    assert_eq!(level["copies"], 3);
    assert_eq!(check(&level, "level", Some(&disk))["ok"], true);
    assert_eq!(check(&level, "media", None)["ok"], false);
    assert_eq!(level["satisfied"], false);

    user.write("photos/b.jpg", b"b");
    user.offsite(&["backup", "--repo", &home, "photos"]).done();
    let lagging = both(&["--json"]).json();
    assert_eq!(check(&lagging, "level", Some(&disk))["ok"], false);
    assert_eq!(lagging["repositories"][1]["behind"], 1);

    std::fs::rename(&copy, user.path("unplugged")).expect("a folder");
    let gone = both(&["--json"]).json();
    let last = &gone["repositories"][1];
    assert_eq!(
        (&last["reachable"], &last["last_seen"]["snapshots"]),
        (&false.into(), &1.into())
    );
    assert_eq!(gone["repositories"][0]["snapshots"], 2);
    let text = both(&[]).text();
    assert!(
        text.contains("no answer") && text.contains("usb-disk"),
        "{text}"
    );
    let too_wide = text
        .lines()
        .find(|line| line.chars().count() > 80 && !line.contains('/'));
    assert_eq!(too_wide, None, "{text}");
}

#[test]
fn a_snapshot_that_is_too_old_needs_attention() {
    let user = User::with_folder();
    user.init();
    user.write("photos/a.jpg", b"a");
    user.offsite(&["backup", "photos"]).done();
    let late = user
        .offsite(&["status", "--json", "--max-snapshot-age", "0s"])
        .ended(6)
        .json();
    assert_eq!(check(&late, "snapshot", None)["ok"], false);
    assert_eq!(late["copies"], 1);
    let fresh = user.offsite(&["status", "--json"]).ended(6).json();
    assert_eq!(check(&fresh, "snapshot", None)["ok"], true);
}

/// The laptop went on every night, and so nobody was told that the server had not for a month.
#[test]
fn another_machine_does_not_speak_for_this_one() {
    let user = User::with_folder();
    user.write("photos/a.jpg", b"a");
    user.init();
    user.offsite(&["backup", "--host", "laptop", "photos"])
        .done();
    // A machine that only looks takes any.
    let any = user.offsite(&["status", "--json"]).ended(6).json();
    assert_eq!(check(&any, "snapshot", None)["ok"], true);
    user.write(
        "offsite.toml",
        "[source]\nfolders = ['photos']\nhost = 'server'\n",
    );
    let own = user.offsite(&["status", "--json"]).ended(6).json();
    assert_eq!(check(&own, "snapshot", None)["ok"], false);
    assert_eq!(own["repositories"][0]["hosts"][0]["host"], "laptop");
    user.offsite(&["backup"]).done();
    user.offsite(&["backup", "--host", "laptop"]).done();
    let own = user.offsite(&["status", "--json"]).ended(6).json();
    assert_eq!(check(&own, "snapshot", None)["ok"], true);
    assert_eq!(own["repositories"][0]["latest"]["host"], "server");
    let text = user.offsite(&["status"]).ended(6).text();
    assert!(text.contains("laptop just now, server just now"), "{text}");
}

/// A NAS that was mounted at two places counted as two copies.
#[test]
fn one_folder_by_two_ways_is_one_copy() {
    let user = User::with_folder();
    user.init();
    user.write("photos/a.jpg", b"a");
    user.offsite(&["backup", "photos"]).done();
    let script = r#"
        mkdir twice && mount --bind repository twice || exit 90
        exec "$OFFSITE" status --json --repo repository --repo twice
    "#;
    let board = in_own_mounts(&user, script).ended(6).json();
    let [first, second] = [0, 1].map(|at| &board["repositories"][at]);
    assert_eq!(
        (&first["same_as"], &second["same_as"]),
        (&().into(), &first["name"])
    );
    assert_eq!(
        (&board["copies"], &second["counts"]),
        (&2.into(), &false.into())
    );
    assert_eq!(
        check(&board, "distinct", second["name"].as_str())["ok"],
        false
    );
}
