//! The servers that other tests rely on: that they start, do what they are there for, and die.

mod harness;

use std::time::Duration;

use harness::postgres::Postgres;
use harness::seaweedfs::{SeaweedFs, wait_for};
use harness::server::{Ending, ServerProcess};

#[test]
fn object_storage_survives_an_outage_and_can_forbid_deletion() {
    let server = SeaweedFs::start();
    let client = server.client();
    server.create_bucket("photos");
    let body = || aws_sdk_s3::primitives::ByteStream::from_static(b"some bytes");
    wait_for(
        client
            .put_object()
            .bucket("photos")
            .key("a")
            .body(body())
            .send(),
    )
    .unwrap();

    server.stop();
    assert!(wait_for(client.head_object().bucket("photos").key("a").send()).is_err());
    server.start_again();
    let head = wait_for(client.head_object().bucket("photos").key("a").send()).unwrap();
    assert_eq!(head.content_length(), Some(10));

    server.forbid_deletion("photos");
    assert!(wait_for(client.delete_object().bucket("photos").key("a").send()).is_err());
    assert!(wait_for(client.head_object().bucket("photos").key("a").send()).is_ok());
}

#[test]
fn the_shared_server_takes_many_buckets() {
    let server = SeaweedFs::shared();
    for bucket in (0..12).map(|n| format!("bucket-{n}")) {
        server.create_bucket(&bucket);
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"x");
        wait_for(
            server
                .client()
                .put_object()
                .bucket(&bucket)
                .key("a")
                .body(body)
                .send(),
        )
        .unwrap();
    }
}

#[test]
fn a_server_dies_with_its_owner_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let server = ServerProcess::start(&work, Ending::Kill, &["sleep", "1000"]);
    server
        .wait_until(Duration::from_secs(10), || server.process_id().is_some())
        .unwrap();
    let process = format!("/proc/{}", server.process_id().unwrap());
    assert!(std::path::Path::new(&process).exists());
    drop(server);
    assert!(!std::path::Path::new(&process).exists());
    assert!(!work.exists());
}

#[test]
fn a_server_that_ends_by_itself_is_reported_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let command = ["sh", "-c", "echo the port is taken; exit 1"];
    let server = ServerProcess::start(folder.path(), Ending::Kill, &command);
    let reason = server
        .wait_until(Duration::from_secs(10), || false)
        .unwrap_err();
    assert!(reason.contains("the port is taken"), "{reason}");
}

#[test]
fn a_dump_with_the_extensions_of_a_photo_library_goes_from_one_database_to_another() {
    let server = Postgres::start();
    server.create_database("immich");
    server.psql(
        "immich",
        r#"
        CREATE EXTENSION cube; CREATE EXTENSION earthdistance; CREATE EXTENSION pg_trgm;
        CREATE EXTENSION unaccent; CREATE EXTENSION "uuid-ossp";
        CREATE TABLE asset (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), "originalPath" text);
        INSERT INTO asset ("originalPath") VALUES ('upload/a.jpg'), ('upload/ü|b.jpg');
        "#,
    );
    let dump = server.command("pg_dump").arg("immich").output().unwrap();
    assert!(
        dump.status.success(),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );

    server.create_database("restored");
    server.psql("restored", &String::from_utf8(dump.stdout).unwrap());
    let paths = server.psql("restored", r#"SELECT "originalPath" FROM asset ORDER BY 1"#);
    assert_eq!(paths, "upload/a.jpg\nupload/ü|b.jpg");

    // The URL leads to the same server, and a mistake in SQL is a mistake here.
    let by_url = server
        .command("psql")
        .args(["-Atc", "SELECT 1", &server.url("immich")])
        .output();
    assert_eq!(by_url.unwrap().stdout, b"1\n");
    assert!(
        server
            .try_psql("immich", "SELECT * FROM nothing; SELECT 1")
            .is_err()
    );
}
