//! `init`: a new repository, with a key of its own.

use std::sync::Arc;

use bytes::Bytes;

use super::Result;
use crate::crypto::{KdfCost, ReadKey, Secret};
use crate::format::parameters::Parameters;
use crate::format::slot::Label;
use crate::repository::{Creation, Repository, RepositoryError, create, replicate};
use crate::seams::Seams;
use crate::store::Store;

pub struct InitOptions<'a> {
    pub passphrase: &'a str,
    pub cost: KdfCost,
    pub host: String,
    /// When a data pack is full, in bytes.
    pub pack_bytes: u32,
}

/// A repository that was just made.
pub struct InitReport {
    pub repository: Repository,
    /// The `repository` object, for the recovery kit.
    pub repository_object: Bytes,
}

/// Makes a repository in an empty place.
///
/// # Errors
/// `NotEmpty`, `Store`, `Crypto`.
pub fn init(store: Arc<dyn Store>, seams: &Seams, options: &InitOptions<'_>) -> Result<InitReport> {
    let master = Secret::random(seams.random.as_ref()).map_err(RepositoryError::from)?;
    let key = ReadKey::from_master(master);
    let creation = Creation {
        key: &key,
        passphrase: options.passphrase,
        cost: options.cost,
        label: Label {
            label: "first".to_owned(),
            created: seams.clock.now(),
            host: options.host.clone(),
        },
        pack_bytes: options
            .pack_bytes
            .clamp(1 << 20, Parameters::PACK_BYTES_MAX),
    };
    let (repository, repository_object) = create(store, seams.clone(), &creation)?;
    Ok(InitReport {
        repository,
        repository_object,
    })
}

/// Makes a further copy of a repository in an empty place: the same `repository` object and the same
/// key slots. Snapshots come with `sync` or the next backup. Gives the names of key slots that are no
/// good and were left out.
///
/// # Errors
/// `NotEmpty`, `Store`, `Object`.
pub fn init_replica(from: &Repository, to: &dyn Store) -> Result<Vec<String>> {
    Ok(replicate(from, to)?)
}
