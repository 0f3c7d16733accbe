//! Symbolic links and second names: archived ones, and those that somebody planted in the target.

use std::fs;
use std::os::unix::fs::symlink;

use super::case::{CONTENT, Case, Maker, case, prepared};

pub fn cases(make: &Maker) -> Vec<Case> {
    [
        archived(make),
        strange(make),
        planted(make),
        second_names(make),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A link, and what would be written through it.
fn archived(make: &Maker) -> Vec<Case> {
    let other = make.in_root(12);
    let canary = make.outside("canary");
    vec![
        case(
            "a link to dot-dot and a file beneath it",
            vec![make.link("s", ".."), make.file("s/escape").refused()],
        ),
        case(
            "a link to an absolute path and a file beneath it",
            vec![make.link("s", &canary), make.file("s/secret.txt").refused()],
        ),
        case(
            "a link and a folder of its name",
            vec![make.link("s", &canary), make.folder("s/dir").refused()],
        ),
        case(
            "a chain of links and a file beneath it",
            vec![
                make.link("a", "b"),
                make.file("a/escape").refused(),
                make.link("b", "c"),
                make.link("c", "../canary"),
            ],
        ),
        case(
            "a link in a folder and a file beneath it",
            vec![
                make.folder("d"),
                make.link("d/s", "../../canary"),
                make.file("d/s/secret.txt").refused(),
                make.link("d/s/t", "x").refused(),
            ],
        ),
        case(
            "a link of one root and a file of another beneath it",
            vec![
                make.link("s", &canary),
                other.file("s/secret.txt").refused(),
            ],
        ),
        case(
            "a folder of one root and a link of another in its place",
            vec![
                make.folder("d"),
                make.file("d/secret.txt"),
                other.link("d", &canary).refused(),
            ],
        ),
        case(
            "a file of one root beneath a link of another",
            vec![
                make.file("s/secret.txt"),
                other.link("s", "../canary").refused(),
            ],
        ),
    ]
}

/// Links that lead to what must neither be opened nor changed.
fn strange(make: &Maker) -> Vec<Case> {
    let owned = |entry: &mut offsite::format::entry::Entry| {
        (entry.owner, entry.group) = (Some(0), Some(0));
        let name = b"user.mine".to_vec().into();
        entry.attributes = Some(vec![(name, b"x".to_vec().into())]);
    };
    vec![
        case("a link to itself", vec![make.link("s", "s")]),
        case("a link to nothing", vec![make.link("s", "").refused()]),
        case(
            "a link with a zero byte",
            vec![make.link("s", "a\0b").refused()],
        ),
        case(
            "a link of 4,095 bytes",
            vec![make.link("s", "t".repeat(4_095))],
        ),
        case(
            "a link of 5,000 bytes",
            vec![make.link("s", "t".repeat(5_000)).refused()],
        ),
        case("a link to a device", vec![make.link("s", "/dev/zero")]),
        case(
            "a link to the process",
            vec![make.link("s", "/proc/self/fd/0")],
        ),
        case(
            "owner, time and attributes of a link to something outside",
            vec![make.link("s", "../canary/secret.txt").with(owned)],
        ),
        case(
            "a link named as the database would be",
            vec![make.link("s/database.sql", "../../canary/secret.txt")],
        ),
    ]
}

/// What stands in the target before.
fn planted(make: &Maker) -> Vec<Case> {
    vec![
        prepared(
            "a planted link where a folder is to be",
            |place| symlink(place.canary(), place.target().join("d")).unwrap(),
            vec![make.folder("d"), make.file("d/secret.txt")],
        ),
        prepared(
            "a planted link above, where no folder is archived",
            |place| symlink("../canary", place.target().join("p")).unwrap(),
            vec![make.file("p/dir/inner.txt")],
        ),
        prepared(
            "a planted link where a file is to be",
            |place| symlink("../canary/secret.txt", place.target().join("f")).unwrap(),
            vec![make.file("f")],
        ),
        prepared(
            "a planted link to nothing where a file is to be",
            |place| symlink("../canary/new", place.target().join("f")).unwrap(),
            vec![make.file("f")],
        ),
        prepared(
            "a planted link where a second name is to be",
            |place| symlink("../canary/secret.txt", place.target().join("g")).unwrap(),
            vec![make.file("f"), make.name_of("g", "f")],
        ),
        prepared(
            "a planted second name of something outside",
            |place| {
                fs::hard_link(place.canary().join("secret.txt"), place.target().join("f")).unwrap()
            },
            vec![make.file("f")],
        ),
        prepared(
            "a planted second name with the right content",
            |place| {
                fs::hard_link(place.canary().join("same.txt"), place.target().join("f")).unwrap()
            },
            vec![make.file("f")],
        ),
        prepared(
            "a pipe where a file is to be",
            |place| pipe(place, "f"),
            vec![make.file("f")],
        ),
        prepared(
            "a pipe where a folder is to be",
            |place| pipe(place, "d"),
            vec![make.folder("d"), make.file("d/x")],
        ),
        prepared(
            "a socket where a file is to be",
            |place| drop(std::os::unix::net::UnixListener::bind(place.target().join("f")).unwrap()),
            vec![make.file("f")],
        ),
        prepared(
            "somebody's folder where a file is to be",
            |place| fs::create_dir_all(place.target().join("f/theirs")).unwrap(),
            vec![make.file("f").refused()],
        ),
        prepared(
            "somebody's folder where a link is to be",
            |place| fs::create_dir_all(place.target().join("s/theirs")).unwrap(),
            vec![make.link("s", "../canary").refused()],
        ),
    ]
}

fn pipe(place: &super::case::Place, name: &str) {
    let path = place.target().join(name);
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Second names of what is not the file that the listing says.
fn second_names(make: &Maker) -> Vec<Case> {
    let other = make.in_root(12);
    let of = |first: &[u8]| vec![make.file("a"), make.name_of("g", first)];
    vec![
        case(
            "a second name of something outside",
            of(b"../canary/same.txt"),
        ),
        case(
            "a second name of an absolute path",
            of(&make.outside("canary/same.txt")),
        ),
        case("a second name of itself", of(b"g")),
        case("a second name of what never comes", of(b"never")),
        case("a second name of the target", of(b"")),
        case("a second name of a later one", of(b"z")),
        case(
            "a second name of a folder",
            vec![make.folder("d"), make.name_of("g", "d")],
        ),
        case(
            "a second name of a link to something outside",
            vec![make.link("d", "../canary/same.txt"), make.name_of("g", "d")],
        ),
        case(
            "a second name through a link",
            vec![make.link("d", "../canary"), make.name_of("g", "d/same.txt")],
        ),
        case(
            "a second name of a file of another root",
            vec![make.file("a"), other.name_of("g", "a")],
        ),
        case(
            "a second name without a first",
            vec![make.name_of("g", "f").with(|entry| entry.first = None)],
        ),
        prepared(
            "a second name of a file that was swapped for a link outside",
            |place| {
                fs::write(place.target().join("f"), CONTENT).unwrap();
                symlink("../canary/same.txt", place.target().join("first")).unwrap();
            },
            vec![make.name_of("g", "first")],
        ),
    ]
}
