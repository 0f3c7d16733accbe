//! "Something went over my photos last night. Did it go over my backup, too?"

use std::fs;

use serde_json::json;

use crate::installation::{Era, Installation};
use crate::user::{Outcome, User};

const PHOTOS: usize = 100;

/// A hundred photos with sidecars, backed up.
fn library() -> (User, Installation) {
    let user = User::with_folder();
    let mut place = Installation::new(Era::Three, &user.path("immich"));
    for number in 0..PHOTOS {
        let path = format!("library/alice/{number}.jpg");
        place.photo(&path).sidecar = Some(format!("/data/{path}.xmp"));
        place.write(&format!("{path}.xmp"), "<x/>");
    }
    user.write("dump.sql", place.dump());
    user.init();
    let figures = night(&user, &[]).done().json();
    assert_eq!(figures["audit"], json!({ "ok": PHOTOS }));
    (user, place)
}

fn night(user: &User, more: &[&str]) -> Outcome {
    let mut arguments = vec![
        "backup",
        "--json",
        "--immich",
        "immich",
        "--database-file",
        "dump.sql",
    ];
    arguments.extend(more);
    user.offsite(&arguments)
}

fn overwrite(place: &Installation, photos: std::ops::Range<usize>) {
    for number in photos {
        place.write(&format!("library/alice/{number}.jpg"), "pay us 3 bitcoin");
    }
}

#[test]
fn many_altered_originals_make_a_snapshot_suspect_until_somebody_accepts_them() {
    let (user, place) = library();
    overwrite(&place, 0..25);
    // The second time nothing is new any more, and it is no better for that.
    for _ in 0..2 {
        let outcome = night(&user, &[]).ended(8);
        let reason = outcome.json()["suspect"].as_str().unwrap().to_owned();
        assert!(reason.contains("25 of 100"), "{reason}");
        assert!(outcome.stderr.contains("--accept-changes"), "{outcome}");
    }
    let listed = user.offsite(&["snapshots", "--json"]).done().json();
    let suspects: Vec<_> = listed.as_array().unwrap().iter().collect();
    let suspects: Vec<_> = suspects
        .iter()
        .map(|one| !one["suspect"].is_null())
        .collect();
    assert_eq!(suspects, [false, true, true]);
    let text = user.offsite(&["snapshots"]).done().text();
    assert!(text.contains("suspect"), "{text}");
    let outcome = user.offsite(&["audit"]).ended(5);
    assert!(outcome.stderr.contains("is suspect"), "{outcome}");

    assert_eq!(
        night(&user, &["--accept-changes"]).done().json()["suspect"],
        json!(null)
    );
    night(&user, &[]).done();
}

#[test]
fn a_few_altered_originals_and_many_altered_sidecars_are_no_alarm() {
    let (user, place) = library();
    overwrite(&place, 0..19);
    for number in 0..PHOTOS {
        place.write(
            &format!("library/alice/{number}.jpg.xmp"),
            "<x>five stars</x>",
        );
    }
    let figures = night(&user, &[]).done().json();
    let altered = &figures["audit"];
    let altered = altered["size_mismatch"].as_u64().unwrap_or(0)
        + altered["checksum_mismatch"].as_u64().unwrap_or(0);
    assert_eq!(altered, 19);
}

#[test]
fn originals_that_go_without_their_rows_are_an_alarm() {
    let (user, mut place) = library();
    for number in 0..30 {
        fs::remove_file(place.folder.join(format!("library/alice/{number}.jpg"))).unwrap();
        fs::remove_file(place.folder.join(format!("library/alice/{number}.jpg.xmp"))).unwrap();
    }
    let outcome = night(&user, &[]).ended(8);
    let reason = outcome.json()["suspect"].as_str().unwrap().to_owned();
    assert!(reason.contains("30 of 100"), "{reason}");
    // Somebody deleted them in Immich: that is nobody's alarm.
    place.assets.drain(..30);
    user.write("dump.sql", place.dump());
    night(&user, &[]).done();
}

#[test]
fn a_disk_that_is_not_mounted_is_refused_before_anything_is_read() {
    let (user, place) = library();
    let (library, away) = (place.folder.join("library"), user.path("away"));
    fs::rename(&library, &away).unwrap();
    let outcome = night(&user, &[]).ended(1);
    let error = outcome.json()["error"].clone();
    assert!(
        error["message"].as_str().unwrap().contains("library"),
        "{error}"
    );
    assert!(
        error["hint"].as_str().unwrap().contains("--accept-changes"),
        "{error}"
    );
    // The empty folder that the disk would be mounted on.
    fs::create_dir(&library).unwrap();
    let error = night(&user, &[]).ended(1).json()["error"].clone();
    assert!(
        error["message"].as_str().unwrap().contains(".immich"),
        "{error}"
    );
    let listed = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(listed.as_array().unwrap().len(), 1);

    fs::remove_dir(&library).unwrap();
    fs::rename(&away, &library).unwrap();
    night(&user, &[]).done();
    fs::remove_file(library.join(".immich")).unwrap();
    night(&user, &["--accept-changes"]).done();
}
