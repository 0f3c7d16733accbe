//! Names what the beginning of a stream is, where it is not plain SQL.

use super::DumpFault;

/// So many bytes are enough: the magic of a tar archive is the farthest, at 257.
pub(super) const BEGINNING_BYTES: usize = 512;

/// Magic numbers of compressed files (their formats' own specifications).
const COMPRESSED: [(&[u8], &str); 7] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (b"BZh", "bzip2"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
];

pub(super) const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Looks at the beginning (all of it, or [`BEGINNING_BYTES`]) for what is certainly no dump.
pub(super) fn fault_of(beginning: &[u8]) -> Option<DumpFault> {
    let text = beginning.strip_prefix(UTF8_MARK).unwrap_or(beginning);
    if text.iter().all(u8::is_ascii_whitespace) && beginning.len() < BEGINNING_BYTES {
        return Some(DumpFault::Empty);
    }
    if beginning.starts_with(b"PGDMP") {
        return Some(DumpFault::CustomFormat);
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return Some(DumpFault::Tar);
    }
    if is_utf16(beginning) {
        return Some(DumpFault::Utf16);
    }
    let compressed = COMPRESSED
        .iter()
        .find(|(magic, _)| beginning.starts_with(magic));
    if let Some((_, kind)) = compressed {
        return Some(DumpFault::Compressed { kind });
    }
    let lower = text.trim_ascii_start().to_ascii_lowercase();
    (lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") || lower.starts_with(b"<?xml"))
        .then_some(DumpFault::Html)
}

/// By its mark, or by a dump's first two dashes, each a byte beside a zero.
fn is_utf16(beginning: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 4] = [&[0xff, 0xfe], &[0xfe, 0xff], b"-\0-\0", b"\0-\0-"];
    BEGINNINGS.iter().any(|mark| beginning.starts_with(mark))
}

/// The first line of something foreign, fit for a message: up to 60 characters, none that a
/// terminal would act on.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let text = bytes.get(..bytes.len().min(4 * 61)).unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim();
    let mut excerpt = printable(line.chars().take(60));
    if line.chars().count() > 60 {
        excerpt.push('…');
    }
    excerpt
}

/// Replaces what a terminal would act on, or what would hide or reorder text.
pub(super) fn printable(characters: impl Iterator<Item = char>) -> String {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    characters
        .map(|c| if invisible(c) { '\u{fffd}' } else { c })
        .collect()
}
