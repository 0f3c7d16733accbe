//! "The disk on the shelf and the bucket get tonight's backup in one go. When one of them is not
//! there, the other still does, and I am told."

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::objects::Objects;
use crate::tree::{assert_same, noise};
use crate::user::{User, both};

/// A copy of a repository in another folder.
struct Shelf {
    folder: PathBuf,
    objects: Objects,
}

impl Shelf {
    /// With the keys of the user's repository and nothing else yet.
    fn of(user: &User) -> Self {
        let folder = user.path("shelf");
        for name in user.objects.list("").keys() {
            user.write(format!("shelf/{name}"), user.objects.read(name));
        }
        Self {
            objects: Objects::in_folder(&folder),
            folder,
        }
    }

    fn url(&self) -> &str {
        self.folder.to_str().expect("a readable path")
    }

    /// Somebody takes the disk away, or brings it back.
    fn moves(&self, from: &str, to: &str) {
        let place = |name: &str| self.folder.with_file_name(name);
        std::fs::rename(place(from), place(to)).expect("it is there");
    }
}

fn photos(user: &User) {
    for number in 0..6 {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 700_000));
    }
}

/// Everything comes back from the copy at `url` alone, on a machine that knows nothing.
#[track_caller]
fn restores_from(user: &User, url: &str) {
    let mut stranger = user.another_machine();
    stranger.repository = url.to_owned();
    stranger.offsite(&["restore", "--target", "back"]).done();
    let inside = user.path("photos");
    let inside = inside.strip_prefix("/").expect("an absolute path");
    assert_same(&user.path("photos"), &stranger.path("back").join(inside));
}

fn told(figures: &Value) -> Vec<(Value, Value)> {
    let replicas = figures["replicas"].as_array().expect("a list");
    let told = replicas.iter();
    told.map(|one| (one["ok"].clone(), one["behind"].clone()))
        .collect()
}

#[test]
fn one_run_makes_both_and_each_restores_alone() {
    for user in both() {
        photos(&user);
        user.offsite(&["init", "--pack-size", "1"]).done();
        let shelf = Shelf::of(&user);
        let home = user.repository.clone();
        let arguments = [
            "backup",
            "--json",
            "--repo",
            &home,
            "--repo",
            shelf.url(),
            "photos",
        ];
        let figures = user.offsite(&arguments).done().json();
        assert_eq!(
            told(&figures),
            [(true.into(), false.into()), (true.into(), false.into())]
        );
        assert_eq!(figures["replicas"][1]["url"], shelf.url());
        let each = &figures["replicas"][0]["objects_uploaded"];
        assert_eq!(each, &figures["replicas"][1]["objects_uploaded"]);
        for prefix in ["packs/", "listings/", "snapshots/"] {
            let (there, here) = (user.objects.list(prefix), shelf.objects.list(prefix));
            assert!(!there.is_empty(), "{prefix}");
            assert_eq!(there, here, "{prefix}");
            for name in there.keys() {
                assert!(
                    user.objects.read(name) == shelf.objects.read(name),
                    "{name}"
                );
            }
        }
        restores_from(&user, shelf.url());
        restores_from(&user, &home);

        let said = user.offsite(&["backup", "--repo", &home, "--repo", shelf.url(), "photos"]);
        let text = said.done().text();
        assert!(
            text.contains(&format!("to {home} and {}", shelf.url())),
            "{text}"
        );
        assert!(!text.contains("behind"), "{text}");
    }
}

#[test]
fn a_disk_that_is_not_there_is_said_to_be_behind_and_holds_nothing_up() {
    for user in both() {
        photos(&user);
        user.init();
        let shelf = Shelf::of(&user);
        let home = user.repository.clone();
        let arguments = ["backup", "--repo", &home, "--repo", shelf.url(), "photos"];
        user.offsite(&arguments).done();
        shelf.moves("shelf", "elsewhere");
        user.write("photos/new.jpg", noise("new", 10_000));
        let text = user.offsite(&arguments).ended(7).text();
        assert!(text.contains("Saved snapshot"), "{text}");
        let line = format!("behind: {} does not have the snapshot", shelf.url());
        assert!(text.contains(&line), "{text}");
        let quiet = [&arguments[..], &["--quiet"]].concat();
        let said = user.offsite(&quiet).ended(7);
        assert!(
            said.stdout.is_empty() && said.stderr.contains(&line),
            "{said}"
        );
        let json = [&arguments[..], &["--json"]].concat();
        let figures = user.offsite(&json).ended(7).json();
        assert_eq!(
            told(&figures),
            [(true.into(), false.into()), (false.into(), true.into())]
        );
        let why = figures["replicas"][1]["reason"].as_str().expect("a reason");
        assert!(why.contains("may not be mounted"), "{why}");
        assert_eq!(user.objects.list("snapshots/").len(), 4);
        // What could not be read is the graver news.
        let broken = format!("/proc/{}/mem", std::process::id());
        let said = user
            .offsite(&[&arguments[..], &[&broken]].concat())
            .ended(3);
        assert!(said.text().contains(&line), "{said}");
        restores_from(&user, &home);
        // An empty folder, as where nothing is mounted, is no copy, and is left as it is.
        std::fs::create_dir(&shelf.folder).expect("a folder");
        user.offsite(&arguments).ended(7);
        assert_eq!(shelf.objects.list("").len(), 0);
        std::fs::remove_dir(&shelf.folder).expect("an empty folder");
    }
}

#[test]
fn when_the_first_is_not_there_the_second_is_home() {
    let user = User::with_folder();
    photos(&user);
    user.init();
    let shelf = Shelf::of(&user);
    let home = user.repository.clone();
    user.offsite(&["backup", "--repo", &home, "--repo", shelf.url(), "photos"])
        .done();
    shelf.moves("repository", "elsewhere");
    let arguments = [
        "backup",
        "--json",
        "--repo",
        &home,
        "--repo",
        shelf.url(),
        "photos",
    ];
    let figures = user.offsite(&arguments).ended(7).json();
    assert_eq!(
        told(&figures),
        [(false.into(), true.into()), (true.into(), false.into())]
    );
    assert_eq!(figures["bytes_added"], 0);
    restores_from(&user, shelf.url());
    shelf.moves("shelf", "gone");
    let failed = user.offsite(&arguments).ended(10).json();
    assert!(failed["error"]["message"].is_string(), "{failed}");
}

#[test]
fn killed_while_it_sends_to_both_it_goes_on_at_both() {
    let user = User::with_folder();
    for number in 0..20 {
        let path = format!("photos/{number}.mov");
        user.write(&path, noise(&path, 1_500_000));
    }
    user.offsite(&["init", "--pack-size", "2"]).done();
    let shelf = Shelf::of(&user);
    let home = user.repository.clone();
    let arguments = [
        "backup",
        "--json",
        "--repo",
        &home,
        "--repo",
        shelf.url(),
        "photos",
    ];
    let slowly = [&arguments[..], &["--upload-limit", "4M"]].concat();
    let mut running = user.start(&slowly);
    while shelf.objects.list("packs/").len() < 3 || user.objects.list("packs/").len() < 3 {
        assert!(!running.has_ended(), "{}", running.outcome());
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill();
    let sent = [user.objects.list("packs/"), shelf.objects.list("packs/")];
    let figures = user.offsite(&arguments).done().json();
    assert_eq!(figures["files_total"], 20);
    assert_eq!(
        told(&figures),
        [(true.into(), false.into()), (true.into(), false.into())]
    );
    let now = [user.objects.list("packs/"), shelf.objects.list("packs/")];
    for (sent, now) in sent.iter().zip(&now) {
        assert!(
            sent.iter()
                .all(|(name, bytes)| now.get(name) == Some(bytes))
        );
        let total: u64 = now.values().sum();
        assert!(
            total < 45_000_000,
            "what had arrived at both was not sent again: {total}"
        );
    }
    restores_from(&user, shelf.url());
    restores_from(&user, &home);
}
