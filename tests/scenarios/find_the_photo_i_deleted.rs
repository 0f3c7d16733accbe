//! "There was a picture of grandma, two years ago. I must have deleted it. When, and where is it?"

use serde_json::Value;

use crate::user::User;

/// Five nights of one machine; grandma's picture is edited on the third and deleted on the fourth,
/// and another comes under her name on the fifth.
fn five_nights(user: &User) -> Vec<String> {
    user.init();
    for night in 0..5 {
        user.write("photos/other.jpg", format!("night {night}"));
        match night {
            0 => user.write("photos/2024/Grandma.JPG", "a picture"),
            2 => user.write("photos/2024/Grandma.JPG", "a better picture"),
            3 => std::fs::remove_file(user.path("photos/2024/Grandma.JPG")).unwrap(),
            4 => user.write("photos/2024/Grandma.JPG", "another grandma"),
            _ => {}
        }
        user.offsite(&["backup", "--quiet", "photos", "--host", "nas"])
            .done();
    }
    let list = user.offsite(&["snapshots", "--json"]).done().json();
    let ids = list.as_array().unwrap().iter();
    ids.map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

fn versions(found: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let versions = found["versions"].as_array().unwrap().iter();
    versions
        .map(|one| {
            (
                text(&one["change"]),
                text(&one["snapshot"]),
                text(&one["last_snapshot"]),
            )
        })
        .collect()
}

#[test]
fn it_says_when_the_photo_came_changed_and_went_and_who_has_it_last() {
    let user = User::with_folder();
    let nights = five_nights(&user);
    let find = ["find", "--json", "--ignore-case", "grandma*"];
    let outcome = user.offsite(&find).done();
    let document = outcome.json();
    let found = document.as_array().unwrap();
    assert_eq!(found.len(), 1, "{outcome}");
    assert_eq!(found[0]["host"], "nas");
    let version = |change: &str, since: usize, until: usize| {
        (
            change.to_owned(),
            nights[since].clone(),
            nights[until].clone(),
        )
    };
    let expected = [
        version("first_seen", 0, 1),
        version("changed", 2, 2),
        version("removed", 3, 3),
        version("back", 4, 4),
    ];
    assert_eq!(versions(&found[0]), expected, "{outcome}");
    // With that, it comes back.
    let path = found[0]["path"].as_str().unwrap();
    let bytes = user.offsite(&["cat", &nights[2], path]).done().text();
    assert_eq!(bytes, "a better picture");

    let text = user.offsite(&["find", "Grandma.JPG"]).done().text();
    let told: Vec<&str> = text.lines().map(|line| line.trim_start()).collect();
    assert_eq!(told.len(), 5, "{text}");
    for (line, what) in told[1..]
        .iter()
        .zip(["first seen", "changed", "removed", "back"])
    {
        assert!(line.starts_with(what), "{text}");
    }
    assert!(told[1].contains(&nights[0][..12]), "{text}");

    let capital = user.offsite(&["find", "grandma*"]).done().text();
    assert_eq!(capital, "Nothing in 5 snapshots matches.\n");
}

#[test]
fn it_looks_only_where_it_is_told_to() {
    let user = User::with_folder();
    let nights = five_nights(&user);
    let photos = user.path("photos").display().to_string();
    user.write("letters/Grandma.JPG", "a scan");
    user.offsite(&[
        "backup", "--quiet", "letters", "--host", "laptop", "--tag", "letters",
    ])
    .done();
    let count = |arguments: &[&str]| {
        let arguments = [&["find", "--json", "Grandma.JPG"], arguments].concat();
        let document = user.offsite(&arguments).done().json();
        document.as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 2);
    assert_eq!(count(&["--host", "laptop"]), 1);
    assert_eq!(count(&["--tag", "letters"]), 1);
    assert_eq!(count(&["--path", &photos]), 1);
    assert_eq!(count(&["--path", "nowhere"]), 0);
    assert_eq!(count(&["--snapshot", &nights[3]]), 0);
    assert_eq!(count(&["--snapshot", &nights[2]]), 1);
    assert_eq!(count(&["--at", "now"]), 1);
    let whole = format!("{photos}/2024/*.JPG");
    let document = user.offsite(&["find", "--json", &whole, "2024/"]).done();
    let document = document.json();
    let types = document
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["versions"][0]["type"]);
    assert_eq!(types.collect::<Vec<_>>(), ["folder", "file"], "{document}");
    let wrong = user.offsite(&["find", "[a"]).ended(1);
    assert!(wrong.stderr.contains("[a"), "{wrong}");
}

#[test]
fn a_night_whose_listing_is_lost_hides_no_other() {
    let user = User::with_folder();
    user.init();
    let mut listings = Vec::new();
    for night in ["one", "two", "three"] {
        user.write("photos/state.txt", night);
        user.offsite(&["backup", "--quiet", "photos"]).done();
        let mut names: Vec<String> = user.objects.list("listings/").into_keys().collect();
        names.retain(|name| !listings.contains(name));
        listings.extend(names);
    }
    assert_eq!(listings.len(), 3);
    user.objects.remove(&listings[1]);
    let outcome = user.offsite(&["find", "--json", "state.txt"]).ended(4);
    let document = outcome.json();
    let changes: Vec<_> = versions(&document[0])
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(changes, ["first_seen", "changed"], "{outcome}");
    assert!(outcome.stderr.contains("passed over"), "{outcome}");
}
