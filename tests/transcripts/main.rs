//! What the program says, word by word: conversations at a terminal, run and compared.
//!
//! A file `tests/transcripts/NAME.txt` is a story: a line that tells it, then commands and what they
//! answered. `script` reads one, `play` runs it as an ordinary user in a folder of its own, `vary`
//! takes out what differs from run to run. To read these files is to hear the product; to change a
//! sentence of it is to change them:
//!
//! ```text
//! OFFSITE_TRANSCRIPTS=write cargo test --test transcripts
//! git diff tests/transcripts
//! ```

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../scenarios/objects.rs"]
#[allow(dead_code)]
mod objects;
mod play;
mod script;
#[path = "../scenarios/user.rs"]
#[allow(dead_code)]
mod user;
mod vary;

use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

/// Runs one file. It must say what it says there, or is written anew where the environment asks for
/// that.
fn tell(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let told = fs::read_to_string(&path).expect("a transcript");
    let heard = play::play(&script::parse(&told));
    if std::env::var_os("OFFSITE_TRANSCRIPTS").is_some_and(|value| value == "write") {
        fs::write(&path, heard).expect("a writable checkout");
        return;
    }
    let differs = told.lines().zip(heard.lines()).position(|(a, b)| a != b);
    let at = differs.unwrap_or(told.lines().count().min(heard.lines().count()));
    let around = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(at.saturating_sub(3)).take(9).collect();
        lines.join("\n")
    };
    assert!(
        told == heard,
        "{name}.txt, line {}: it should say\n\n{}\n\nbut it says\n\n{}\n\n(if that is right: \
         OFFSITE_TRANSCRIPTS=write cargo test --test transcripts {name})",
        at + 1,
        around(&told),
        around(&heard),
    );
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        const TOLD: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            tell(stringify!($name));
        })*
    };
}

transcripts! {
    backup
    bad_day
    bucket
    copies
    damage
    dumps
    estimate
    help
    hostile
    immich
    keys
    look
    no_way_in
    restore
    status
}

#[test]
fn no_transcript_is_left_out() {
    let names = fs::read_dir(folder()).expect("this folder").map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("a plain name")
    });
    let mut names: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect();
    names.sort();
    assert_eq!(names, TOLD);
}
