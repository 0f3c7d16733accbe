//! "I let old snapshots go. When do I get the space back, and is what I kept still whole?"

use std::time::Duration;

use offsite::crypto::WriterKey;
use offsite::format::housekeeping::Forget;
use offsite::format::snapshot::Snapshot;
use offsite::format::{Kind, cbor};
use offsite::ops::load_writer_key;
use offsite::repository::{open_record, seal_record};
use offsite::seams::{SystemRandom, Timestamp};

use crate::tree::{assert_same, noise};
use crate::user::{User, both};

/// The key that `init` left on this machine.
fn writer_key(user: &User) -> WriterKey {
    let folders = std::fs::read_dir(&user.state).unwrap().flatten();
    let mut keys = folders.map(|folder| load_writer_key(&folder.path().join("writer.key")));
    keys.find_map(Result::unwrap).unwrap()
}

/// Lets the oldest snapshot go as it should be done: the record that explains it comes first.
fn forget_oldest(user: &User) -> String {
    let list = user.offsite(&["snapshots", "--json"]).done().json();
    let id = list[0]["id"].as_str().unwrap().to_owned();
    let object = format!("snapshots/{id}");
    let writer = writer_key(user);
    let payload = open_record(&writer, Kind::Snapshot, &user.objects.read(&object)).unwrap();
    let session = cbor::decode::<Snapshot>(&payload).unwrap().session;
    let forget = Forget {
        host: "here".to_owned(),
        created: Timestamp::from_seconds(1_800_000_000),
        snapshots: vec![id.parse().unwrap()].into(),
        reason: String::new(),
        sessions: vec![session].into(),
    };
    let payload = cbor::encode(&forget);
    let sealed = seal_record(&writer, &SystemRandom, Kind::Forget, &payload).unwrap();
    user.objects.put(&sealed.name, sealed.bytes.to_vec());
    user.objects.remove(&object);
    id
}

/// Two snapshots; what only the first held is forgotten.
fn with_something_to_give_back(user: &User) {
    user.offsite(&["init", "--pack-size", "1"]).done();
    for number in 0..30 {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 150_000));
    }
    user.offsite(&["backup", "photos"]).done();
    for number in 0..24 {
        let path = user.path(format!("photos/{number}.jpg"));
        std::fs::remove_file(path).unwrap();
    }
    user.write("photos/new.jpg", noise("new", 400_000));
    user.offsite(&["backup", "photos"]).done();
    forget_oldest(user);
}

fn comes_back(user: &User) {
    user.offsite(&["verify", "--data"]).done();
    let other = user.another_machine();
    other.offsite(&["restore", "--target", "back"]).done();
    let photos = user.path("photos");
    let inside = photos.strip_prefix("/").unwrap();
    assert_same(&photos, &other.path("back").join(inside));
}

#[test]
fn it_is_marked_first_and_told_when_it_will_be_free() {
    for user in both() {
        with_something_to_give_back(&user);
        let before = user.objects.list("");
        let dry = user
            .offsite(&["prune", "--dry-run", "--json"])
            .done()
            .json();
        assert_eq!(user.objects.list(""), before);

        let marked = user.offsite(&["prune", "--json"]).done().json();
        let bytes = marked["marked_bytes"].as_u64().unwrap();
        assert!(bytes > 2_000_000, "{marked}");
        assert!(dry["rewritable_bytes"].as_u64().unwrap() > 0, "{dry}");
        assert_eq!(marked["swept_bytes"], 0);
        let free: jiff::Timestamp = marked["free_after"].as_str().unwrap().parse().unwrap();
        let days = free.duration_since(jiff::Timestamp::now()).as_hours();
        assert!((70..=72).contains(&days), "{marked}");
        for name in before.keys() {
            assert!(user.objects.list("").contains_key(name), "{name}");
        }
        let plans = user.objects.list("plans/");
        assert!((1..=2).contains(&plans.len()), "{plans:?}");
        let again = user.offsite(&["prune"]).done();
        assert!(again.text().contains("will be free"), "{again}");
        // Now and then the second run rewrites what the first has just written, and adds a plan.
        let now = user.objects.list("plans/");
        assert!(plans.keys().all(|plan| now.contains_key(plan)), "{now:?}");
        comes_back(&user);
    }
}

#[test]
fn whoever_is_alone_in_a_folder_gets_it_at_once() {
    let user = User::with_folder();
    with_something_to_give_back(&user);
    let size = || user.objects.list("packs/").values().sum::<u64>();
    let before = size();
    let alone = ["prune", "--exclusive", "--grace", "0s", "--json"];
    let swept = user.offsite(&alone).done().json();
    assert!(
        swept["swept_bytes"].as_u64().unwrap() > 2_000_000,
        "{swept}"
    );
    assert_eq!(swept["free_after"], serde_json::Value::Null);
    // Six photos of 150 kB, and one of 400; up to 40 % of a pack may be dead.
    assert!(size() < 2_600_000 && before > 4_500_000, "{}", size());
    assert!(user.objects.list("plans/").is_empty());
    comes_back(&user);
    user.write("photos/more.jpg", noise("more", 200_000));
    user.offsite(&["backup", "photos"]).done();
    let text = user.offsite(&["prune"]).done().text();
    assert!(text.contains("nothing to give back"), "{text}");
    comes_back(&user);
}

#[test]
fn it_may_be_killed_at_any_moment() {
    let user = User::with_folder();
    with_something_to_give_back(&user);
    let alone = ["prune", "--exclusive", "--grace", "0s"];
    for round in 0..12_u64 {
        let running = user.start(&alone);
        // From the unlocking, which takes about a second, to the end.
        std::thread::sleep(Duration::from_millis(400 + round * 130));
        running.kill();
        if round % 4 == 3 {
            comes_back(&user);
        }
    }
    user.offsite(&alone).done();
    let left: u64 = user.objects.list("packs/").values().sum();
    assert!(left < 3_000_000, "{left}");
    comes_back(&user);
}

#[test]
fn what_cannot_be_read_or_is_missing_stops_it() {
    type Harm = fn(&User);
    let harms: [(&str, Harm); 4] = [
        ("a snapshot deleted by hand", |user| {
            // The plan of the last prune knows it.
            let name = user.objects.list("snapshots/").into_keys().next().unwrap();
            user.objects.remove(&name);
            user.write("photos/x.jpg", b"x");
            user.offsite(&["backup", "photos"]).ended(4);
        }),
        ("a damaged segment", |user| {
            let name = user.objects.list("index/").into_keys().next().unwrap();
            let mut bytes = user.objects.read(&name);
            bytes[200] ^= 1;
            user.objects.put(&name, bytes);
        }),
        ("a listing cut short", |user| {
            for name in user.objects.list("listings/").into_keys() {
                let mut bytes = user.objects.read(&name);
                bytes.truncate(20_000);
                user.objects.put(&name, bytes);
            }
        }),
        ("no snapshot at all", |user| {
            for name in user.objects.list("snapshots/").into_keys() {
                user.objects.remove(&name);
            }
        }),
    ];
    for (case, harm) in harms {
        let user = User::with_folder();
        with_something_to_give_back(&user);
        user.offsite(&["prune"]).done();
        harm(&user);
        let before = user.objects.list("");
        for alone in [false, true] {
            let mut line = vec!["prune"];
            if alone {
                line.extend(["--exclusive", "--grace", "0s"]);
            }
            let refused = user.offsite(&line).ended(4);
            assert!(refused.stderr.contains("hint: "), "{case}: {refused}");
            assert_eq!(user.objects.list(""), before, "{case}");
        }
    }
}

#[test]
fn a_short_grace_needs_a_folder_of_ones_own() {
    let user = User::with_folder();
    user.init();
    let refused = user.offsite(&["prune", "--grace", "1h"]).ended(2);
    assert!(refused.stderr.contains("24 hours"), "{refused}");
}
