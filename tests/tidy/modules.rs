//! Modules: their names, that they are part of the build, and how they open.

use crate::source::{SourceFile, Tree, Violation};

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared",
];

pub fn names_say_what(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.rust {
        let path = file.path.trim_end_matches(".rs");
        let of_files = path.split('/').map(|part| (part.to_owned(), 0));
        let inside = file.modules.iter().filter(|module| module.body.is_some());
        let inside = inside.map(|module| (module.name.clone(), module.offset));
        for (name, at) in of_files.chain(inside) {
            if EMPTY_NAMES.contains(&name.as_str()) {
                violations.push(file.violation(
                    at,
                    format!("a module named `{name}` says nothing; name what it does"),
                ));
            }
        }
    }
    violations
}

/// A file that no `mod` names is not compiled, and its tests are not run.
pub fn every_file_is_declared(tree: &Tree) -> Vec<Violation> {
    let is_root = |file: &SourceFile| {
        let path = file.path.as_str();
        let depth = path.matches('/').count();
        ["src/lib.rs", "src/main.rs"].contains(&path)
            || path.starts_with("src/bin/")
            || !path.starts_with("src/") && (depth == 1 || depth == 2 && path.ends_with("/main.rs"))
            // A module that several test binaries include.
            || path.starts_with("tests/") && depth == 2 && path.ends_with("/mod.rs")
            // The crate of the fuzzers, all of whose programs are made of it.
            || path == "tests/fuzz/run.rs"
    };
    let mut violations = Vec::new();
    let declared: Vec<String> = tree
        .rust
        .iter()
        .flat_map(|file| file.files_of_children(false))
        .collect();
    for file in tree.rust.iter().filter(|file| !is_root(file)) {
        let path = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_declared = declared.contains(&file.path);
        if !is_declared {
            violations.push(file.violation(
                0,
                format!(
                    "no `mod {name};` names this file: it is not compiled, nor are its tests run"
                ),
            ));
        }
    }
    violations
}

pub fn every_file_places_itself(tree: &Tree) -> Vec<Violation> {
    tree.rust
        .iter()
        .filter(|file| file.path != "src/main.rs" && !file.text.starts_with("//! "))
        .map(|file| {
            file.violation(
                0,
                "a file opens with a `//!` line that places it in the whole",
            )
        })
        .collect()
}

#[test]
fn empty_names_dead_files_and_silent_ones_are_seen() {
    let dead = Tree::planted(&[
        ("tests/scenarios/main.rs", "//! a\nmod first_backup;"),
        ("tests/scenarios/first_backup.rs", "//! a"),
        ("tests/scenarios/second_backup.rs", "//! a"),
        ("src/lib.rs", "//! a\npub mod id; mod store;"),
        ("src/store/mod.rs", "//! a\n// mod old;"),
        ("src/store/old.rs", "\n//! a"),
        ("src/id.rs", "//! a\nmod helpers { }"),
    ]);
    let paths: Vec<String> = every_file_is_declared(&dead)
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert_eq!(
        paths,
        ["tests/scenarios/second_backup.rs", "src/store/old.rs"]
    );
    let paths: Vec<String> = every_file_places_itself(&dead)
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert_eq!(paths, ["src/store/old.rs"]);
    assert_eq!(names_say_what(&dead)[0].line, 2);
    let named = Tree::planted(&[("src/ops/utils.rs", ""), ("tests/common/mod.rs", "")]);
    assert_eq!(names_say_what(&named).len(), 2);
}
