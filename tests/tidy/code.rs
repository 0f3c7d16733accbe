//! Rust text as code: without comments and strings, by words, brackets and items.

use std::ops::Range;

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
            let joins = |a: u8, b: u8| is_word(a) && is_word(b);
            !joins(before, first) && !joins(last, after)
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

/// The text with every byte of comments and of what stands in quotes replaced by a space; offsets
/// and lines stay.
pub fn without_comments_and_strings(text: &str) -> String {
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
    let code = without_comments_and_strings(text);
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
