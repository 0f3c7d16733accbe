//! The copies of a repository that were named, opened side by side: one that does not answer keeps
//! the others waiting no longer than it must.

use std::collections::HashSet;
use std::sync::Arc;

use super::context::{Access, Context};
use super::exit::{Failure, KEY};
use super::places::{Medium, Place};
use super::reach::{AT_WORK, reach};
use crate::ops::{Destination, OpsError, Replica, StateFolder};
use crate::repository::Repository;
use crate::store::Store;

/// One place, opened or not.
pub struct Copy {
    pub place: Place,
    pub opened: Result<Replica, Failure>,
}

/// All places that were named, in their order; at least one is open.
pub struct Copies {
    pub all: Vec<Copy>,
    pub state: StateFolder,
}

impl Copies {
    /// Those that are open, in their order.
    pub fn open(&self) -> impl Iterator<Item = (&Place, &Replica)> {
        let all = self.all.iter();
        all.filter_map(|copy| Some((&copy.place, copy.opened.as_ref().ok()?)))
    }

    pub fn destinations(&self) -> Vec<Destination<'_>> {
        let near = |place: &Place| place.medium != Medium::Cloud;
        let open = self.open();
        open.map(|(place, replica)| replica.destination(near(place)))
            .collect()
    }
}

/// Opens all places that were named.
///
/// # Errors
/// Of the first when none can be opened; of the keys and of this host's state.
pub fn open_all(context: &Context, access: Access) -> Result<Copies, Failure> {
    let mut places = context.places()?;
    // Named twice, it is one copy still.
    let mut keys = HashSet::new();
    places.retain(|place| keys.insert(place.key()));
    if places.len() == 1 {
        let place = places.swap_remove(0);
        let (repository, state) = context.repository(access)?;
        let index = state.open_index(&place.key())?;
        let name = place.name.clone();
        let opened = Ok(Replica {
            name,
            repository,
            index,
        });
        let all = vec![Copy { place, opened }];
        return Ok(Copies { all, state });
    }
    let mut stores = reach(context, &places, AT_WORK);
    if stores.iter().all(Result::is_err)
        && let Err(failure) = stores.swap_remove(0)
    {
        return Err(failure);
    }
    let (repository, state) = first_of(context, &places, &stores, access)?;
    let mut all = Vec::with_capacity(places.len());
    for (place, store) in places.into_iter().zip(stores) {
        let opened = store.and_then(|store| context.open_in(&place, store, &repository));
        let opened = match opened {
            Ok(repository) => Ok(Replica {
                name: place.name.clone(),
                index: state.open_index(&place.key())?,
                repository,
            }),
            Err(failure) => Err(failure),
        };
        all.push(Copy { place, opened });
    }
    Ok(Copies { all, state })
}

/// The first repository that opens, which says what state and which keys there are.
fn first_of(
    context: &Context,
    places: &[Place],
    stores: &[Result<Arc<dyn Store>, Failure>],
    access: Access,
) -> Result<(Repository, StateFolder), Failure> {
    let mut first_failure = None;
    for (place, store) in places.iter().zip(stores) {
        let Ok(store) = store else { continue };
        match context.repository_in(place, Arc::clone(store), access) {
            // A wrong passphrase is wrong for all.
            Err(failure) if failure.code == KEY => return Err(failure),
            Err(failure) => _ = first_failure.get_or_insert(failure),
            opened => return opened,
        }
    }
    Err(first_failure.unwrap_or_else(|| OpsError::Stopped.into()))
}
