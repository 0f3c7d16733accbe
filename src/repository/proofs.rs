//! Proofs: dated results of drills and verifies, signed where the read key was there (format.md §6).

use minicbor::bytes::ByteArray;

use super::objects::{fetch_record, list_objects};
use super::{ObjectProblem, Repository, RepositoryError, Result, seal_record};
use crate::format::housekeeping::{Finding, Proof, signed_bytes};
use crate::format::{FormatError, Kind, cbor, name};
use crate::id::ObjectId;
use crate::index::Index;

/// So many are read, the newest by the store's clock: five years of one a day. Bounds what a flood
/// of false ones can cost.
pub const PROOFS_MAX: usize = 2_000;
/// Figures of a proof; an honest one has a dozen. In memory each takes many times its encoded bytes.
const FIGURES_MAX: usize = 64;

/// Whose word a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// The owner's: somebody who had the read key.
    Signed,
    /// The word of the host that it names, or of anybody who holds the writer key.
    Unsigned,
    /// It claims to be the owner's and is not.
    Bad,
}

/// A proof as the store holds it.
#[derive(Debug, Clone)]
pub struct StoredProof {
    pub id: ObjectId,
    pub finding: Finding,
    pub signature: Signature,
}

/// Stores a finding; signed, where the read key is there.
///
/// # Errors
/// `Store`; `Object` for a finding that is too large.
pub fn store_proof(repository: &Repository, finding: Finding) -> Result<StoredProof> {
    let encoded = cbor::encode(&finding);
    let signature = repository.reader.as_ref().map(|reader| {
        let message = signed_bytes(repository.id(), &encoded);
        ByteArray::from(reader.sign_as_owner(&message))
    });
    let state = match signature {
        Some(_) => Signature::Signed,
        None => Signature::Unsigned,
    };
    let proof = Proof {
        finding: encoded,
        signature,
    };
    let (writer, random) = (&repository.writer, repository.seams.random.as_ref());
    let sealed = seal_record(writer, random, Kind::Proof, &cbor::encode(&proof))
        .map_err(|problem| RepositoryError::object("the proof", problem))?;
    repository.store.put(&sealed.name, sealed.bytes)?;
    Ok(StoredProof {
        id: sealed.id,
        finding,
        signature: state,
    })
}

/// All proofs, up to [`PROOFS_MAX`], the newest last. Those that are damaged or of an unknown
/// version are given to `damaged`.
///
/// # Errors
/// `Store`.
pub fn load_proofs(
    repository: &Repository,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredProof>> {
    load_all(repository, None, damaged)
}

/// As [`load_proofs`]; records are remembered in the index, so that only new ones are fetched.
///
/// # Errors
/// `Store`, `Index`.
pub fn load_proofs_remembered(
    repository: &Repository,
    index: &Index,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredProof>> {
    load_all(repository, Some(index), damaged)
}

fn load_all(
    repository: &Repository,
    index: Option<&Index>,
    damaged: &mut dyn FnMut(&str, &ObjectProblem),
) -> Result<Vec<StoredProof>> {
    let mut listed = Vec::new();
    list_objects(repository.store.as_ref(), Kind::Proof, &mut |id, info| {
        listed.push((info.modified, id));
        if listed.len() >= 2 * PROOFS_MAX {
            keep_newest(&mut listed);
        }
    })?;
    keep_newest(&mut listed);
    let mut proofs = Vec::with_capacity(listed.len());
    for (_, id) in listed {
        match load(repository, index, id) {
            Ok(proof) => proofs.push(proof),
            Err(error) => {
                let (name, problem) = error.into_unusable()?;
                damaged(&name, &problem);
            }
        }
    }
    proofs.sort_by_key(|proof| (proof.finding.ended, proof.id));
    Ok(proofs)
}

fn keep_newest<T: Ord>(listed: &mut Vec<(T, ObjectId)>) {
    listed.sort();
    let surplus = listed.len().saturating_sub(PROOFS_MAX);
    listed.drain(..surplus);
}

fn load(repository: &Repository, index: Option<&Index>, id: ObjectId) -> Result<StoredProof> {
    let known = index.map(|index| index.record(&id)).transpose()?.flatten();
    let payload = match known {
        Some(payload) => payload,
        None => {
            let payload = fetch_record(repository, Kind::Proof, &id)?;
            if let Some(index) = index {
                index.remember_record(&id, &payload)?;
            }
            payload
        }
    };
    judged(repository, id, &payload)
}

/// An opened proof, and whose word it is.
///
/// # Errors
/// `Object`.
fn judged(repository: &Repository, id: ObjectId, payload: &[u8]) -> Result<StoredProof> {
    let name = name::of(Kind::Proof, &id);
    let unusable = |error| RepositoryError::object(&name, error);
    let proof: Proof = cbor::decode(payload).map_err(unusable)?;
    let finding: Finding = cbor::decode(&proof.finding).map_err(unusable)?;
    if finding.figures.0.len() > FIGURES_MAX {
        let what = "it has more figures than any proof";
        return Err(unusable(FormatError::Contradiction { what }));
    }
    let signature = match &proof.signature {
        None => Signature::Unsigned,
        Some(signature) => {
            let message = signed_bytes(repository.id(), &proof.finding);
            match repository.writer.is_signed_by_owner(&message, signature) {
                true => Signature::Signed,
                false => Signature::Bad,
            }
        }
    };
    Ok(StoredProof {
        id,
        finding,
        signature,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::{KdfCost, ReadKey, Secret};
    use crate::format::slot::Label;
    use crate::repository::{Creation, create};
    use crate::seams::{Seams, SystemClock, Timestamp};
    use crate::store::memory::Memory;

    fn finding(ended: i64, ok: bool) -> Finding {
        Finding {
            kind: "drill".to_owned(),
            host: "nas".to_owned(),
            began: Timestamp::from_seconds(ended - 60),
            ended: Timestamp::from_seconds(ended),
            snapshot: None,
            ok,
            figures: cbor::Counts::default(),
            summary: "all rows came back".to_owned(),
        }
    }

    fn repository() -> Repository {
        let key = ReadKey::from_master(Secret::new(&[5; 32]));
        let store = Arc::new(Memory::new(Arc::new(SystemClock)));
        let creation = Creation {
            key: &key,
            passphrase: "x",
            cost: KdfCost {
                memory_kib: 64,
                passes: 1,
                lanes: 1,
            },
            label: Label {
                label: String::new(),
                created: Timestamp::default(),
                host: String::new(),
            },
            pack_bytes: 1 << 20,
        };
        let (mut repository, _) = create(store, Seams::real(), &creation).unwrap();
        repository.reader = Some(key.clone());
        repository
    }

    #[test]
    fn proofs_come_back_newest_last_and_say_whose_word_they_are() {
        let repository = repository();
        let host = Repository {
            reader: None,
            ..repository.clone()
        };
        store_proof(&repository, finding(2_000, true)).unwrap();
        store_proof(&host, finding(3_000, false)).unwrap();
        // Somebody with the writer key puts another finding under the owner's signature.
        let encoded = cbor::encode(&finding(1_000, true));
        let forged = Proof {
            finding: encoded,
            signature: Some([9; 64].into()),
        };
        let (writer, random) = (&host.writer, host.seams.random.as_ref());
        let sealed = seal_record(writer, random, Kind::Proof, &cbor::encode(&forged)).unwrap();
        host.store.put(&sealed.name, sealed.bytes).unwrap();
        let junk = name::of(Kind::Proof, &ObjectId::of(b"junk"));
        host.store.put(&junk, "junk".into()).unwrap();

        let mut damaged = Vec::new();
        let proofs = load_proofs(&host, &mut |name, _| damaged.push(name.to_owned())).unwrap();
        let found: Vec<_> = proofs
            .iter()
            .map(|it| (it.finding.ended.seconds(), it.finding.ok, it.signature))
            .collect();
        let expected = [
            (1_000, true, Signature::Bad),
            (2_000, true, Signature::Signed),
            (3_000, false, Signature::Unsigned),
        ];
        assert_eq!(found, expected);
        assert_eq!(damaged, [junk]);
    }
}
