//! docs/reliability.md says of every suite of `tests/full` what it counted, when, and at which commit;
//! and whatever suite counts something is one of `tests/full`.

use std::collections::BTreeSet;

use crate::source::{Tree, Violation};

const SCRIPT: &str = "tests/full";
const PAGE: &str = "docs/reliability.md";

pub fn every_suite_has_its_counts(tree: &Tree) -> Vec<Violation> {
    let page = text(tree, PAGE);
    let mut violations = Vec::new();
    for suite in suites(tree) {
        let marker = format!("<!-- full: {suite} -->\n");
        let begin = page.find(&marker).map(|at| at + marker.len());
        let block = begin.and_then(|at| page[at..].split("<!-- /full -->").next());
        let lacking = match block {
            None => "a block",
            Some(block) if !block.lines().any(is_count) => "counts",
            Some(block) if !block.lines().any(says_when_and_where) => "a date and a commit",
            Some(block) if !block.contains(&format!("{SCRIPT} {suite}`")) => "its command",
            Some(_) => continue,
        };
        let sentence = format!("the suite {suite} has not {lacking}: run {SCRIPT} {suite}");
        violations.push(Violation {
            path: PAGE.to_owned(),
            line: begin.map_or(1, |at| page[..at].lines().count()),
            sentence,
        });
    }
    violations
}

pub fn every_suite_that_counts_is_run_in_full(tree: &Tree) -> Vec<Violation> {
    // In two halves, so that this file counts nothing.
    let mark = concat!("\"counted", ": ");
    let known = suites(tree);
    let mut violations = Vec::new();
    for file in tree.rust.iter().filter(|it| it.path.starts_with("tests/")) {
        for (at, _) in file.text.match_indices(mark) {
            let named = file.text[at + mark.len()..].split(':').next();
            let suite = named.unwrap_or_default();
            let is_name = suite
                .bytes()
                .all(|it| it.is_ascii_lowercase() || it == b'_');
            if is_name && !known.contains(suite) {
                let sentence = format!("the suite {suite} counts, and {SCRIPT} does not run it");
                violations.push(file.violation(at, sentence));
            }
        }
    }
    violations
}

/// What stands between the brackets of `suites=(…)`.
fn suites(tree: &Tree) -> BTreeSet<&str> {
    let script = text(tree, SCRIPT);
    let list = script.split("\nsuites=(").nth(1).unwrap_or_default();
    let list = list.split(')').next().unwrap_or_default();
    list.split_whitespace().collect()
}

fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
    let mut documents = tree.documents.iter();
    documents
        .find(|it| it.0 == path)
        .map_or("", |it| it.1.as_str())
}

/// `- 1,234 of something`.
fn is_count(line: &str) -> bool {
    let number = line.strip_prefix("- ").unwrap_or_default();
    number.starts_with(|first: char| first.is_ascii_digit()) && number.contains(' ')
}

/// `2026-01-02 03:04 UTC, …, commit `0123456789`, …`.
fn says_when_and_where(line: &str) -> bool {
    let date = line.split(' ').next().unwrap_or_default().split('-');
    let is_date = date.map(str::len).eq([4, 2, 2]) && line.starts_with("20");
    let commit = line.split("commit `").nth(1).unwrap_or_default();
    let commit = commit.split('`').next().unwrap_or_default();
    let is_commit = commit.len() >= 7 && commit.bytes().all(|it| it.is_ascii_hexdigit());
    is_date && is_commit && line.contains(" UTC")
}

#[test]
fn a_suite_without_its_counts_is_seen() {
    let whole = "<!-- full: nth -->\n- 12 calls failed\n\n2026-01-02 03:04 UTC, in 1 s, commit \
                 `0123456789`, nothing changed. Again:\n`N=all tests/full nth`\n<!-- /full -->\n";
    let count = |page: &str, counts: &str| {
        let tests = ["fn a() { println!(\"coun", "ted: ", counts, ": 1\") }"].concat();
        let script = "#!/bin/bash\nsuites=(nth)\n";
        let tree = Tree::planted(&[(SCRIPT, script), (PAGE, page), ("tests/a.rs", &tests)]);
        let suites = every_suite_has_its_counts(&tree).len();
        (suites, every_suite_that_counts_is_run_in_full(&tree).len())
    };
    assert_eq!(count(whole, "nth"), (0, 0));
    assert_eq!(count(whole, "kills"), (0, 1));
    for lacking in [
        "full: nth",
        "- 12 calls failed\n",
        "2026",
        "0123",
        "full nth",
    ] {
        assert_eq!(
            count(&whole.replace(lacking, ""), "nth"),
            (1, 0),
            "{lacking}"
        );
    }
}
