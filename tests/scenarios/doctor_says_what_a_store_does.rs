//! "My provider says it is S3. What does it really do, and can the key on my server delete?"

use offsite::seams::Seams;
use offsite::store::retention::Retaining;
use offsite::store::s3::{S3, S3Options, StaticCredentials};
use offsite::store::{Store, Window};
use serde_json::Value;

use crate::attacker_with_the_hosts_key::with_locking_bucket;
use crate::harness::seaweedfs::SeaweedFs;
use crate::tree::noise;
use crate::user::{User, both};

fn verdict<'d>(document: &'d Value, probe: &str) -> &'d str {
    let probes = document["probes"].as_array().expect("probes");
    let mut found = probes.iter().filter(|it| it["name"] == probe);
    found
        .next()
        .and_then(|it| it["verdict"].as_str())
        .unwrap_or("not there")
}

fn bucket_of(user: &User) -> String {
    let bucket = user.repository.trim_start_matches("s3://");
    bucket.split('/').next().expect("a bucket").to_owned()
}

fn store_of(bucket: &str) -> S3 {
    let server = SeaweedFs::shared();
    let options = S3Options {
        bucket: bucket.to_owned(),
        prefix: "offsite".to_owned(),
        endpoint: Some(server.endpoint()),
        credentials: Some(StaticCredentials {
            access_key_id: server.access_key().to_owned(),
            secret_access_key: server.secret_key().to_owned(),
            session_token: None,
        }),
        ..S3Options::default()
    };
    S3::open(&options, &Seams::real()).expect("a client")
}

#[test]
fn a_folder_and_a_bucket_do_what_backups_rely_on_and_are_left_as_they_were() {
    for user in both() {
        user.init();
        let before = user.objects.list("");
        let told = user
            .offsite(&["doctor", "--thorough", "--json"])
            .done()
            .json();
        assert_eq!(
            (&told["ok"], &told["remembered"]),
            (&true.into(), &true.into()),
            "{told}"
        );
        for probe in [
            "read_after_write",
            "list_after_write",
            "ranges",
            "clock",
            "conditional_put",
            "conditional_put_race",
            "delete",
            "overwrite",
            "long_listing",
        ] {
            assert_eq!(verdict(&told, probe), "good", "{probe}: {told}");
        }
        assert_eq!(told["left_behind"], serde_json::json!([]));
        assert_eq!(user.objects.list(""), before, "nothing of it stays");
        let text = user.offsite(&["doctor"]).done().text();
        assert!(
            text.contains("Nothing stands in the way of backups here."),
            "{text}"
        );
    }
}

#[test]
fn where_a_checksum_is_kept_backups_send_one_from_then_on() {
    let user = User::with_bucket();
    user.init();
    user.write("photos/a.jpg", noise("a", 300_000));
    user.offsite(&["backup", "photos", "--no-database"]).done();
    let told = user.offsite(&["doctor", "--json"]).done().json();
    assert_eq!(told["profile"]["crc64_kept"], true, "{told}");
    let before = user.objects.list("packs/");
    user.write("photos/b.jpg", noise("b", 300_000));
    user.offsite(&["backup", "photos", "--no-database"]).done();
    let store = store_of(&bucket_of(&user));
    let mut new = 0;
    for name in user
        .objects
        .list("packs/")
        .keys()
        .filter(|name| !before.contains_key(*name))
    {
        let window = Window::Whole {
            bytes_max: 64 << 20,
        };
        let bytes = store.get(name, window).expect("a pack");
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
        assert_eq!(
            store.stored_checksum(name).expect("an answer"),
            Some(crc),
            "{name}"
        );
        new += 1;
    }
    assert!(new > 0);
}

#[test]
fn a_key_for_backups_that_can_delete_is_told_loudly() {
    let server = SeaweedFs::shared();
    let mut user = User::with_bucket();
    user.set("AWS_ACCESS_KEY_ID", server.host_access_key());
    user.set("AWS_SECRET_ACCESS_KEY", server.host_secret_key());
    let told = user
        .offsite(&["doctor", "--expect", "backup", "--json"])
        .ended(1)
        .json();
    assert_eq!(verdict(&told, "credential"), "broken", "{told}");
    assert_eq!(told["remembered"], false, "there is no repository");
    user.offsite(&["doctor", "--expect", "maintenance"]).done();

    server.forbid_deletion(&bucket_of(&user));
    // The server takes a moment to heed a new policy.
    let mut told = Value::Null;
    for _ in 0..50 {
        told = user
            .offsite(&["doctor", "--expect", "backup", "--json"])
            .json();
        if told["ok"] == true {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(verdict(&told, "credential"), "good", "{told}");
    let left = told["left_behind"].as_array().expect("a list");
    assert!(!left.is_empty(), "what it could not remove is named");
    user.offsite(&["doctor", "--expect", "maintenance"])
        .ended(1);
}

/// It took the keys of the environment, whatever the configuration said of that bucket.
#[test]
fn a_bucket_is_tried_out_with_the_keys_that_are_its_own() {
    let server = SeaweedFs::shared();
    let mut user = User::with_bucket();
    let url = std::mem::take(&mut user.repository);
    user.write(
        "offsite.toml",
        format!(
            "[[repository]]\nname = 'cloud'\nurl = '{url}'\naccess_key_id_variable = 'PHOTOS_ID'\n\
             secret_access_key_variable = 'PHOTOS_SECRET'\n"
        ),
    );
    user.set("PHOTOS_ID", server.access_key());
    user.set("PHOTOS_SECRET", server.secret_key());
    user.set("AWS_ACCESS_KEY_ID", "of-another");
    user.set("AWS_SECRET_ACCESS_KEY", "of-another");
    user.offsite(&["doctor"]).done();
}

#[test]
fn locks_are_tried_out_and_cleaned_up_when_they_are_over() {
    let user = with_locking_bucket("doctor-locks");
    let arguments = ["doctor", "--json", "--object-lock", "governance:1"];
    let told = user.offsite(&arguments).done().json();
    for probe in [
        "versions",
        "lock_governance",
        "lock_lifted",
        "lock_compliance",
        "lock_extend",
    ] {
        assert_eq!(verdict(&told, probe), "good", "{probe}: {told}");
    }
    assert_eq!(told["left_behind"], serde_json::json!([]), "{told}");
    let mut left = Vec::new();
    let listed = store_of("doctor-locks").list_all("", &mut |seen| {
        left.push(seen.info.name);
        Ok(())
    });
    listed.expect("a listing");
    assert!(left.is_empty(), "{left:?}");

    // A bucket without locks, where some were asked for.
    let user = User::with_bucket();
    let told = user.offsite(&arguments).ended(1).json();
    assert_eq!(verdict(&told, "lock_compliance"), "broken", "{told}");
}

#[test]
fn policies_are_printed_with_bucket_and_prefix_in_them() {
    let user = User::with_bucket();
    let policy = user
        .offsite(&["doctor", "--credentials", "backup"])
        .done()
        .json();
    let text = policy.to_string();
    let bucket = bucket_of(&user);
    assert!(
        text.contains(&format!("arn:aws:s3:::{bucket}/offsite/*")),
        "{text}"
    );
    let all = user
        .offsite(&["doctor", "--credentials", "--json"])
        .done()
        .json();
    assert!(
        all["maintenance"].is_object() && all["restore"].is_object(),
        "{all}"
    );
    User::with_folder()
        .offsite(&["doctor", "--credentials"])
        .ended(2);
}
