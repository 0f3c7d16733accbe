//! "I know exactly what is wrong with my library. Does the audit?"

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::installation::{Era, Installation, asset_id};
use crate::user::User;

const ASSETS: usize = 5_200;

/// Plants every verdict; gives what the audit must say.
fn planted(era: Era, user: &User) -> (Installation, Value) {
    let mut place = Installation::new(era, &user.path("immich"));
    let prefix = era.prefix();
    place.names = vec![
        ("Alice", Some(format!("{prefix}profile/a/face.png"))),
        ("Bob", Some(format!("{prefix}profile/b/lost.png"))),
        ("Carol", None),
    ];
    place.write("profile/a/face.png", "a face");
    let mut ok = odd_but_ok(&mut place);
    wrong(&mut place);
    elsewhere(&mut place);
    excused(&mut place, user);
    for number in 0..48 {
        let path = place.place(place.assets.len());
        let row = place.photo(&path);
        row.sidecar = Some(format!("{prefix}{path}.xmp"));
        if number < 40 {
            place.write(&format!("{path}.xmp"), "<x/>");
        }
        ok += 1;
    }
    for number in 0..21 {
        place.write(
            &format!("upload/nobody/{number}.jpg"),
            &format!("stray {number}"),
        );
    }
    for noise in [
        "library/@eaDir/a.jpg",
        "upload/._a.jpg",
        "upload/x.tmp",
        "library/.DS_Store",
    ] {
        place.write(noise, "noise");
    }
    // In the trash or about to be deleted, and still there; a photo with copies; two rows of one file.
    ok += 3 + 1 + 2;
    while place.assets.len() < ASSETS {
        let path = place.place(place.assets.len());
        place.photo(&path);
        ok += 1;
    }
    let expected = json!({
        "ok": ok, "ok_external": 29, "size_mismatch": 7, "checksum_mismatch": 11 + 2,
        "missing": 13 + 2 + 1 + 3 + 2 + 1, "moved": 17 + 1, "stale_path": 9, "derived_absent": 19,
        "external_not_archived": 23, "offline": 5, "pending_delete": 6, "sidecar_missing": 8,
        "avatar_missing": 1, "untracked": 21,
    });
    (place, expected)
}

/// Names that are hard to write down, and facts of exif that do not matter.
fn odd_but_ok(place: &mut Installation) -> usize {
    let odd = [
        "tab\there.jpg",
        "back\\slash.jpg",
        "line\nend.jpg",
        "cr\rhere.jpg",
        "100% *[1]{a}.jpg",
    ];
    for name in odd {
        place.photo(&format!("library/alice/odd/{name}"));
    }
    // The database has é as one character, the disk as two, or the other way round.
    for (database, disk) in [
        ("caf\u{e9}.jpg", "cafe\u{301}.jpg"),
        ("u\u{308}.jpg", "\u{fc}.jpg"),
    ] {
        let content = place
            .row(&format!("library/bob/odd/{database}"))
            .content
            .clone();
        place.write(&format!("library/bob/odd/{disk}"), &content);
    }
    for _ in 0..3 {
        let path = place.place(place.assets.len());
        place.photo(&path).size = Some(1);
    }
    odd.len() + 2 + 3
}

fn wrong(place: &mut Installation) {
    for number in 0..7 + 11 + 2 {
        let path = place.place(place.assets.len());
        let row = place.row(&path);
        let mut content = row.content.clone();
        if number < 7 {
            content.truncate(5);
        } else if number < 18 {
            content.replace_range(..1, "P");
        } else {
            // Without a size in the database there is nothing else to go by.
            row.size = None;
            content.truncate(3);
        }
        place.write(&path, &content);
    }
    for _ in 0..13 {
        let path = place.place(place.assets.len());
        place.row(&path);
    }
    for _ in 0..2 {
        let path = place.place(place.assets.len());
        place.row(&path);
        let link = place.folder.join(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink("/elsewhere", link).unwrap();
    }
}

fn elsewhere(place: &mut Installation) {
    for number in 0..17 {
        let path = place.place(place.assets.len());
        let content = place.row(&path).content.clone();
        place.write(&format!("library/moved/{number}+1.jpg"), &content);
    }
    // Two rows have lost one content, of which one file is left: it can be but one of them.
    let path = place.place(place.assets.len());
    let content = place.row(&path).content.clone();
    place.row("library/bob/twin.jpg").content = content.clone();
    place.write("library/moved/twin.jpg", &content);
    // The same photo of another user is there, and has its own row.
    let path = place.place(place.assets.len());
    let content = place.photo(&path).content.clone();
    for number in 0..3 {
        place
            .row(&format!("library/carol/copy-{number}.jpg"))
            .content = content.clone();
    }
    // Two rows that share one file.
    let shared = place.place(place.assets.len());
    let content = place.photo(&shared).content.clone();
    place.row(&shared).content = content;
    for _ in 0..9 {
        let path = place.place(place.assets.len());
        place.photo(&path);
        let path = format!("{}{path}", place.era.stale_prefix());
        place.assets.last_mut().unwrap().path = path;
    }
}

fn excused(place: &mut Installation, user: &User) {
    for number in 0..19 {
        place.row(&format!("encoded-video/u/{number}-MP.mp4"));
    }
    for number in 0..23 + 29 + 2 {
        let folder = if number < 23 {
            "/mnt/elsewhere"
        } else {
            "/mnt/nas"
        };
        let row = place.row("");
        row.external = true;
        row.path = format!("{folder}/{number}.jpg");
        if (23..52).contains(&number) {
            user.write(format!("nas/{number}.jpg"), "whatever it is");
        }
    }
    for number in 0..5 {
        let row = place.row("");
        (row.external, row.offline) = (true, true);
        row.path = format!("/mnt/nas/offline/{number}.jpg");
    }
    for number in 0..6 + 3 {
        let path = place.place(place.assets.len());
        if number < 6 {
            place.row(&path).status = "deleted";
        } else {
            place.photo(&path).status = if number == 6 { "deleted" } else { "trashed" };
        }
    }
    place.row("library/alice/gone from the trash.jpg").status = "trashed";
}

#[test]
fn every_verdict_is_counted_in_every_era() {
    for era in Era::ALL {
        let user = User::with_folder();
        let (place, expected) = planted(era, &user);
        user.write("dump.sql", place.dump());
        user.init();
        let map = format!("/mnt/nas={}", user.path("nas").display());
        let arguments = [
            "backup",
            "--json",
            "--immich",
            "immich",
            "nas",
            "--map",
            &map,
            "--database-file",
            "dump.sql",
        ];
        let outcome = user.offsite(&arguments).done();
        let figures = outcome.json();
        assert_eq!(figures["audit"], expected, "{era:?}");
        assert!(outcome.stderr.contains("/mnt/elsewhere"), "{outcome}");
        assert!(!outcome.stderr.contains("library /mnt/nas "), "{outcome}");
        assert_eq!(figures["problems"], json!([]));

        let audit = user.offsite(&["audit", "--json"]).ended(5).json();
        assert_eq!(audit["counts"], expected);
        let problems = audit["problems"].as_array().unwrap();
        for (verdict, count) in expected.as_object().unwrap() {
            let listed = problems
                .iter()
                .filter(|one| one["verdict"] == *verdict)
                .count();
            let quiet = verdict.starts_with("ok");
            assert_eq!(
                listed as u64,
                if quiet { 0 } else { count.as_u64().unwrap() },
                "{verdict}"
            );
        }
        let copies = problems.iter().filter(|one| {
            let detail = one["detail"].as_str().unwrap();
            one["verdict"] == "missing" && detail.contains("the same bytes are at")
        });
        assert_eq!(copies.count(), 3 + 1);
        let ids: std::collections::BTreeSet<_> = (0..ASSETS).map(asset_id).collect();
        let named = problems.iter().filter_map(|one| one["asset"].as_str());
        assert!(named.into_iter().all(|id| ids.contains(id)));
    }
}
