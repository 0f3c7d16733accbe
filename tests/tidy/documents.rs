//! Documents name files that exist.

use crate::source::{Tree, Violation};

pub fn paths_exist(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (document, line, text) in prose(tree) {
        // Every second part stands between backticks.
        for quoted in text.split('`').skip(1).step_by(2) {
            let Some(path) = named_path(quoted) else {
                continue;
            };
            if !tree.has(path) {
                violations.push(missing(document, line, path));
            }
        }
    }
    violations
}

pub fn links_lead_somewhere(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (document, line, text) in prose(tree) {
        let without_code: String = text.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for link in without_code.split("](").skip(1) {
            let target = link.split([')', ' ', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains(':') {
                continue; // within the page, or elsewhere
            }
            let path = from_document(document, target);
            if !tree.has(&path) {
                violations.push(missing(document, line, &path));
            }
        }
    }
    violations
}

fn missing(document: &str, line: usize, path: &str) -> Violation {
    Violation {
        path: document.to_owned(),
        line,
        sentence: format!("there is no {path}"),
    }
}

/// Lines outside fenced blocks: document, number, text.
fn prose(tree: &Tree) -> impl Iterator<Item = (&str, usize, &str)> {
    let pages = tree
        .documents
        .iter()
        .filter(|(path, _)| path.ends_with(".md"));
    pages.flat_map(|(path, text)| {
        let mut is_fenced = false;
        text.lines().enumerate().filter_map(move |(number, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_fenced ^= is_fence;
            (!is_fence && !is_fenced).then_some((path.as_str(), number + 1, line))
        })
    })
}

/// The path in `tests/run --test x` or `src/store/mod.rs:12`, without a pattern's open end.
fn named_path(quoted: &str) -> Option<&str> {
    let word = quoted.split([' ', ':', '#']).next()?;
    let is_ours = ["src/", "tests/", "docs/", "benches/"]
        .iter()
        .any(|top| word.starts_with(top));
    if !is_ours {
        return None;
    }
    match word.find(['*', '{', '<', '…']) {
        // Of `src/cli/serve*.rs` the folder.
        Some(open) => word[..open].rsplit_once('/').map(|(folder, _)| folder),
        None => Some(word.trim_end_matches('/')),
    }
}

fn from_document(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn paths_and_links_to_nowhere_are_seen() {
    let count = |text: &str| {
        let tree = Tree::planted(&[
            ("docs/decisions/0001.md", text),
            ("docs/format.md", ""),
            ("src/store/mod.rs", ""),
        ]);
        (paths_exist(&tree).len(), links_lead_somewhere(&tree).len())
    };
    assert_eq!(count("see `src/store/s3.rs`"), (1, 0));
    assert_eq!(count("see `tests/run --all` and `src/gone/*.rs`"), (2, 0));
    assert_eq!(count("see [the format](../formats.md)"), (0, 1));
    let fine = "`src/store/mod.rs:12`, `src/store/`, `src/store/{a,b}.rs`, `packs/x`\n\
                [f](../format.md#a) [w](https://example.org) [h](#here)\n```\n`src/gone.rs`\n```";
    assert_eq!(count(fine), (0, 0));
}
