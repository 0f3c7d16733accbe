//! "I named the folder that everything of Immich is in": with its database server's files, or
//! without the dump.

use crate::user::User;

fn user() -> User {
    let user = User::with_folder();
    for folder in ["upload", "library", "profile", "thumbs"] {
        user.write(format!("immich/library/{folder}/.immich"), "1763755920123");
    }
    user.write("immich/library/upload/anna/a.jpg", "a photo");
    user.write("immich/docker-compose.yml", "services: {}");
    user.init();
    user
}

#[test]
fn the_files_of_a_database_server_are_no_backup_of_it() {
    let user = user();
    user.write("immich/postgres/PG_VERSION", "14\n");
    user.write("immich/postgres/global/pg_control", "x");
    for path in ["immich/postgres", "immich", "."] {
        let refused = user.offsite(&["backup", path, "--exclude", "x"]).ended(1);
        let words = ["immich/postgres", "Postgres", "dump", "hint: "];
        for word in words {
            assert!(refused.stderr.contains(word), "{word}: {refused}");
        }
    }
    assert!(user.objects.list("snapshots/").is_empty());
    let without = ["backup", "immich", "--exclude", "postgres/"];
    user.offsite(&without).done();
    let names = user.offsite(&["ls", "--recursive", "latest"]).done().text();
    assert!(!names.contains("PG_VERSION"), "{names}");
    // The default of Immich's compose file: the two stand side by side.
    let location = ["backup", "--immich", "immich/library", "--no-database"];
    user.offsite(&location).done();
}

#[test]
fn the_folder_above_the_upload_location_is_told_from_it() {
    let user = user();
    let parent = ["backup", "--immich", "immich", "--no-database"];
    let refused = user.offsite(&parent).ended(1);
    assert!(refused.stderr.contains("immich/library"), "{refused}");
    assert!(user.objects.list("snapshots/").is_empty());
}

#[test]
fn who_takes_immich_as_a_plain_folder_hears_of_the_better_way() {
    let user = user();
    for path in ["immich/library", "immich"] {
        let taken = user.offsite(&["backup", path]).done();
        assert!(taken.stderr.contains("--immich /"), "{taken}");
        assert!(taken.stderr.contains("immich/library takes"), "{taken}");
    }
    user.write("photos/a.jpg", "a photo");
    let quiet = user.offsite(&["backup", "photos"]).done();
    assert!(!quiet.stderr.contains("--immich"), "{quiet}");
}
