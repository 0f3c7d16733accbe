//! Paths in Rust code: `use` statements with nested braces, and `a::b` in the middle of code.

use crate::code::{closing, find_words, is_word};
use crate::source::SourceFile;

/// A path as written, a `use` of many taken apart.
pub struct Written {
    pub segments: Vec<String>,
    pub offset: usize,
    /// `pub use`, or one with a narrower `pub(…)`.
    pub is_reexport: bool,
    /// What it is called here, where it comes from a `use`.
    pub name: Option<String>,
}

impl Written {
    pub fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// Every path of two or more parts in a file, and every `use`.
pub fn written(file: &SourceFile) -> Vec<Written> {
    let code = file.code.as_str();
    let mut paths = Vec::new();
    let mut rest = code.as_bytes().to_vec();
    for at in file.find("use") {
        if code.as_bytes().get(at + 3) != Some(&b' ') {
            continue; // `use<'a>`
        }
        let end = code[at..]
            .find(';')
            .map_or(code.len(), |length| at + length);
        let is_reexport = is_public(&code[..at]);
        for (segments, name) in taken_apart(&code[at + 4..end]) {
            paths.push(Written {
                segments,
                offset: at,
                is_reexport,
                name: Some(name),
            });
        }
        rest[at..end].fill(b' ');
    }
    let rest = String::from_utf8_lossy(&rest).into_owned();
    paths.extend(in_the_middle_of_code(&rest));
    paths
}

fn is_public(before: &str) -> bool {
    let before = before.trim_end();
    before.ends_with("pub")
        || before.ends_with(')')
            && before
                .rfind("pub(")
                .is_some_and(|at| closing(before, at + 3) == before.len() - 1)
}

/// `a::{b, c::{self, d as e}}` → (`a::b`, "b"), (`a::c`, "c"), (`a::c::d`, "e").
fn taken_apart(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim().trim_start_matches("::");
    let Some(open) = tree.find('{') else {
        let (path, alias) = tree
            .split_once(" as ")
            .map_or((tree, None), |(a, b)| (a, Some(b)));
        let mut segments: Vec<String> = path.split("::").map(|part| part.trim().into()).collect();
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        let name = alias.map(|name| name.trim().to_owned());
        let name = name
            .or_else(|| segments.last().cloned())
            .unwrap_or_default();
        return vec![(segments, name)];
    };
    let prefix: Vec<String> = tree[..open]
        .split("::")
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(Into::into)
        .collect();
    let inside = &tree[open + 1..closing(tree, open)];
    let mut paths = Vec::new();
    for part in split_at_commas(inside) {
        for (tail, name) in taken_apart(part) {
            let mut segments = prefix.clone();
            if tail == ["self"] {
                let name = if name == "self" {
                    prefix.last().cloned().unwrap_or_default()
                } else {
                    name
                };
                paths.push((segments, name));
                continue;
            }
            segments.extend(tail);
            paths.push((segments, name));
        }
    }
    paths
}

fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn in_the_middle_of_code(code: &str) -> Vec<Written> {
    let bytes = code.as_bytes();
    let mut paths = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let offset = at;
        let mut segments = Vec::new();
        loop {
            let start = at;
            while bytes.get(at).copied().is_some_and(is_word) {
                at += 1;
            }
            segments.push(code[start..at].to_owned());
            let next = at + 2;
            if bytes.get(at..next) != Some(b"::") || !bytes.get(next).copied().is_some_and(is_word)
            {
                break;
            }
            at = next;
        }
        let is_qualified = offset >= 2 && &bytes[offset - 2..offset] == b">:";
        if segments.len() > 1 && !is_qualified {
            paths.push(Written {
                segments,
                offset,
                is_reexport: false,
                name: None,
            });
        }
    }
    paths
}

/// Where a file stands in the crate: `src/store/local.rs` → `store`, `local`.
pub fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" || path == "main" {
        return Vec::new();
    }
    path.split('/').map(Into::into).collect()
}

/// What a path means, counted from the root of the crate; `None` for what is not of the crate.
pub fn resolved(file: &SourceFile, path: &Written) -> Option<Vec<String>> {
    let bodies = file.modules.iter().filter(|module| {
        module
            .body
            .as_ref()
            .is_some_and(|body| body.contains(&path.offset))
    });
    let inner: Vec<String> = bodies.map(|module| module.name.clone()).collect();
    let mut base = module_of(&file.path);
    let mut rest = path.segments.as_slice();
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" | "super" => {
            base.extend(inner);
            while let Some((first, tail)) = rest.split_first() {
                match first.as_str() {
                    "self" => {}
                    "super" => drop(base.pop()),
                    _ => break,
                }
                rest = tail;
            }
        }
        first if inner.is_empty() && file.children().any(|child| child == first) => {}
        _ => return None,
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// Calls of a macro by its name, such as `assert`: where, and its arguments.
pub fn macros<'a>(file: &'a SourceFile, name: &str) -> impl Iterator<Item = (usize, &'a str)> {
    find_words(&file.code, name).into_iter().filter_map(|at| {
        let open = at + name.len() + 1;
        let is_macro = file.code.as_bytes().get(open - 1) == Some(&b'!');
        is_macro.then(|| (at, &file.code[open..closing(&file.code, open)]))
    })
}

#[test]
fn nested_uses_are_taken_apart() {
    let text =
        "pub(crate) use crate::{a::{self, b as c}, d::*};\nfn x() { super::e::f(); g::<H>() }";
    let file = SourceFile::new("src/store/local.rs", text);
    let paths = written(&file);
    let found: Vec<String> = paths.iter().map(Written::text).collect();
    assert_eq!(
        found,
        ["crate::a", "crate::a::b", "crate::d::*", "super::e::f"]
    );
    assert!(paths[0].is_reexport && !paths[3].is_reexport);
    assert_eq!(paths[1].name.as_deref(), Some("c"));
    assert_eq!(
        resolved(&file, &paths[3]).unwrap().join("::"),
        "store::e::f"
    );
}

#[test]
fn super_counts_from_the_innermost_module() {
    let text = "mod child;\nmod inner { fn f() { super::a(); super::super::b(); } }\nfn g() { child::c(); other::d(); }";
    let file = SourceFile::new("src/store/mod.rs", text);
    let meant: Vec<Option<String>> = written(&file)
        .iter()
        .map(|path| resolved(&file, path).map(|meant| meant.join("::")))
        .collect();
    let meant: Vec<Option<&str>> = meant.iter().map(Option::as_deref).collect();
    assert_eq!(
        meant,
        [Some("store::a"), Some("b"), Some("store::child::c"), None]
    );
}
