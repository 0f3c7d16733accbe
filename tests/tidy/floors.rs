//! Imports go down: a folder imports from lower floors only, never from a neighbour on its own.

use crate::paths::{module_of, resolved, written};
use crate::source::{Tree, Violation};

const FLOORS: [(&str, u8); 14] = [
    ("cli", 5),
    ("ops", 4),
    ("repository", 3),
    ("source", 3),
    ("index", 2),
    ("format", 1),
    ("crypto", 1),
    ("compress", 1),
    ("chunker", 1),
    ("store", 1),
    ("buffers", 0),
    ("id", 0),
    ("progress", 0),
    ("seams", 0),
];

fn floor_of(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}

pub fn imports_go_down(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.source() {
        let Some(here) = module_of(&file.path).into_iter().next() else {
            continue;
        };
        let Some(floor) = floor_of(&here) else {
            violations.push(file.violation(
                0,
                format!("`{here}` stands on no floor; give it one in tests/tidy/floors.rs"),
            ));
            continue;
        };
        for path in written(file) {
            let Some(there) = resolved(file, &path).and_then(|path| path.into_iter().next()) else {
                continue;
            };
            let sentence = match floor_of(&there) {
                Some(_) if there == here => continue,
                Some(below) if below < floor => continue,
                Some(above) if above > floor => format!(
                    "`{}` is an import upward, from floor {floor} to {above}",
                    path.text()
                ),
                Some(_) => format!(
                    "`{}` is an import sideways: `{here}` and `{there}` are strangers on floor {floor}",
                    path.text()
                ),
                None if there == "*" => continue,
                None => format!(
                    "`{}` comes from the root of the crate; name the module it lives in",
                    path.text()
                ),
            };
            violations.push(file.violation(path.offset, sentence));
        }
    }
    violations
}

#[test]
fn upward_sideways_and_rootless_imports_are_seen() {
    let found = |path: &str, text: &str| {
        imports_go_down(&Tree::planted(&[(path, text)]))
            .first()
            .map(ToString::to_string)
    };
    let has = |path, text, words: &str| {
        let violation = found(path, text).unwrap_or_default();
        assert!(violation.contains(words), "{text}: {violation}");
    };
    has(
        "src/store/local.rs",
        "\nuse crate::{id::ObjectId, ops::backup};",
        "src/store/local.rs:2:",
    );
    has(
        "src/store/local.rs",
        "use crate::{id::ObjectId, ops::backup};",
        "upward",
    );
    has(
        "src/format/pack.rs",
        "fn f() { crate::crypto::seal() }",
        "sideways",
    );
    has("src/id.rs", "use super::seams::Clock;", "sideways");
    has("src/compress.rs", "use super::index::Index;", "upward");
    has(
        "src/ops/backup.rs",
        "use crate::Backup;",
        "root of the crate",
    );
    has("src/extra.rs", "", "no floor");
    let fine =
        "use crate::{repository::Repository, source::walk, ops::pipeline};\nuse super::prune;";
    assert_eq!(found("src/ops/backup.rs", fine), None);
    assert_eq!(
        found(
            "src/store/mod.rs",
            "// crate::cli\nconst A: &str = \"crate::cli\";"
        ),
        None
    );
}
