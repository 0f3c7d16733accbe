//! What came of extending locks.

use crate::seams::Timestamp;

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
