//! A file of patterns for [`Filter`]: one a line; empty lines and those that begin with `#` count
//! for nothing. A wrong line is named by its number.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::filter::Filter;
use super::{Result, SourceError};

/// A longer file was hardly meant.
const BYTES_MAX: u64 = 1024 * 1024;

/// The patterns in a file.
///
/// # Errors
/// It cannot be read, has over 1 MiB, or a line of it is no pattern.
pub fn read(path: &Path) -> Result<Vec<String>> {
    let failed = |source| SourceError::ExcludeFile {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(failed(std::io::Error::other("it has more than 1 MiB")));
    }
    let mut patterns = Vec::new();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let wrong = |reason: String| SourceError::ExcludeLine {
            path: path.into(),
            line: number,
            reason,
        };
        let line = str::from_utf8(line).map_err(|_| wrong("it is not UTF-8 text".to_owned()))?;
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        Filter::new(&[line]).map_err(|error| match error {
            SourceError::Pattern { reason, .. } => wrong(reason),
            other => wrong(other.to_string()),
        })?;
        patterns.push(line.to_owned());
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &[u8]) -> Result<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exclude.txt");
        std::fs::write(&path, content).unwrap();
        read(&path)
    }

    #[test]
    fn comments_and_empty_lines_count_for_nothing() {
        let text = b"\xef\xbb\xbf# noise\r\n@eaDir/\r\n\n  \n*.tmp\n\\#odd\nlast";
        assert_eq!(of(text).unwrap(), ["@eaDir/", "*.tmp", "\\#odd", "last"]);
        assert!(of(b"").unwrap().is_empty());
    }

    #[test]
    fn a_wrong_line_is_named() {
        for text in [b"*.tmp\n\n[a\n".as_slice(), b"#\n#\n\xff\n", b"a\nb\n!keep"] {
            let error = of(text).unwrap_err();
            assert!(
                matches!(error, SourceError::ExcludeLine { line: 3, .. }),
                "{error}"
            );
            assert!(error.to_string().contains("exclude.txt"));
        }
        let endless = of(&vec![b'x'; 1024 * 1024 + 1]).unwrap_err();
        assert!(matches!(endless, SourceError::ExcludeFile { .. }));
    }
}
