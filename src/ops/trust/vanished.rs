//! What is said when something is no longer there: the causes of errors, and nothing else.

use std::fmt;
use std::path::PathBuf;

use crate::id::{ObjectId, SessionId};
use crate::index::SeenSnapshot;
use crate::seams::Timestamp;

/// So many are named in a message.
const NAMED_MAX: usize = 5;

/// A snapshot that was there and is not, without an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vanished {
    pub id: ObjectId,
    pub host: String,
    pub time: Timestamp,
    /// Of the run that made it: a forget record names it, so that its packs can go.
    pub session: SessionId,
    pub first_seen: Timestamp,
    /// This host made it.
    pub own: bool,
}

impl From<SeenSnapshot> for Vanished {
    fn from(seen: SeenSnapshot) -> Self {
        Self {
            id: seen.id,
            host: seen.host,
            time: seen.time,
            session: seen.session,
            first_seen: seen.first_seen,
            own: seen.own,
        }
    }
}

/// Ids and times, in words; the cause of a `RolledBack`.
#[derive(Debug, Clone)]
pub struct VanishedList(pub Vec<Vanished>);

impl std::error::Error for VanishedList {}

impl fmt::Display for VanishedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The newest first: those are what one would miss.
        for (number, one) in self.0.iter().rev().take(NAMED_MAX).enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            let id = one.id.to_string();
            let id = id.get(..12).unwrap_or(&id);
            let host = one.host.escape_debug();
            write!(f, "{comma}{id} of {} ({host})", in_utc(one.time))?;
        }
        match self.0.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A moment, for a message of the library, which does not know where its reader lives.
pub fn in_utc(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.seconds()).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Where it is noted what stood at an address; the cause of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedIn(pub PathBuf);

impl std::error::Error for NotedIn {}

impl fmt::Display for NotedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.display();
        write!(f, "the one that was there is noted in {path}")
    }
}
