//! "My server has two databases of Immich: the one I use, and an old one from a test."

use serde_json::json;

use crate::installation::{Era, Installation};
use crate::user::User;

/// The part of a cluster dump that is of one database, under that name.
fn database(dump: &str, name: &str) -> String {
    let begin = dump.find("\\connect immich").unwrap();
    let end = dump
        .find("--\n-- PostgreSQL database cluster dump complete")
        .unwrap();
    let connect = format!("\\connect {name}");
    dump[begin..end].replacen("\\connect immich", &connect, 1)
}

#[test]
fn whichever_comes_first_in_the_dump() {
    let user = User::with_folder();
    let mut used = Installation::new(Era::Plural, &user.path("immich"));
    for number in 0..3 {
        let path = used.place(number);
        used.photo(&path);
    }
    // Another place, never backed up: its photos would all be missing.
    let mut old = Installation::new(Era::Plural, &user.path("elsewhere"));
    old.photo("library/alice/trial-1.jpg");
    old.photo("library/alice/trial-2.jpg");
    let (used, old) = (used.dump(), old.dump());
    user.init();
    let head = "--\n-- PostgreSQL database cluster dump\n--\n\n";
    let tail = "--\n-- PostgreSQL database cluster dump complete\n--\n\n";
    let [first, second] = [database(&old, "immich_trial"), database(&used, "immich")];
    let again = database(&old, "another_trial");
    for parts in [
        [&first, &second].as_slice(),
        &[&second, &first],
        &[&first, &second, &again],
    ] {
        let all: String = parts.iter().map(|part| part.as_str()).collect();
        user.write("dump.sql", format!("{head}{all}{tail}"));
        let arguments = [
            "backup",
            "--json",
            "--immich",
            "immich",
            "--database-file",
            "dump.sql",
            "--accept-shrunk",
        ];
        let figures = user.offsite(&arguments).done().json();
        assert_eq!(figures["audit"], json!({ "ok": 3 }), "{parts:?}");
    }
}
