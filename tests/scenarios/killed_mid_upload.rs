//! "The power went while it was sending. What do I have to clean up?" Nothing.

use std::time::Duration;

use crate::tree::{assert_same, noise};
use crate::user::{User, both};

const FILES: usize = 20;
const FILE_BYTES: usize = 3_000_000;

#[test]
fn the_next_run_commits_and_nobody_cleans_up() {
    for user in both() {
        for number in 0..FILES {
            let path = format!("photos/{number}.mov");
            user.write(&path, noise(&path, FILE_BYTES));
        }
        user.offsite(&["init", "--pack-size", "4"]).done();
        let sent = killed_midway(&user);
        assert_eq!(user.objects.list("snapshots/").len(), 0);
        let list = user.offsite(&["snapshots", "--json"]).done();
        assert_eq!(list.json(), serde_json::json!([]));

        // What an earlier run left half-written, under a name that a pack could have.
        if user.repository.starts_with('/') {
            let name = sent.keys().next().expect("a pack").replace('/', "-");
            user.write(format!("repository/tmp/{name}"), noise("half", 100_000));
            let name = sent.keys().next().expect("a pack");
            user.write(format!("repository/tmp/{name}"), noise("half", 100_000));
        }
        let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
        assert_eq!(figures["files_total"], FILES);
        assert_eq!(figures["problems"], serde_json::json!([]));
        assert_eq!(user.objects.list("snapshots/").len(), 1);
        // What was sent before the power went is still there, untouched.
        let packs = user.objects.list("packs/");
        assert!(
            sent.iter()
                .all(|(name, bytes)| packs.get(name) == Some(bytes))
        );
        user.offsite(&["restore", "--target", "back"]).done();
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
        user.offsite(&["index", "rebuild"]).done();
    }
}

/// Starts a backup and kills it once a few packs have arrived; returns those that did.
fn killed_midway(user: &User) -> std::collections::BTreeMap<String, u64> {
    let arguments = ["backup", "--quiet", "--upload-limit", "8M", "photos"];
    let mut running = user.start(&arguments);
    while user.objects.list("packs/").len() < 3 {
        assert!(!running.has_ended(), "{}", running.outcome());
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = running.kill();
    assert_eq!(
        status.code(),
        None,
        "it was killed, and did not end: {status}"
    );
    user.objects.list("packs/")
}
