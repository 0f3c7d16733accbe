//! Files of one folder may know each other, but not in a circle.
//!
//! The rule: follow the imports from file to file, and you never come back. A `mod.rs` may declare
//! its children and pass their names on with `pub use`; that alone is no import. So a child may use
//! what its `mod.rs` defines, as long as the `mod.rs` does not use the child itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::paths::{Written, module_of, resolved, written};
use crate::source::{SourceFile, Tree, Violation};

/// Every file by its module, with the paths written in it.
type Files<'a> = BTreeMap<String, (&'a SourceFile, Vec<Written>)>;

/// From a file to those it imports, with the place of the import.
type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

pub fn no_circles(tree: &Tree) -> Vec<Violation> {
    let files: Files<'_> = tree
        .source()
        .map(|file| (module_of(&file.path).join("::"), (file, written(file))))
        .collect();
    let mut violations = Vec::new();
    let mut imports = Imports::new();
    for (file, paths) in files.values() {
        let module = module_of(&file.path);
        for path in paths {
            let Some(meant) = resolved(file, path) else {
                continue;
            };
            let is_own = meant.starts_with(&module) && meant.len() > module.len();
            if is_own && path.is_reexport {
                if meant.last().is_some_and(|last| last == "*") {
                    violations.push(file.violation(
                        path.offset,
                        "a re-export names what it passes on, without `*`",
                    ));
                }
                continue;
            }
            let Some(target) = file_of(&files, meant) else {
                continue;
            };
            let is_neighbour = module_of(&target.path).first() == module.first();
            if target.path != file.path && is_neighbour && !file.is_test(path.offset) {
                imports
                    .entry(&file.path)
                    .or_default()
                    .entry(&target.path)
                    .or_insert(path.offset);
            }
        }
    }
    violations.extend(circles(tree, &imports));
    violations
}

/// The file that defines what a path means; names that a `mod.rs` passes on are followed.
fn file_of<'a>(files: &Files<'a>, mut meant: Vec<String>) -> Option<&'a SourceFile> {
    // A name passed on more often than this does not exist.
    for _ in 0..8 {
        let known = (1..=meant.len())
            .rev()
            .find(|n| files.contains_key(&meant[..*n].join("::")))?;
        let (file, paths) = &files[&meant[..known].join("::")];
        let Some(name) = meant.get(known) else {
            return Some(file);
        };
        let is_it = |path: &Written| path.is_reexport && path.name.as_ref() == Some(name);
        let Some(further) = paths.iter().find(|path| is_it(path)) else {
            return Some(file);
        };
        let mut next = resolved(file, further)?;
        next.extend_from_slice(&meant[known + 1..]);
        meant = next;
    }
    None
}

fn circles(tree: &Tree, imports: &Imports<'_>) -> Vec<Violation> {
    let mut seen: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    let mut violations = Vec::new();
    for start in imports.keys() {
        let Some(way) = shortest_way_back(imports, start) else {
            continue;
        };
        if !seen.insert(way.iter().copied().collect()) {
            continue;
        }
        let offset = way
            .get(1)
            .and_then(|next| imports[start].get(next))
            .copied()
            .unwrap_or(0);
        let file = tree.source().find(|file| file.path == *start);
        violations.extend(file.map(|file| {
            file.violation(
                offset,
                format!(
                    "imports go in a circle: {}; files of a folder may know each other, but \
                     following imports must never lead back (`mod` and `pub use` of a child in a \
                     mod.rs do not count)",
                    way.join(" → ")
                ),
            )
        }));
    }
    violations
}

fn shortest_way_back<'a>(imports: &Imports<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut queue = VecDeque::from([vec![start]]);
    let mut visited = BTreeSet::new();
    while let Some(way) = queue.pop_front() {
        for next in imports
            .get(way.last()?)
            .into_iter()
            .flat_map(BTreeMap::keys)
        {
            let longer: Vec<&str> = way.iter().copied().chain([*next]).collect();
            if *next == start {
                return Some(longer);
            }
            if visited.insert(*next) {
                queue.push_back(longer);
            }
        }
    }
    None
}

#[test]
fn circles_are_seen() {
    let first = |files: &[(&str, &str)]| {
        no_circles(&Tree::planted(files))
            .first()
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let two = first(&[
        ("src/ops/a.rs", "\nuse super::b::B;"),
        ("src/ops/b.rs", "use crate::ops::a;"),
        ("src/ops/mod.rs", "mod a; mod b;"),
    ]);
    assert!(
        two.starts_with("src/ops/a.rs:2: imports go in a circle"),
        "{two}"
    );
    let over_a_reexport = first(&[
        ("src/ops/a.rs", "use super::B;"),
        ("src/ops/b.rs", "use super::A;"),
        (
            "src/ops/mod.rs",
            "mod a; mod b; pub use a::A; pub use b::{self, B};",
        ),
    ]);
    assert!(over_a_reexport.contains("circle"), "{over_a_reexport}");
    let with_the_parent = first(&[
        ("src/ops/a.rs", "use super::Shared;"),
        ("src/ops/mod.rs", "mod a; struct Shared; fn f() { a::g() }"),
    ]);
    assert!(with_the_parent.contains("circle"), "{with_the_parent}");
    let glob = first(&[
        ("src/ops/a.rs", ""),
        ("src/ops/mod.rs", "mod a; pub use a::*;"),
    ]);
    assert!(glob.contains("without `*`"), "{glob}");
    let fine = first(&[
        (
            "src/ops/a.rs",
            "use super::{Shared, B}; #[cfg(test)] mod tests { use crate::ops::c; }",
        ),
        ("src/ops/b.rs", "use super::Shared;"),
        ("src/ops/c.rs", "use super::a::A;"),
        (
            "src/ops/mod.rs",
            "mod a; mod b; mod c; pub use a::A; pub use b::B; pub struct Shared;",
        ),
    ]);
    assert_eq!(fine, "");
}
