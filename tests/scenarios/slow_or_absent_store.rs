//! "The line was down that night": for a moment, for a while, or for good.

use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offsite::repository::identify;
use offsite::seams::Seams;
use offsite::store::ErrorKind;
use offsite::store::open::{OpenOptions, open};
use offsite::store::retry::RetryOptions;
use offsite::store::s3::StaticCredentials;

use crate::harness::seaweedfs::SeaweedFs;
use crate::tree::{assert_same, noise};
use crate::user::User;

/// Far longer than anything here takes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody with a server of their own, which can be stopped without harm to other tests.
pub fn user_of(server: &SeaweedFs) -> User {
    server.create_bucket("photos");
    let mut user = User::with_folder();
    user.repository = "s3://photos/offsite".to_owned();
    for (name, value) in server.environment() {
        user.set(name, value);
    }
    for number in 0..5 {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 4_000_000));
    }
    user
}

/// Starts a run that says what happens into a file, where it can be read meanwhile.
pub fn start(user: &User, arguments: &[&str]) -> Child {
    let file = File::create(user.path("stderr")).expect("a file");
    let mut command = user.command();
    command.args(arguments).stdin(Stdio::null());
    let command = command.stdout(Stdio::null()).stderr(file);
    command.spawn().expect("the program starts")
}

/// Waits until the run has said so.
pub fn wait_until_it_says(user: &User, words: &str) -> String {
    let begin = Instant::now();
    loop {
        let said = std::fs::read_to_string(user.path("stderr")).expect("a file");
        if said.contains(words) {
            return said;
        }
        if begin.elapsed() > PATIENCE {
            panic!("it never said \"{words}\", but:\n{said}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn goes_through(user: &User, mut run: Child) {
    let status = run.wait().expect("a process of this test");
    let said = std::fs::read_to_string(user.path("stderr")).expect("a file");
    assert_eq!(status.code(), Some(0), "{said}");
    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}

#[test]
fn an_outage_in_the_middle_of_a_backup_is_sat_out() {
    let server = SeaweedFs::start();
    let user = user_of(&server);
    user.init();
    let arguments = ["backup", "photos", "--upload-limit", "4M"];
    let run = start(&user, &arguments);
    // Twenty megabytes take five seconds at that rate.
    std::thread::sleep(Duration::from_secs(2));
    server.stop();
    let said = wait_until_it_says(&user, "trying again");
    assert!(said.contains("could not be reached"), "{said}");
    std::thread::sleep(Duration::from_secs(8));
    server.start_again();
    goes_through(&user, run);
    let snapshots = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(snapshots.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_store_that_is_absent_is_waited_for_and_the_user_is_told() {
    let server = SeaweedFs::start();
    let user = user_of(&server);
    user.init();
    server.stop();
    let mut run = start(&user, &["backup", "photos"]);
    let said = wait_until_it_says(&user, "trying again");
    assert!(said.contains("could not be reached"), "{said}");
    assert!(run.try_wait().expect("a process of this test").is_none());
    server.start_again();
    goes_through(&user, run);
}

#[test]
fn a_store_that_stays_away_is_given_up_when_the_budget_is_spent() {
    let [port] = crate::harness::server::free_ports();
    let options = OpenOptions {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        credentials: Some(StaticCredentials {
            access_key_id: "anna".to_owned(),
            secret_access_key: "of no use".to_owned(),
            session_token: None,
        }),
        retry: RetryOptions {
            budget: Duration::from_millis(500),
            delay_first: Duration::from_millis(50),
            ..RetryOptions::default()
        },
        ..OpenOptions::default()
    };
    let url = "s3://photos/offsite".parse().expect("an address");
    let store = open(&url, &options, &Seams::real()).expect("a store");
    let error = identify(Arc::clone(&store).as_ref()).expect_err("nobody is there");
    let offsite::repository::RepositoryError::Store(error) = error else {
        panic!("not an error of the store: {error}");
    };
    assert_eq!(error.kind, ErrorKind::Transient);
    let sentence = error.to_string();
    assert!(
        sentence.contains("could not be reached") && sentence.contains("tried"),
        "{sentence}"
    );
}
