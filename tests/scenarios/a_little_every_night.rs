//! "Reading two terabytes back costs money. Read a little every night, and tell me how far you are."

use serde_json::Value;

use crate::harness::seaweedfs::SeaweedFs;
use crate::tree::noise;
use crate::user::User;

/// Packs of contents of their own, one a backup.
fn fill(user: &User, backups: u32) {
    user.init();
    for number in 0..backups {
        user.write(
            format!("photos/{number}.jpg"),
            noise(&number.to_string(), 90_000),
        );
        user.offsite(&["backup", "photos"]).done();
    }
}

fn verify(user: &User, arguments: &[&str]) -> Value {
    let arguments = [&["verify", "--json"], arguments].concat();
    user.offsite(&arguments).done().json()
}

#[test]
fn nights_of_a_small_budget_come_round_to_everything() {
    let user = User::with_folder();
    fill(&user, 4);
    let mut unread = verify(&user, &[])["coverage"]["packs_never_read"]
        .as_u64()
        .unwrap();
    assert_eq!(unread, 4);
    while unread > 0 {
        let night = verify(&user, &["--budget", "100kB"]);
        assert_eq!(
            (&night["packs_read"], &night["packs_total"]),
            (&1.into(), &4.into())
        );
        unread -= 1;
        assert_eq!(night["coverage"]["packs_never_read"], unread);
    }
    let coverage = &verify(&user, &[])["coverage"];
    assert_eq!(coverage["bytes_read"], coverage["bytes_total"]);
    let outcome = user.offsite(&["verify", "--budget", "0.1MiB"]).ended(2);
    assert!(outcome.stderr.contains("5GiB"), "{outcome}");
    let text = user
        .offsite(&["verify", "--budget", "100 kB"])
        .done()
        .text();
    assert!(text.contains("Read within 30 days: 100.0 %"), "{text}");
    // A new pack is read before any is read again, and damage in it is found.
    let before = user.objects.list("packs/");
    user.write("photos/new.jpg", noise("new", 90_000));
    user.offsite(&["backup", "photos"]).done();
    let now = user.objects.list("packs/");
    let new = now.keys().find(|name| !before.contains_key(*name)).unwrap();
    let mut bytes = user.objects.read(new);
    bytes[1_000] ^= 1;
    user.objects.put(new, bytes);
    let outcome = user
        .offsite(&["verify", "--budget", "100kB", "--json"])
        .ended(4);
    assert_eq!(outcome.json()["damage"][0]["object"], new.as_str());
}

#[test]
fn every_verify_leaves_a_proof_where_it_may_and_is_no_worse_where_it_may_not() {
    let server = SeaweedFs::shared();
    let user = User::with_bucket();
    let bucket = user.repository.trim_start_matches("s3://");
    let bucket = bucket.split('/').next().expect("a bucket").to_owned();
    fill(&user, 1);
    assert!(verify(&user, &["--data"])["proof"].is_string());
    assert_eq!(user.objects.list("proofs/").len(), 1);
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": [format!("arn:aws:s3:::{bucket}/*")],
        }],
    });
    server.set_bucket_policy(&bucket, &policy.to_string());
    let mut user = user;
    user.set("AWS_ACCESS_KEY_ID", server.host_access_key());
    user.set("AWS_SECRET_ACCESS_KEY", server.host_secret_key());
    let outcome = user.offsite(&["verify", "--data", "--json"]).done();
    assert_eq!(outcome.json()["ok"], true);
    assert!(outcome.json()["proof"].is_null());
    assert!(
        outcome.stderr.contains("could not be written down"),
        "{outcome}"
    );
    assert_eq!(user.objects.list("proofs/").len(), 1);
}

#[test]
fn a_folder_keeps_no_checksums_and_says_so() {
    let user = User::with_folder();
    fill(&user, 1);
    let outcome = user.offsite(&["verify", "--stored-checksums"]).done();
    assert!(outcome.text().contains("no checksum"), "{outcome}");
    user.offsite(&["verify", "--stored-checksums", "--data"])
        .ended(2);
}
