//! "A year of nights is in there. Keep what I could ever want, and let the rest go."

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::seaweedfs::SeaweedFs;
use crate::immich_database::{Era, back_up, backed_up, dump_command};
use crate::installation::Installation;
use crate::tree::{assert_same, noise};
use crate::user::User;

/// One photo more, and a backup.
fn night(user: &User, number: u32, more: &[&str]) -> String {
    user.write(
        format!("photos/{number}.jpg"),
        noise(&number.to_string(), 3_000),
    );
    let arguments = [&["backup", "photos", "--json"], more].concat();
    let figures = user.offsite(&arguments).done().json();
    figures["snapshot"].as_str().unwrap().to_owned()
}

/// From now on the store says that the snapshot was put so many days ago.
fn age(user: &User, snapshot: &str, days: u64) {
    let path = user.path("repository/snapshots").join(snapshot);
    let file = std::fs::File::options().append(true).open(path).unwrap();
    let then = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
    file.set_modified(then).unwrap();
}

fn listed(user: &User) -> Vec<String> {
    let names = user.objects.list("snapshots/").into_keys();
    names.map(|name| name.replace("snapshots/", "")).collect()
}

fn ids(document: &Value, field: &str) -> Vec<String> {
    let all = document[field].as_array().unwrap().iter();
    all.map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_table_says_what_stays_and_why_before_anything_goes() {
    let user = User::with_folder();
    user.init();
    let ages = [70, 69, 50, 3, 2, 1, 0];
    let nights: Vec<String> = (0..).zip(ages).map(|(n, _)| night(&user, n, &[])).collect();
    for (id, days) in nights.iter().zip(ages) {
        age(&user, id, days);
    }
    let rules = ["--keep-daily", "3", "--keep-yearly", "9"];
    let outcome = user
        .offsite(&[&["forget", "--dry-run"], &rules[..]].concat())
        .done();
    let text = outcome.text();
    let line = |id: &String| {
        let id: String = id.chars().take(12).collect();
        let mut lines = text.lines().filter(|line| line.starts_with(&id));
        lines
            .next()
            .unwrap_or_else(|| panic!("{id} is not in {text}"))
            .to_owned()
    };
    assert!(
        line(&nights[6]).contains("keep") && line(&nights[6]).contains("newest"),
        "{text}"
    );
    assert!(line(&nights[4]).contains("daily"), "{text}");
    assert!(line(&nights[0]).contains("yearly"), "{text}");
    assert!(line(&nights[3]).contains("remove"), "{text}");
    assert!(text.contains("Would remove"), "{text}");
    assert_eq!(listed(&user).len(), 7);
    assert_eq!(user.objects.list("forgets/").len(), 0);

    let outcome = user
        .offsite(&[&["forget", "--json"], &rules[..]].concat())
        .done();
    let document = outcome.json();
    let removed = ids(&document, "removed");
    assert!(removed.contains(&nights[3]) && !removed.contains(&nights[0]));
    assert!(ids(&document, "kept").contains(&nights[6]));
    let newest = document["kept"].as_array().unwrap().last().unwrap();
    assert!(
        newest["reasons"]
            .as_array()
            .unwrap()
            .contains(&"newest".into()),
        "{newest}"
    );
    assert!(newest["time"].is_string() && newest["host"].is_string());
    assert_eq!(listed(&user).len(), 7 - removed.len());
    assert_eq!(user.objects.list("forgets/").len(), 1);
    // What stays comes back, and nothing is missed.
    user.offsite(&["verify", "--data"]).done();
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}

#[test]
fn a_busy_machine_pushes_out_nothing_of_a_quiet_one() {
    let user = User::with_folder();
    user.init();
    let quiet = night(&user, 0, &["--host", "laptop", "--tag", "holiday"]);
    let busy: Vec<String> = (1..5).map(|n| night(&user, n, &[])).collect();
    let document = user
        .offsite(&["forget", "--keep-last", "2", "--json"])
        .done()
        .json();
    assert_eq!(ids(&document, "removed"), busy[..2]);
    assert!(listed(&user).contains(&quiet));
    // Together they would be one row.
    let arguments = [
        "forget",
        "--keep-last",
        "1",
        "--group-by",
        "none",
        "--dry-run",
        "--json",
    ];
    let document = user.offsite(&arguments).done().json();
    assert_eq!(
        ids(&document, "removed"),
        [&quiet, &busy[2]].map(Clone::clone)
    );
    let tagged = [&arguments[..], &["--keep-tag", "holiday"]].concat();
    let document = user.offsite(&tagged).done().json();
    assert_eq!(ids(&document, "removed"), [busy[2].clone()]);
}

#[test]
fn named_ones_go_unless_they_are_the_ones_to_fall_back_on() {
    let user = User::with_folder();
    user.init();
    let nights: Vec<String> = (0..3).map(|n| night(&user, n, &[])).collect();
    let outcome = user.offsite(&["forget"]).ended(2);
    assert!(outcome.stderr.contains("--keep-daily"), "{outcome}");
    let outcome = user.offsite(&["forget", "latest"]).ended(1);
    assert!(outcome.stderr.contains("the newest"), "{outcome}");
    assert!(outcome.stderr.contains("--even-protected"), "{outcome}");
    user.offsite(&["forget", &nights[0][..12]]).done();
    assert_eq!(listed(&user).len(), 2);
    user.offsite(&["forget", "latest", "--even-protected"])
        .done();
    assert_eq!(listed(&user), [nights[1].clone()]);
    let outcome = user
        .offsite(&["forget", "latest", "--even-protected"])
        .ended(1);
    assert!(outcome.stderr.contains("one must stay"), "{outcome}");
    user.offsite(&["forget", "ffffffffffff"]).ended(1);
    user.offsite(&["forget", "--keep-within", "soon"]).ended(2);
}

#[test]
fn what_a_drill_has_proven_stays() {
    let user = User::with_folder();
    let server = backed_up(&user, Era::Now, 4);
    user.offsite(&["drill", "--json"]).done();
    let drilled = listed(&user);
    for _ in 0..3 {
        back_up(&user, &dump_command(&server, Era::Now));
    }
    let outcome = user
        .offsite(&["forget", "--keep-last", "1", "--dry-run"])
        .done();
    assert!(outcome.text().contains("newest drilled"), "{outcome}");
    user.offsite(&["forget", "--keep-last", "1"]).done();
    let left = listed(&user);
    assert!(left.len() < 4 && left.contains(&drilled[0]), "{left:?}");
    let outcome = user.offsite(&["forget", &drilled[0]]).ended(1);
    assert!(outcome.stderr.contains("a drill has proven"), "{outcome}");
}

#[test]
fn nights_after_the_ransom_note_take_no_good_nights_place() {
    let user = User::with_folder();
    let mut place = Installation::new(crate::installation::Era::Three, &user.path("immich"));
    for number in 0..100 {
        place.photo(&format!("library/alice/{number}.jpg"));
    }
    user.write("dump.sql", place.dump());
    user.init();
    let arguments = [
        "backup",
        "--immich",
        "immich",
        "--database-file",
        "dump.sql",
    ];
    user.offsite(&arguments).done();
    let good = listed(&user);
    for number in 0..40 {
        place.write(&format!("library/alice/{number}.jpg"), "pay us 3 bitcoin");
    }
    for _ in 0..3 {
        user.offsite(&arguments).ended(8);
    }
    let outcome = user.offsite(&["forget", "--keep-last", "1"]).done();
    assert!(outcome.text().contains("(suspect)"), "{outcome}");
    let left = listed(&user);
    assert!(left.len() == 2 && left.contains(&good[0]), "{left:?}");
}

#[test]
fn with_credentials_that_cannot_delete_everything_stays_and_one_sentence_says_so() {
    let server = SeaweedFs::shared();
    let mut user = User::with_bucket();
    let bucket = user.repository.trim_start_matches("s3://");
    let bucket = bucket.split('/').next().expect("a bucket").to_owned();
    user.init();
    let nights: Vec<String> = (0..3).map(|n| night(&user, n, &[])).collect();
    server.forbid_deletion(&bucket);
    let (name, secret) = (server.host_access_key(), server.host_secret_key());
    user.set("AWS_ACCESS_KEY_ID", name);
    user.set("AWS_SECRET_ACCESS_KEY", secret);
    let forget = ["forget", "--keep-last", "1"];
    for _ in 0..2 {
        let outcome = user.offsite(&forget).ended(1);
        assert!(
            outcome
                .stderr
                .contains("does not let these credentials delete"),
            "{outcome}"
        );
        assert!(outcome.stderr.contains("nothing is lost"), "{outcome}");
    }
    assert_eq!(listed(&user).len(), nights.len());
    // A forget record hides nothing.
    let shown = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(shown.as_array().map(Vec::len), Some(3));
    assert_eq!(user.objects.list("forgets/").len(), 1);

    // Whoever may delete goes on from there, and no second record is put.
    server.set_bucket_policy(&bucket, &allow_all(&bucket));
    user.offsite(&forget).done();
    assert_eq!(listed(&user), [nights[2].clone()]);
    assert_eq!(user.objects.list("forgets/").len(), 1);
}

fn allow_all(bucket: &str) -> String {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:*",
            "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
        }],
    })
    .to_string()
}

#[test]
fn of_two_copies_each_is_judged_and_one_that_is_away_holds_up_nothing() {
    let user = User::with_folder();
    user.init();
    let nights: Vec<String> = (0..3).map(|n| night(&user, n, &[])).collect();
    let copied = std::process::Command::new("cp")
        .args(["-a", "repository", "copy"])
        .current_dir(user.path(""))
        .status();
    assert!(copied.unwrap().success());
    let (first, second) = (
        user.repository.clone(),
        user.path("copy").display().to_string(),
    );
    let away = user.path("away").display().to_string();
    let forget = ["forget", "--keep-last", "2", "--json"];
    let both = [&forget[..], &["--repo", &first, "--repo", &second]].concat();
    let document = user.offsite(&both).done().json();
    assert_eq!(ids(&document, "removed"), vec![nights[0].clone(); 2]);
    let places: Vec<_> = document["removed"].as_array().unwrap().iter().collect();
    assert_ne!(places[0]["place"], places[1]["place"]);

    let forget = ["forget", "--keep-last", "1"];
    let three = [
        &forget[..],
        &["--repo", &away, "--repo", &second, "--repo", &first],
    ]
    .concat();
    let told = user.offsite(&three).ended(7);
    assert!(told.stderr.contains("away was missed"), "{told}");
    assert!(told.text().contains("Removed 1 snapshot"), "{told}");
    assert_eq!(listed(&user), [nights[2].clone()]);
    let left = std::fs::read_dir(user.path("copy/snapshots"))
        .unwrap()
        .count();
    assert_eq!(left, 1);
}
