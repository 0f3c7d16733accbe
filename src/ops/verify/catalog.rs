//! Where chunks are said to lie: by the segments, read anew, and by the footers of packs of which
//! no segment says anything that can be true.

use super::super::Result;
use super::fetch::{each_object, fetch};
use super::findings::Findings;
use crate::format::{Kind, PACK_BYTES_MAX, name};
use crate::id::ObjectId;
use crate::index::Index;
use crate::repository::{ObjectProblem, Repository, RepositoryError, load_catalog, read_contents};

/// The claims of a repository about itself.
pub struct Catalog {
    /// An index of its own: that of the host may have been told anything.
    pub claims: Index,
    pub packs: u64,
    pub pack_bytes: u64,
    pub segments: u64,
}

/// Reads all segments and looks at all names. Damaged segments, and packs that are neither as a
/// segment says nor sound by themselves, become findings; so do names of no known form.
///
/// # Errors
/// `Store`, `Index`; `Object` for what is of a later version.
pub fn load(repository: &Repository, findings: &Findings) -> Result<Catalog> {
    let claims = Index::temporary()?;
    let facts = load_catalog(repository, &claims)?;
    for (name, problem) in facts.damaged_segments {
        findings.damaged(&name, &problem);
    }
    let mut segments = 0;
    let mut odd = Vec::new();
    let (mut has_repository, mut has_slot) = (false, false);
    each_object(repository, &mut |info| {
        match name::parse(&info.name) {
            Some((kind @ (Kind::DataPack | Kind::ListingPack), Some(id))) => {
                if !is_there(&claims, &id)? {
                    odd.push((kind, id, info.bytes));
                }
            }
            Some((Kind::Repository, _)) => has_repository = true,
            Some((Kind::KeySlot, _)) => has_slot = true,
            Some((Kind::Segment, _)) => segments += 1,
            Some(_) => {}
            None if info.name.starts_with("tmp/") => {}
            None => findings.unknown(info.name),
        }
        Ok(())
    })?;
    if !has_repository {
        findings.damaged(name::REPOSITORY, &ObjectProblem::Missing);
    }
    if !has_slot {
        let problem = "there is no key slot: no passphrase opens the repository, only the words";
        findings.says(name::prefix(Kind::KeySlot), problem.to_owned());
    }
    for (kind, id, bytes) in odd {
        read_footer(repository, &claims, kind, &id, bytes, findings)?;
    }
    Ok(Catalog {
        claims,
        packs: facts.packs,
        pack_bytes: facts.pack_bytes,
        segments,
    })
}

/// Whether the store shows the pack, and it is as the claims say.
///
/// # Errors
/// `Index`.
pub fn is_there(claims: &Index, pack: &ObjectId) -> Result<bool> {
    Ok(claims.pack(pack)?.is_some_and(|pack| pack.live))
}

/// Takes the word of the pack itself, in place of that of segments.
fn read_footer(
    repository: &Repository,
    claims: &Index,
    kind: Kind,
    id: &ObjectId,
    bytes: u64,
    findings: &Findings,
) -> Result<()> {
    let name = name::of(kind, id);
    let known = claims.pack(id)?.filter(|known| known.bytes != bytes);
    let store = repository.store.as_ref();
    let read = match read_contents(store, &repository.writer, kind, id, bytes) {
        Ok(contents) => Ok(contents),
        Err(RepositoryError::Object { problem, .. }) => Err(problem),
        Err(RepositoryError::Store(error)) => Err(ObjectProblem::of_failed_fetch(error)?),
        Err(error) => return Err(error.into()),
    };
    let is_doubtful = match &read {
        // A segment says otherwise: either it lies, or these are the bytes of another pack.
        Ok(_) => known.is_some(),
        // A flipped bit can look like a later version.
        Err(problem) => problem.is_unsupported(),
    };
    let by_name = if is_doubtful {
        fetch(repository, &name, Some(id), PACK_BYTES_MAX)?.map(drop)
    } else {
        Ok(())
    };
    match (by_name.and(read), known) {
        (Ok(contents), _) => claims.add_pack(&contents.indexed(*id, bytes, None))?,
        (Err(problem), Some(known))
            if problem != ObjectProblem::Missing && !problem.is_unsupported() =>
        {
            let expected = known.bytes;
            let found = bytes;
            findings.damaged(&name, &ObjectProblem::WrongSize { expected, found });
        }
        (Err(problem), _) => findings.damaged(&name, &problem),
    }
    Ok(())
}
