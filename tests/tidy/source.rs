//! The tree as the rules see it: every file, and for Rust the code without comments and strings.

use std::fmt;
use std::ops::Range;
use std::path::Path;

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
    /// Markdown at the top and below `docs/`, and `Cargo.toml`: path and text.
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
        tree
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
        let is_document = path == "Cargo.toml"
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
    /// The text with every byte of comments and of what stands in quotes replaced by a space;
    /// offsets and lines are those of the text.
    pub code: String,
    /// Every `mod name`.
    pub modules: Vec<Module>,
    test_code: Vec<Range<usize>>,
}

/// A `mod name;` or `mod name { … }`.
pub struct Module {
    pub name: String,
    pub offset: usize,
    /// What stands between its braces, where it has them.
    pub body: Option<Range<usize>>,
}

impl SourceFile {
    pub fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_strings(text);
        let test_code = test_code(&code);
        let modules = modules(&code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            modules,
            test_code,
        }
    }

    /// The modules that live in files of their own.
    pub fn children(&self) -> impl Iterator<Item = &str> {
        self.modules
            .iter()
            .filter(|module| module.body.is_none())
            .map(|module| &*module.name)
    }

    /// Whether the code there is compiled for tests only. Files below `tests/` and `benches/`, and
    /// those of a `#[cfg(test)] mod tests;`, are so from end to end.
    pub fn is_test(&self, offset: usize) -> bool {
        !self.path.starts_with("src/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.test_code.iter().any(|range| range.contains(&offset))
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

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Offsets at which `wanted` stands in `text` and is not a part of a longer word.
pub fn find_words(text: &str, wanted: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (first, last) = (wanted.as_bytes()[0], wanted.as_bytes()[wanted.len() - 1]);
    text.match_indices(wanted)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
            let after = bytes.get(at + wanted.len()).copied().unwrap_or(b' ');
            !(is_word(first) && is_word(before)) && !(is_word(last) && is_word(after))
        })
        .collect()
}

/// The offset of the bracket that closes the one at `open`; the end of the code if none does.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

/// The end of the item that begins at or after `start`: past its body, or its semicolon.
pub fn end_of_item(code: &str, start: usize) -> usize {
    let bytes = code.as_bytes();
    let mut at = start;
    let is_use = code[start..].trim_start().starts_with("use ");
    while let Some(byte) = bytes.get(at) {
        match byte {
            b';' => return at + 1,
            b'{' if !is_use => return closing(code, at) + 1,
            b'(' | b'[' | b'{' => at = closing(code, at) + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn modules(code: &str) -> Vec<Module> {
    let named = find_words(code, "mod").into_iter().filter_map(|offset| {
        let rest = code[offset + 3..].strip_prefix(' ')?;
        let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let (name, after) = rest.split_at(length);
        let open = code.len() - after.trim_start().len();
        let body = code[open..]
            .starts_with('{')
            .then(|| open..closing(code, open));
        Some(Module {
            name: name.to_owned(),
            offset,
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

fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let Some(silence) = silence(text, at) else {
            at += 1;
            continue;
        };
        let is_quoted = silence.start > at;
        at = silence.end + usize::from(is_quoted);
        for byte in &mut code[silence] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(code).expect("whole characters were replaced")
}

/// If a comment, a string or a character begins at `at`: what of it is to be blanked. Quotes stay.
fn silence(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text.as_bytes()[at..];
    let find = |what: &str, from: usize| text[from..].find(what).map_or(text.len(), |n| from + n);
    match rest {
        [b'/', b'/', ..] => Some(at..find("\n", at)),
        [b'/', b'*', ..] => Some(at..end_of_block_comment(text.as_bytes(), at)),
        [b'"', ..] => {
            let raw_prefix = text[..at].trim_end_matches('#');
            let hashes = at - raw_prefix.len();
            if raw_prefix.ends_with('r') && is_raw(raw_prefix) {
                let end = find(&format!("\"{}", "#".repeat(hashes)), at + 1);
                return Some(at + 1..end);
            }
            let mut end = at + 1;
            while let Some(byte) = text.as_bytes().get(end) {
                match byte {
                    b'"' => break,
                    b'\\' => end += 2,
                    _ => end += 1,
                }
            }
            Some(at + 1..end.min(text.len()))
        }
        [b'\'', b'\\', ..] => Some(at + 1..find("'", at + 3)),
        [b'\'', ..] => {
            // A character and a quote, or else a lifetime.
            let character = text[at + 1..].chars().next()?;
            let end = at + 1 + character.len_utf8();
            text[end..].starts_with('\'').then_some(at + 1..end)
        }
        _ => None,
    }
}

/// Whether the `r` at the end is a prefix (`r`, `br`, `cr`) and not the end of a longer word.
fn is_raw(prefix: &str) -> bool {
    let before = prefix.trim_end_matches('r').trim_end_matches(['b', 'c']);
    prefix.len() - before.len() <= 2 && !before.bytes().next_back().is_some_and(is_word)
}

fn end_of_block_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

#[test]
fn comments_and_strings_are_no_code() {
    let text = r##"a // b
/* c /* d */ e */"b" f("g\"h", 'i', '\'', "j{") r#"k"l"# br"m" <'n> 'ö' o"##;
    let code = SourceFile::new("src/x.rs", text).code;
    for silent in [
        "b", "c", "d", "e", "g", "h", "i", "j", "{", "k", "l", "m", "ö",
    ] {
        assert!(find_words(&code, silent).is_empty(), "{silent} in {code}");
    }
    for word in ["a", "f", "n", "o"] {
        assert_eq!(find_words(&code, word).len(), 1, "{word} in {code}");
    }
    assert_eq!(code.len(), text.len());
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
