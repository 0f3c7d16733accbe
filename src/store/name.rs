//! Which names a store takes: one rule for all of them, so that what works in a test works on a
//! disk and in a bucket.

use super::{ErrorKind, Result, StoreError};

/// The folder of a directory store where unfinished files live; no object may be named below it.
pub(super) const TEMPORARY: &str = "tmp";

/// Longest name in bytes. S3 allows 1,024 with the repository's prefix, folders 255 a part.
const BYTES_MAX: usize = 900;
const PART_BYTES_MAX: usize = 255;

/// Refuses a name that could leave the folder, that cannot be written or that no listing shows.
///
/// # Errors
/// `Invalid`, with the reason as detail.
pub(super) fn check(name: &str, operation: &'static str) -> Result<()> {
    match fault(name) {
        None => Ok(()),
        Some(reason) => Err(StoreError::new(ErrorKind::Invalid, operation, name).because(reason)),
    }
}

fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("the name is empty");
    }
    if name.len() > BYTES_MAX || name.split('/').any(|part| part.len() > PART_BYTES_MAX) {
        return Some("the name is too long");
    }
    if name.contains(|c: char| c.is_control() || c == '\\') {
        return Some("the name has a control character or a backslash in it");
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some("a part of the name is empty, `.` or `..`");
    }
    if name.split('/').next() == Some(TEMPORARY) {
        return Some("names below `tmp` are for unfinished files");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused_and_ours_are_not() {
        for name in [
            "repository",
            "packs/3f/3f09",
            "a_b/0",
            "tmpfile",
            "odd.txt",
            "a/tmp",
        ] {
            assert!(check(name, "store").is_ok(), "{name} should be allowed");
        }
        let too_long = "a/".repeat(500) + "a";
        for name in [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "../a",
            "a/../b",
            "a/..",
            ".",
            "a\0b",
            "a\nb",
            "a\\b",
            "tmp",
            "tmp/x",
            &too_long,
        ] {
            let error = check(name, "store").expect_err("a hostile name");
            assert_eq!(error.kind, ErrorKind::Invalid, "{name:?}");
        }
    }
}
