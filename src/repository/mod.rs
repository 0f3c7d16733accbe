//! Floor 3: a repository = store + keys + index (format.md read as actions).
//!
//! Writing: `pack_room` (memory) < `pack_builder` (one pack) < `pack_writer` (the open packs of a
//! run) and `segment_writer`; `listing_writer` makes the sorted tree. Reading: `pack_reader`
//! (footers), `chunk_reader` (chunks from wherever they lie; `frames` fetches what they take, in the
//! `runs` that were planned, and `blocks` keeps it), `listing_reader`, and `listing_diff` for what differs between two. `record` seals and opens the
//! small objects, `objects` lists and fetches them (`others`: from further copies), `versions` looks
//! behind one that was written over; `proofs` keeps what was proven, `forgets` why snapshots went,
//! `plans` what is to be pruned, `slots` and `slot_list` are the key slots; `replicate` makes a further
//! copy; `catalog` brings the index level with the store.

mod blocks;
mod body_keys;
mod catalog;
mod chunk_reader;
mod content;
mod error;
mod fixed_frame;
mod foreseen;
mod forgets;
mod frames;
mod listing_diff;
mod listing_reader;
mod listing_writer;
mod objects;
mod open;
mod others;
mod pack_builder;
mod pack_reader;
mod pack_room;
mod pack_writer;
mod plans;
mod proofs;
mod record;
mod replicate;
mod runs;
mod seen_lists;
mod segment_writer;
mod slot_list;
mod slots;
mod snapshots;
mod versions;

use std::sync::Arc;

pub use blocks::Ahead;
pub use catalog::{
    CatalogFacts, load as load_catalog, load_packs, load_telling as load_catalog_telling,
    read_segment, salvage, salvage_named, take_footer,
};
pub use chunk_reader::ChunkReader;
pub use content::{
    few_ids, first_ids, plan_content, read_content, read_ids, read_planned, store_ids, visit_ids,
};
pub use error::{ObjectProblem, RepositoryError, Result};
#[cfg(test)]
pub use forgets::load_forgets;
pub use forgets::{StoredForget, explained, store_forget, visit_forgets};
pub use frames::Fetch;
pub use listing_diff::{Difference, ListingDiff};
pub use listing_reader::{Entries, ListingReader, SubtreeFilter};
pub use listing_writer::ListingWriter;
pub use objects::{fetch_record, list_objects};
pub use open::{
    Creation, check_repository_bytes, create, head, head_owner, identify, open, open_with,
    repository_object,
};
pub use others::{Opens, Others};
pub use pack_builder::{FinishedPack, PackBuilder, PackKeys};
pub use pack_reader::{
    PackContents, body_key, check_whole_pack, chunk_rows, frame_range, open_frame, open_stored,
    read_contents, rows_of_pack, session_of,
};
pub use pack_room::Held;
pub use pack_writer::{PackWriter, Plaintext};
pub use plans::{
    COMMIT_MAX, GRACE_MAX, GRACE_MIN, LAPSE_AFTER, LoadedPlans, MARK_MAX, StoredPlan, fetch_plan,
    load_plans, store_plan, visit_new_plans, visit_plans,
};
pub use proofs::{
    PROOFS_MAX, Signature, StoredProof, load_proofs, load_proofs_remembered, store_proof,
};
pub use record::{SealedObject, open_record, seal_record};
pub use replicate::{check_slot_bytes, copy_slot, replicate};
pub use seen_lists::SeenLists;
pub use segment_writer::SegmentWriter;
pub use slot_list::{SlotFacts, list_slots, slot_label};
pub use slots::{add_slot, check_slot, unlock, unlock_slot};
pub use snapshots::{
    SnapshotFilter, StoredSnapshot, Weights, clocks_apart, load_snapshot, load_snapshots, resolve,
    resolve_among, visit_snapshots,
};

use crate::buffers::Buffers;
use crate::crypto::{ReadKey, WriterKey};
use crate::format::parameters::Parameters;
use crate::id::RepositoryId;
use crate::seams::Seams;
use crate::store::Store;

/// An opened repository. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    pub store: Arc<dyn Store>,
    pub seams: Seams,
    pub parameters: Parameters,
    pub writer: WriterKey,
    /// Present when passphrase or words were given: then contents can be read.
    pub reader: Option<ReadKey>,
    /// Other copies, for what is missing or damaged in this one.
    pub others: Others,
    /// Where chunks are opened.
    pub buffers: Buffers,
}

impl Repository {
    pub fn id(&self) -> RepositoryId {
        self.writer.repository()
    }

    /// The read key, for `what` ("to restore files").
    ///
    /// # Errors
    /// `ReadKeyNeeded`.
    pub fn read_key(&self, what: &'static str) -> Result<&ReadKey> {
        self.reader
            .as_ref()
            .ok_or(RepositoryError::ReadKeyNeeded { what })
    }
}
