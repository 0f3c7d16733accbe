//! What the walk leaves out: globs against the path inside the snapshot.
//!
//! As in gitignore: a pattern without a slash matches the last name, at any depth; one with a slash
//! matches the whole stored path from its beginning (`**/` reaches any depth, a slash in front
//! changes nothing); a slash at the end restricts it to folders. What is in a folder that is left
//! out is left out too. A root that was named is never left out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

use super::{Result, SourceError};

/// A set of patterns; cheap to ask.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    anything: Patterns,
    folders: Patterns,
}

#[derive(Debug, Clone, Default)]
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

impl Filter {
    /// # Errors
    /// A pattern that is empty, malformed, or begins with `!`.
    pub fn new<P: AsRef<str>>(patterns: &[P]) -> Result<Self> {
        let mut sets: [GlobSetBuilder; 4] = std::array::from_fn(|_| GlobSetBuilder::new());
        let [names, paths, folder_names, folder_paths] = &mut sets;
        for pattern in patterns {
            let pattern = pattern.as_ref();
            let bad = |reason: String| SourceError::Pattern {
                pattern: pattern.to_owned(),
                reason,
            };
            if pattern.starts_with('!') {
                return Err(bad("patterns that take back are not supported; \
                     write \\! for a name that begins with !"
                    .to_owned()));
            }
            let (body, only_folders) = match pattern.strip_suffix('/') {
                Some(body) => (body, true),
                None => (pattern, false),
            };
            let whole_path = body.contains('/');
            let body = body.trim_start_matches('/');
            if body.is_empty() {
                return Err(bad("it is empty".to_owned()));
            }
            let glob = GlobBuilder::new(body)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| bad(error.kind().to_string()))?;
            match (whole_path, only_folders) {
                (false, false) => names.add(glob),
                (true, false) => paths.add(glob),
                (false, true) => folder_names.add(glob),
                (true, true) => folder_paths.add(glob),
            };
        }
        let [names, paths, folder_names, folder_paths] = sets.map(|set| {
            set.build().map_err(|error| SourceError::Pattern {
                pattern: error.glob().unwrap_or_default().to_owned(),
                reason: error.kind().to_string(),
            })
        });
        Ok(Self {
            anything: Patterns {
                names: names?,
                paths: paths?,
            },
            folders: Patterns {
                names: folder_names?,
                paths: folder_paths?,
            },
        })
    }

    /// Whether something at this stored path is left out, whatever it is.
    pub fn excludes(&self, path: &[u8]) -> bool {
        self.anything.match_path(path)
    }

    /// Whether a folder at this stored path is left out by a pattern for folders only.
    pub fn excludes_folder(&self, path: &[u8]) -> bool {
        self.folders.match_path(path)
    }
}

impl Patterns {
    fn match_path(&self, path: &[u8]) -> bool {
        let matches = |set: &GlobSet, text: &[u8]| {
            !set.is_empty() && set.is_match_candidate(&Candidate::new(OsStr::from_bytes(text)))
        };
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        matches(&self.names, name) || matches(&self.paths, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pattern: &str) -> Filter {
        Filter::new(&[pattern]).unwrap()
    }

    #[test]
    fn a_bare_name_matches_at_any_depth() {
        let filter = filter("*.tmp");
        assert!(filter.excludes(b"a.tmp"));
        assert!(filter.excludes(b"upload/x/y/a.tmp"));
        assert!(!filter.excludes(b"upload/a.tmp/b"));
        assert!(!filter.excludes(b"a.tmpx"));
    }

    #[test]
    fn a_path_is_anchored_and_its_star_stops_at_a_slash() {
        let filter = filter("/upload/*/cache");
        assert!(filter.excludes(b"upload/anna/cache"));
        assert!(!filter.excludes(b"upload/anna/deep/cache"));
        assert!(!filter.excludes(b"old/upload/anna/cache"));
        assert!(
            super::Filter::new(&["**/anna/cache"])
                .unwrap()
                .excludes(b"upload/anna/cache")
        );
    }

    #[test]
    fn a_slash_at_the_end_means_folders_only() {
        let filter = filter("@eaDir/");
        assert!(filter.excludes_folder(b"library/@eaDir"));
        assert!(!filter.excludes(b"library/@eaDir"));
    }

    #[test]
    fn names_that_are_no_text_match_too() {
        assert!(filter("*.jpg").excludes(b"library/\xff\xfe\n\t\\.jpg"));
        assert!(filter("a?b").excludes(b"a\nb"));
    }

    #[test]
    fn patterns_that_cannot_work_are_refused() {
        for pattern in ["", "/", "!keep", "[a", "{a"] {
            assert!(Filter::new(&[pattern]).is_err(), "{pattern}");
        }
    }
}
