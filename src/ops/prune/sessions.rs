//! Which sessions are over (design, rule 2): a pack of a running one is needed by a snapshot that
//! nobody can see yet.

use std::collections::HashMap;
use std::time::Duration;

use crate::crypto::session_id;
use crate::format::header::Header;
use crate::id::SessionId;
use crate::seams::Timestamp;

/// A session that nobody closed is given up after so long without a sign.
pub const ORPHAN_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is known of sessions.
pub struct Sessions {
    /// The store's time.
    now: Timestamp,
    known: HashMap<SessionId, Session>,
}

#[derive(Default)]
struct Session {
    /// When the newest snapshot or forget record was put that names it. What a snapshot merely
    /// continues is not closed: that may be another backup of the host, still at work.
    closed: Option<Timestamp>,
    /// The newest of its packs and segments. What comes after the record that closes a session shows
    /// that somebody put that record to have a running backup pruned.
    newest: Option<Timestamp>,
    /// The newest segment of it, or of one that continues it.
    sign: Option<Timestamp>,
}

impl Sessions {
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            known: HashMap::new(),
        }
    }

    /// A record that names the session was put then.
    pub fn close(&mut self, session: SessionId, at: Timestamp) {
        let known = self.known.entry(session).or_default();
        known.closed = known.closed.max(Some(at));
    }

    /// As [`Sessions::close`], of a session of which there is anything: records can name any number.
    pub fn close_known(&mut self, session: SessionId, at: Timestamp) {
        if self.known.contains_key(&session) {
            self.close(session, at);
        }
    }

    /// A segment of the session was put then, or one that continues it.
    pub fn act(&mut self, session: SessionId, at: Timestamp, continues: bool) {
        let known = self.known.entry(session).or_default();
        known.sign = known.sign.max(Some(at));
        if !continues {
            known.newest = known.newest.max(Some(at));
        }
    }

    /// A pack of the session was put then.
    pub fn put(&mut self, session: SessionId, at: Timestamp) {
        let known = self.known.entry(session).or_default();
        known.newest = known.newest.max(Some(at));
    }

    /// Whether a pack that no snapshot needs may be condemned: nobody can still be about to need it.
    pub fn are_over_for(&self, header: &Header, modified: Timestamp) -> bool {
        let known = self.known.get(&session_id(header.extension()));
        let is_closed = known.is_some_and(|known| {
            known.closed.is_some() && known.closed >= known.newest.max(Some(modified))
        });
        let sign = known.and_then(|known| known.sign);
        let is_old = |at: Timestamp| self.now.since(at) > ORPHAN_AGE;
        is_closed || (is_old(modified) && sign.is_none_or(is_old))
    }

    /// The same for a pack of which nobody can tell the session.
    pub fn are_over_for_all(&self, modified: Timestamp) -> bool {
        self.now.since(modified) > ORPHAN_AGE
    }
}
