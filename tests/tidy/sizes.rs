//! Files of at most 500 lines, functions of at most 70.

use crate::code::{end_of_item, is_word};
use crate::source::{SourceFile, Tree, Violation};

/// Of a file's own code, and again of its unit tests.
const FILE_LINES_MAX: usize = 500;

/// From the line of its name to the brace that ends it: what fits a screen.
const FUNCTION_LINES_MAX: usize = 70;

pub fn files_fit(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &tree.rust {
        let mut offset = 0;
        let (mut own, mut tests) = (0, 0);
        for line in file.text.split_inclusive('\n') {
            let counter = if file.is_test(offset) {
                &mut tests
            } else {
                &mut own
            };
            *counter += 1;
            offset += line.len();
        }
        for (lines, what) in [(own, "code"), (tests, "tests")] {
            if lines > FILE_LINES_MAX {
                let sentence = format!(
                    "{lines} lines of {what} in one file; at {FILE_LINES_MAX} it is two files"
                );
                violations.push(file.violation(0, sentence));
            }
        }
    }
    violations
}

pub fn functions_fit(tree: &Tree) -> Vec<Violation> {
    tree.rust.iter().flat_map(long_functions).collect()
}

fn long_functions(file: &SourceFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    for at in file.find("fn") {
        let rest = file.code[at + 2..].trim_start();
        let name: String = rest
            .bytes()
            .take_while(|it| is_word(*it))
            .map(char::from)
            .collect();
        if name.is_empty() {
            continue; // a type such as `fn(u8)`
        }
        let lines = file.line_of(end_of_item(&file.code, at) - 1) - file.line_of(at) + 1;
        if lines > FUNCTION_LINES_MAX {
            violations.push(file.violation(
                at,
                format!("`{name}` has {lines} lines; a function has at most {FUNCTION_LINES_MAX}"),
            ));
        }
    }
    violations
}

#[test]
fn long_files_and_functions_are_seen() {
    let planted = |text: &str| Tree::planted(&[("src/ops/a.rs", text)]);
    let lines = |n: usize| "let a = 1;\n".repeat(n);
    assert_eq!(files_fit(&planted(&lines(500))).len(), 0);
    assert_eq!(files_fit(&planted(&lines(501))).len(), 1);
    let with_tests = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        lines(499),
        lines(400)
    );
    assert_eq!(files_fit(&planted(&with_tests)).len(), 0);

    let function = |n: usize| format!("\nfn f(a: [u8; {{ 2 }}])\n{{\n{}}}\nfn g() {{}}", lines(n));
    assert_eq!(functions_fit(&planted(&function(67))).len(), 0);
    let violations = functions_fit(&planted(&function(68)));
    assert!(
        violations[0]
            .to_string()
            .starts_with("src/ops/a.rs:2: `f` has 71 lines")
    );
}
