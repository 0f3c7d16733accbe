//! "I do not trust the provider, nor whoever steals the server at home."
//!
//! Markers go in wherever a person's words go in: names, folders, host, tags, contents, dump. Then
//! every stored byte is searched for them.

use std::collections::BTreeSet;
use std::path::Path;

use memchr::memmem;

use crate::tree::noise;
use crate::user::{Outcome, PASSPHRASE, User, both};

/// Words that stand nowhere else.
const FOLDER: &str = "Honeymoon-Lisbon-marker";
const FILE: &str = "grandmother-in-blue-marker.jpg";
const HOST: &str = "attic-server-marker-host";
const TAG: &str = "before-the-divorce-marker";
const CONTENT: &str = "What is written inside of a compressible file, marker";
const ROW: &str = "anna.marker@example.org\t/data/library/marker.jpg";

/// A length that is easy to look for: this file is one chunk.
const UNCOMMON_BYTES: usize = 456_789;

fn fill(user: &User) {
    user.write(format!("{FOLDER}/{FILE}"), noise("pixels", UNCOMMON_BYTES));
    user.write(
        format!("{FOLDER}/large.jpg"),
        noise("more pixels", 3_000_000),
    );
    user.write(
        format!("{FOLDER}/text.xmp"),
        format!("{CONTENT}\n").repeat(5_000),
    );
    user.write(format!("{FOLDER}/note.txt"), CONTENT);
    let row = format!("{ROW}\n");
    let dump = format!(
        "-- PostgreSQL database dump\n\nCOPY public.asset (email, path) FROM stdin;\n{}\\.\n\n\
         --\n-- PostgreSQL database dump complete\n--\n",
        row.repeat(3_000)
    );
    user.write("dump.sql", dump);
}

fn back_up(user: &User) -> Outcome {
    user.offsite(&[
        "backup",
        FOLDER,
        "--database-file",
        "dump.sql",
        "--host",
        HOST,
        "--tag",
        TAG,
        "--verbose",
    ])
    .done()
}

/// What must not be found: pieces of 12 bytes of every marker, as they are, in UTF-16 and in hex.
fn needles_of_contents() -> BTreeSet<Vec<u8>> {
    let mut needles = BTreeSet::new();
    for text in [CONTENT, ROW] {
        add_pieces(&mut needles, text.as_bytes());
    }
    for (seed, bytes) in [("pixels", UNCOMMON_BYTES), ("more pixels", 3_000_000)] {
        let pixels = noise(seed, bytes);
        needles.extend(pixels.chunks_exact(12).step_by(5_003).map(<[u8]>::to_vec));
    }
    needles
}

fn needles_of_everything(user: &User) -> BTreeSet<Vec<u8>> {
    let mut needles = needles_of_contents();
    let path = user.path(FOLDER);
    let folder = path.to_str().expect("a path in ASCII");
    for text in [
        FOLDER,
        FILE,
        HOST,
        TAG,
        folder,
        "large.jpg",
        "text.xmp",
        PASSPHRASE,
    ] {
        add_pieces(&mut needles, text.as_bytes());
    }
    for number in [UNCOMMON_BYTES, 3_000_000] {
        needles.insert((number as u64).to_le_bytes().to_vec());
        needles.insert((number as u64).to_be_bytes().to_vec());
    }
    needles
}

fn add_pieces(needles: &mut BTreeSet<Vec<u8>>, text: &[u8]) {
    let wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
    let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [text, &wide, hex.as_bytes()] {
        if form.len() < 12 {
            needles.insert(form.to_vec());
        }
        needles.extend(form.windows(12).map(<[u8]>::to_vec));
    }
}

#[track_caller]
fn finds_nothing(place: &str, bytes: &[u8], needles: &BTreeSet<Vec<u8>>) {
    for needle in needles {
        let found = memmem::find(bytes, needle);
        assert!(
            found.is_none(),
            "\"{}\" stands in {place}",
            needle.escape_ascii()
        );
    }
}

/// Padded lengths have few bits: below the highest E bits, all but the first log2(E) + 1 are 0.
fn is_padded(bytes: u64) -> bool {
    let exponent = u64::from(63 - bytes.leading_zeros());
    let kept = u64::from(63 - exponent.leading_zeros()) + 1;
    bytes.trailing_zeros() as u64 >= exponent - kept
}

#[test]
fn the_store_holds_hashes_and_noise_of_round_lengths() {
    assert!(is_padded(65_536) && is_padded(15_204_352) && !is_padded(15_204_353));
    for user in both() {
        fill(&user);
        user.init();
        back_up(&user);
        back_up(&user);
        let needles = needles_of_everything(&user);
        assert!(needles.len() > 400);
        let objects = user.objects.list("");
        for (name, bytes) in &objects {
            let body = user.objects.read(name);
            assert_eq!(body.len() as u64, *bytes);
            finds_nothing(name, &body, &needles);
            finds_nothing("a name", name.as_bytes(), &needles);
            if name == "tmp/held" {
                assert!(body.is_empty(), "what locks are on");
                continue;
            }
            let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
            if name == "repository" {
                assert!(*bytes < 1024);
                continue;
            }
            assert_eq!(*last, *blake3::hash(&body).to_hex(), "{name}");
            let least = match folder.split('/').next() {
                Some("keys") => continue,
                Some("packs" | "listings") => 65_536,
                Some("index" | "snapshots") => 4_096,
                other => panic!("{name} in {other:?} is unheard of"),
            };
            assert!(
                *bytes >= least && is_padded(*bytes),
                "{name} has {bytes} bytes"
            );
        }
        for kind in ["packs/", "listings/", "index/", "snapshots/", "keys/"] {
            assert!(
                objects.keys().any(|name| name.starts_with(kind)),
                "no {kind}"
            );
        }
    }
}

#[test]
fn two_repositories_of_the_same_photos_have_nothing_in_common() {
    let users = [User::with_folder(), User::with_folder()];
    let objects = users.each_ref().map(|user| {
        fill(user);
        user.init();
        back_up(user);
        user.objects.list("")
    });
    let [one, other] = &objects;
    let shared: Vec<_> = one
        .keys()
        .filter(|name| other.contains_key(*name))
        .collect();
    assert_eq!(shared, ["repository", "tmp/held"]);
    // Not a piece of one stands in the other: no common key, salt or nonce shows as common noise.
    let pieces = |user: &User, names: &std::collections::BTreeMap<String, u64>| {
        let mut pieces = BTreeSet::new();
        for name in names.keys().filter(|name| name.starts_with("packs/")) {
            let body = user.objects.read(name);
            // Past the header, which says in the clear what kind of object it is.
            pieces.extend(body.windows(16).skip(64).step_by(16).map(<[u8]>::to_vec));
        }
        pieces
    };
    let [ours, theirs] = [pieces(&users[0], one), pieces(&users[1], other)];
    assert!(ours.len() > 100_000);
    assert_eq!(ours.intersection(&theirs).count(), 0);
}

#[test]
fn what_the_host_keeps_opens_no_content() {
    let user = User::with_folder();
    fill(&user);
    user.init();
    back_up(&user);
    back_up(&user);
    let mut needles = needles_of_contents();
    add_pieces(&mut needles, PASSPHRASE.as_bytes());
    let mut files = 0;
    search_folder(&user.state, &needles, &mut files);
    assert!(files >= 2, "{files} files");

    // Whoever has this and nothing else can add to the repository and see its names, not more.
    let mut thief = user;
    thief.unset("OFFSITE_PASSPHRASE");
    back_up(&thief);
    let listed = thief.offsite(&["ls", "--recursive"]).done().text();
    assert!(listed.contains(FILE), "{listed}");
    assert!(thief.offsite(&["snapshots"]).done().text().contains(HOST));
    let inside = thief.restored("", FOLDER).join("note.txt");
    let inside = inside.to_str().expect("a path in ASCII");
    for arguments in [
        &["cat", "latest", inside][..],
        &["database"],
        &["restore", "--target", "back"],
        &["key", "kit", "kit.txt"],
    ] {
        let refused = thief.offsite(arguments).ended(12);
        assert!(refused.stdout.is_empty(), "{refused}");
        assert!(refused.stderr.contains("hint: give"), "{refused}");
    }
    assert!(!thief.path("back").exists() && !thief.path("kit.txt").exists());
}

fn search_folder(folder: &Path, needles: &BTreeSet<Vec<u8>>, files: &mut usize) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a name").path();
        if path.is_dir() {
            search_folder(&path, needles, files);
        } else {
            *files += 1;
            let bytes = std::fs::read(&path).expect("a file");
            finds_nothing(&path.display().to_string(), &bytes, needles);
        }
    }
}

#[test]
fn no_run_prints_a_passphrase_a_word_or_a_key() {
    let mut user = User::with_folder();
    fill(&user);
    let mut runs = vec![
        user.offsite(&["init", "--verbose", "--recovery-kit", "kit.txt"])
            .done(),
    ];
    let mut secrets = secrets_of(&user);
    runs.push(back_up(&user));
    for arguments in [
        &["snapshots", "--verbose", "--json"][..],
        &["ls", "--verbose", "--long", "--recursive"],
        &["index", "rebuild", "--verbose"],
        &["restore", "--verbose", "--target", "back"],
        &["key", "kit", "again.txt", "--verbose"],
        &["key", "kit", "again.txt"],
        &["backup", "--verbose", "nowhere"],
        &[
            "backup",
            "--verbose",
            "--database-command",
            "env >&2; exit 1",
        ],
        &["init", "--verbose"],
        &["cat", "latest", "nowhere"],
        &["--help"],
        &["backup", "--help"],
    ] {
        runs.push(user.offsite(arguments));
    }
    for (name, bytes) in [("empty", String::new()), ("long", PASSPHRASE.repeat(1_000))] {
        user.write(name, bytes);
        runs.push(
            user.offsite(&["restore", "--target", "b", "--passphrase-file", name])
                .ended(12),
        );
    }
    let words = std::fs::read_to_string(user.path("kit.txt")).expect("the kit");
    // Right but for one word: nearly all of the secret.
    user.write(
        "words",
        words_of(&words)
            .join(" ")
            .replacen(char::is_alphabetic, "x", 1),
    );
    runs.push(
        user.offsite(&["restore", "--target", "b", "--words-file", "words"])
            .ended(12),
    );
    let wrong = "wrong horse battery staple";
    secrets.push(wrong.to_owned());
    user.set("OFFSITE_PASSPHRASE", wrong);
    runs.push(user.offsite(&["database", "--verbose"]).ended(12));
    runs.push(user.offsite(&["database", "--json"]).ended(12));
    for run in &runs {
        let said = format!("{}{}", run.text(), run.stderr).to_lowercase();
        for secret in &secrets {
            assert!(
                !said.contains(secret.as_str()),
                "\"{secret}\" is said by {run}"
            );
        }
    }
}

/// The passphrase, every three words in a row of the kit, and pieces of the writer key.
fn secrets_of(user: &User) -> Vec<String> {
    let kit = std::fs::read_to_string(user.path("kit.txt")).expect("the kit");
    let words = words_of(&kit);
    let mut secrets: Vec<String> = words.windows(3).map(|three| three.join(" ")).collect();
    secrets.push(PASSPHRASE.to_owned());
    let folders = std::fs::read_dir(&user.state).expect("the state").flatten();
    let mut folders = folders.map(|entry| entry.path());
    let folder = folders.find(|path| path.join("writer.key").exists());
    let folder = folder.expect("a folder");
    let key = std::fs::read_to_string(folder.join("writer.key")).expect("a key");
    let hex = key.trim().rsplit(':').next().expect("a key");
    // The repository's identity is part of the key, and no secret.
    let identity = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let pieces = hex
        .as_bytes()
        .chunks(16)
        .map(|piece| String::from_utf8_lossy(piece).into_owned());
    secrets.extend(pieces.filter(|piece| piece.len() == 16 && !identity.contains(piece.as_str())));
    assert!(secrets.len() > 24 + 16, "{} secrets", secrets.len());
    secrets
}

/// The 24 words in their order: in the kit they stand in three columns, each after its number.
fn words_of(kit: &str) -> Vec<String> {
    let mut words = std::collections::BTreeMap::new();
    for line in kit.lines() {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let pairs = parts.chunks_exact(2).filter_map(|pair| {
            let number: u8 = pair[0].parse().ok()?;
            Some((number, pair[1].to_owned()))
        });
        if parts.len() == 6 && pairs.clone().count() == 3 {
            words.extend(pairs);
        }
    }
    assert!(words.keys().copied().eq(1..=24), "{kit}");
    words.into_values().collect()
}

#[test]
fn a_database_command_learns_no_passphrase() {
    let user = User::with_folder();
    fill(&user);
    user.init();
    let spy =
        "env > seen; tr '\\0' '\\n' < /proc/$PPID/cmdline >> seen; ps -ef >> seen; cat dump.sql";
    user.offsite(&["backup", "--database-command", spy]).done();
    let seen = std::fs::read_to_string(user.path("seen")).expect("what it saw");
    assert!(
        seen.contains("--database-command") && seen.contains("HOME="),
        "{seen}"
    );
    assert!(!seen.contains("OFFSITE_PASSPHRASE="), "{seen}");
    assert!(!seen.contains(PASSPHRASE), "{seen}");
}
