//! What this host remembers of a place, for all commands: which repository stood there, and what
//! vanished from it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::context::Context;
use super::exit::{Failure, Status};
use super::places::Place;
use super::show;
use crate::index::Index;
use crate::ops::StateFolder;
use crate::ops::trust::{self, Standing, Vanished};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::store::Store;

/// Snapshots that are gone, for a document.
pub fn vanished_json<'i>(indexes: impl Iterator<Item = &'i Index>) -> Value {
    let vanished = indexes.flat_map(|index| trust::unexplained(index).unwrap_or_default());
    vanished.map(|one| one_json(&one)).collect()
}

/// Whether the look of this run found that nothing vanished there.
pub fn is_whole(index: &Index) -> bool {
    trust::unexplained(index).is_ok_and(|vanished| vanished.is_empty())
}

fn one_json(one: &Vanished) -> Value {
    json!({ "id": one.id.to_string(), "time": show::rfc3339(one.time), "host": one.host })
}

impl Context {
    /// Which repository stands at a place. It must be the one that stood there before.
    pub fn identify(&self, store: &dyn Store, place: &Place) -> Result<Standing, Failure> {
        let found = trust::identify(store, &self.states()?, &place.key());
        let found = found.map_err(|error| self.known_to_be_there(place, error.into()))?;
        if let Some(trouble) = &found.trouble {
            self.progress.notice(trouble);
        }
        Ok(found)
    }

    /// Notes what was opened there. A state folder that cannot be written holds up nobody who reads.
    pub fn remember(&self, repository: &Repository, place: &Place, head: &Bytes) {
        let noted = self.states().and_then(|states| {
            let noted = trust::remember(repository, &states, &place.key(), head);
            noted.map_err(Failure::from)
        });
        if let Err(failure) = noted {
            let error = failure.error;
            self.progress.notice(&format!(
                "this host could not note which repository it opened: {error}"
            ));
        }
    }

    /// How a backup ends to places from one of which the look of this run found something vanished,
    /// or where nobody can say: the snapshot is saved all the same.
    pub fn held_against_memory<'i>(
        &self,
        mut indexes: impl Iterator<Item = &'i Index>,
        status: Status,
    ) -> Status {
        let trouble = indexes.find_map(|index| match trust::unexplained(index) {
            Ok(vanished) if vanished.is_empty() => None,
            Ok(_) => Some("the snapshot is saved, but others vanished: see above"),
            Err(_) => {
                Some("the snapshot is saved, but whether others vanished is not known: see above")
            }
        });
        let Some(sentence) = trouble else {
            return status;
        };
        self.progress.notice(sentence);
        Status::Damage
    }

    /// A key slot was removed on purpose: no copy of it is kept.
    pub fn drop_copies(&self, state: &StateFolder, slot: &str) {
        let dropped = state
            .open_trust()
            .and_then(|trust| Ok(trust.drop_copies(slot)?));
        if let Err(error) = dropped {
            self.progress.notice(&format!(
                "a copy of the key slot may still be in the state folder: {error}"
            ));
        }
    }
}
