//! Brings the local index level with the store: reads segments that are new, and marks as live the
//! packs that a LIST shows with their right size.

use std::collections::BTreeSet;

use super::pack_reader::chunk_rows;
use super::{ObjectProblem, Repository, RepositoryError, Result, open_record, read_contents};
use crate::format::segment::Segment;
use crate::format::{FormatError, Kind, RECORD_BYTES_MAX, cbor, name};
use crate::id::ObjectId;
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
/// # Errors
/// `Store`, `Index`; `Object` for a segment of a version that this program does not know.
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
        match read_segment(repository, id) {
            Ok(segment) => {
                let packs = indexed_packs(&segment);
                match packs {
                    Ok(packs) => index.add_segment(id, &segment.session, &packs)?,
                    Err(problem) => {
                        facts
                            .damaged_segments
                            .push((name::of(Kind::Segment, id), problem));
                    }
                }
            }
            // Consolidated away between the LIST and the GET.
            Err(RepositoryError::Store(error)) if error.kind == ErrorKind::NotFound => {
                gone.insert(*id);
            }
            Err(RepositoryError::Object { name, problem }) => {
                let damaged = RepositoryError::Object {
                    name: name.clone(),
                    problem,
                };
                if !damaged.is_damage() {
                    return Err(damaged);
                }
                if let RepositoryError::Object { problem, .. } = damaged {
                    facts.damaged_segments.push((name, problem));
                }
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
        bytes_max: RECORD_BYTES_MAX,
    };
    let bytes = match repository.store.get(&name, window) {
        // One object that is too long or too short must not hold up all others.
        Err(error) if error.kind == ErrorKind::TooLarge => {
            let what = "the size of a record";
            return Err(RepositoryError::object(
                &name,
                FormatError::Contradiction { what },
            ));
        }
        Err(error) if error.kind == ErrorKind::Incomplete => {
            return Err(RepositoryError::object(&name, FormatError::TooShort));
        }
        other => other?,
    };
    if blake3::hash(&bytes).as_bytes() != id.as_bytes() {
        return Err(RepositoryError::object(&name, ObjectProblem::WrongName));
    }
    let opened = open_record(&repository.writer, kind, &bytes);
    opened.map_err(|problem| RepositoryError::object(&name, problem))
}

fn indexed_packs(segment: &Segment) -> Result<Vec<IndexedPack>, ObjectProblem> {
    segment
        .packs
        .iter()
        .map(|pack| {
            Ok(IndexedPack {
                id: pack.id,
                bytes: pack.bytes,
                class: pack.class()? as u8,
                crc: pack.crc,
                header: pack.header.clone(),
                chunks: chunk_rows(&pack.entries()?).collect(),
            })
        })
        .collect()
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
    let mut listed = Vec::new();
    list_packs(repository, kind, &mut |id, bytes| {
        listed.push((id, bytes));
        Ok(())
    })?;
    let mut found = 0;
    for (id, bytes) in listed {
        // A pack of which only another size was claimed is as good as unnamed.
        let is_named = index.pack(&id)?.is_some_and(|pack| pack.bytes == bytes);
        if !is_named && take_footer(repository, index, kind, &id, bytes)? {
            found += 1;
        }
    }
    Ok(found)
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
        Err(RepositoryError::Store(error))
            if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Incomplete) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
