//! Floor 1: where objects live. [`Store`] is the contract; `local`, `s3` and `memory` keep
//! objects; `retry`, `throttle`, `recording`, `tally` and `faulty` wrap another store; `open` makes one
//! from a URL; `contract` is the suite that all of them pass. `retention` is a second trait, of what
//! some stores can do beyond: versions and locks; `versioned` wraps a store that has them.
//!
//! A store knows nothing of what it keeps: it is a stranger to the format and to keys.
//! The trait is synchronous; async code lives in `s3/` alone.

pub mod contract;
pub mod faulty;
pub mod local;
pub mod memory;
mod memory_versions;
mod name;
pub mod open;
pub mod recording;
pub mod retention;
pub mod retry;
pub mod s3;
pub mod tally;
pub mod throttle;
pub mod versioned;

use std::fmt;

use bytes::Bytes;

use crate::seams::Timestamp;
pub use retention::Retaining;

/// An object as LIST and HEAD show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The whole name, such as `packs/3f/3f09…`.
    pub name: String,
    /// Stored length in bytes.
    pub bytes: u64,
    /// When the store says it was written, by the store's clock.
    pub modified: Timestamp,
}

/// Which part of an object to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All of it; an object larger than `bytes_max` is refused before memory is spent on it.
    Whole { bytes_max: u64 },
    /// `bytes` bytes from offset `start`; exactly that many, or it is an error. Of no bytes at all
    /// the answer is empty, and nobody is asked whether the object exists.
    Range { start: u64, bytes: u64 },
}

/// Objects under one prefix or in one folder.
///
/// Names are `/`-separated, of lower-case letters, digits and `_`, never empty, never with an
/// empty part. Other names are not promised to work everywhere; those that could leave the folder
/// (`..`), that no listing could show (`tmp/…`) or that are over 900 bytes are `Invalid`. What holds for every store, and is checked for each by `store::contract`:
///
/// - After `put` returned, `get`, `head` and `list` see the object, whole.
/// - Nobody ever sees a part of an object under its name, whatever crashes.
/// - `put` on a name that exists replaces it (the project only ever puts identical bytes there).
/// - A `put` whose answer was lost may have happened.
/// - `list` gives every object whose name starts with the prefix, in byte order of names, each
///   once, and none of the store's own temporary files.
/// - Times are the store's own, and comparable to each other.
/// - It can be called from several threads at once, and again from within `visit`.
pub trait Store: Send + Sync {
    /// Where this is, for messages: never holds a secret.
    fn url(&self) -> String;

    /// Stores an object durably.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound` and `AlreadyExists`.
    fn put(&self, name: &str, body: Bytes) -> Result<()>;

    /// Stores an object only if there is none of that name; where the store has no atomic way, as
    /// well as it can (HEAD, then PUT).
    ///
    /// # Errors
    /// `AlreadyExists` if there is one.
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()>;

    /// Fetches an object or a part of it.
    ///
    /// # Errors
    /// `NotFound`; `TooLarge` beyond `bytes_max`; `Incomplete` when the object ends before the
    /// window does, or fewer bytes came than the store promised.
    fn get(&self, name: &str, window: Window) -> Result<Bytes>;

    /// Visits objects by prefix (`""` for all). An error from `visit` ends the listing and is
    /// returned as it is. A page is held in memory at a time, never the whole list.
    ///
    /// # Errors
    /// As the store answers. An empty or absent prefix is an empty list, not `NotFound`.
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()>;

    /// Length and time of one object.
    ///
    /// # Errors
    /// `NotFound`; of S3, where a HEAD has no words, also when the bucket is not there.
    fn head(&self, name: &str) -> Result<ObjectInfo>;

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// `Denied`, `Retained`.
    fn delete(&self, name: &str) -> Result<()>;

    /// The store's own time now.
    ///
    /// # Errors
    /// When the store does not answer.
    fn now(&self) -> Result<Timestamp>;

    /// Keeps others from holding the store while the result lives: one that is exclusive from all,
    /// one that is not from those that are. Whoever adds holds it, whoever deletes holds it
    /// exclusively. `None` where there is no way that could never go stale; so nothing rests on it.
    ///
    /// # Errors
    /// `InUse`, at once.
    fn hold(&self, exclusive: bool) -> Result<Option<Box<dyn Send>>> {
        let _ = exclusive;
        Ok(None)
    }

    /// The CRC-64/NVME of an object that the store has kept since the PUT; `None` where it keeps
    /// none. It fetches nothing; what it proves is what the store knows, not what its disks hold.
    ///
    /// # Errors
    /// As `head`.
    fn stored_checksum(&self, _name: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    /// From now on each put carries such a checksum: the caller knows that the store takes it.
    fn send_checksums(&self, _on: bool) {}

    /// Versions and locks, where the store has such things.
    fn retaining(&self) -> Option<&dyn Retaining> {
        None
    }
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What kind of failure it was: this, not the message, is what callers act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such object.
    NotFound,
    /// `put_if_absent` found one.
    AlreadyExists,
    /// Credentials or permissions do not allow it.
    Denied,
    /// Credentials are missing, expired or unknown to the store.
    Credentials,
    /// The bucket or the folder itself is not there.
    NoContainer,
    /// The store asks for patience (503 SlowDown, 429).
    Throttled,
    /// A connection, a time-out, a 5xx: may go through next time.
    Transient,
    /// No space or over quota.
    Full,
    /// The store refuses because the clocks differ too much.
    ClockSkew,
    /// Locked until a date.
    Retained,
    /// More bytes than the caller allows.
    TooLarge,
    /// Fewer bytes than promised.
    Incomplete,
    /// Somebody else holds it.
    InUse,
    /// A name, URL or setting that cannot work.
    Invalid,
    /// Anything else; not tried again.
    Other,
}

/// One failed call.
#[derive(Debug)]
pub struct StoreError {
    pub kind: ErrorKind,
    /// What was tried, such as "store", "fetch", "list".
    pub operation: &'static str,
    /// The object's name, or the prefix of a listing.
    pub name: String,
    /// Why, in words, where there is no source.
    pub detail: String,
    /// Of `Retained`: from when on it can be deleted, if the store says so.
    pub until: Option<Timestamp>,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    pub fn new(kind: ErrorKind, operation: &'static str, name: &str) -> Self {
        Self {
            kind,
            operation,
            name: name.to_owned(),
            detail: String::new(),
            until: None,
            source: None,
        }
    }

    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same call may go through if it is made again.
    pub fn is_worth_a_retry(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Throttled | ErrorKind::Transient | ErrorKind::Incomplete
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation, name, ..
        } = self;
        let what = if name.is_empty() {
            "the repository"
        } else {
            name.as_str()
        };
        write!(f, "could not {operation} {what}: ")?;
        let reason = match self.kind {
            ErrorKind::NotFound => "it is not there",
            ErrorKind::AlreadyExists => "it exists already",
            ErrorKind::Denied => "the store denies access",
            ErrorKind::Credentials => "there are no credentials that the store accepts",
            ErrorKind::NoContainer => "there is no such bucket or folder",
            ErrorKind::Throttled => "the store asks for fewer requests",
            ErrorKind::Transient => "the store could not be reached or failed",
            ErrorKind::Full => "there is no space left",
            ErrorKind::ClockSkew => "the clocks of this machine and of the store differ too much",
            ErrorKind::Retained => "it is locked against deletion",
            ErrorKind::TooLarge => "it is larger than it can rightly be",
            ErrorKind::Incomplete => "only a part of it arrived",
            ErrorKind::InUse => "somebody else is at work in it",
            ErrorKind::Invalid => "the request cannot work",
            ErrorKind::Other => "the store answered with an error",
        };
        f.write_str(reason)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
