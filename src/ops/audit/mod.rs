//! The audit: every asset row of the dump held against the files of the same snapshot, while both
//! pass by.
//!
//! [`Audit`] takes the rows in while the dump is read ([`Audit::sink`]), finds out through `places`
//! where each should lie, and puts them in the order of the listing; then it takes the entries in as
//! the listing does (`join`), and settles at the end what did not fit (`settle`). `lists` keeps the
//! findings in the snapshot and reads them again, `history` says since when a file has been so,
//! `alarm` compares with the last good snapshot.
//!
//! Memory: SQLite's cache (8 MiB, and as much again while it sorts), a batch of claims, and one chunk
//! of findings; the tables are in a temporary file.

mod alarm;
mod history;
mod join;
mod keys;
mod lists;
mod noise;
mod places;
mod settle;
mod show;
mod sink;
mod verdict;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use join::Join;
use keys::key_of;
use places::{Place, Places};
use settle::{Settling, reason_outside};
use verdict::Tally;

use super::Result;
use crate::format::entry::Entry;
use crate::index::IndexError;
use crate::index::audit::{AuditTables, ClaimKind, Loss, flags};
use crate::seams::Timestamp;

pub use alarm::{Known, changes_of, refuse_absent};
pub use history::History;
pub use lists::Audited;
pub use places::Known as KnownPlaces;
pub use show::{AuditReport, ReportedFinding, audit};
pub use sink::Sink;
pub use verdict::Verdict;

/// The numbers of Immich's own folders among the roots are up to this one.
const IMMICH_ROOT_MAX: u32 = 9;

/// One audit. Shared by threads.
pub struct Audit {
    state: Arc<Mutex<State>>,
}

struct State {
    tables: AuditTables,
    join: Join,
    tally: Tally,
    /// Folders of external libraries that the dump names and the snapshot does not hold.
    left_out: BTreeSet<LeftOut>,
}

/// A folder of an external library that the dump names and the snapshot does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// As the database names it.
    pub path: Vec<u8>,
    /// Where it is on this host, if a mount tells.
    pub host: Option<PathBuf>,
}

impl Audit {
    /// # Errors
    /// `Index`: there is no room for temporary tables.
    pub fn new() -> Result<Self> {
        let state = State {
            tables: AuditTables::temporary()?,
            join: Join::default(),
            tally: Tally::default(),
            left_out: BTreeSet::new(),
        };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// What takes the rows of the dump in.
    pub fn sink(&self) -> Sink {
        Sink::new(Arc::clone(&self.state))
    }

    /// All rows have come: finds out where their files should be. Gives the folders of external
    /// libraries that are not in the snapshot.
    ///
    /// # Errors
    /// `Index`.
    pub fn place_rows(&self, known: &KnownPlaces) -> Result<Vec<LeftOut>> {
        let mut state = self.lock();
        let State {
            tables,
            join,
            left_out,
            ..
        } = &mut *state;
        let told = tables.media_location()?;
        let imported = tables.import_paths()?;
        let places = known.places(told.as_deref(), tables.has_relative_paths(), &imported);
        join.managed.extend(1..=IMMICH_ROOT_MAX);
        let placing = Placing {
            tables,
            places: &places,
        };
        tables.each_asset(&mut |row, flags, path, sha1| {
            let root = placing.place(ClaimKind::Asset, row, flags, path, sha1)?;
            if flags & flags::EXTERNAL == 0 {
                join.managed.extend(root);
            }
            Ok(())
        })?;
        for (kind, is_sidecar) in [(ClaimKind::Sidecar, true), (ClaimKind::Generated, false)] {
            tables.each_file(is_sidecar, &mut |row, flags, path, _| {
                placing.place(kind, row, flags, path, None).map(drop)
            })?;
        }
        tables.each_picture(&mut |row, flags, path, _| {
            placing
                .place(ClaimKind::Avatar, row, flags, path, None)
                .map(drop)
        })?;
        tables.each_move(&mut |old, new| {
            if let (Place::Archived { key: old, .. }, Place::Archived { key: new, .. }) =
                (places.find(old, false), places.find(new, false))
            {
                tables.add_moved_between(&old, &new)?;
            }
            Ok(())
        })?;
        tables.sort_claims()?;
        join.ready = true;
        for path in imported {
            let probe = [path.as_slice(), b"/x"].concat();
            if !matches!(places.find(&probe, true), Place::Archived { .. }) {
                let host = places.host_of(&path);
                left_out.insert(LeftOut { path, host });
            }
        }
        Ok(left_out.iter().cloned().collect())
    }

    /// An entry of the listing; they come in its order.
    ///
    /// # Errors
    /// `Index`.
    pub fn entry(&self, entry: &Entry) -> Result<()> {
        let mut state = self.lock();
        let State {
            tables,
            join,
            tally,
            ..
        } = &mut *state;
        join.entry(tables, tally, entry)
    }

    /// Something could not be read.
    ///
    /// # Errors
    /// `Index`.
    pub fn unreadable(&self, root: u32, path: &[u8], error: &str) -> Result<()> {
        let state = self.lock();
        Ok(state.tables.add_unreadable(&key_of(root, path), error)?)
    }

    /// Everything has come: gives every row its verdict.
    ///
    /// # Errors
    /// `Index`.
    pub fn settle(&self, dump_began: Timestamp) -> Result<()> {
        let mut state = self.lock();
        let State {
            tables,
            join,
            tally,
            ..
        } = &mut *state;
        join.end(tables)?;
        let settling = Settling {
            tables,
            tally,
            join,
            dump_began,
        };
        Ok(settling.settle()?)
    }

    /// Whether a row is missing its file at that place.
    ///
    /// # Errors
    /// `Index`.
    pub fn misses(&self, root: u32, path: &[u8]) -> Result<bool> {
        Ok(self.lock().tables.is_gone(&key_of(root, path))?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts rows at their places.
struct Placing<'p> {
    tables: &'p AuditTables,
    places: &'p Places,
}

impl Placing<'_> {
    /// Gives the root, if it is in the snapshot.
    fn place(
        &self,
        kind: ClaimKind,
        row: i64,
        flags: u8,
        path: &[u8],
        sha1: Option<[u8; 20]>,
    ) -> Result<Option<u32>, IndexError> {
        let is_external = flags & flags::EXTERNAL != 0;
        let (derived, is_known) = match self.places.find(path, is_external) {
            Place::Archived { key, root, stale } => {
                let flags = if stale { flags | flags::STALE } else { flags };
                self.tables.add_claim(&key, kind, row, flags, sha1)?;
                return Ok(Some(root));
            }
            Place::Outside { derived } => (derived, true),
            Place::Nowhere => (false, false),
        };
        if kind != ClaimKind::Generated {
            self.tables.add_loss(&Loss {
                kind,
                row,
                key: None,
                flags,
                sha1,
                found: None,
                reason: Some(reason_outside(derived, is_known).to_owned()),
            })?;
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
