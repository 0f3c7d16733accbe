//! What the store holds, read anew and in this order: plans, snapshots, forget records, segments,
//! packs. Whatever of it cannot be read ends the prune, for it might say that something is needed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::calendar;
use super::error::PruneError;
use super::options::{PruneOptions, PruneReport};
use super::sessions::Sessions;
use super::stop::stop;
use crate::crypto::session_id;
use crate::format::header::Header;
use crate::format::pack::Class;
use crate::format::segment::{PackRow, Segment};
use crate::format::{Kind, cbor, name};
use crate::id::ObjectId;
use crate::index::prune::{PruneTables, ShownPack};
use crate::index::{Index, Trust};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{
    ObjectProblem, Repository, RepositoryError, StoredForget, StoredPlan, StoredSnapshot,
    fetch_record, list_objects, load_catalog, load_forgets, load_plans, read_segment, take_footer,
};
use crate::seams::Timestamp;
use crate::store::ErrorKind;

/// So many packs of a LIST are noted at once.
const BATCH: usize = 1000;

/// A segment without what it says of packs.
#[derive(Debug, Clone)]
pub struct SegmentHead {
    pub id: ObjectId,
    /// Stored length.
    pub bytes: u64,
    pub modified: Timestamp,
    pub replaces: BTreeSet<ObjectId>,
}

/// The store as it was seen; what lies in packs is in the tables.
pub struct View {
    /// The store's time when the look began.
    pub now: Timestamp,
    /// Plans that this host made, and when by its own clock.
    pub mine: Vec<StoredPlan>,
    pub noted: HashMap<ObjectId, Timestamp>,
    /// Plans that this host made and that somebody put again: nobody knows any more since when they
    /// stand.
    pub void: Vec<ObjectId>,
    /// Plans of others: kept in mind, and never carried out here.
    pub others: Vec<StoredPlan>,
    pub snapshots: Vec<StoredSnapshot>,
    pub forgets: Vec<StoredForget>,
    pub segments: Vec<SegmentHead>,
    pub sessions: Sessions,
}

impl View {
    /// # Errors
    /// `Prune` for whatever cannot be read, and for snapshots that are missing; `Store`, `Index`.
    pub fn load(
        repository: &Repository,
        trust: &Trust,
        options: &PruneOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let now = match options.dry_run {
            // To ask a directory means to write there.
            true => repository.seams.clock.now(),
            false => repository.store.now()?,
        };
        let mut unreadable = None;
        let mut stopping = |object: &str, problem: &ObjectProblem| {
            let error = RepositoryError::object(object, problem.clone());
            unreadable.get_or_insert((object.to_owned(), error));
        };
        // Before the snapshots: a plan that comes later may know later ones.
        let plans = load_plans(repository, &mut stopping)?;
        let read = read_snapshots(repository, &BTreeSet::new())?;
        // After the snapshots: whoever takes one away explains it first.
        let forgets = load_forgets(repository, &mut |object, problem| {
            if problem.is_unsupported() {
                stopping(object, problem);
            } else {
                // What only it explains is unexplained, and what only it closes is not closed.
                progress.notice(&format!("{object} cannot be used: {problem}"));
            }
        })?;
        if let Some((object, error)) = unreadable {
            return Err(stop(&object, error));
        }
        let mut view = Self {
            now,
            mine: Vec::new(),
            noted: HashMap::new(),
            void: Vec::new(),
            others: Vec::new(),
            snapshots: Vec::new(),
            forgets,
            segments: Vec::new(),
            sessions: Sessions::new(now),
        };
        for stored in plans {
            match trust.noted_plan(&stored.id)? {
                Some(noted) if calendar::is_same(noted.modified, stored.modified) => {
                    view.noted.insert(stored.id, noted.noted);
                    view.mine.push(stored);
                }
                Some(_) => view.void.push(stored.id),
                None => view.others.push(stored),
            }
        }
        view.take(read.found);
        view.check_snapshots(&options.known_snapshots, &read.gone)?;
        for stored in &view.forgets {
            for session in &stored.forget.sessions.0 {
                view.sessions.close(*session, stored.modified);
            }
        }
        Ok(view)
    }

    fn take(&mut self, snapshots: Vec<(StoredSnapshot, Timestamp)>) {
        for (snapshot, modified) in snapshots {
            self.sessions.close(snapshot.record.session, modified);
            self.snapshots.push(snapshot);
        }
    }

    /// Whoever once saw a snapshot that is not there any more wants to know why.
    fn check_snapshots(&self, known: &[ObjectId], gone: &[ObjectId]) -> Result<()> {
        let listed: BTreeSet<_> = self.snapshots.iter().map(|one| one.id).collect();
        let forgets = self.forgets.iter();
        let explained: BTreeSet<_> = forgets
            .flat_map(|one| one.forget.snapshots.0.iter().copied())
            .collect();
        let check = |who: &dyn Fn() -> String, ids: &[ObjectId]| {
            let is_missing = |id: &&ObjectId| !listed.contains(id) && !explained.contains(id);
            let mut missing = ids.iter().filter(is_missing);
            match missing.next() {
                None => Ok(()),
                Some(id) => Err(PruneError::SnapshotGone {
                    id: *id,
                    who: who(),
                    others: missing.count(),
                }),
            }
        };
        check(&|| "the store's own list".to_owned(), gone)?;
        check(&|| "this host".to_owned(), known)?;
        for stored in self.mine.iter().chain(&self.others) {
            let who = || format!("the prune plan {}", name::of(Kind::Plan, &stored.id));
            check(&who, &stored.plan.snapshots.0)?;
        }
        if self.snapshots.is_empty() {
            return Err(PruneError::NoSnapshots.into());
        }
        Ok(())
    }

    /// Reads all segments, brings the index level, and notes what is there in the tables.
    ///
    /// # Errors
    /// As [`View::load`].
    pub fn load_packs(
        &mut self,
        repository: &Repository,
        index: &Index,
        tables: &PruneTables<'_>,
        report: &mut PruneReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        self.read_segments(repository, tables, progress)?;
        let facts = load_catalog(repository, index)?;
        if let Some((object, problem)) = facts.damaged_segments.into_iter().next() {
            return Err(stop(&object, RepositoryError::object(&object, problem)));
        }
        for kind in [Kind::DataPack, Kind::ListingPack] {
            list_packs(repository, tables, kind)?;
        }
        for pack in tables.unknown_packs()? {
            let kind = kind_of(&pack);
            if take_footer(repository, index, kind, &pack.id, pack.bytes)? {
                continue;
            }
            match repository.store.head(&name_of(&pack)) {
                Err(error) if error.kind == ErrorKind::NotFound => tables.hide(&pack)?,
                _ => {
                    let problem = "no segment names it, and it does not say itself what it holds";
                    report.cannot_read(name_of(&pack), problem.to_owned());
                }
            }
        }
        let repository = repository.id();
        tables.each_header(&mut |header, metadata, modified| {
            let kind = match metadata {
                true => Kind::ListingPack,
                false => Kind::DataPack,
            };
            if let Ok(header) = Header::decode(header, kind, Some(repository)) {
                self.sessions.put(session_id(header.extension()), modified);
            }
        })?;
        Ok(())
    }

    fn read_segments(
        &mut self,
        repository: &Repository,
        tables: &PruneTables<'_>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut listed = list_segments(repository)?;
        progress.stage(
            "Reading the index segments",
            Some(listed.values().map(|one| one.0).sum()),
        );
        for (id, (bytes, modified)) in listed.clone() {
            let segment = match read_segment(repository, &id) {
                Ok(segment) => segment,
                Err(RepositoryError::Object {
                    problem: ObjectProblem::Missing,
                    ..
                }) if !list_segments(repository)?.contains_key(&id) => {
                    // Another prune replaced it meanwhile.
                    listed.remove(&id);
                    continue;
                }
                Err(error) => return Err(stop("an index segment", error)),
            };
            let said = segment.packs.iter().map(said_of);
            let said = said.collect::<Result<Vec<_>, RepositoryError>>();
            let said = said.map_err(|error| stop(&name::of(Kind::Segment, &id), error))?;
            tables.name_packs(&id, said.into_iter())?;
            self.take_head(id, bytes, modified, &segment);
            progress.advance(bytes);
        }
        progress.finish();
        Ok(())
    }

    fn take_head(&mut self, id: ObjectId, bytes: u64, modified: Timestamp, segment: &Segment) {
        let replaces: BTreeSet<_> = segment.replaces.0.iter().copied().collect();
        self.sessions.act(segment.session, modified, false);
        for session in &segment.continues.0 {
            self.sessions.act(*session, modified, true);
        }
        self.segments.push(SegmentHead {
            id,
            bytes,
            modified,
            replaces,
        });
    }

    /// Takes in snapshots that were committed since; gives how many the view knew before.
    ///
    /// # Errors
    /// As [`View::load`].
    pub fn take_new_snapshots(&mut self, repository: &Repository) -> Result<usize> {
        let before = self.snapshots.len();
        let known = self.snapshots.iter().map(|one| one.id).collect();
        self.take(read_snapshots(repository, &known)?.found);
        Ok(before)
    }
}

/// What a segment says of a pack: its name, whether it is one of listings, and a hash of the rest.
///
/// # Errors
/// `Listing` for a class that this program does not know.
pub fn said_of(row: &PackRow) -> Result<(ObjectId, bool, [u8; 32]), RepositoryError> {
    let metadata = row.class()? == Class::Metadata;
    Ok((
        row.id,
        metadata,
        *blake3::hash(&cbor::encode(row)).as_bytes(),
    ))
}

/// The name of the object.
pub fn name_of(pack: &ShownPack) -> String {
    name::of(kind_of(pack), &pack.id)
}

/// Whether it is one of data or of listings.
pub fn kind_of(pack: &ShownPack) -> Kind {
    if pack.metadata {
        Kind::ListingPack
    } else {
        Kind::DataPack
    }
}

struct ReadSnapshots {
    /// With the time at which each was put.
    found: Vec<(StoredSnapshot, Timestamp)>,
    /// Those that went away between LIST and GET.
    gone: Vec<ObjectId>,
}

/// Fetches all snapshots but the known ones.
fn read_snapshots(repository: &Repository, known: &BTreeSet<ObjectId>) -> Result<ReadSnapshots> {
    let mut listed = Vec::new();
    list_objects(
        repository.store.as_ref(),
        Kind::Snapshot,
        &mut |id, info| {
            if !known.contains(&id) {
                listed.push((id, info.modified));
            }
        },
    )?;
    let (mut found, mut gone) = (Vec::new(), Vec::new());
    for (id, modified) in listed {
        let read = fetch_record(repository, Kind::Snapshot, &id).and_then(|payload| {
            let decoded = cbor::decode(&payload);
            decoded.map_err(|error| RepositoryError::object(&name::of(Kind::Snapshot, &id), error))
        });
        match read {
            Ok(record) => found.push((StoredSnapshot { id, record }, modified)),
            Err(RepositoryError::Object {
                problem: ObjectProblem::Missing,
                ..
            }) => gone.push(id),
            Err(error) => return Err(stop("a snapshot", error)),
        }
    }
    Ok(ReadSnapshots { found, gone })
}

fn list_segments(repository: &Repository) -> Result<BTreeMap<ObjectId, (u64, Timestamp)>> {
    let mut listed = BTreeMap::new();
    list_objects(repository.store.as_ref(), Kind::Segment, &mut |id, info| {
        listed.insert(id, (info.bytes, info.modified));
    })?;
    Ok(listed)
}

fn list_packs(repository: &Repository, tables: &PruneTables<'_>, kind: Kind) -> Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut failure = None;
    list_objects(repository.store.as_ref(), kind, &mut |id, info| {
        batch.push(ShownPack {
            id,
            metadata: kind == Kind::ListingPack,
            bytes: info.bytes,
            modified: info.modified,
            condemned: false,
            mine: false,
        });
        if batch.len() >= BATCH && failure.is_none() {
            failure = tables.show(&mut batch).err();
        }
    })?;
    match failure {
        Some(error) => Err(OpsError::from(error)),
        None => Ok(tables.show(&mut batch)?),
    }
}
