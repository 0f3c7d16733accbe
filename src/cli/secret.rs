//! How a passphrase, or the 24 words, come in: from a file, a command, the environment or the
//! keyboard, never from the command line, where every user of the machine could read them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::cli::show::harmless;
use crate::crypto::KdfCost;
use crate::progress::Progress;

/// The longest passphrase or list of words, in bytes; more is taken for the wrong file.
pub const SECRET_BYTES_MAX: usize = 4096;

/// The shortest passphrase for a new key, in characters.
pub const NEW_PASSPHRASE_CHARS_MIN: usize = 8;

/// Why no passphrase or words came in. Never holds the secret itself.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("a passphrase is needed, and there is no terminal to ask for it")]
    NoWay,
    #[error("the 24 words are needed, and there is no terminal to ask for them")]
    NoWayForWords,
    #[error("cannot read from {from}")]
    Read { from: String, source: io::Error },
    #[error("{from} ended with {status}")]
    CommandFailed {
        from: &'static str,
        status: std::process::ExitStatus,
    },
    #[error("{0} gave nothing")]
    Empty(String),
    #[error("{0} gave more than {SECRET_BYTES_MAX} bytes, too many for a passphrase or 24 words")]
    TooLong(String),
    #[error("{0} gave bytes that are not UTF-8 text")]
    NotText(String),
    #[error("the passphrase has fewer than {NEW_PASSPHRASE_CHARS_MIN} characters")]
    TooShort,
    #[error("the two passphrases differ")]
    Differ,
}

impl SecretError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoWay => {
                "give --passphrase-file FILE or --passphrase-command CMD, or set OFFSITE_PASSPHRASE \
                 or OFFSITE_PASSPHRASE_FILE"
            }
            Self::NoWayForWords => {
                "give --words-file FILE, or --words-file - to read them from standard input"
            }
            Self::TooShort => "four random words make a good passphrase",
            Self::Differ => "run the command again and type the same passphrase twice",
            Self::Read { .. }
            | Self::CommandFailed { .. }
            | Self::Empty(_)
            | Self::TooLong(_)
            | Self::NotText(_) => "check where the passphrase or the words come from",
        }
    }
}

/// What a passphrase is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It opens a key that exists.
    Open,
    /// It will guard a new key: asked for twice, and not too short.
    Choose,
}

/// Where to look, in this order: the file, the command, `OFFSITE_PASSPHRASE`,
/// `OFFSITE_PASSPHRASE_FILE`, the terminal.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// `--passphrase-file`
    pub file: Option<PathBuf>,
    /// `--passphrase-command`; runs through `sh -c`.
    pub command: Option<String>,
}

/// The world a secret comes from: the real one is [`Surroundings`], tests bring their own.
pub trait World {
    fn environment(&self, name: &str) -> Option<OsString>;

    /// Whether a person can be asked.
    fn can_ask(&self) -> bool;

    /// One line from the person, without showing it.
    ///
    /// # Errors
    /// When the terminal is gone.
    fn ask(&self, prompt: &str) -> io::Result<Zeroizing<String>>;
}

/// The environment and the terminal of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings;

impl World for Surroundings {
    fn environment(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn can_ask(&self) -> bool {
        // The question is put to the terminal itself, so that standard input stays free for a
        // dump; but only where a person would also see the messages around it.
        io::stderr().is_terminal() && File::open("/dev/tty").is_ok()
    }

    fn ask(&self, prompt: &str) -> io::Result<Zeroizing<String>> {
        rpassword::prompt_password(prompt).map(Zeroizing::new)
    }
}

/// What it costs to try a passphrase of a new key slot.
pub fn cost_of_new_slots() -> KdfCost {
    // Tests open hundreds of repositories, and three fourths of their time went into keys. No program
    // that is built for use knows this name.
    #[cfg(debug_assertions)]
    if std::env::var_os("OFFSITE_TEST_QUICK_KEYS").is_some() {
        return KdfCost::LEAST;
    }
    KdfCost::DEFAULT
}

/// The passphrase, from the first way that is there. One line end at its end is not part of it.
/// `warn` is told when a passphrase file can be read by others.
///
/// # Errors
/// [`SecretError`]; its hint names the ways when there was none.
pub fn passphrase(
    ways: &Ways,
    purpose: Purpose,
    world: &dyn World,
    warn: &dyn Progress,
) -> Result<Zeroizing<String>, SecretError> {
    let found = if let Some(path) = &ways.file {
        from_file(path, warn)?
    } else if let Some(command) = &ways.command {
        from_command(command, "the passphrase command")?
    } else if let Some(value) = world.environment("OFFSITE_PASSPHRASE") {
        as_text(Zeroizing::new(value.into_vec()), "OFFSITE_PASSPHRASE")?
    } else if let Some(path) = world.environment("OFFSITE_PASSPHRASE_FILE") {
        from_file(Path::new(&path), warn)?
    } else if world.can_ask() {
        return from_terminal(purpose, world);
    } else {
        return Err(SecretError::NoWay);
    };
    check_length(purpose, &found)?;
    Ok(found)
}

/// The 24 words in small letters with single spaces, from a file (`-` is standard input) or the
/// terminal. Numbers before them, as printed on the recovery page, say their order and are left out.
/// Whether they are the right words is not looked at here.
///
/// # Errors
/// [`SecretError`]
pub fn words(
    file: Option<&Path>,
    world: &dyn World,
    warn: &dyn Progress,
) -> Result<Zeroizing<String>, SecretError> {
    let typed = match file {
        Some(path) if path.as_os_str() == "-" => {
            let from = "standard input";
            as_text(read_bounded(&mut io::stdin().lock(), from)?, from)?
        }
        Some(path) => from_file(path, warn)?,
        None if world.can_ask() => ask(world, "The 24 words: ")?,
        None => return Err(SecretError::NoWayForWords),
    };
    Ok(tidy_words(&typed))
}

fn tidy_words(typed: &str) -> Zeroizing<String> {
    // As long as the input at the most: never moved, so no copy is left behind.
    let mut tidy = Zeroizing::new(String::with_capacity(typed.len()));
    for word in in_order(typed) {
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
    }
    tidy
}

/// The words without their numbers, and in the order of those where each has one: the page has them
/// in columns, and who copies it line by line gets them in another.
fn in_order(typed: &str) -> impl Iterator<Item = &str> {
    let mut words: Vec<(Option<u32>, &str)> = Vec::new();
    let mut number = None;
    for word in typed.split_whitespace() {
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            let digits = word.trim_end_matches(|last: char| !last.is_ascii_digit());
            number = digits.parse().ok();
        } else {
            words.push((number.take(), word));
        }
    }
    if words.iter().all(|(number, _)| number.is_some()) {
        words.sort_by_key(|(number, _)| *number);
    }
    words.into_iter().map(|(_, word)| word)
}

fn from_terminal(purpose: Purpose, world: &dyn World) -> Result<Zeroizing<String>, SecretError> {
    if purpose == Purpose::Open {
        return ask(world, "Passphrase: ");
    }
    let first = ask(world, "New passphrase: ")?;
    check_length(purpose, &first)?;
    let second = ask(world, "The same once more: ")?;
    if first != second {
        return Err(SecretError::Differ);
    }
    Ok(first)
}

fn ask(world: &dyn World, prompt: &str) -> Result<Zeroizing<String>, SecretError> {
    let from = "the terminal";
    let answer = world.ask(prompt).map_err(|source| SecretError::Read {
        from: from.to_owned(),
        source,
    })?;
    if answer.is_empty() {
        return Err(SecretError::Empty(from.to_owned()));
    }
    Ok(answer)
}

fn check_length(purpose: Purpose, passphrase: &str) -> Result<(), SecretError> {
    let short = passphrase.chars().count() < NEW_PASSPHRASE_CHARS_MIN;
    if purpose == Purpose::Choose && short {
        Err(SecretError::TooShort)
    } else {
        Ok(())
    }
}

/// A secret in a file, without the line end at its end; `warn` is told when others can read it.
///
/// # Errors
/// [`SecretError`]
pub fn from_file(path: &Path, warn: &dyn Progress) -> Result<Zeroizing<String>, SecretError> {
    let from = harmless(path.as_os_str().as_encoded_bytes());
    let failed = |source| SecretError::Read {
        from: from.clone(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // A pipe such as <(pass show backup) has a mode too, but nobody else can reach it.
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        warn.notice(&format!(
            "{from} can be read by other users; chmod 600 makes it private"
        ));
    }
    as_text(read_bounded(&mut file, &from)?, &from)
}

/// A secret that a command of the shell prints; `from` is what it is called.
///
/// # Errors
/// [`SecretError`]
pub fn from_command(command: &str, from: &'static str) -> Result<Zeroizing<String>, SecretError> {
    let failed = |source| SecretError::Read {
        from: from.to_owned(),
        source,
    };
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let read = match child.stdout.take() {
        Some(mut output) => read_bounded(&mut output, from),
        None => Ok(Zeroizing::new(Vec::new())),
    };
    if read.is_err() {
        // It may still be writing; what it says no longer matters.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let bytes = read?;
    if !status.success() {
        return Err(SecretError::CommandFailed { from, status });
    }
    as_text(bytes, from)
}

/// At most [`SECRET_BYTES_MAX`] bytes, in a buffer that never moves while it grows.
fn read_bounded(input: &mut dyn Read, from: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES_MAX + 1]);
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) => {
                bytes.truncate(length);
                return Ok(bytes);
            }
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(SecretError::Read {
                    from: from.to_owned(),
                    source,
                });
            }
        }
    }
    Err(SecretError::TooLong(from.to_owned()))
}

/// Without the line end at its end.
fn as_text(bytes: Zeroizing<Vec<u8>>, from: &str) -> Result<Zeroizing<String>, SecretError> {
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText(from.to_owned()))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(SecretError::Empty(from.to_owned()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
