//! Paths of a snapshot as a person types them: a path is understood as `ls` prints it, where an odd
//! name is shown with escapes such as `\n` or `\xff`. Taken literally first, then with the escapes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::ops::{OpsError, Result};

/// Tries what the argument can mean, until something is there. Slashes at its ends are left out.
///
/// # Errors
/// What `attempt` returns; `NoSuchFile` of the first attempt when nothing is there.
pub fn understand<T>(argument: &OsStr, mut attempt: impl FnMut(&[u8]) -> Result<T>) -> Result<T> {
    let literal = trimmed(argument.as_bytes());
    match (attempt(literal), told_back(literal)) {
        (Err(missing @ OpsError::NoSuchFile { .. }), Some(path)) => match attempt(trimmed(&path)) {
            Err(OpsError::NoSuchFile { .. }) => Err(missing),
            other => other,
        },
        (tried, _) => tried,
    }
}

fn trimmed(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path)
}

/// The bytes of which [`super::show::harmless`] made the text; `None` of a text without escapes or
/// with one that it never writes.
pub fn told_back(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b'\\') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (escape, after) = rest.split_first()?;
        rest = after;
        match escape {
            b'\\' => bytes.push(b'\\'),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.push(u8::try_from(hexadecimal(digits)?).ok()?);
                rest = after;
            }
            b'u' => {
                let inside = rest.strip_prefix(b"{")?;
                let end = inside.iter().position(|byte| *byte == b'}')?;
                let (digits, after) = inside.split_at_checked(end)?;
                let character = char::from_u32(hexadecimal(digits)?)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after.strip_prefix(b"}")?;
            }
            _ => return None,
        }
    }
    Some(bytes)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    // A sign would be taken as well.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::harmless;

    #[test]
    fn every_name_can_be_told_back_from_how_it_is_shown() {
        let all: Vec<u8> = (1..=255).collect();
        let names: [&[u8]; 6] = [
            &all,
            b"a\nb\\n\\\\",
            b"caf\xe9/\xff\xfe",
            "\u{202e}gpj.\u{feff}\u{e0041}".as_bytes(),
            "日本\u{200b}.jpg\u{9b}".as_bytes(),
            b"\x1b[2J\x7f",
        ];
        for name in names {
            let shown = harmless(name);
            assert_eq!(
                told_back(shown.as_bytes()).as_deref(),
                Some(name),
                "{shown}"
            );
        }
        assert_eq!(told_back(b"plain.jpg"), None);
    }

    #[test]
    fn what_is_no_escape_is_not_guessed_at() {
        for text in [
            r"a\",
            r"a\q",
            r"\x",
            r"\x1",
            r"\xzz",
            r"\x+1",
            r"\u",
            r"\u{",
            r"\u{}",
            r"\u{d800}",
            r"\u{+41}",
            r"\u{110000}",
            r"\u41",
        ] {
            assert_eq!(told_back(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_literal_path_comes_first() {
        let there = |paths: &'static [&'static [u8]]| {
            understand(OsStr::new(r"/a\nb/"), |path| {
                if paths.contains(&path) {
                    Ok(path.to_vec())
                } else {
                    let path = path.escape_ascii().to_string();
                    Err(OpsError::NoSuchFile { path })
                }
            })
        };
        assert_eq!(there(&[b"a\nb", br"a\nb"]).unwrap(), br"a\nb");
        assert_eq!(there(&[b"a\nb"]).unwrap(), b"a\nb");
        let missing = there(&[]).unwrap_err().to_string();
        assert!(missing.contains(r"a\\nb"), "{missing}");
    }
}
