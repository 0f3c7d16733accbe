//! The snapshot record of a run: composed from what the run found out, and sealed.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::files::FileCounts;
use super::options::BackupOptions;
use super::roots::is_immich;
use super::sequence::Sequenced;
use crate::format::Kind;
use crate::format::cbor::{Counts, Joined, encode};
use crate::format::entry::DATABASE_ROOT;
use crate::format::snapshot::{
    Database, Mount as StoredMount, Problems, Root as StoredRoot, Snapshot, Statistics,
};
use crate::id::{ObjectId, SessionId};
use crate::ops::Result;
use crate::ops::audit::Audited;

use crate::repository::{Repository, RepositoryError, SealedObject, seal_record};
use crate::seams::Timestamp;
use crate::source::Root;
use crate::source::database::{DumpFacts, DumpKind};
use crate::source::immich::mounts::Mount;

/// Everything that goes into a record.
pub struct Taken<'t> {
    pub options: &'t BackupOptions,
    pub roots: &'t [Root],
    pub began: Timestamp,
    pub finished: Timestamp,
    pub store_time: Timestamp,
    pub session: SessionId,
    pub continues: Vec<SessionId>,
    pub parent: Option<ObjectId>,
    pub database: Option<Database>,
    pub sequenced: &'t Sequenced,
    pub audited: &'t Audited,
    pub suspect: Option<String>,
    pub counts: &'t FileCounts,
    /// Bytes added, bytes stored.
    pub totals: (u64, u64),
}

pub fn compose(taken: Taken<'_>) -> Snapshot {
    let Taken {
        options,
        database,
        sequenced,
        ..
    } = taken;
    let problems = (sequenced.problems_total > 0).then(|| Problems {
        count: sequenced.problems_total,
        chunks: Joined(sequenced.problem_chunks.clone()),
    });
    let kind = if options.source.immich.is_some() {
        "immich"
    } else {
        ""
    };
    let dump_bytes = database.as_ref().map_or(0, |database| database.bytes);
    Snapshot {
        time: database
            .as_ref()
            .map_or(taken.began, |database| database.began),
        started: taken.began,
        finished: taken.finished,
        store_time: Some(taken.store_time),
        host: options.host.clone(),
        tags: options.tags.clone(),
        profile: kind.to_owned(),
        tool: concat!("offsite ", env!("CARGO_PKG_VERSION")).to_owned(),
        roots: stored_roots(taken.roots, database.as_ref()),
        session: taken.session,
        continues: taken.continues.into(),
        parent: taken.parent,
        listing: sequenced.listing,
        statistics: statistics(taken.counts, taken.totals, dump_bytes),
        database,
        audit: Counts(taken.audited.counts()),
        problems,
        suspect: taken.suspect,
        findings: taken.audited.findings.clone(),
        mounts: options.source.mounts.iter().map(stored_mount).collect(),
    }
}

fn stored_mount(mount: &Mount) -> StoredMount {
    StoredMount {
        container: mount.container.clone(),
        host: mount.host.as_os_str().as_bytes().to_vec(),
    }
}

fn statistics(counts: &FileCounts, (added, stored): (u64, u64), dump_bytes: u64) -> Statistics {
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (new, changed, unmodified) = (
        get(&counts.new),
        get(&counts.changed),
        get(&counts.unmodified),
    );
    Statistics {
        files: new + changed + unmodified,
        folders: get(&counts.folders),
        links: get(&counts.links),
        bytes: get(&counts.bytes) + dump_bytes,
        files_new: new,
        files_changed: changed,
        files_unmodified: unmodified,
        bytes_read: get(&counts.bytes_read) + dump_bytes,
        bytes_added: added,
        bytes_stored: stored,
    }
}

/// Immich's folders have numbers below those of plain paths; see `roots`.
fn stored_roots(roots: &[Root], database: Option<&Database>) -> Vec<StoredRoot> {
    let dump = database.map(|database| StoredRoot {
        number: DATABASE_ROOT,
        kind: "database".to_owned(),
        source: database.kind.as_bytes().to_vec(),
    });
    dump.into_iter()
        .chain(roots.iter().map(stored_root))
        .collect()
}

fn stored_root(root: &Root) -> StoredRoot {
    let kind = if is_immich(root) { "immich" } else { "path" };
    let source = root.folder.as_os_str().as_bytes().to_vec();
    StoredRoot {
        number: root.number,
        kind: kind.to_owned(),
        source,
    }
}

/// Whether a snapshot is of the same folders.
pub fn same_source(record: &Snapshot, roots: &[Root]) -> bool {
    let stored = record
        .roots
        .iter()
        .filter(|root| root.number != DATABASE_ROOT);
    stored.cloned().eq(roots.iter().map(stored_root))
}

pub fn database(facts: DumpFacts, began: Timestamp, ended: Timestamp) -> Database {
    let kind = match facts.kind {
        DumpKind::PgDump => "pg_dump",
        DumpKind::PgDumpAll => "pg_dumpall",
    };
    Database {
        kind: kind.to_owned(),
        server_version: facts.server_version,
        immich_version: facts.immich_version,
        bytes: facts.bytes,
        began,
        ended,
        rows: Counts(facts.rows),
    }
}

/// Seals the record, once for all replicas: gives the object, and what was sealed.
///
/// # Errors
/// `Object`.
pub fn seal(repository: &Repository, record: &Snapshot) -> Result<(SealedObject, Vec<u8>)> {
    let payload = encode(record);
    let random = repository.seams.random.as_ref();
    let object = seal_record(&repository.writer, random, Kind::Snapshot, &payload)
        .map_err(|problem| RepositoryError::object("the snapshot record", problem))?;
    Ok((object, payload))
}
