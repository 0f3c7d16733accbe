//! "Is every photo that Immich knows in there, and is it the right one?"

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::user::User;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples")
        .join(name)
}

/// The sample's tree and one of its dumps, in a repository of their own.
fn with_sample(dump: &str) -> User {
    let user = User::with_folder();
    let unpacked = Command::new("tar")
        .args(["--extract", "--file"])
        .arg(sample("upload-location.tar"))
        .arg("--directory")
        .arg(user.path(""))
        .status();
    assert!(unpacked.expect("tar starts").success());
    fs::copy(sample(dump), user.path("dump.sql")).unwrap();
    user.init();
    user
}

const BACKUP: [&str; 6] = [
    "backup",
    "--json",
    "--immich",
    "upload-location",
    "--database-file",
    "dump.sql",
];

const SAMPLES: [&str; 2] = ["v1.135-pg_dumpall.sql", "v3.0-pg_dump.sql"];

#[test]
fn the_samples_of_both_eras_are_whole() {
    for dump in SAMPLES {
        let user = with_sample(dump);
        let expected = json!({ "ok": 6, "derived_absent": 1, "external_not_archived": 1 });
        let figures = user.offsite(&BACKUP).done().json();
        assert_eq!(figures["audit"], expected, "{dump}");
        assert_eq!(figures["suspect"], json!(null));
        let audit = user.offsite(&["audit", "--json"]).done().json();
        assert_eq!(audit["counts"], expected);
        let text = user.offsite(&["audit"]).done().text();
        assert!(text.contains("6  originals here"), "{text}");
        let listed = user.offsite(&["snapshots", "--json"]).done().json();
        assert_eq!(listed[0]["audit"], expected);
    }
}

#[test]
fn a_library_that_is_backed_up_too_is_known() {
    let user = with_sample("v3.0-pg_dump.sql");
    user.write("nas/2011/IMG_3718.JPG", "an old photo");
    let map = format!("/mnt/nas/photos={}", user.path("nas").display());
    let mut arguments = BACKUP.to_vec();
    arguments.extend(["nas", "--map", &map]);
    let figures = user.offsite(&arguments).done().json();
    let expected = json!({ "ok": 6, "derived_absent": 1, "ok_external": 1 });
    assert_eq!(figures["audit"], expected);
}

#[test]
fn damage_is_told_with_its_history_and_the_way_back() {
    let user = with_sample("v3.0-pg_dump.sql");
    let first = user.offsite(&BACKUP).done().json();
    let first = first["snapshot"].as_str().unwrap().to_owned();
    let folder = "upload-location/library/alice/2024/2024-07-14";
    user.write(
        format!("{folder}/IMG_4711.HEIC"),
        "a HEIC with another bit!!",
    );
    fs::remove_file(user.path(folder).join("IMG_4711.MOV")).unwrap();
    fs::remove_file(user.path(folder).join("IMG_4711.HEIC.xmp")).unwrap();
    user.write("upload-location/upload/unknown.jpg", "nobody knows it");
    user.write("upload-location/upload/@eaDir/noise.jpg", "noise");
    let second = user.offsite(&BACKUP).done().json();
    let grave = second["audit"]["checksum_mismatch"].as_u64().unwrap_or(0)
        + second["audit"]["size_mismatch"].as_u64().unwrap_or(0);
    assert_eq!((grave, &second["audit"]["missing"]), (1, &json!(1)));
    assert_eq!(second["audit"]["sidecar_missing"], 1);
    assert_eq!(second["audit"]["untracked"], 1);
    user.offsite(&BACKUP).done();

    let outcome = user.offsite(&["audit", "--json", "--csv", "findings.csv"]);
    let audit = outcome.ended(5).json();
    let problems = audit["problems"].as_array().unwrap();
    for ending in [".HEIC", ".MOV"] {
        let problem = problems
            .iter()
            .find(|one| one["path"].as_str().unwrap().ends_with(ending))
            .unwrap();
        assert_eq!(problem["history"]["good"], first.as_str(), "{problem}");
        assert_eq!(problem["history"]["before"], first.as_str());
        assert_eq!(problem["history"]["since"], second["snapshot"]);
        assert_eq!(problem["owner_name"], "Alice");
        let hint = problem["restore"].as_str().unwrap();
        assert!(
            hint.contains(&first[..12]) && hint.contains(ending),
            "{hint}"
        );
    }
    let table = fs::read_to_string(user.path("findings.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + problems.len());
    let text = user.offsite(&["audit"]).ended(5).text();
    assert!(text.contains("still had it"), "{text}");
    assert!(text.contains("holds the right bytes"), "{text}");
    // The one before was as it should be.
    user.offsite(&["audit", &first]).done();
}

#[test]
fn a_snapshot_without_an_audit_says_so() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    user.offsite(&["backup", "photos"]).done();
    let outcome = user.offsite(&["audit"]).ended(1);
    assert!(outcome.stderr.contains("no audit"), "{outcome}");
}
