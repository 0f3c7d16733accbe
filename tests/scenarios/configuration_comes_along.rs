//! "And the docker-compose.yml with all its settings?"

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::installation::{Era, Installation};
use crate::user::User;

const ENV: &str = "DB_PASSWORD=very-secret-indeed-4711\nUPLOAD_LOCATION=./library\n";

fn installed(user: &User) {
    let mut home = Installation::new(Era::Three, &user.path("app/location"));
    home.photo("library/alice/a.jpg");
    user.write("dump.sql", home.dump());
    user.write("app/.env", ENV);
    fs::set_permissions(user.path("app/.env"), fs::Permissions::from_mode(0o600)).unwrap();
    user.write("app/docker-compose.yml", "services: {}\n");
    user.write("app/hwaccel.ml.yml", "services: {}\n");
    user.write("app/notes.txt", "not of the installation");
    user.init();
}

const BACKUP: [&str; 6] = [
    "backup",
    "--json",
    "--immich",
    "app/location",
    "--database-file",
    "dump.sql",
];

#[test]
fn settings_are_sealed_and_come_back_beside_the_photos() {
    let user = User::with_folder();
    installed(&user);
    let asked = [&BACKUP[..], &["--include-config"]].concat();
    let first = user.offsite(&asked).done().json();
    assert_eq!(first["audit"], serde_json::json!({ "ok": 1 }));
    for name in user.objects.list("").into_keys() {
        let bytes = user.objects.read(&name);
        let secret = b"very-secret-indeed";
        let is_there = bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!is_there, "{name}");
    }
    let restored = user.offsite(&["restore", "--json", "--target", "back"]);
    assert_eq!(restored.done().json()["problems"], serde_json::json!([]));
    assert_eq!(
        fs::read_to_string(user.path("back/config/.env")).unwrap(),
        ENV
    );
    let mode = fs::metadata(user.path("back/config/.env")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let mut names: Vec<_> = fs::read_dir(user.path("back/config"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".env", "docker-compose.yml", "hwaccel.ml.yml"]);
    // The next night knows them.
    let second = user.offsite(&asked).done().json();
    assert_eq!(second["files_new"], 0);
}

#[test]
fn the_folder_can_be_named_and_an_empty_one_is_refused() {
    let user = User::with_folder();
    installed(&user);
    fs::create_dir(user.path("other")).unwrap();
    let wrong = [&BACKUP[..], &["--compose-folder", "other"]].concat();
    let outcome = user.offsite(&wrong);
    let error = outcome.ended(1).json()["error"]["message"].to_string();
    assert!(error.contains("--compose-folder"), "{error}");
    user.write("other/compose.yaml", "services: {}\n");
    user.offsite(&wrong).done();
    let listed = user.offsite(&["ls", "--recursive"]).done().text();
    assert!(listed.contains("config/compose.yaml"), "{listed}");
    assert!(!listed.contains(".env"), "nobody asked for it: {listed}");
}
