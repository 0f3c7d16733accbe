//! "Give it back as it was on Tuesday."

use crate::user::User;

/// Three snapshots, each with another `state.txt`; their ids and times, oldest first.
fn three_nights(user: &User) -> Vec<(String, String)> {
    user.init();
    for night in ["one", "two", "three"] {
        user.write("photos/state.txt", night);
        let arguments = [
            "backup", "--quiet", "--host", night, "--tag", "nightly", "photos",
        ];
        user.offsite(&arguments).done();
    }
    let list = user.offsite(&["snapshots", "--json"]).done().json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let list = list.as_array().unwrap().iter();
    list.map(|one| (text(&one["id"]), text(&one["time"])))
        .collect()
}

#[test]
fn every_way_to_name_a_snapshot_finds_the_right_one() {
    let user = User::with_folder();
    let nights = three_nights(&user);
    assert_eq!(nights.len(), 3);
    let state = format!("{}/state.txt", user.path("photos").display());
    let of = |snapshot: &str| user.offsite(&["cat", snapshot, &state]).done().text();
    assert_eq!(of("latest"), "three");
    assert_eq!(of("latest~0"), "three");
    assert_eq!(of("latest~1"), "two");
    assert_eq!(of("latest~2"), "one");
    assert_eq!(of(&nights[0].0), "one");
    assert_eq!(of(&nights[1].0[..12]), "two");

    let second = nights[1].1.as_str();
    user.offsite(&["restore", "--at", second, "--target", "back"])
        .done();
    let back = user.restored("back", "photos").join("state.txt");
    assert_eq!(std::fs::read_to_string(&back).unwrap(), "two");
    let latest = ["restore", "latest~1", "--at", second, "--target", "back"];
    user.offsite(&latest).done();
    assert_eq!(std::fs::read_to_string(&back).unwrap(), "one");
    user.offsite(&["restore", "--host", "three", "--target", "back"])
        .done();
    assert_eq!(std::fs::read_to_string(&back).unwrap(), "three");
}

#[test]
fn what_names_no_snapshot_or_several_is_an_error_that_says_so() {
    let user = User::with_folder();
    let nights = three_nights(&user);
    // The key of this host is enough to look for a snapshot; nothing is unlocked here.
    let refused = |snapshot: &str| {
        let outcome = user.offsite(&["ls", snapshot]).ended(1);
        assert!(outcome.stderr.contains("hint: "), "{outcome}");
        outcome
    };
    let outcome = refused("latest~3");
    assert!(outcome.stderr.contains("latest~3"), "{outcome}");
    for unknown in [
        "0000000000000000",
        "Latest",
        "last",
        "latest~",
        "latest~-1",
        "latest~x",
        "ä",
    ] {
        let outcome = refused(unknown);
        assert!(outcome.stderr.contains(unknown), "{outcome}");
    }
    refused("");

    // Sooner or later two of them begin with the same letter.
    let mut ids: Vec<String> = nights.into_iter().map(|(id, _)| id).collect();
    let ambiguous = loop {
        let mut first: Vec<&str> = ids.iter().map(|id| &id[..1]).collect();
        first.sort_unstable();
        if let Some(pair) = first.windows(2).find(|pair| pair[0] == pair[1]) {
            break pair[0].to_owned();
        }
        user.offsite(&["backup", "--quiet", "photos"]).done();
        let list = user.offsite(&["snapshots", "--json"]).done().json();
        let list = list.as_array().unwrap().iter();
        ids = list
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
    };
    let outcome = refused(&ambiguous);
    assert!(outcome.stderr.contains("several"), "{outcome}");
}

#[test]
fn before_the_first_snapshot_there_is_nothing_to_restore() {
    let user = User::with_folder();
    three_nights(&user);
    let outcome = user
        .offsite(&["restore", "--at", "2020-01-01", "--target", "back"])
        .ended(1);
    assert!(outcome.stderr.contains("2020-01-01"), "{outcome}");
    assert!(outcome.stderr.contains("hint: "), "{outcome}");
    assert!(!user.path("back").exists());

    let outcome = user
        .offsite(&["restore", "--at", "a while back", "--target", "back"])
        .ended(2);
    assert!(outcome.stderr.contains("a while back"), "{outcome}");
    assert!(!user.path("back").exists());

    let outcome = user
        .offsite(&["restore", "--host", "four", "--target", "back"])
        .ended(1);
    assert!(outcome.stderr.contains("four"), "{outcome}");
    assert!(outcome.stderr.contains("hint: "), "{outcome}");
}
