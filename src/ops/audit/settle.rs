//! What is decided when everything has been seen: the rows whose file was not where it should be,
//! and the files that no row claims.

use super::join::{Join, folded, judge};
use super::keys::{place_of, upwards};
use super::verdict::{Tally, Verdict};
use crate::index::IndexError;
use crate::index::audit::{AuditTables, Claim, ClaimKind, Leftover, Loss, Settlement, flags};
use crate::ops::error::shown;
use crate::seams::Timestamp;

type Result<T, E = IndexError> = std::result::Result<T, E>;

const OUTSIDE: &str = "its folder is not among those that were backed up";
const NOWHERE: &str = "the path in the database leads to no folder that is known";
const UNKNOWN: &str = "the checksum in the database is of a kind that this version does not know, so the content \
     could not be compared";
const STALE: &str = "the file is here, but Immich looks for it under a path of former times";

/// The end of an audit.
pub struct Settling<'a> {
    pub tables: &'a AuditTables,
    pub tally: &'a mut Tally,
    pub join: &'a Join,
    /// When the dump began: what was written later may be unknown to it.
    pub dump_began: Timestamp,
}

impl Settling<'_> {
    /// Gives every row and every file its verdict.
    ///
    /// # Errors
    /// `Sqlite`: there is no room for the temporary tables.
    pub fn settle(mut self) -> Result<()> {
        let tables = self.tables;
        tables.index_remains()?;
        tables.each_unmatched(&mut |claim, reason| self.unmatched(claim, reason))?;
        tables.each_mismatched(&mut |claim, found| self.mismatched(&claim, found))?;
        tables.each_loss(&mut |loss| self.lost(loss))?;
        tables.each_unclaimed(&mut |file| self.unclaimed(file))?;
        tables.look_elsewhere()
    }

    fn note(&mut self, verdict: Verdict, settlement: Settlement) -> Result<()> {
        if self.tally.count(verdict) {
            self.tables.add_finding(&Settlement {
                rank: verdict as u8,
                verdict: verdict.name(),
                ..settlement
            })?;
        }
        Ok(())
    }

    /// Nothing was where the claim says. File systems differ in how they write an é.
    fn unmatched(&mut self, claim: Claim, reason: Option<String>) -> Result<()> {
        if let Some(folded) = folded(&claim.key)
            && let Some(file) = self.tables.take_by_name(&folded)?
        {
            return judge(self.tables, self.tally, &claim, (file.sha1, file.bytes));
        }
        self.tables.add_loss(&Loss {
            kind: claim.kind,
            row: claim.row,
            key: Some(claim.key),
            flags: claim.flags,
            sha1: claim.sha1,
            found: None,
            reason,
        })
    }

    /// Something else was where the claim says, or the right file where Immich does not look.
    fn mismatched(&mut self, claim: &Claim, found: ([u8; 20], u64)) -> Result<()> {
        let has = |flag| claim.flags & flag != 0;
        let mut settlement = Settlement {
            asset: Some(claim.row),
            key: Some(claim.key.clone()),
            sha1: claim.sha1,
            found: Some(found),
            wanted: claim.sha1,
            ..Settlement::default()
        };
        if claim.sha1 == Some(found.0) {
            settlement.detail = STALE.to_owned();
            settlement.wanted = None;
            return self.note(Verdict::StalePath, settlement);
        }
        if has(flags::DELETED) {
            return self.note(Verdict::PendingDelete, settlement);
        }
        if has(flags::STALE)
            && let Some(sha1) = &claim.sha1
            && let Some(file) = self.tables.take_by_content(sha1)?
        {
            return self.moved(settlement, &file);
        }
        let size = self.tables.size_of(claim.row)?;
        let verdict = match size {
            Some(size) if size != found.1 => Verdict::SizeMismatch,
            _ => Verdict::ChecksumMismatch,
        };
        if has(flags::UNKNOWN) {
            settlement.detail = UNKNOWN.to_owned();
        }
        self.note(verdict, settlement)
    }

    fn moved(&mut self, settlement: Settlement, file: &Leftover) -> Result<()> {
        let (_, path) = place_of(&file.key);
        let settlement = Settlement {
            detail: format!("it lies at {} now", shown(&path)),
            found: Some((file.sha1, file.bytes)),
            wanted: None,
            ..settlement
        };
        self.note(Verdict::Moved, settlement)
    }

    /// What lies at the other end of a move that Immich had not finished.
    fn at_other_end(&self, key: Option<&[u8]>) -> Result<Option<Leftover>> {
        match key {
            Some(key) => self.tables.take_by_move(key),
            None => Ok(None),
        }
    }

    /// Immich was moving the file, and what lies at the other end has another content than it should,
    /// such as half of it; or nobody knows what its content should be.
    fn half_moved(&mut self, settlement: Settlement, file: &Leftover) -> Result<()> {
        let Some(asset) = settlement.asset.filter(|_| settlement.sha1.is_some()) else {
            return self.moved(settlement, file);
        };
        let verdict = match self.tables.size_of(asset)? {
            Some(size) if size != file.bytes => Verdict::SizeMismatch,
            _ => Verdict::ChecksumMismatch,
        };
        let (_, path) = place_of(&file.key);
        let settlement = Settlement {
            detail: format!(
                "Immich was moving it; it is not what lies at {}",
                shown(&path)
            ),
            found: Some((file.sha1, file.bytes)),
            wanted: settlement.sha1,
            ..settlement
        };
        self.note(verdict, settlement)
    }

    fn lost(&mut self, loss: Loss) -> Result<()> {
        match loss.kind {
            ClaimKind::Asset => self.lost_asset(loss),
            ClaimKind::Sidecar => {
                let asset = self.tables.asset_of_file(loss.row)?;
                let excused = flags::EXTERNAL | flags::OFFLINE | flags::DELETED;
                let is_archived = loss.key.is_some();
                let excused = if is_archived {
                    flags::OFFLINE | flags::DELETED
                } else {
                    excused
                };
                if asset.is_some_and(|(_, flags)| flags & excused != 0) {
                    return Ok(());
                }
                if self.at_other_end(loss.key.as_deref())?.is_some() {
                    return Ok(());
                }
                let settlement = Settlement {
                    asset: asset.map(|(number, _)| number),
                    path: self.tables.path_of_file(loss.row)?,
                    detail: self.why(&loss)?,
                    key: loss.key,
                    ..Settlement::default()
                };
                self.note(Verdict::SidecarMissing, settlement)
            }
            ClaimKind::Avatar => {
                let settlement = Settlement {
                    user: Some(loss.row),
                    path: self.tables.picture_of(loss.row)?,
                    detail: self.why(&loss)?,
                    key: loss.key,
                    ..Settlement::default()
                };
                self.note(Verdict::AvatarMissing, settlement)
            }
            ClaimKind::Generated => Ok(()),
        }
    }

    fn lost_asset(&mut self, loss: Loss) -> Result<()> {
        let has = |flag| loss.flags & flag != 0;
        let settlement = Settlement {
            asset: Some(loss.row),
            key: loss.key.clone(),
            sha1: loss.sha1,
            ..Settlement::default()
        };
        if has(flags::OFFLINE) {
            return self.note(Verdict::Offline, settlement);
        }
        if has(flags::DELETED) {
            return self.note(Verdict::PendingDelete, settlement);
        }
        if loss.key.is_none() && has(flags::EXTERNAL | flags::NO_CONTENT) {
            return self.note(Verdict::ExternalNotArchived, settlement);
        }
        if loss.reason.as_deref() == Some(DERIVED) {
            return self.note(Verdict::DerivedAbsent, settlement);
        }
        if let Some(sha1) = &loss.sha1
            && let Some(file) = self.tables.take_by_content(sha1)?
        {
            return self.moved(settlement, &file);
        }
        if let Some(file) = self.at_other_end(loss.key.as_deref())? {
            return self.half_moved(settlement, &file);
        }
        if let Some(key) = &loss.key {
            self.tables.add_gone(key)?;
        }
        let settlement = Settlement {
            detail: self.why(&loss)?,
            wanted: loss.sha1,
            ..settlement
        };
        self.note(Verdict::Missing, settlement)
    }

    /// Why nothing was found, where that is known.
    fn why(&self, loss: &Loss) -> Result<String> {
        if let Some(reason) = &loss.reason {
            return Ok(reason.clone());
        }
        for key in loss.key.iter().flat_map(|key| upwards(key)) {
            if let Some(error) = self.tables.unreadable(key)? {
                return Ok(format!("it could not be read: {error}"));
            }
        }
        Ok(String::new())
    }

    fn unclaimed(&mut self, file: Leftover) -> Result<()> {
        let (root, _) = place_of(&file.key);
        if !self.join.managed.contains(&root) {
            return Ok(());
        }
        let is_newer = file
            .written
            .is_some_and(|written| written >= self.dump_began.nanoseconds());
        let detail = if is_newer {
            "newer than the dump, which may not know it yet"
        } else {
            "older than the dump, which does not know it"
        };
        let settlement = Settlement {
            key: Some(file.key),
            found: Some((file.sha1, file.bytes)),
            detail: detail.to_owned(),
            ..Settlement::default()
        };
        self.note(Verdict::Untracked, settlement)
    }
}

/// The reason of a loss that is none: the file is made again.
pub const DERIVED: &str = "derived";

/// The reason of a row whose place is not in the snapshot.
pub fn reason_outside(derived: bool, is_known: bool) -> &'static str {
    match (derived, is_known) {
        (true, _) => DERIVED,
        (false, true) => OUTSIDE,
        (false, false) => NOWHERE,
    }
}
