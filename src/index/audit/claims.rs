//! What the rows claim, in the order of the listing.

use rusqlite::{Row, params};

use super::super::Result;
use super::{AuditTables, failure};

/// So many claims are fetched at a time.
const BATCH: i64 = 1024;

/// Which table the row of a claim is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKind {
    Asset,
    Sidecar,
    /// A profile picture.
    Avatar,
    /// Something generated, which need not be there.
    Generated,
}

impl ClaimKind {
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Asset => 0,
            Self::Sidecar => 1,
            Self::Avatar => 2,
            Self::Generated => 3,
        }
    }

    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Asset,
            1 => Self::Sidecar,
            2 => Self::Avatar,
            _ => Self::Generated,
        }
    }
}

/// A row that says a file lies at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// In the order of all claims; 0 as long as there is no order.
    pub number: i64,
    /// The place, as bytes whose order is that of a listing.
    pub key: Vec<u8>,
    pub kind: ClaimKind,
    /// In the table of its kind.
    pub row: i64,
    /// Of [`super::flags`].
    pub flags: u8,
    pub sha1: Option<[u8; 20]>,
}

impl Claim {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            key: row.get(1)?,
            kind: ClaimKind::from_number(row.get(2)?),
            row: row.get(3)?,
            flags: row.get(4)?,
            sha1: row.get(5)?,
        })
    }
}

impl AuditTables {
    /// # Errors
    /// `Sqlite`, as for all that follow.
    pub fn add_claim(
        &self,
        key: &[u8],
        kind: ClaimKind,
        row: i64,
        flags: u8,
        sha1: Option<[u8; 20]>,
    ) -> Result<()> {
        let sha1 = sha1.as_ref().map(<[u8; 20]>::as_slice);
        self.execute(
            "INSERT INTO claims (key, kind, row, flags, sha1) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![key, kind.number(), row, flags, sha1],
        )
    }

    /// Brings all claims into order.
    ///
    /// # Errors
    /// As above.
    pub fn sort_claims(&self) -> Result<()> {
        let sort = "INSERT INTO sorted (key, kind, row, flags, sha1)
             SELECT key, kind, row, flags, sha1 FROM claims ORDER BY key, kind, row;
             DELETE FROM claims;";
        self.connection.execute_batch(sort).map_err(failure)
    }

    /// The next claims behind one with that number; none at the end.
    ///
    /// # Errors
    /// As above.
    pub fn claims_behind(&self, number: i64) -> Result<Vec<Claim>> {
        let read = || -> rusqlite::Result<Vec<Claim>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT number, key, kind, row, flags, sha1 FROM sorted WHERE number > ?1
                 ORDER BY number LIMIT ?2",
            )?;
            statement
                .query_map(params![number, BATCH], Claim::read)?
                .collect()
        };
        read().map_err(failure)
    }
}
