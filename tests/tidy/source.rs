//! The tree as the rules see it: every file, and for Rust the code without comments and strings.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use crate::code::{closing, end_of_item, find_words, is_word, without_comments_and_strings};

/// A broken rule: where, and one sentence.
#[derive(Debug)]
pub struct Violation {
    pub path: String,
    pub line: usize,
    pub sentence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.sentence)
    }
}

/// All files that the rules look at; paths are relative to the project and use `/`.
#[derive(Default)]
pub struct Tree {
    /// Below `src/`, `tests/` and `benches/`.
    pub rust: Vec<SourceFile>,
    /// Markdown at the top and below `docs/`, `Cargo.toml` and `tests/full`: path and text.
    pub documents: Vec<(String, String)>,
    /// Every path, folders included.
    pub paths: Vec<String>,
}

impl Tree {
    pub fn of_this_project() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut tree = Self::default();
        for entry in std::fs::read_dir(root).expect("the project's folder can be listed") {
            let name = entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned();
            if name != "target" && name != ".git" {
                tree.visit(root, name);
            }
        }
        tree.rust.sort_by(|a, b| a.path.cmp(&b.path));
        tree.mark_files_of_tests();
        tree
    }

    /// A file is for tests when all that declare it say so; those below it are then, too.
    fn mark_files_of_tests(&mut self) {
        let mut marked = true;
        while marked {
            marked = false;
            let of_tests: Vec<String> = self
                .rust
                .iter()
                .flat_map(|file| file.files_of_children(true))
                .collect();
            for file in &mut self.rust {
                if !file.is_of_tests && of_tests.contains(&file.path) {
                    file.is_of_tests = true;
                    marked = true;
                }
            }
        }
    }

    fn visit(&mut self, root: &Path, path: String) {
        let file = root.join(&path);
        self.paths.push(path.clone());
        if file.is_dir() {
            for entry in std::fs::read_dir(&file).expect("a folder can be listed") {
                let name = entry.expect("an entry").file_name();
                self.visit(root, format!("{path}/{}", name.to_string_lossy()));
            }
            return;
        }
        let is_rust = path.ends_with(".rs")
            && ["src/", "tests/", "benches/"]
                .iter()
                .any(|top| path.starts_with(top));
        let is_document = ["Cargo.toml", "tests/full"].contains(&path.as_str())
            || path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'));
        if is_rust || is_document {
            let text = std::fs::read_to_string(&file).expect("a source file is UTF-8 text");
            if is_rust {
                self.rust.push(SourceFile::new(&path, &text));
            } else {
                self.documents.push((path, text));
            }
        }
    }

    /// A made-up tree, for planted violations: files by their kind, as above.
    pub fn planted(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            if path.ends_with(".rs") {
                tree.rust.push(SourceFile::new(path, text));
            } else {
                tree.documents
                    .push(((*path).to_owned(), (*text).to_owned()));
            }
            let slashes = path.match_indices('/').map(|(at, _)| at);
            tree.paths.extend(slashes.map(|at| path[..at].to_owned()));
            tree.paths.push((*path).to_owned());
        }
        tree.mark_files_of_tests();
        tree
    }

    pub fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|known| known == path)
    }

    /// Files below `src/`.
    pub fn source(&self) -> impl Iterator<Item = &SourceFile> {
        self.rust
            .iter()
            .filter(|file| file.path.starts_with("src/"))
    }
}

/// One Rust file.
pub struct SourceFile {
    pub path: String,
    pub text: String,
    /// The text without comments and strings, as [`without_comments_and_strings`] leaves it.
    pub code: String,
    /// Every `mod name`.
    pub modules: Vec<Module>,
    test_code: Vec<Range<usize>>,
    /// From end to end.
    is_of_tests: bool,
}

/// A `mod name;` or `mod name { … }`.
pub struct Module {
    pub name: String,
    pub offset: usize,
    /// What `#[path = "…"]` says.
    pub file: Option<String>,
    /// What stands between its braces, where it has them.
    pub body: Option<Range<usize>>,
}

impl SourceFile {
    pub fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_strings(text);
        let test_code = test_code(&code);
        let modules = modules(text, &code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            modules,
            test_code,
            is_of_tests: !path.starts_with("src/"),
        }
    }

    /// The modules that live in files of their own.
    pub fn children(&self) -> impl Iterator<Item = &str> {
        self.modules
            .iter()
            .filter(|module| module.body.is_none())
            .map(|module| &*module.name)
    }

    /// Where the modules that this file declares may live; of those that are for tests only, or
    /// of all.
    pub fn files_of_children(&self, for_tests: bool) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let folder = stem.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_top = ["/mod", "/main", "/lib"]
            .iter()
            .any(|name| stem.ends_with(name))
            || !stem.starts_with("src/") && stem.matches('/').count() == 1;
        let below = if is_top { folder } else { stem };
        let children = self.modules.iter().filter(|module| module.body.is_none());
        children
            .filter(|module| !for_tests || self.is_test(module.offset))
            .flat_map(|module| match &module.file {
                Some(file) => vec![format!("{folder}/{file}")],
                None => vec![
                    format!("{below}/{}.rs", module.name),
                    format!("{below}/{}/mod.rs", module.name),
                ],
            })
            .collect()
    }

    /// Whether the code there is compiled for tests only, as is all below `tests/` and `benches/`.
    pub fn is_test(&self, offset: usize) -> bool {
        self.is_of_tests || self.test_code.iter().any(|range| range.contains(&offset))
    }

    /// Counted from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    }

    /// Offsets at which `wanted` stands in the code and is not a part of a longer word.
    pub fn find(&self, wanted: &str) -> Vec<usize> {
        find_words(&self.code, wanted)
    }

    pub fn violation(&self, offset: usize, sentence: impl Into<String>) -> Violation {
        Violation {
            path: self.path.clone(),
            line: self.line_of(offset),
            sentence: sentence.into(),
        }
    }
}

fn modules(text: &str, code: &str) -> Vec<Module> {
    let named = find_words(code, "mod").into_iter().filter_map(|offset| {
        let rest = code[offset + 3..].strip_prefix(' ')?;
        let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let (name, after) = rest.split_at(length);
        let open = code.len() - after.trim_start().len();
        let body = code[open..]
            .starts_with('{')
            .then(|| open..closing(code, open));
        // Its attributes lie between the end of the item before it and its name.
        let before = code[..offset].rfind([';', '}']).map_or(0, |end| end + 1);
        let path = text[before..offset]
            .split_once("#[path = \"")
            .map(|(_, path)| path);
        let file = path.and_then(|path| path.split('"').next()).map(Into::into);
        Some(Module {
            name: name.to_owned(),
            offset,
            file,
            body,
        })
    });
    named.collect()
}

fn test_code(code: &str) -> Vec<Range<usize>> {
    let attributes = code.match_indices("#[cfg(").filter(|(at, _)| {
        let condition = &code[*at..closing(code, at + 1)];
        !find_words(condition, "test").is_empty() && !condition.contains("not(test")
    });
    attributes
        .map(|(at, _)| {
            let mut start = closing(code, at + 1) + 1;
            // Further attributes of the same item.
            while code[start..].trim_start().starts_with("#[") {
                let bracket = start + code[start..].find('[').unwrap_or(0);
                start = closing(code, bracket) + 1;
            }
            at..end_of_item(code, start)
        })
        .collect()
}

#[test]
fn test_code_is_told_from_the_rest() {
    let text = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn b() {} }\nfn c() {}\n\
                #[cfg(test)]\nuse x::{d};\nfn e() {}\n#[cfg(not(test))]\nfn f() {}";
    let file = SourceFile::new("src/x.rs", text);
    let is_test = |word: &str| file.is_test(file.find(word)[0]);
    assert!(is_test("b") && is_test("d"));
    assert!(!is_test("a") && !is_test("c") && !is_test("e") && !is_test("f"));
}

#[test]
fn files_of_tests_are_told_from_the_rest() {
    let tree = Tree::planted(&[
        ("src/store/mod.rs", "mod local;"),
        (
            "src/store/local.rs",
            "struct A;\n#[cfg(test)]\n#[path = \"local_tests.rs\"]\nmod tests;\nmod b;",
        ),
        ("src/store/local_tests.rs", "mod c;"),
        ("src/store/local_tests/c.rs", ""),
        ("src/store/local/b.rs", ""),
    ]);
    let of_tests = tree
        .rust
        .iter()
        .filter(|file| file.is_test(0))
        .map(|file| &*file.path);
    let of_tests: Vec<&str> = of_tests.collect();
    assert_eq!(
        of_tests,
        ["src/store/local_tests.rs", "src/store/local_tests/c.rs"]
    );
}
