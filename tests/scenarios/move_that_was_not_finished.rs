//! "Immich was moving my files to a new storage template when the backup ran."

use std::fs;

use serde_json::json;

use crate::installation::{Era, Installation, asset_id};
use crate::user::User;

/// Adds the table of unfinished moves.
fn with_moves(dump: &str, moves: &[(usize, &str, &str, &str)]) -> String {
    let mut table = String::from(
        "COPY public.move_history (id, \"entityId\", \"pathType\", \"oldPath\", \"newPath\") FROM \
         stdin;\n",
    );
    for (number, kind, old, new) in moves {
        let id = asset_id(*number);
        table.push_str(&format!("{id}\t{id}\t{kind}\t/data/{old}\t/data/{new}\n"));
    }
    let end = "--\n-- PostgreSQL database dump complete";
    dump.replace(end, &format!("{table}\\.\n\n{end}"))
}

#[test]
fn what_lies_at_either_end_of_a_move_is_not_missing() {
    let user = User::with_folder();
    let mut home = Installation::new(Era::Three, &user.path("immich"));
    let [before, after] = ["library/alice/before", "library/alice/after"];
    // 0: still at the old place, which the row names. 1: at the new one already. 2: the row names the
    // new place, the file is at the old one. 3: nowhere. 4: half of it has arrived.
    home.photo(&format!("{before}/0.jpg"));
    let content = home.row(&format!("{before}/1.jpg")).content.clone();
    home.write(&format!("{after}/1.jpg"), &content);
    let content = home.row(&format!("{after}/2.jpg")).content.clone();
    home.write(&format!("{before}/2.jpg"), &content);
    home.row(&format!("{before}/3.jpg"));
    let content = home.row(&format!("{before}/4.jpg")).content.clone();
    home.write(&format!("{after}/4.jpg"), &content[..4]);
    // A sidecar has no checksum: only the move tells where it is.
    home.photo("library/alice/5.jpg").sidecar = Some(format!("/data/{before}/5.jpg.xmp"));
    home.write(&format!("{after}/5.jpg.xmp"), "<x/>");
    let pairs: Vec<_> = (0..5)
        .map(|number| {
            let name = format!("{number}.jpg");
            (
                number,
                format!("{before}/{name}"),
                format!("{after}/{name}"),
            )
        })
        .collect();
    let mut moves: Vec<_> = pairs
        .iter()
        .map(|(number, old, new)| (*number, "original", old.as_str(), new.as_str()))
        .collect();
    let sidecar = [before, after].map(|folder| format!("{folder}/5.jpg.xmp"));
    moves.push((5, "sidecar", &sidecar[0], &sidecar[1]));
    user.write("dump.sql", with_moves(&home.dump(), &moves));
    user.init();
    let arguments = [
        "backup",
        "--json",
        "--immich",
        "immich",
        "--database-file",
        "dump.sql",
    ];
    let figures = user.offsite(&arguments).done().json();
    let expected = json!({ "ok": 2, "moved": 2, "missing": 1, "size_mismatch": 1 });
    assert_eq!(figures["audit"], expected);
    let audit = user.offsite(&["audit", "--json"]).ended(5).json();
    let problems = audit["problems"].as_array().unwrap();
    let half = problems.iter().find(|it| it["verdict"] == "size_mismatch");
    let detail = half.unwrap()["detail"].as_str().unwrap();
    assert!(detail.contains("library/alice/after/4.jpg"), "{detail}");

    // The same without the table: then nobody knows where the sidecar and the half went.
    user.write("dump.sql", home.dump());
    let figures = user.offsite(&arguments).done().json();
    let expected =
        json!({ "ok": 2, "moved": 2, "missing": 2, "sidecar_missing": 1, "untracked": 2 });
    assert_eq!(figures["audit"], expected);
    assert!(fs::exists(user.path("immich/library/alice/after/4.jpg")).unwrap());
}
