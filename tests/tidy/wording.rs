//! Words that have no place in finished code.
//!
//! Some are put together here from halves, so that this file does not break the rule it holds.

use crate::code::find_words;
use crate::paths::{macros, written};
use crate::source::{Tree, Violation};

pub fn nothing_unfinished(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.rust {
        for mark in [concat!("FIX", "ME"), concat!("XX", "X")] {
            let found = find_words(&file.text, mark).into_iter();
            violations.extend(found.map(|at| file.violation(at, format!("`{mark}` is left over"))));
        }
        for name in ["todo", "unimplemented"] {
            violations.extend(
                macros(file, name)
                    .map(|(at, _)| file.violation(at, format!("`{name}!` is left over"))),
            );
        }
        let ignored = file.code.match_indices("#[ignore").map(|(at, _)| at);
        violations.extend(ignored.map(|at| {
            file.violation(at, "a test that is not run says nothing; mend or remove it")
        }));
    }
    violations
}

pub fn nothing_unwraps(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.source() {
        let unwraps = file.find(".unwrap()").into_iter();
        // `expect` of a message; a method of that name that takes something else is another.
        let expects = file.find(".expect").into_iter().filter(|at| {
            let argument = file.code[at + ".expect".len()..]
                .trim_start()
                .strip_prefix('(');
            argument.is_some_and(|it| it.trim_start().starts_with(['"', '&']))
        });
        violations.extend(unwraps.chain(expects).filter(|at| !file.is_test(*at)).map(|at| {
            file.violation(at, "`unwrap` and `expect` are for tests; return an error, or show in the types that it cannot fail")
        }));
    }
    violations
}

pub fn no_globs_over_the_crate(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.rust {
        for path in written(file) {
            if ["crate::*", "offsite::*"].contains(&path.text().as_str()) {
                violations
                    .push(file.violation(path.offset, "imports name what they bring, not `*`"));
            }
        }
    }
    violations
}

/// An error belongs to the folder that raises it; callers act on its kind.
pub fn no_catch_all_errors(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for catch_all in ["anyhow", "eyre", "color_eyre", "failure"] {
        for file in tree.source() {
            let used = written(file)
                .into_iter()
                .filter(|path| path.segments[0] == catch_all);
            let found = used.map(|path| path.offset);
            violations.extend(found.map(|at| {
                file.violation(at, format!("`{catch_all}`: each folder has its own error"))
            }));
        }
        for (path, text) in tree
            .documents
            .iter()
            .filter(|(path, _)| path == "Cargo.toml")
        {
            let is_dependency = |line: &str| {
                line.split(['=', '.'])
                    .next()
                    .is_some_and(|name| name.trim() == catch_all)
            };
            let found = text
                .lines()
                .enumerate()
                .filter(|(_, line)| is_dependency(line));
            violations.extend(found.map(|(line, _)| Violation {
                path: path.clone(),
                line: line + 1,
                sentence: format!("`{catch_all}`: each folder has its own error"),
            }));
        }
    }
    for file in tree
        .source()
        .filter(|file| ["src/error.rs", "src/errors.rs"].contains(&&*file.path))
    {
        violations.push(file.violation(
            0,
            "there is no error of the whole crate; each folder has its own",
        ));
    }
    violations
}

/// A machine under load is slow; a test that measures it fails for no fault of the code.
pub fn no_assertion_on_the_wall_clock(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.rust {
        // Names that hold a measured time: `let took = begin.elapsed()`.
        let statements = file.code.split(';').filter(|it| it.contains(".elapsed()"));
        let measured: Vec<&str> = statements
            .filter_map(|it| it.rsplit_once("let ")?.1.split([' ', ':', '=']).next())
            .collect();
        for name in ["assert", "assert_eq", "assert_ne", "debug_assert"] {
            for (at, arguments) in macros(file, name) {
                let is_measured = arguments.contains(".elapsed()")
                    || measured
                        .iter()
                        .any(|name| !find_words(arguments, name).is_empty());
                if is_measured {
                    violations.push(file.violation(at, "a test asserts what the wall clock says"));
                }
            }
        }
    }
    violations
}

type Rule = fn(&Tree) -> Vec<Violation>;

const WRONG: [(Rule, &str, &str); 15] = [
    (
        nothing_unfinished,
        "src/ops/a.rs",
        concat!("// FIX", "ME: later"),
    ),
    (nothing_unfinished, "tests/a.rs", concat!("/* XX", "X */")),
    (nothing_unfinished, "src/ops/a.rs", "fn f() { todo!() }"),
    (
        nothing_unfinished,
        "src/ops/a.rs",
        "fn f() { unimplemented!(\"b\") }",
    ),
    (
        nothing_unfinished,
        "tests/a.rs",
        "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
    ),
    (nothing_unwraps, "src/ops/a.rs", "fn f() { g().unwrap(); }"),
    (
        nothing_unwraps,
        "src/ops/a.rs",
        "fn f() { g()\n.expect(\n\"never\"); }",
    ),
    (no_globs_over_the_crate, "src/ops/a.rs", "use crate::{*};"),
    (no_globs_over_the_crate, "tests/a.rs", "use offsite::*;"),
    (no_catch_all_errors, "src/ops/a.rs", "use anyhow::Result;"),
    (
        no_catch_all_errors,
        "Cargo.toml",
        "[dependencies]\nanyhow = \"1\"",
    ),
    (no_catch_all_errors, "src/error.rs", ""),
    (
        no_assertion_on_the_wall_clock,
        "tests/a.rs",
        "assert!(begin.elapsed() < limit);",
    ),
    (
        no_assertion_on_the_wall_clock,
        "tests/a.rs",
        "let took = t.elapsed();\nassert!(took < x);",
    ),
    (
        no_assertion_on_the_wall_clock,
        "src/id.rs",
        "assert_eq!(t.elapsed().as_secs(), 1);",
    ),
];

const RIGHT: [(Rule, &str, &str); 6] = [
    (
        nothing_unfinished,
        "src/ops/a.rs",
        "const A: &str = \"todo!()\"; // XXXX, todo!()",
    ),
    (
        nothing_unwraps,
        "src/ops/a.rs",
        "fn f() { g().unwrap_or(1); progress.expect(7); }",
    ),
    (
        nothing_unwraps,
        "src/ops/a.rs",
        "#[cfg(test)]\nmod tests { fn f() { g().unwrap() } }",
    ),
    (
        no_globs_over_the_crate,
        "src/ops/a.rs",
        "#[cfg(test)] mod tests { use super::*; }",
    ),
    (
        no_catch_all_errors,
        "Cargo.toml",
        "[dependencies]\nthiserror = \"2\" # not anyhow",
    ),
    (
        no_assertion_on_the_wall_clock,
        "tests/a.rs",
        "if t.elapsed() > limit { return; } assert!(a);",
    ),
];

#[test]
fn unfinished_and_careless_words_are_seen() {
    let count = |rule: Rule, path: &str, text: &str| rule(&Tree::planted(&[(path, text)])).len();
    for (rule, path, text) in WRONG {
        assert_eq!(count(rule, path, text), 1, "{path}: {text}");
    }
    for (rule, path, text) in RIGHT {
        assert_eq!(count(rule, path, text), 0, "{path}: {text}");
    }
}
