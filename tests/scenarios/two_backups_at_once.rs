//! "My wife's computer backs up to the same place, and at the same hour."

use std::time::Duration;

use crate::tree::{assert_same, noise};
use crate::user::{User, both};

fn fill(user: &User, whose: &str, files: usize, bytes: usize) {
    for number in 0..files {
        let path = format!("photos/{whose}/{number}.jpg");
        user.write(&path, noise(&path, bytes));
    }
    // One picture that both have.
    user.write("photos/wedding.jpg", noise("wedding", 700_000));
}

#[test]
fn two_machines_fill_one_repository_at_the_same_time() {
    for hers in both() {
        let his = hers.another_machine();
        fill(&hers, "hers", 40, 150_000);
        fill(&his, "his", 40, 150_000);
        hers.offsite(&["init", "--pack-size", "1"]).done();
        // Slow enough that the one is still at it when the other begins.
        let backup = |host| ["backup", "--host", host, "--upload-limit", "2M", "photos"];
        let hers_running = hers.start(&backup("hers"));
        let his_running = his.start(&backup("his"));
        hers_running.outcome().done();
        his_running.outcome().done();

        let list = hers.offsite(&["snapshots", "--json"]).done().json();
        assert_eq!(list.as_array().map(Vec::len), Some(2));
        for (user, host) in [(&hers, "hers"), (&his, "his")] {
            // On the other's machine, so that nothing comes out of a state of its own.
            let other = hers.another_machine();
            other
                .offsite(&["restore", "--host", host, "--target", "back"])
                .done();
            let inside = user.path("photos");
            let inside = inside.strip_prefix("/").unwrap();
            assert_same(&user.path("photos"), &other.path("back").join(inside));
        }
    }
}

#[test]
fn the_same_source_twice_at_once_is_refused() {
    let user = User::with_folder();
    fill(&user, "hers", 100, 150_000);
    user.offsite(&["init", "--pack-size", "1"]).done();
    let running = user.start(&["backup", "--upload-limit", "4M", "photos"]);
    while user.objects.list("packs/").is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused = user.offsite(&["backup", "photos"]).ended(1);
    assert!(refused.stderr.contains("under way"), "{refused}");
    assert!(refused.stderr.contains("hint: "), "{refused}");
    let json = user
        .offsite(&["backup", "photos", "--json"])
        .ended(1)
        .json();
    assert_eq!(json["error"]["exit_code"], 1);
    running.outcome().done();
    let list = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    user.offsite(&["backup", "photos"]).done();
}
