//! What some stores can do beyond the verbs of `Store`: keep every version of an object, and let go
//! of none before a date (versioning and Object Lock of S3). `memory` and `s3` can; `versioned` makes
//! use of it, so that whoever may write into the bucket hides and destroys nothing.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window};
use crate::seams::Timestamp;

/// Versions of one name that are looked at, at most, the oldest first: what was there before
/// somebody wrote over it is the oldest, and no flood of later ones pushes it out.
pub const VERSIONS_MAX: usize = 16;

/// Who can lift a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// Whoever has the right to bypass it.
    Governance,
    /// Nobody, before the date.
    Compliance,
}

/// How long a place keeps whatever is put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectLock {
    pub mode: LockMode,
    /// From the PUT, and from each extension. 1 to 36,500.
    pub days: u32,
}

/// More than any store takes.
const DAYS_MAX: u32 = 36_500;

impl ObjectLock {
    /// # Errors
    /// A sentence, unless the days are 1 to 36,500.
    pub fn new(mode: LockMode, days: u32) -> Result<Self, String> {
        if (1..=DAYS_MAX).contains(&days) {
            Ok(Self { mode, days })
        } else {
            Err(format!("a lock is for 1 to {DAYS_MAX} days"))
        }
    }

    pub fn period(&self) -> Duration {
        Duration::from_secs(u64::from(self.days) * 24 * 60 * 60)
    }

    /// What an object gets that is put or extended at that moment.
    pub fn from(&self, now: Timestamp) -> Retention {
        Retention {
            mode: self.mode,
            until: now.plus(self.period()),
        }
    }
}

impl LockMode {
    /// As they are written.
    pub const WORDS: [(&str, Self); 2] = [
        ("governance", Self::Governance),
        ("compliance", Self::Compliance),
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for LockMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        let mode = found.map(|(_, mode)| *mode);
        mode.ok_or_else(|| "the mode of a lock is governance or compliance".to_owned())
    }
}

impl FromStr for ObjectLock {
    type Err = String;

    /// `compliance:90`
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write a lock as MODE:DAYS, such as compliance:90".to_owned();
        let (mode, days) = text.split_once(':').ok_or_else(form)?;
        Self::new(mode.parse()?, days.parse().map_err(|_| form())?)
    }
}

/// That an object is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub mode: LockMode,
    /// By the store's clock; stores know whole seconds.
    pub until: Timestamp,
}

/// One version of an object; what only says that it was deleted is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The store's name for it.
    pub id: String,
    pub bytes: u64,
    pub modified: Timestamp,
}

/// An object in a listing that sees through deletions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The size is that of its oldest version; the time is that of the newest of this size, for
    /// whoever puts the same bytes again wants it to count as new.
    pub info: ObjectInfo,
    /// It was written over or deleted: what a plain GET yields is another thing, or nothing.
    pub is_troubled: bool,
}

/// What is asked of the store along with a PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutTerms {
    pub retention: Option<Retention>,
    /// CRC-64/NVME of the body, for the store to compare and to keep.
    pub crc64: Option<u64>,
    /// Fails with `AlreadyExists` where there is one, by the store's own condition alone.
    pub if_absent: bool,
}

/// What answers have shown so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Whether the bucket keeps versions; `None`: nothing was answered yet.
    pub versions: Option<bool>,
    /// An object that was fetched or looked at had a lock on it.
    pub locks: bool,
}

/// Versions and retention. `None` for a version means the current one.
pub trait Retaining: Send + Sync {
    /// Stores an object on terms of its own.
    ///
    /// # Errors
    /// As `Store::put`; `Invalid` where the store has no locks and one is asked for.
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()>;

    /// Keeps a version until that date. It never shortens: an earlier date is refused by the store.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, and `Invalid` where there are no locks.
    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()>;

    /// Until when a version is kept; the date may be past.
    ///
    /// # Errors
    /// `NotFound`.
    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>>;

    /// The oldest versions, at most [`VERSIONS_MAX`], oldest first; none of what never was.
    ///
    /// # Errors
    /// As the store answers.
    fn versions(&self, name: &str) -> Result<Vec<Version>>;

    /// Marks that say that the object was deleted, at most [`VERSIONS_MAX`]; `delete_version` takes
    /// them away.
    ///
    /// # Errors
    /// As the store answers.
    fn marks(&self, _name: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// As `Store::get`, of one version.
    ///
    /// # Errors
    /// As `Store::get`.
    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes>;

    /// Removes one version for good.
    ///
    /// # Errors
    /// `Retained`, `Denied`.
    fn delete_version(&self, name: &str, version: &str) -> Result<()>;

    /// As `delete_version`, and makes use of the right to lift a lock of mode governance where these
    /// credentials have it: for whoever wants to know whether they do.
    ///
    /// # Errors
    /// `Retained`, `Denied`.
    fn delete_in_spite_of_governance(&self, name: &str, version: &str) -> Result<()> {
        self.delete_version(name, version)
    }

    /// As `Store::list`, of every object of which any version is left.
    ///
    /// # Errors
    /// As `Store::list`.
    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()>;

    /// What answers have shown so far. Makes no request.
    fn shown(&self) -> Shown;
}

/// The second trait of a store that a wrapper wraps.
///
/// # Errors
/// `Invalid` where it has none, which nobody asks for who looked before.
pub(super) fn deeper(inner: &dyn Store) -> Result<&dyn Retaining> {
    let none = || StoreError::new(ErrorKind::Invalid, "reach versions in", "");
    inner.retaining().ok_or_else(none)
}

/// The versions of one name as a listing shows them, newest first, come together to what
/// [`Seen`] says, in bounded memory.
#[derive(Debug)]
pub(super) struct Gathered {
    name: String,
    /// Size and newest time, for the sizes seen so far.
    sizes: Vec<(u64, Timestamp)>,
    /// Size and time of the last that came.
    oldest: Option<(u64, Timestamp)>,
    versions: u64,
    is_current: bool,
}

/// More different sizes than an object has that nobody plays with.
const SIZES_MAX: usize = 16;

impl Gathered {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sizes: Vec::new(),
            oldest: None,
            versions: 0,
            is_current: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Versions come newest first; `is_latest`: a plain GET yields this one. Their times do not order
    /// them: some stores give a version whose lock is extended the time of the extension.
    pub(super) fn add(&mut self, bytes: u64, modified: Timestamp, is_latest: bool) {
        self.versions += 1;
        self.is_current |= is_latest;
        self.oldest = Some((bytes, modified));
        let has_room = self.sizes.len() < SIZES_MAX;
        match self.sizes.iter_mut().find(|(size, _)| *size == bytes) {
            Some((_, newest)) => *newest = modified.max(*newest),
            None if has_room => self.sizes.push((bytes, modified)),
            None => {}
        }
    }

    /// `None` when there are only marks of deletion.
    pub(super) fn seen(self) -> Option<Seen> {
        let (bytes, oldest) = self.oldest?;
        let newest = self.sizes.iter().find(|(size, _)| *size == bytes);
        Some(Seen {
            info: ObjectInfo {
                name: self.name,
                bytes,
                modified: newest.map_or(oldest, |(_, newest)| *newest),
            },
            is_troubled: self.versions > 1 || !self.is_current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_read_as_people_write_them() {
        let lock: ObjectLock = "compliance:90".parse().unwrap();
        assert_eq!((lock.mode, lock.days), (LockMode::Compliance, 90));
        assert_eq!(
            lock.from(Timestamp::from_seconds(7)).until.seconds(),
            7 + 90 * 86_400
        );
        for wrong in [
            "",
            "compliance",
            "90",
            "legal:90",
            "governance:0",
            "governance:-1",
            "compliance:99999",
        ] {
            assert!(wrong.parse::<ObjectLock>().is_err(), "{wrong}");
        }
    }

    /// On SeaweedFS an extended lock makes the version look newer than what an attacker wrote over it
    /// before; the listing then told the attacker's size, and prune missed the chunks of that pack.
    #[test]
    fn the_first_version_is_the_first_whatever_its_lock_did_to_its_time() {
        let at = Timestamp::from_seconds;
        let mut gathered = Gathered::new("packs/1");
        gathered.add(3, at(10), true);
        gathered.add(368_640, at(11), false);
        let seen = gathered.seen().unwrap();
        assert_eq!((seen.info.bytes, seen.is_troubled), (368_640, true));
    }

    #[test]
    fn the_oldest_size_counts_and_a_flood_does_not_push_it_out() {
        let at = Timestamp::from_seconds;
        let mut gathered = Gathered::new("packs/1");
        for other in 0..100 {
            gathered.add(1000 + other, at(900 - other as i64), other == 0);
        }
        gathered.add(10, at(50), false);
        gathered.add(10, at(5), false);
        let seen = gathered.seen().unwrap();
        assert_eq!((seen.info.bytes, seen.is_troubled), (10, true));
        assert!(
            Gathered::new("packs/2").seen().is_none(),
            "only a mark of deletion"
        );
        let mut alone = Gathered::new("packs/3");
        alone.add(3, at(4), true);
        assert!(!alone.seen().unwrap().is_troubled);
    }
}
