//! "Before I trust it with anything: what does it do?"

use std::time::Duration;

use crate::user::{User, outcome_of};

fn demo(user: &User, arguments: &[&str]) -> std::process::Command {
    let place = user.path("temporary");
    std::fs::create_dir_all(&place).unwrap();
    let mut command = user.command();
    command.env("TMPDIR", &place).arg("demo").args(arguments);
    command
}

fn left(user: &User) -> usize {
    std::fs::read_dir(user.path("temporary")).unwrap().count()
}

#[test]
fn the_demo_finds_the_photo_it_damaged_and_leaves_nothing() {
    let user = User::with_folder();
    let outcome = outcome_of(&mut demo(&user, &["--json"])).done();
    let document = outcome.json();
    assert_eq!(document["ok"], true, "{outcome}");
    assert_eq!(document["restore"]["same"], true);
    assert_eq!(document["audit"]["found"], true);
    assert_eq!(document["audit"]["counts"]["checksum_mismatch"], 1);
    assert!(
        document["audit"]["counts"]["missing"].is_null(),
        "{outcome}"
    );
    assert_eq!(document["drill"]["held"], true, "Postgres is at hand here");
    assert_eq!(document["snapshots"].as_array().unwrap().len(), 2);
    assert_eq!(left(&user), 0);
}

#[test]
fn a_demo_that_is_stopped_leaves_nothing_either() {
    let user = User::with_folder();
    let mut command = demo(&user, &[]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while left(&user) == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left(&user), 0);
}
