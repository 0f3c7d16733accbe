//! Brings the local index level with the store: reads segments that are new, and marks as live the
//! packs that a LIST shows with their right size.

use std::collections::BTreeSet;

use super::objects::{fetch_record, list_objects};
use super::pack_reader::chunk_rows;
use super::{ObjectProblem, Repository, RepositoryError, Result, read_contents};
use crate::format::header::Header;
use crate::format::segment::{PackRow, Segment};
use crate::format::{FormatError, Kind, PACK_BYTES_MAX, cbor, name};
use crate::id::{ObjectId, RepositoryId, SessionId};
use crate::index::{Index, IndexedPack, Staging};
use crate::progress::{Progress, Silent};
use crate::store::{ErrorKind, StoreError};

/// What a look at the store showed.
#[derive(Debug, Default)]
pub struct CatalogFacts {
    /// Segments that could not be used, with the reason.
    pub damaged_segments: Vec<(String, ObjectProblem)>,
    pub packs: u64,
    pub pack_bytes: u64,
}

/// Reads what is new in the store into the index. A damaged segment is reported, not fatal: a
/// segment is a hint, and packs know themselves what they hold.
///
/// That holds for one of an unknown version too: anybody who can put an object can put such a one,
/// and it must not end all backups and restores. Whoever deletes has to stop at it.
///
/// # Errors
/// `Store`, `Index`.
pub fn load(repository: &Repository, index: &Index) -> Result<CatalogFacts> {
    load_telling(repository, index, &Silent)
}

/// As [`load`]; the running stage grows by the bytes of the segments that are new.
///
/// # Errors
/// `Store`, `Index`.
pub fn load_telling(
    repository: &Repository,
    index: &Index,
    progress: &dyn Progress,
) -> Result<CatalogFacts> {
    let mut facts = CatalogFacts::default();
    load_segments(repository, index, &mut facts, progress)?;
    for kind in [Kind::DataPack, Kind::ListingPack] {
        look_at_packs(repository, index, kind, &mut facts)?;
    }
    Ok(facts)
}

fn load_segments(
    repository: &Repository,
    index: &Index,
    facts: &mut CatalogFacts,
    progress: &dyn Progress,
) -> Result<()> {
    let mut listed = BTreeSet::new();
    let mut unread = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Segment, &mut |id, info| {
        listed.insert(id);
        unread.push((id, info.bytes));
    })?;
    let mut has = Ok(());
    unread.retain(|(id, _)| match index.has_segment(id) {
        Ok(known) => !known,
        Err(error) => {
            has = Err(error);
            false
        }
    });
    has?;
    progress.expect(unread.iter().map(|(_, bytes)| bytes).sum());
    let mut staging = Staging::new(index);
    let read = read_all(repository, &unread, &mut staging, facts, progress);
    // What was read until the store failed need not be read again.
    staging.finish()?;
    let gone = read?;
    let listed = listed.difference(&gone).copied().collect();
    Ok(index.reconcile_segments(&listed)?)
}

/// Reads segments in; gives those that are not there any more.
fn read_all(
    repository: &Repository,
    segments: &[(ObjectId, u64)],
    staging: &mut Staging<'_>,
    facts: &mut CatalogFacts,
    progress: &dyn Progress,
) -> Result<BTreeSet<ObjectId>> {
    let mut gone = BTreeSet::new();
    for (id, bytes) in segments {
        match claims_of_segment(repository, id) {
            Ok((session, packs)) => staging.add(id, &session, &packs)?,
            Err(error) => match error.into_unusable()? {
                // Consolidated away between the LIST and the GET.
                (_, ObjectProblem::Missing) => {
                    gone.insert(*id);
                }
                damage => facts.damaged_segments.push(damage),
            },
        }
        progress.advance(*bytes);
    }
    Ok(gone)
}

/// Fetches, checks and decodes one segment.
///
/// # Errors
/// `Object`, `Store`.
pub fn read_segment(repository: &Repository, id: &ObjectId) -> Result<Segment> {
    let payload = fetch_record(repository, Kind::Segment, id)?;
    cbor::decode(&payload)
        .map_err(|error| RepositoryError::object(&name::of(Kind::Segment, id), error))
}

/// What a segment claims, as the index takes it.
fn claims_of_segment(
    repository: &Repository,
    id: &ObjectId,
) -> Result<(SessionId, Vec<IndexedPack>)> {
    let segment = read_segment(repository, id)?;
    let row = |pack| indexed_pack(repository.id(), pack);
    let packs = segment.packs.iter().map(row).collect::<Result<_, _>>();
    let packs = packs.map_err(|error| RepositoryError::object(&name::of(Kind::Segment, id), error));
    Ok((segment.session, packs?))
}

/// What a segment claims about a pack, as the index takes it. A segment that claims what no pack can
/// be is refused as a whole: no honest writer made it.
fn indexed_pack(repository: RepositoryId, pack: &PackRow) -> Result<IndexedPack, FormatError> {
    let class = pack.class()?;
    Header::decode(&pack.header, class.kind(), Some(repository))?;
    if pack.bytes > PACK_BYTES_MAX {
        let what = "the size of a pack";
        return Err(FormatError::Contradiction { what });
    }
    Ok(IndexedPack {
        id: pack.id,
        bytes: pack.bytes,
        class: class as u8,
        crc: pack.crc,
        header: pack.header.clone(),
        chunks: chunk_rows(&pack.entries()?).collect(),
    })
}

/// Looks anew at which packs the store holds.
///
/// # Errors
/// `Store`, `Index`.
pub fn load_packs(repository: &Repository, index: &Index) -> Result<()> {
    let mut facts = CatalogFacts::default();
    for kind in [Kind::DataPack, Kind::ListingPack] {
        look_at_packs(repository, index, kind, &mut facts)?;
    }
    Ok(())
}

fn look_at_packs(
    repository: &Repository,
    index: &Index,
    kind: Kind,
    facts: &mut CatalogFacts,
) -> Result<()> {
    let (packs, bytes) = (&mut facts.packs, &mut facts.pack_bytes);
    index.reconcile_packs::<RepositoryError>(kind == Kind::ListingPack, |see| {
        list_objects(repository.store.as_ref(), kind, &mut |id, info| {
            *packs += 1;
            *bytes += info.bytes;
            see(id, info.bytes);
        })
    })
}

/// Takes the footers of packs that no segment names into the index; gives how many there were.
/// Packs whose end cannot be used are passed over: verify names them.
///
/// # Errors
/// `Store`, `Index`.
pub fn salvage(repository: &Repository, index: &Index, kind: Kind) -> Result<u64> {
    // A pack of which only another size was claimed is as good as unnamed.
    salvage_where(repository, index, kind, |id, bytes| {
        Ok(index.pack(id)?.is_none_or(|pack| pack.bytes != bytes))
    })
}

/// As [`salvage`], of packs that segments do name: what they say may be false, and what a pack
/// holds is what its own footer says. Asks every pack whose footer was not read before, so it is
/// the last resort.
///
/// # Errors
/// `Store`, `Index`.
pub fn salvage_named(repository: &Repository, index: &Index, kind: Kind) -> Result<u64> {
    salvage_where(repository, index, kind, |id, _| Ok(!index.is_verified(id)?))
}

fn salvage_where(
    repository: &Repository,
    index: &Index,
    kind: Kind,
    is_wanted: impl Fn(&ObjectId, u64) -> Result<bool>,
) -> Result<u64> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), kind, &mut |id, info| {
        listed.push((id, info.bytes));
    })?;
    let mut found = 0;
    for (id, bytes) in listed {
        if is_wanted(&id, bytes)? && take_footer(repository, index, kind, &id, bytes)? {
            found += 1;
        }
    }
    Ok(found)
}

/// What is the matter with one pack. A store that fails on it again and again, and answers for
/// another object, is not out of reach: it costs the files in that pack, not the whole restore.
///
/// # Errors
/// The error itself where the store as a whole is out of reach.
pub(super) fn problem_of(
    repository: &Repository,
    error: StoreError,
) -> Result<ObjectProblem, StoreError> {
    match error.kind {
        ErrorKind::Transient if repository.store.head(name::REPOSITORY).is_ok() => {
            Ok(ObjectProblem::Withheld {
                reason: error.to_string(),
            })
        }
        _ => ObjectProblem::of_failed_fetch(error),
    }
}

/// Takes what a pack says of itself into the index: its footer outranks what segments claim. Gives
/// `false` for a pack that is missing or whose end cannot be used.
///
/// # Errors
/// `Store`, `Index`.
pub fn take_footer(
    repository: &Repository,
    index: &Index,
    kind: Kind,
    id: &ObjectId,
    bytes: u64,
) -> Result<bool> {
    match read_contents(
        repository.store.as_ref(),
        &repository.writer,
        kind,
        id,
        bytes,
    ) {
        Ok(contents) => {
            index.add_pack(&contents.indexed(*id, bytes, None))?;
            Ok(true)
        }
        Err(RepositoryError::Object { .. }) => Ok(false),
        Err(RepositoryError::Store(error)) => {
            problem_of(repository, error)?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
