//! "The disk is full. And now?" One sentence says so, nothing half has a final name, and with room the
//! same command goes through: a restore, the state folder with its databases, and a repository in a
//! folder, on real file systems that fill up a little later each time until the command fits, and on
//! such that cannot be written at all.
//!
//! Some sizes; `OFFSITE_TEST_DISK=all` for each page of 4 KiB. Where nothing can be mounted, not even
//! in a namespace of its own, a limit on the size of files takes the place of a small file system, and
//! rights that of a read-only one; what was counted says so. (Every single write, and disks that give
//! errors: tests/nth.)

use std::path::Path;
use std::sync::OnceLock;

use crate::bad_moments::in_own_mounts;
use crate::only_the_bucket_left::words_of_the_kit;
use crate::tree::{assert_same, differences, noise, tree};
use crate::user::{Outcome, User, outcome_of};

const PAGE_KIB: usize = 4;

/// What a shell is told for a small file system at a place.
const MOUNTED: &str = r#"
    small() { mkdir -p "$1" && mount -t tmpfs -o "size=$2k,mode=755" none "$1" || exit 90; }
    try() { "$OFFSITE" "$@"; }
    room() { mount -o remount,size=90m "$1" || exit 91; }
    close() { mount -o remount,ro "$1" || exit 92; }
    open() { mount -o remount,rw "$1" || exit 93; }
"#;
/// The same where nothing can be mounted. Blocks of a limit are of 512 bytes.
const LIMITED: &str = r#"
    small() { mkdir -p "$1"; limit=$(( $2 * 2 )); }
    try() { (trap "" XFSZ; ulimit -f "$limit"; exec "$OFFSITE" "$@"); }
    room() { limit=unlimited; }
    close() { chmod -R a-w "$1" || exit 92; }
    open() { chmod -R u+w "$1" || exit 93; }
"#;

/// Whether this process may mount, if only in a namespace of its own.
fn can_mount() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let user = User::with_folder();
        let script = "mkdir small && mount -t tmpfs -o size=64k none small";
        in_own_mounts(&user, script).code == Some(0)
    })
}

fn means() -> &'static str {
    match can_mount() {
        true => "on a tmpfs",
        false => {
            "with a limit on the size of files and with rights, for nothing can be mounted here"
        }
    }
}

fn run(user: &User, script: &str) -> Outcome {
    if can_mount() {
        return in_own_mounts(user, &format!("{MOUNTED}{script}"));
    }
    // In the place of the program, as the user who has no more rights than an ordinary one.
    let offsite = user.command();
    let words = [offsite.get_program()]
        .into_iter()
        .chain(offsite.get_args());
    let program = env!("CARGO_BIN_EXE_offsite");
    let mut words = words.take_while(|word| *word != program);
    let mut command = std::process::Command::new(words.next().unwrap_or("sh".as_ref()));
    let shell = words.chain((offsite.get_program() != program).then_some("sh".as_ref()));
    command
        .args(shell)
        .args(["-c", &format!("{LIMITED}{script}")]);
    command.env_clear().current_dir(user.path(""));
    for (name, value) in offsite.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("OFFSITE", program);
    outcome_of(&mut command)
}

/// Photos, and a repository that does not hold them yet, as `first` beside its state `known`.
fn prepared() -> User {
    let mut user = User::with_folder();
    if !can_mount() {
        user.becomes_ordinary();
    }
    for number in 0..4 {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 150_000 + 40_000 * number));
    }
    user.write("photos/small.txt", "small");
    let init = ["init", "--recovery-kit", "kit.txt", "--pack-size", "1"];
    user.offsite(&init).done();
    let words = words_of_the_kit(&user.path("kit.txt"));
    user.write("words.txt", words.join(" ") + "\n");
    user.unset("OFFSITE_PASSPHRASE");
    for (from, to) in [("repository", "first"), ("state", "known")] {
        std::fs::rename(user.path(from), user.path(to)).unwrap();
    }
    user
}

/// A place that fills up, and what happens there.
struct Story {
    what: &'static str,
    /// Makes the place, of `$SIZE`, and leaves it as it is before the command.
    before: &'static str,
    command: &'static str,
    place: &'static str,
    /// The smallest size, and by how much it grows in the short form, in KiB.
    from: usize,
    step: usize,
}

const STORIES: [Story; 3] = [
    Story {
        what: "restores",
        before: r#"cp -a first repository; cp -a known state; "$OFFSITE" backup photos || exit 94
                   small back $SIZE"#,
        command: "restore --target back --words-file words.txt",
        place: "back",
        from: PAGE_KIB,
        step: 160,
    },
    Story {
        what: "backups over the local databases",
        before: "cp -a first repository; small state $SIZE",
        command: "backup photos --words-file words.txt",
        place: "state",
        from: PAGE_KIB,
        // With 44 KiB there was no room for the file beside the log of SQLite, which said nothing
        // but "disk I/O error".
        step: 40,
    },
    Story {
        what: "backups to a folder",
        before: "cp -a known state; small repository $SIZE; cp -a first/. repository || exit 95",
        command: "backup photos",
        place: "repository",
        from: 40,
        step: 200,
    },
];

const AFTERWARDS: &str = r#"
    try $COMMAND > second.txt || exit 97
    "$OFFSITE" verify --data --words-file words.txt > verified.txt || exit 98
    "$OFFSITE" restore --target back --words-file words.txt > restored.txt || exit 99
    test $PLACE = back && cp -a back whole || mv back whole
"#;

impl Story {
    fn script(&self, size: usize, middle: &str) -> String {
        let names = format!(
            "SIZE={size}; PLACE={}; COMMAND='{}'",
            self.place, self.command
        );
        let before = self.before;
        format!("{names}\n{before}\n{middle}\n{AFTERWARDS}")
    }

    /// One size. Gives whether the command fitted.
    fn tell(&self, user: &User, size: usize) -> bool {
        let middle = r#"
            try $COMMAND > first.txt 2> first.err && exit 10
            echo $? > code; cp -a $PLACE partial || exit 96; room $PLACE"#;
        let outcome = run(user, &self.script(size, middle));
        if outcome.code == Some(10) {
            return true;
        }
        let outcome = outcome.done();
        let case = format!("{} with {size} KiB: {outcome}", self.what);
        let words: &[&str] = match can_mount() {
            true => &["no space left", "disk is full", "probably full"],
            // Of a file that must not grow SQLite does not know what it means.
            false => &["too large", "probably full", "disk i/o error"],
        };
        self.assert_said(user, words, &case);
        assert_nothing_half(user, self.place, &case);
        assert_same(&user.path("photos"), &user.restored("whole", "photos"));
        false
    }

    /// One error, of one sentence, with a hint, and the right exit code.
    fn assert_said(&self, user: &User, words: &[&str], case: &str) {
        let read = |file| std::fs::read_to_string(user.path(file)).unwrap();
        let said = read("first.err") + &read("first.txt");
        // A file that is too large is that file's problem, and the others come.
        let codes: &[&str] = if can_mount() { &["1"] } else { &["1", "4"] };
        assert!(codes.contains(&read("code").trim()), "{said} {case}");
        let lower = said.to_lowercase();
        assert!(
            words.iter().any(|word| lower.contains(word)),
            "{said} {case}"
        );
        if read("code").trim() == "1" {
            let count = |what| said.lines().filter(|line| line.starts_with(what)).count();
            assert_eq!((count("error: "), count("hint: ")), (1, 1), "{said} {case}");
        }
    }
}

/// What stood in the place when the disk was full.
fn assert_nothing_half(user: &User, place: &str, case: &str) {
    let partial = user.path("partial");
    match place {
        "back" => {
            let found = user.restored("partial", "photos");
            for file in files(&found) {
                let original = user.path("photos").join(&file);
                let is_whole =
                    std::fs::read(found.join(&file)).ok() == std::fs::read(original).ok();
                assert!(is_whole, "{file} is half there, {case}");
            }
        }
        "repository" => {
            for file in files(&partial) {
                let bytes = std::fs::read(partial.join(&file)).unwrap();
                let is_named = file.ends_with(blake3::hash(&bytes).to_hex().as_str());
                let is_apart = file == "repository" || file.starts_with("tmp/");
                assert!(is_named || is_apart, "{file} is half there, {case}");
            }
            assert!(!partial.join("snapshots").exists(), "{case}");
        }
        _ => {}
    }
}

/// Paths of the files beneath a folder.
fn files(folder: &Path) -> Vec<String> {
    if !folder.exists() {
        return Vec::new();
    }
    let names = tree(folder).into_keys();
    let names = names.map(|name| String::from_utf8(name).unwrap());
    names.filter(|name| folder.join(name).is_file()).collect()
}

/// As it was before the command.
fn clear(user: &User) {
    for name in ["repository", "state", "back", "partial", "whole"] {
        let _ = std::fs::remove_dir_all(user.path(name));
    }
}

fn fills_up(story: &Story) {
    let is_full = std::env::var("OFFSITE_TEST_DISK").is_ok_and(|it| it == "all");
    let step = if is_full { PAGE_KIB } else { story.step };
    let user = prepared();
    let (mut size, mut tried) = (story.from, 0);
    while !story.tell(&user, size) {
        clear(&user);
        tried += 1;
        size += step;
    }
    assert!(tried > 1, "{} fitted at once", story.what);
    println!(
        "counted: disk: {tried} {} with a full disk, {}",
        story.what,
        means()
    );
}

#[test]
fn a_restore_into_a_full_disk() {
    fills_up(&STORIES[0]);
}

#[test]
fn a_state_folder_on_a_full_disk() {
    fills_up(&STORIES[1]);
}

#[test]
fn a_repository_on_a_full_disk() {
    fills_up(&STORIES[2]);
}

#[test]
fn what_cannot_be_written_at_all_is_named_and_stays_as_it_is() {
    for story in &STORIES {
        let user = prepared();
        let middle = r#"
            room $PLACE; close $PLACE; cp -a $PLACE old || exit 96
            try $COMMAND > first.txt 2> first.err && exit 10
            echo $? > code; cp -a $PLACE partial || exit 96; open $PLACE"#;
        let outcome = run(&user, &story.script(50_000, middle)).done();
        let case = format!("{}: {outcome}", story.what);
        let words = ["read-only", "readonly", "permission denied"];
        story.assert_said(&user, &words, &case);
        let changed = differences(&tree(&user.path("old")), &tree(&user.path("partial")));
        assert_eq!(changed, [""; 0], "{case}");
        assert_same(&user.path("photos"), &user.restored("whole", "photos"));
    }
    println!(
        "counted: disk: {} commands on a read-only disk, {}",
        STORIES.len(),
        means()
    );
}
