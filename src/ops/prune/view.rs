//! What the store holds, read anew and in this order: plans, snapshots, segments, packs, forget
//! records. Whatever of it cannot be read ends the prune, for it might say that something is needed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::calendar;
use super::error::PruneError;
use super::options::PruneReport;
use super::sessions::Sessions;
use super::stop::stop;
use crate::crypto::session_id;
use crate::format::header::Header;
use crate::format::pack::Class;
use crate::format::segment::{PackRow, Segment};
use crate::format::snapshot::Snapshot;
use crate::format::{Kind, cbor, name};
use crate::id::{ChunkId, ObjectId, SessionId};
use crate::index::prune::{PruneTables, ShownPack};
use crate::index::{Index, Trust};
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{
    ObjectProblem, Repository, RepositoryError, StoredPlan, StoredSnapshot, fetch_record,
    list_objects, load_catalog, load_plans, read_segment, take_footer, visit_forgets,
};
use crate::seams::Timestamp;
use crate::store::ErrorKind;

/// So many packs of a LIST are noted at once.
const BATCH: usize = 1000;
/// So many snapshots are missed because a plan of somebody else names them.
const MISSED_BY_OTHERS_MAX: usize = 10_000;
/// So many packs that nobody can read are judged in one run; what is more is counted.
const MUTE_MAX: usize = 10_000;
/// So many forget records are named in a plan: 3 MB.
const FORGETS_TOLD_MAX: usize = 100_000;

/// A segment without what it says of packs.
#[derive(Debug, Clone)]
pub struct SegmentHead {
    pub id: ObjectId,
    /// Stored length.
    pub bytes: u64,
    pub modified: Timestamp,
    pub replaces: BTreeSet<ObjectId>,
}

/// A snapshot, and what it needs: of a hundred thousand the records would not fit.
pub struct Needing {
    pub id: ObjectId,
    /// Level and id of the topmost chunk of its listing.
    pub listing: (u8, ChunkId),
    pub problem_lists: Vec<ChunkId>,
    session: SessionId,
    /// When it was put.
    modified: Timestamp,
}

/// The store as it was seen; what lies in packs is in the tables.
pub struct View {
    /// The store's time when the look began.
    pub now: Timestamp,
    /// Plans that this host made, and when by its own clock.
    pub mine: Vec<StoredPlan>,
    pub noted: HashMap<ObjectId, Timestamp>,
    /// Plans that this host made and that somebody put again, so that nobody knows any more since when
    /// they stand; and those that lapsed long ago.
    pub void: Vec<ObjectId>,
    /// Plans of others: kept in mind, and never carried out here.
    pub others: Vec<StoredPlan>,
    pub snapshots: Vec<Needing>,
    /// Names of forget records, of which a plan tells the first.
    pub forgets: Vec<ObjectId>,
    /// Those that went away between LIST and GET.
    gone: Vec<ObjectId>,
    pub segments: Vec<SegmentHead>,
    pub sessions: Sessions,
    /// Packs that no segment names by their size, and that do not say themselves what they hold.
    pub mute: Vec<ShownPack>,
}

impl View {
    /// # Errors
    /// `Prune` for whatever cannot be read, and for snapshots that are missing; `Store`, `Index`.
    pub fn load(
        repository: &Repository,
        trust: &Trust,
        dry_run: bool,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let now = match dry_run {
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
        let mut own = trust.noted_plans()?;
        let plans = load_plans(repository, now, &|id| own.contains_key(id), &mut stopping)?;
        let read = read_snapshots(repository, &BTreeSet::new())?;
        if let Some((object, error)) = unreadable {
            return Err(stop(&object, error));
        }
        let mut view = Self {
            now,
            mine: Vec::new(),
            noted: HashMap::new(),
            void: plans.of_long_ago,
            others: Vec::new(),
            snapshots: Vec::new(),
            gone: read.gone,
            forgets: Vec::new(),
            segments: Vec::new(),
            sessions: Sessions::new(now),
            mute: Vec::new(),
        };
        for stored in plans.plans {
            match own.remove(&stored.id) {
                Some(noted) if calendar::is_same(noted.modified, stored.modified) => {
                    view.noted.insert(stored.id, noted.noted);
                    view.mine.push(stored);
                }
                Some(_) => {
                    let name = name::of(Kind::Plan, &stored.id);
                    progress.notice(&format!(
                        "somebody put {name}, which this host made, there again, so that its wait \
                         begins anew"
                    ));
                    view.void.push(stored.id);
                }
                None => view.others.push(stored),
            }
        }
        view.take(read.found);
        Ok(view)
    }

    fn take(&mut self, snapshots: Vec<Needing>) {
        for one in &snapshots {
            self.sessions.close(one.session, one.modified);
        }
        self.snapshots.extend(snapshots);
    }

    /// Goes through the forget records, after all else: whoever takes a snapshot away explains it
    /// first. Whoever once saw one that is not there any more wants to know why.
    ///
    /// # Errors
    /// `Prune` for snapshots that are missing; `Store`.
    pub fn heed_forgets(
        &mut self,
        repository: &Repository,
        known: &[ObjectId],
        progress: &dyn Progress,
    ) -> Result<()> {
        let missing = self.missing(known);
        let mut open: BTreeSet<_> = missing.iter().map(|(id, _)| *id).collect();
        let mut unsupported = None;
        visit_forgets::<OpsError>(
            repository,
            &mut |object, problem| {
                if problem.is_unsupported() {
                    let error = RepositoryError::object(object, problem.clone());
                    unsupported.get_or_insert((object.to_owned(), error));
                } else {
                    // What only it explains is unexplained, and what only it closes is not closed.
                    progress.notice(&format!("{object} cannot be used: {problem}"));
                }
            },
            &mut |stored| {
                for id in &stored.forget.snapshots.0 {
                    open.remove(id);
                }
                for session in &stored.forget.sessions.0 {
                    self.sessions.close_known(*session, stored.modified);
                }
                if self.forgets.len() < FORGETS_TOLD_MAX {
                    self.forgets.push(stored.id);
                }
                Ok(())
            },
        )?;
        if let Some((object, error)) = unsupported {
            return Err(stop(&object, error));
        }
        if let Some((id, who)) = missing.into_iter().find(|(id, _)| open.contains(id)) {
            let (who, others) = (who.to_string(), open.len() - 1);
            return Err(PruneError::SnapshotGone { id, who, others }.into());
        }
        if self.snapshots.is_empty() {
            return Err(PruneError::NoSnapshots.into());
        }
        Ok(())
    }

    /// Snapshots that somebody knew and that are not listed, and who it was.
    fn missing(&self, known: &[ObjectId]) -> Vec<(ObjectId, Rc<str>)> {
        let listed: BTreeSet<_> = self.snapshots.iter().map(|one| one.id).collect();
        let mut missing = Vec::new();
        let mut check = |who: &str, ids: &[ObjectId], max: usize| {
            let who: Rc<str> = who.into();
            let gone = ids.iter().filter(|id| !listed.contains(id)).take(max);
            missing.extend(gone.map(|id| (*id, Rc::clone(&who))));
        };
        check("the store's own list", &self.gone, usize::MAX);
        check("this host", known, usize::MAX);
        // Of others it may be false; when it has lapsed, it is over with that too.
        let others = self.others.iter();
        let others = others.filter(|stored| !calendar::has_lapsed(stored, self.now));
        let mine = self.mine.iter().map(|stored| (stored, usize::MAX));
        for (stored, max) in mine.chain(others.map(|stored| (stored, MISSED_BY_OTHERS_MAX))) {
            let who = format!("the prune plan {}", name::of(Kind::Plan, &stored.id));
            check(&who, &stored.plan.snapshots.0, max);
        }
        missing
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
                _ if self.mute.len() < MUTE_MAX => self.mute.push(pack),
                _ => report.unreadable_total += 1,
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
        let read = read_snapshots(repository, &known)?;
        if let Some(id) = read.gone.first() {
            // Listed and not given out: what it needs, nobody knows.
            let (id, others) = (*id, read.gone.len() - 1);
            let who = "the store's own list".to_owned();
            return Err(PruneError::SnapshotGone { id, who, others }.into());
        }
        self.take(read.found);
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
    found: Vec<Needing>,
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
            let decoded: Result<Snapshot, _> = cbor::decode(&payload);
            decoded.map_err(|error| RepositoryError::object(&name::of(Kind::Snapshot, &id), error))
        });
        match read {
            Ok(record) => {
                let (listing, session) = (record.listing, record.session);
                let problem_lists = StoredSnapshot { id, record }.problem_lists();
                found.push(Needing {
                    id,
                    listing,
                    problem_lists,
                    session,
                    modified,
                });
            }
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
