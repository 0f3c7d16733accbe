//! "The fuse blows whenever it likes. Do I have to look after it?" No: the same command again goes
//! through at once, unlocks nothing, waits for nothing, and everything is there.
//!
//! Real processes, killed with SIGKILL at moments that a seed draws from the time that a whole run
//! takes. Thirty kills over six commands; `OFFSITE_TEST_KILLS=1000` for more, and
//! `OFFSITE_TEST_KILLS_SEED` for other moments.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::only_the_bucket_left::words_of_the_kit;
use crate::tree::{assert_same, noise};
use crate::user::User;

/// Kills of all commands together, if nobody says otherwise.
const KILLS: usize = 30;
const COMMANDS: usize = 6;
/// Photos come every day, and the old ones go.
const PHOTOS: usize = 12;
const PHOTO_BYTES: usize = 1_000_000;

fn number(variable: &str) -> Option<usize> {
    Some(std::env::var(variable).ok()?.parse().unwrap())
}

/// Numbers between 0 and 1, from a seed.
struct Dice(blake3::OutputReader);

impl Dice {
    fn next(&mut self) -> f64 {
        let mut drawn = [0; 4];
        self.0.fill(&mut drawn);
        f64::from(u32::from_le_bytes(drawn)) / f64::from(u32::MAX)
    }
}

/// Runs a command again and again, each time on what `prepare` left; it is killed once or more, and
/// then runs through at the first try. `check` looks at what it left.
fn torment(
    user: &User,
    what: &str,
    arguments: &[&str],
    prepare: &dyn Fn(usize),
    check: &dyn Fn(usize),
) {
    let seed = number("OFFSITE_TEST_KILLS_SEED").unwrap_or(1);
    let wanted = number("OFFSITE_TEST_KILLS")
        .unwrap_or(KILLS)
        .div_ceil(COMMANDS);
    let mut hasher = blake3::Hasher::new();
    hasher.update(what.as_bytes()).update(&seed.to_le_bytes());
    let mut dice = Dice(hasher.finalize_xof());
    prepare(0);
    user.offsite(arguments).done();
    prepare(1);
    let begin = Instant::now();
    user.offsite(arguments).done();
    let whole = begin.elapsed();
    let (mut killed, mut round) = (0, 1);
    while killed < wanted {
        round += 1;
        assert!(round < 100 + 10 * wanted, "every run is faster than a kill");
        prepare(round);
        loop {
            let running = user.start(arguments);
            std::thread::sleep(whole.mul_f64(dice.next()));
            killed += usize::from(running.kill().code().is_none());
            if dice.next() < 0.6 {
                break;
            }
        }
        user.offsite(arguments).done();
        check(round);
    }
    println!("killed at any time: {what}, seed {seed}, a whole run took {whole:?}");
    println!("counted: kills: {killed} kills of {what}");
}

/// Somebody with a repository, whose words spare a second of Argon2 where the read key is needed.
fn with_words(mut user: User) -> User {
    let init = ["init", "--recovery-kit", "kit.txt", "--pack-size", "1"];
    user.offsite(&init).done();
    let words = words_of_the_kit(&user.path("kit.txt"));
    user.write("words.txt", words.join(" ") + "\n");
    user.unset("OFFSITE_PASSPHRASE");
    user
}

const WORDS: [&str; 2] = ["--words-file", "words.txt"];

fn live(user: &User, round: usize) {
    let path = format!("photos/{round}.jpg");
    user.write(&path, noise(&path, PHOTO_BYTES));
    if let Some(old) = round.checked_sub(PHOTOS) {
        std::fs::remove_file(user.path(format!("photos/{old}.jpg"))).unwrap();
    }
    user.write("dump.sql", dump(round));
}

fn dump(rows: usize) -> String {
    let rows: String = (0..1000 + rows).map(|row| format!("{row}\n")).collect();
    format!(
        "--\n-- PostgreSQL database dump\n--\n\nCOPY public.asset (id) FROM stdin;\n{rows}\\.\n\n--\n\
         -- PostgreSQL database dump complete\n--\n\n"
    )
}

/// All that is listed is whole, and the newest snapshot is what there is now.
fn assert_whole(user: &User, target: &str) {
    let verify = [&["verify", "--data", "--json"][..], &WORDS].concat();
    let verified = user.offsite(&verify).done().json();
    assert_eq!(verified["ok"], true, "{verified}");
    let restore = [&["restore", "--files-only", "--target", target][..], &WORDS].concat();
    user.offsite(&restore).done();
    assert_same(&user.path("photos"), &user.restored(target, "photos"));
}

const BACKUP: [&str; 7] = [
    "backup",
    "--json",
    "--checkpoint-interval",
    "0s",
    "photos",
    "--database-file",
    "dump.sql",
];

fn backups(user: User, what: &str) {
    let user = with_words(user);
    let rounds = std::cell::Cell::new(0);
    torment(
        &user,
        what,
        &BACKUP,
        &|round| live(&user, round),
        &|round| {
            rounds.set(round);
        },
    );
    let figures = user.offsite(&BACKUP).done().json();
    let files = PHOTOS.min(rounds.get() + 1);
    assert_eq!(figures["files_total"], files, "{figures}");
    assert_eq!(figures["bytes_added"], 0, "{figures}");
    assert_eq!(figures["problems"], json!([]));
    let database = [&["database"][..], &WORDS].concat();
    let came = user.offsite(&database).done().text();
    assert_eq!(came, dump(rounds.get()));
    assert_whole(&user, "back");
}

#[test]
fn a_backup_to_a_folder() {
    backups(User::with_folder(), "a backup to a folder");
}

#[test]
fn a_backup_to_a_bucket() {
    backups(User::with_bucket(), "a backup to a bucket");
}

#[test]
fn a_prune() {
    let user = with_words(User::with_folder());
    let prune = ["prune", "--exclusive", "--grace", "0s"];
    let prune = [&prune[..], &WORDS].concat();
    let prepare = |round: usize| {
        live(&user, round);
        user.offsite(&BACKUP).done();
        user.offsite(&["forget", "--keep-last", "1"]).done();
    };
    torment(&user, "a prune", &prune, &prepare, &|_| {});
    assert_whole(&user, "back");
    // And what went is gone: what is kept needs no more.
    let stored: u64 = user.objects.list("packs/").values().sum();
    let needed = (PHOTOS * PHOTO_BYTES) as u64;
    assert!(stored < needed * 2, "{stored}");
}

#[test]
fn a_restore() {
    let user = with_words(User::with_folder());
    (0..PHOTOS).for_each(|photo| live(&user, photo));
    user.offsite(&BACKUP).done();
    let restore = ["restore", "--files-only", "--target", "back"];
    let restore = [&restore[..], &WORDS].concat();
    let prepare = |round: usize| {
        let _ = std::fs::remove_dir_all(user.path("back"));
        // Something older stands there.
        let older = user.restored("back", "photos");
        user.write(older.join("3.jpg"), noise(&format!("{round}"), 500_000));
    };
    let check = |_: usize| {
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
        assert_no_litter(&user.path("back"));
    };
    torment(&user, "a restore", &restore, &prepare, &check);
}

/// Nothing is left of files that were not whole.
fn assert_no_litter(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(!name.starts_with(".offsite-"), "{name} is left");
        if entry.file_type().unwrap().is_dir() {
            assert_no_litter(&entry.path());
        }
    }
}

#[test]
fn an_index_rebuild() {
    let user = with_words(User::with_folder());
    for photo in 0..PHOTOS {
        live(&user, photo);
        user.offsite(&BACKUP).done();
    }
    let rebuild = ["index", "rebuild", "--from-footers"];
    let check = |round: usize| {
        // What the index says is so, and it says all: nothing is sent again.
        if round % 5 == 1 {
            let figures = user.offsite(&BACKUP).done().json();
            assert_eq!(figures["bytes_added"], 0, "{figures}");
        }
    };
    torment(&user, "an index rebuild", &rebuild, &|_| {}, &check);
    assert_whole(&user, "back");
}

#[test]
fn a_sync() {
    let mut user = with_words(User::with_folder());
    let first = user.repository.clone();
    let second = user.path("second").display().to_string();
    let words = [
        &["init", "--repo", &second, "--replica-of", &first][..],
        &WORDS,
    ]
    .concat();
    user.offsite(&words).done();
    let sync = ["sync", "--repo", &first, "--repo", &second];
    let prepare = |round: usize| {
        live(&user, round);
        user.offsite(&BACKUP).done();
    };
    torment(&user, "a sync", &sync, &prepare, &|_| {});
    // The second alone, on a machine that knows nothing.
    user.repository = second;
    user.state = user.path("another-state");
    assert_whole(&user, "back");
}
