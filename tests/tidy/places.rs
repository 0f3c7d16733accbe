//! What may stand in which folder only: async code, printing, the environment, time and chance.

use crate::paths::{macros, written};
use crate::source::{SourceFile, Tree, Violation};

pub fn async_stays_in_its_place(tree: &Tree) -> Vec<Violation> {
    let allowed = ["src/store/s3/", "src/store/s3.rs", "src/cli/serve"];
    let mut violations = Vec::new();
    for file in outside(tree, &allowed) {
        for word in ["async", ".await"] {
            violations.extend(
                file.find(word).into_iter().map(|at| {
                    file.violation(at, format!("`{word}` belongs in src/store/s3/ alone"))
                }),
            );
        }
    }
    violations
}

pub fn only_the_command_line_prints(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in outside(tree, &["src/cli/", "src/main.rs"]) {
        for name in ["print", "println", "eprint", "eprintln", "dbg"] {
            violations.extend(macros(file, name).map(|(at, _)| {
                file.violation(
                    at,
                    format!("`{name}!`: the library never prints, it reports"),
                )
            }));
        }
        violations.extend(
            own_paths(file)
                .filter(|(_, path)| is_a_standard_stream(path))
                .map(|(at, path)| {
                    file.violation(at, format!("`{path}`: the library never prints"))
                }),
        );
    }
    violations
}

fn is_a_standard_stream(path: &str) -> bool {
    ["io::stdout", "io::stderr"]
        .iter()
        .any(|stream| path.ends_with(stream))
}

pub fn only_the_command_line_reads_the_environment(tree: &Tree) -> Vec<Violation> {
    let allowed = ["src/cli/", "src/main.rs"];
    paths_beginning(
        tree,
        &allowed,
        &["std::env"],
        "the environment is read in src/cli/ alone",
    )
}

pub fn format_and_crypto_touch_no_files(tree: &Tree) -> Vec<Violation> {
    let elsewhere: Vec<&str> = tree
        .source()
        .map(|file| file.path.as_str())
        .filter(|path| !path.starts_with("src/format/") && !path.starts_with("src/crypto/"))
        .collect();
    paths_beginning(
        tree,
        &elsewhere,
        &["std::fs", "std::net"],
        "format and crypto touch no files",
    )
}

pub fn time_and_chance_come_through_the_seams(tree: &Tree) -> Vec<Violation> {
    let rule = "time and chance come through src/seams/";
    let mut violations = paths_beginning(
        tree,
        &["src/seams/mod.rs"],
        &["rand", "getrandom", "thread_rng"],
        rule,
    );
    let calls = [
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "thread::sleep",
        "thread_rng",
    ];
    for file in outside(tree, &["src/seams/mod.rs"]) {
        // Only what a person sees may depend on the real clock: a progress bar.
        let instant = if file.path.starts_with("src/cli/") {
            &[][..]
        } else {
            &["Instant::now"]
        };
        for call in calls.iter().chain(instant) {
            let found = file.find(call).into_iter().filter(|at| !file.is_test(*at));
            violations.extend(found.map(|at| file.violation(at, format!("`{call}`: {rule}"))));
        }
    }
    violations
}

fn outside<'a>(tree: &'a Tree, allowed: &[&str]) -> impl Iterator<Item = &'a SourceFile> {
    tree.source()
        .filter(|file| !allowed.iter().any(|place| file.path.starts_with(place)))
}

/// Paths in code that is not for tests only.
fn own_paths(file: &SourceFile) -> impl Iterator<Item = (usize, String)> {
    let paths = written(file).into_iter();
    paths
        .filter(|path| !file.is_test(path.offset))
        .map(|path| (path.offset, path.text()))
}

fn paths_beginning(tree: &Tree, allowed: &[&str], prefixes: &[&str], rule: &str) -> Vec<Violation> {
    let is_banned = |path: &str| {
        prefixes.iter().any(|prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    };
    outside(tree, allowed)
        .flat_map(|file| {
            own_paths(file)
                .filter(|(_, path)| is_banned(path))
                .map(|(at, path)| file.violation(at, format!("`{path}`: {rule}")))
                .collect::<Vec<_>>()
        })
        .collect()
}

type Rule = fn(&Tree) -> Vec<Violation>;

/// A rule, a file where it is broken, one where it is not, and the code.
const PLANTED: [(Rule, &str, &str, &str); 14] = [
    (
        async_stays_in_its_place,
        "ops/a.rs",
        "store/s3/call.rs",
        "async fn f() {}",
    ),
    (
        async_stays_in_its_place,
        "ops/a.rs",
        "cli/serve.rs",
        "fn f() { g().await }",
    ),
    (
        only_the_command_line_prints,
        "ops/a.rs",
        "cli/a.rs",
        "fn f() { println!(\"a\") }",
    ),
    (
        only_the_command_line_prints,
        "ops/a.rs",
        "main.rs",
        "fn f() { dbg!(1) }",
    ),
    (
        only_the_command_line_prints,
        "ops/a.rs",
        "cli/a.rs",
        "use std::io::{self, stdout};",
    ),
    (
        only_the_command_line_reads_the_environment,
        "ops/a.rs",
        "cli/a.rs",
        "use std::{env, fs};",
    ),
    (
        only_the_command_line_reads_the_environment,
        "id.rs",
        "main.rs",
        "fn f() { std::env::args() }",
    ),
    (
        format_and_crypto_touch_no_files,
        "format/a.rs",
        "store/a.rs",
        "use std::{fs::File, io};",
    ),
    (
        format_and_crypto_touch_no_files,
        "crypto/a.rs",
        "cli/a.rs",
        "fn f() { std::fs::read() }",
    ),
    (
        time_and_chance_come_through_the_seams,
        "ops/a.rs",
        "seams.rs",
        "fn f() { SystemTime::now() }",
    ),
    (
        time_and_chance_come_through_the_seams,
        "ops/a.rs",
        "cli/a.rs",
        "fn f() { Instant::now() }",
    ),
    (
        time_and_chance_come_through_the_seams,
        "cli/a.rs",
        "seams.rs",
        "use std::thread::sleep;",
    ),
    (
        time_and_chance_come_through_the_seams,
        "crypto/a.rs",
        "seams.rs",
        "use getrandom::fill;",
    ),
    (
        time_and_chance_come_through_the_seams,
        "crypto/a.rs",
        "seams.rs",
        "use rand::rng;",
    ),
];

#[test]
fn things_out_of_their_place_are_seen() {
    let count = |rule: Rule, path: &str, text: &str| rule(&Tree::planted(&[(path, text)])).len();
    for (rule, wrong, right, text) in PLANTED {
        assert_eq!(
            count(rule, &format!("src/{wrong}"), text),
            1,
            "{wrong}: {text}"
        );
        assert_eq!(
            count(rule, &format!("src/{right}"), text),
            0,
            "{right}: {text}"
        );
        let commented = format!("// {text}\n");
        assert_eq!(
            count(rule, &format!("src/{wrong}"), &commented),
            0,
            "{commented}"
        );
    }
}
