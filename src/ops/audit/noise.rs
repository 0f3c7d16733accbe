//! Files that lie among originals and are none: they are archived, and no audit asks for them.

/// Whether a file is noise: a marker, what systems leave behind, half an upload.
pub fn is_noise(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/');
    let name = parts.next_back().unwrap_or_default();
    name == b".immich"
        || name == b".DS_Store"
        || name == b"@eaDir"
        || name.starts_with(b"._")
        || name.ends_with(b".tmp")
        || parts.any(|part| part == b"@eaDir")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_told_by_its_name() {
        for noise in [
            &b"library/.immich"[..],
            b"library/@eaDir/a.jpg/thumb.jpg",
            b"library/a/._b.jpg",
            b"upload/x/12.jpg.tmp",
            b"library/.DS_Store",
        ] {
            assert!(is_noise(noise));
        }
        for photo in [
            &b"library/immich"[..],
            b"library/a.tmp/b.jpg",
            b"library/_.jpg",
        ] {
            assert!(!is_noise(photo));
        }
    }
}
