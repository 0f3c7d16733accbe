//! What a prune is asked to do, and what it says it did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::ObjectId;
use crate::seams::Timestamp;

/// So long a pack stays condemned before it is deleted, if nobody says otherwise.
pub const GRACE: Duration = Duration::from_secs(72 * 3600);
/// A pack of which more than so many of a hundred bytes are dead is rewritten.
pub const REPACK_ABOVE_PERCENT: f64 = 40.0;
/// So many packs that cannot be read are named.
pub const UNREADABLE_NAMED_MAX: usize = 100;

#[derive(Debug, Clone)]
pub struct PruneOptions {
    /// The name of this machine, for the plan.
    pub host: String,
    pub grace: Duration,
    /// Only says what would be done.
    pub dry_run: bool,
    /// Everybody else is locked out meanwhile, which only a directory can do.
    pub exclusive: bool,
    /// Packs with more dead bytes than so many of a hundred are rewritten; 100: none.
    pub repack_above: f64,
    /// Younger packs stay: where the least storage duration is paid for, deleting them saves
    /// nothing.
    pub minimum_storage: Duration,
    /// What is deleted younger than this costs a fee, which is only added up.
    pub billed_storage: Duration,
    /// Snapshots that this host has seen in the repository.
    pub known_snapshots: Vec<ObjectId>,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            host: String::new(),
            grace: GRACE,
            dry_run: false,
            exclusive: false,
            repack_above: REPACK_ABOVE_PERCENT,
            minimum_storage: Duration::ZERO,
            billed_storage: Duration::ZERO,
            known_snapshots: Vec::new(),
        }
    }
}

/// Packs and their stored bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub packs: u64,
    pub bytes: u64,
}

impl Sum {
    pub fn add(&mut self, bytes: u64) {
        self.add_all(Self { packs: 1, bytes });
    }

    pub fn add_all(&mut self, more: Self) {
        self.packs += more.packs;
        self.bytes = self.bytes.saturating_add(more.bytes);
    }
}

/// What a prune did, or with `dry_run` would do.
#[derive(Debug, Clone, Default)]
pub struct PruneReport {
    pub snapshots: u64,
    /// Different chunks that snapshots need.
    pub chunks: u64,
    /// What the store holds when it is over, condemned packs included.
    pub kept: Sum,
    /// Condemned by this run for the first time.
    pub marked: Sum,
    /// All that is condemned now and not deleted yet.
    pub waiting: Sum,
    /// When the last of `waiting` may be deleted; the next one of it.
    pub free_after: Option<Timestamp>,
    pub next_sweep: Option<Timestamp>,
    pub swept: Sum,
    /// Condemned before, and needed again.
    pub pardoned: Sum,
    /// Locked against deletion; what the store said about one of them.
    pub retained: Sum,
    pub retained_until: Option<String>,
    /// The credentials may not delete.
    pub denied: Sum,
    /// Too young to be worth deleting.
    pub paid_for: Sum,
    /// Whose chunks lie elsewhere too, which only the read key can see.
    pub unproven: Sum,
    /// Packs that were rewritten, and the stored bytes that took their place.
    pub rewritten: Sum,
    pub rewritten_into_bytes: u64,
    /// What rewriting would free, where the read key or the wish is missing.
    pub rewritable: Sum,
    /// In a dry run: what would be rewritten with the keys at hand, and the bytes of it that are
    /// needed.
    pub to_rewrite: Sum,
    pub to_rewrite_into_bytes: u64,
    /// In a dry run: packs that would be read to see that what is to be deleted lies there too.
    pub to_prove: Sum,
    /// In a dry run: segments that would be read to be put together.
    pub segments_to_replace: u64,
    /// What the deletions of this run, and of what it marked, come to that is paid for longer.
    pub early_byte_seconds: u128,
    pub segments_written: u64,
    pub segments_deleted: u64,
    pub plans_deleted: u64,
    /// Sweeping was put off because somebody else is at work in the directory.
    pub put_off: bool,
    /// Packs that are kept because they cannot be read: object and problem.
    pub unreadable: BTreeMap<String, String>,
    pub unreadable_total: u64,
}

impl PruneReport {
    /// Notes a pack that cannot be read.
    pub fn cannot_read(&mut self, name: String, problem: String) {
        if self.unreadable.contains_key(&name) {
            return;
        }
        self.unreadable_total += 1;
        if self.unreadable.len() < UNREADABLE_NAMED_MAX {
            self.unreadable.insert(name, problem);
        }
    }
}
