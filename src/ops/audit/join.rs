//! The join of what the rows claim with what the walk finds, both in the order of the listing: a
//! file that is as its row says leaves no trace but a count.

use std::collections::BTreeSet;
use std::vec;

use unicode_normalization::UnicodeNormalization;

use super::keys::{key_of, place_of};
use super::noise::is_noise;
use super::verdict::{Tally, Verdict};
use crate::format::entry::{DATABASE_ROOT, Entry, EntryType};
use crate::index::IndexError;
use crate::index::audit::{AuditTables, Claim, ClaimKind, Leftover, flags};
use crate::ops::Result;

const LINK: &str = "a link is in its place, and what it leads to is not in the snapshot";
const FOLDER: &str = "a folder is in its place";

/// Where the join stands.
#[derive(Default)]
pub struct Join {
    batch: vec::IntoIter<Claim>,
    next: Option<Claim>,
    /// The number of the last claim that was fetched.
    fetched: i64,
    at_end: bool,
    /// Roots where managed originals should be: a file there should have a row.
    pub managed: BTreeSet<u32>,
    /// Whether the rows are in order already; entries that come before are none of theirs.
    pub ready: bool,
}

impl Join {
    /// Takes the next entry of the listing.
    ///
    /// # Errors
    /// `Index`: there is no room for the temporary tables.
    pub fn entry(&mut self, tables: &AuditTables, tally: &mut Tally, entry: &Entry) -> Result<()> {
        if !self.ready || entry.root == DATABASE_ROOT {
            return Ok(());
        }
        let key = key_of(entry.root, &entry.path);
        self.pass_below(tables, &key)?;
        let mut claimed = false;
        while let Some(claim) = self.take_if(tables, |claim| claim.key == key)? {
            claimed = true;
            match (entry.entry_type(), &entry.sha1) {
                (EntryType::File | EntryType::HardLink, Some(sha1)) => {
                    let found = (**sha1, entry.size.unwrap_or(0));
                    judge(tables, tally, &claim, found)?;
                }
                (EntryType::Folder, _) => tables.add_unmatched(claim.number, Some(FOLDER))?,
                _ => tables.add_unmatched(claim.number, Some(LINK))?,
            }
        }
        if !claimed && entry.has_content() {
            self.leave(tables, entry, key)?;
        }
        Ok(())
    }

    /// There are no more entries.
    ///
    /// # Errors
    /// `Index`.
    pub fn end(&mut self, tables: &AuditTables) -> Result<()> {
        while let Some(claim) = self.take_if(tables, |_| true)? {
            tables.add_unmatched(claim.number, None)?;
        }
        Ok(())
    }

    fn pass_below(&mut self, tables: &AuditTables, key: &[u8]) -> Result<()> {
        while let Some(claim) = self.take_if(tables, |claim| claim.key.as_slice() < key)? {
            tables.add_unmatched(claim.number, None)?;
        }
        Ok(())
    }

    fn take_if(
        &mut self,
        tables: &AuditTables,
        wanted: impl FnOnce(&Claim) -> bool,
    ) -> Result<Option<Claim>> {
        if self.next.is_none() && !self.at_end {
            self.next = self.batch.next();
            if self.next.is_none() {
                let batch = tables.claims_behind(self.fetched)?;
                self.fetched = batch.last().map_or(self.fetched, |claim| claim.number);
                self.at_end = batch.is_empty();
                self.batch = batch.into_iter();
                self.next = self.batch.next();
            }
        }
        Ok(self.next.take_if(|claim| wanted(claim)))
    }

    /// Keeps a file that nothing claims, if somebody may ask for it.
    fn leave(&self, tables: &AuditTables, entry: &Entry, key: Vec<u8>) -> Result<()> {
        let is_managed = self.managed.contains(&entry.root);
        if is_noise(&entry.path) || (!is_managed && entry.path.is_ascii()) {
            return Ok(());
        }
        let Some(sha1) = &entry.sha1 else {
            return Ok(());
        };
        let file = Leftover {
            number: 0,
            folded: folded(&key),
            key,
            sha1: **sha1,
            bytes: entry.size.unwrap_or(0),
            written: entry
                .modified
                .max(entry.changed)
                .map(|time| time.nanoseconds()),
        };
        Ok(tables.add_unclaimed(&file)?)
    }
}

/// A file lies where its row says: whether it is the one.
///
/// # Errors
/// `Index`.
pub fn judge(
    tables: &AuditTables,
    tally: &mut Tally,
    claim: &Claim,
    found: ([u8; 20], u64),
) -> Result<(), IndexError> {
    let has = |flag| claim.flags & flag != 0;
    if claim.kind != ClaimKind::Asset {
        return Ok(());
    }
    if has(flags::NO_CONTENT) {
        tally.count(Verdict::OkExternal);
    } else if claim.sha1 != Some(found.0) {
        tables.add_mismatched(claim.number, &found.0, found.1)?;
    } else if has(flags::STALE) {
        // It is told at the end, with those that are nowhere.
        tables.add_mismatched(claim.number, &found.0, found.1)?;
    } else if has(flags::EXTERNAL) {
        tally.count(Verdict::OkExternal);
    } else {
        tally.count(Verdict::Ok);
    }
    Ok(())
}

/// The key in normalization form C; `None` if it is plain ASCII, or no text.
pub fn folded(key: &[u8]) -> Option<Vec<u8>> {
    let (root, path) = place_of(key);
    if path.is_ascii() {
        return None;
    }
    let text = std::str::from_utf8(&path).ok()?;
    Some(key_of(root, text.nfc().collect::<String>().as_bytes()))
}
