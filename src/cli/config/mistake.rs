//! What is wrong in `offsite.toml`, and where: each mistake stands at a line and a column, names the
//! key, and says what is allowed there. It never repeats the line, which may hold a password.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::cli::show;

/// So many are told at once; more would hide the first.
const MISTAKES_MAX: usize = 20;

/// Why there is no configuration to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration {} cannot be read", harmless(.file))]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("the configuration {} {reason}", harmless(.file))]
    NoText { file: PathBuf, reason: &'static str },
    #[error("{} is not used: {reason}", harmless(.file))]
    Unsafe { file: PathBuf, reason: String },
    #[error(transparent)]
    Mistakes(Mistakes),
}

impl ConfigError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the path, and that this user may read it",
            Self::NoText { .. } => "offsite config example prints one to begin with",
            Self::Unsafe { .. } => {
                "a configuration names commands that are run: if you trust it, say --config \
                 ./offsite.toml, or make the file and its folder yours alone"
            }
            Self::Mistakes(_) => {
                "offsite config example shows every key and what it may be; --config /dev/null goes \
                 without a configuration"
            }
        }
    }
}

/// All mistakes of a file, in its order.
#[derive(Debug)]
pub struct Mistakes {
    file: PathBuf,
    first: Mistake,
    count: usize,
}

/// One mistake; the next one stands where an error has its cause, so that all are told.
#[derive(Debug)]
pub struct Mistake {
    line: usize,
    column: usize,
    sentence: String,
    next: Option<Box<Self>>,
}

impl Mistakes {
    /// Those found in `text`, as byte offset and sentence. `None` where there is none.
    pub fn of(file: PathBuf, text: &str, mut found: Vec<(usize, String)>) -> Option<Self> {
        found.sort();
        found.dedup();
        let count = found.len();
        found.truncate(MISTAKES_MAX);
        let mut next = None;
        for (offset, sentence) in found.into_iter().rev() {
            let (line, column) = position(text, offset);
            next = Some(Box::new(Mistake {
                line,
                column,
                sentence,
                next,
            }));
        }
        next.map(|first| Self {
            file,
            first: *first,
            count,
        })
    }
}

/// Line and column of a byte, both from 1; columns count characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn harmless(file: &std::path::Path) -> String {
    show::harmless(file.as_os_str().as_encoded_bytes())
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = harmless(&self.file);
        match self.count {
            1 => write!(f, "{file}, {}", self.first),
            count => write!(f, "{file} has {count} mistakes"),
        }
    }
}

impl Error for Mistakes {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.count > 1).then_some(&self.first)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            sentence,
            ..
        } = self;
        write!(f, "line {line}, column {column}: {sentence}")
    }
}

impl Error for Mistake {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_in_their_order() {
        let text = "a = 1\nü = 2\n";
        let found = vec![(9, "second".to_owned()), (0, "first".to_owned())];
        let mistakes = Mistakes::of("/etc/o.toml".into(), text, found).unwrap();
        assert_eq!(mistakes.to_string(), "/etc/o.toml has 2 mistakes");
        let first = mistakes.source().unwrap();
        assert_eq!(first.to_string(), "line 1, column 1: first");
        let second = first.source().unwrap();
        assert_eq!(second.to_string(), "line 2, column 3: second");
        assert!(second.source().is_none());

        let one = Mistakes::of("o.toml".into(), text, vec![(99, "x".to_owned())]).unwrap();
        assert_eq!(one.to_string(), "o.toml, line 3, column 1: x");
        assert!(one.source().is_none());
        assert!(Mistakes::of("o.toml".into(), text, Vec::new()).is_none());
    }
}
