//! What came of extending locks.

use crate::seams::Timestamp;

/// So many refusals are named.
pub const REFUSED_MAX: usize = 100;

/// So many parts that cannot be read are named.
pub const UNREADABLE_MAX: usize = 100;

/// What an extension did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtendReport {
    /// Objects that are needed.
    pub needed: u64,
    pub extended: u64,
    /// Locked long enough as it is.
    pub sufficed: u64,
    /// Names of objects whose lock the store would not extend, with its reason, the first hundred.
    pub refused: Vec<(String, String)>,
    pub refused_count: u64,
    /// Parts of snapshots that cannot be read; what they need is not known.
    pub unreadable: Vec<String>,
    /// When the first lock of what is needed is over.
    pub until: Option<Timestamp>,
}

impl ExtendReport {
    /// Adds what was done for a snapshot that is to be forgotten; what it needs for that time alone
    /// does not count as needed where it was locked so long already.
    pub(super) fn add(&mut self, other: Self) {
        self.needed += other.extended + other.refused_count;
        self.extended += other.extended;
        self.refused_count += other.refused_count;
        self.refused.extend(other.refused);
        self.refused.truncate(REFUSED_MAX);
        self.unreadable.extend(other.unreadable);
        self.unreadable.truncate(UNREADABLE_MAX);
    }
}
