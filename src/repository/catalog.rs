//! Brings the local index level with the store: reads segments that are new, and marks as live the
//! packs that a LIST shows with their right size.

use std::collections::BTreeSet;

use super::pack_reader::chunk_rows;
use super::{ObjectProblem, Repository, RepositoryError, Result, open_record, read_contents};
use crate::format::header::Header;
use crate::format::segment::{PackRow, Segment};
use crate::format::{FormatError, Kind, PACK_BYTES_MAX, cbor, name};
use crate::id::{ObjectId, RepositoryId};
use crate::index::{Index, IndexedPack};
use crate::store::{ErrorKind, StoreError, Window};

/// What a look at the store showed.
#[derive(Debug, Default)]
pub struct CatalogFacts {
    /// Segments that could not be used, with the reason.
    pub damaged_segments: Vec<(String, ObjectProblem)>,
    pub packs: u64,
    pub pack_bytes: u64,
    /// Packs that no segment names.
    pub unnamed_packs: u64,
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
    let mut facts = CatalogFacts::default();
    load_segments(repository, index, &mut facts)?;
    for kind in [Kind::DataPack, Kind::ListingPack] {
        look_at_packs(repository, index, kind, &mut facts)?;
    }
    Ok(facts)
}

fn load_segments(repository: &Repository, index: &Index, facts: &mut CatalogFacts) -> Result<()> {
    let mut listed = BTreeSet::new();
    repository
        .store
        .list(name::prefix(Kind::Segment), &mut |info| {
            if let Some((Kind::Segment, Some(id))) = name::parse(&info.name) {
                listed.insert(id);
            }
            Ok(())
        })?;
    let mut gone = BTreeSet::new();
    for id in &listed {
        if index.has_segment(id)? {
            continue;
        }
        let segment = read_segment(repository, id)
            .and_then(|segment| Ok((indexed_packs(repository.id(), id, &segment)?, segment)));
        match segment {
            Ok((packs, segment)) => index.add_segment(id, &segment.session, &packs)?,
            // Consolidated away between the LIST and the GET.
            Err(RepositoryError::Object {
                problem: ObjectProblem::Missing,
                ..
            }) => {
                gone.insert(*id);
            }
            Err(RepositoryError::Object { name, problem }) => {
                facts.damaged_segments.push((name, problem));
            }
            Err(error) => return Err(error),
        }
    }
    let listed = listed.difference(&gone).copied().collect();
    index.reconcile_segments::<RepositoryError>(&listed)
}

/// Fetches, checks and decodes one segment.
fn read_segment(repository: &Repository, id: &ObjectId) -> Result<Segment> {
    let payload = fetch_record(repository, Kind::Segment, id)?;
    let name = name::of(Kind::Segment, id);
    cbor::decode(&payload).map_err(|error| RepositoryError::object(&name, error))
}

/// Fetches a record, checks its name, and opens it.
///
/// # Errors
/// `Store`, `Object`.
pub(super) fn fetch_record(repository: &Repository, kind: Kind, id: &ObjectId) -> Result<Vec<u8>> {
    let name = name::of(kind, id);
    let window = Window::Whole {
        bytes_max: kind.record_bytes_max(),
    };
    let bytes = match repository.store.get(&name, window) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Err(RepositoryError::object(
                &name,
                ObjectProblem::of_fetch(error)?,
            ));
        }
    };
    if blake3::hash(&bytes).as_bytes() != id.as_bytes() {
        return Err(RepositoryError::object(&name, ObjectProblem::WrongName));
    }
    let opened = open_record(&repository.writer, kind, &bytes);
    opened.map_err(|problem| RepositoryError::object(&name, problem))
}

/// What a segment claims, as the index takes it. A segment that claims what no pack can be is
/// refused as a whole: no honest writer made it.
fn indexed_packs(
    repository: RepositoryId,
    segment_id: &ObjectId,
    segment: &Segment,
) -> Result<Vec<IndexedPack>> {
    let row = |pack: &PackRow| -> Result<IndexedPack, ObjectProblem> {
        let class = pack.class()?;
        Header::decode(&pack.header, class.kind(), Some(repository))?;
        if pack.bytes > PACK_BYTES_MAX {
            let what = "the size of a pack";
            return Err(FormatError::Contradiction { what }.into());
        }
        Ok(IndexedPack {
            id: pack.id,
            bytes: pack.bytes,
            class: class as u8,
            crc: pack.crc,
            header: pack.header.clone(),
            chunks: chunk_rows(&pack.entries()?).collect(),
        })
    };
    let rows = segment.packs.iter().map(row).collect::<Result<_, _>>();
    rows.map_err(|problem| RepositoryError::object(&name::of(Kind::Segment, segment_id), problem))
}

fn look_at_packs(
    repository: &Repository,
    index: &Index,
    kind: Kind,
    facts: &mut CatalogFacts,
) -> Result<()> {
    let mut unnamed = 0;
    let (packs, bytes) = (&mut facts.packs, &mut facts.pack_bytes);
    index.reconcile_packs::<RepositoryError>(
        kind == Kind::ListingPack,
        |see| {
            list_packs(repository, kind, &mut |id, size| {
                *packs += 1;
                *bytes += size;
                see(id, size);
                Ok(())
            })
        },
        &mut |_, _| unnamed += 1,
    )?;
    facts.unnamed_packs += unnamed;
    Ok(())
}

/// Lists packs of a kind with their sizes, in the order of their ids.
///
/// # Errors
/// `Store`.
pub(super) fn list_packs(
    repository: &Repository,
    kind: Kind,
    visit: &mut dyn FnMut(ObjectId, u64) -> Result<(), StoreError>,
) -> Result<()> {
    repository.store.list(
        name::prefix(kind),
        &mut |info| match name::parse(&info.name) {
            Some((found, Some(id))) if found == kind => visit(id, info.bytes),
            _ => Ok(()),
        },
    )?;
    Ok(())
}

/// Takes the footers of packs that no segment names into the index; gives how many there were.
/// Packs whose end cannot be used are passed over: verify names them.
///
/// # Errors
/// `Store`, `Index`.
pub fn salvage(repository: &Repository, index: &Index, kind: Kind) -> Result<u64> {
    salvage_where(repository, index, kind, |id| Ok(index.pack(id)?.is_none()))
}

/// As [`salvage`], of packs that segments do name: what they say may be false, and what a pack
/// holds is what its own footer says. Asks every pack whose footer was not read before, so it is
/// the last resort.
///
/// # Errors
/// `Store`, `Index`.
pub(super) fn salvage_named(repository: &Repository, index: &Index, kind: Kind) -> Result<u64> {
    salvage_where(repository, index, kind, |id| Ok(!index.is_verified(id)?))
}

fn salvage_where(
    repository: &Repository,
    index: &Index,
    kind: Kind,
    is_wanted: impl Fn(&ObjectId) -> Result<bool>,
) -> Result<u64> {
    let mut listed = Vec::new();
    list_packs(repository, kind, &mut |id, bytes| {
        listed.push((id, bytes));
        Ok(())
    })?;
    let mut found = 0;
    for (id, bytes) in listed {
        if is_wanted(&id)? && take_footer(repository, index, kind, &id, bytes)? {
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
        _ => ObjectProblem::of_fetch(error),
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
