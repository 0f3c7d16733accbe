//! All named copies are brought level: each gets what any other has.

use super::level::{LevelOptions, level};
use super::report::{LevelReport, PlaceReport, SyncReport};
use crate::format::Kind;
use crate::ops::{OpsError, Replica, Result};
use crate::progress::Progress;
use crate::repository::{Opens, Others, list_objects};

/// From which copy, and to which, by their places in the list; `None`: any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direction {
    pub from: Option<usize>,
    pub to: Option<usize>,
}

/// Brings copies level. Each may take what another one lacks or has damaged from any third.
///
/// # Errors
/// `Index`, and what ends the whole work. A copy that is out of reach is in the report, and does not
/// keep the others waiting.
pub fn sync(
    mut replicas: Vec<Replica>,
    direction: Direction,
    options: &LevelOptions<'_>,
    progress: &dyn Progress,
) -> Result<SyncReport> {
    introduce(&mut replicas);
    let mut report = SyncReport::default();
    for (place, to) in replicas.iter().enumerate() {
        if direction.to.is_some_and(|only| only != place) {
            continue;
        }
        // The only source of a direction is no target.
        if direction.to.is_none() && direction.from == Some(place) {
            continue;
        }
        let (mut came, mut failure) = (LevelReport::default(), None);
        for (source, from) in replicas.iter().enumerate() {
            if source == place || direction.from.is_some_and(|only| only != source) {
                continue;
            }
            match level(from, to, options, progress) {
                Ok(more) => came.join(more),
                Err(error) => {
                    progress.finish();
                    failure = Some((from.name.clone(), of_a_copy(error)?));
                }
            }
        }
        let mut snapshots = 0;
        let counted = list_objects(to.repository.store.as_ref(), Kind::Snapshot, &mut |_, _| {
            snapshots += 1;
        });
        if let Err(error) = counted {
            failure.get_or_insert((to.name.clone(), error.into()));
        }
        report.places.push(PlaceReport {
            name: to.name.clone(),
            snapshots,
            came,
            failure,
        });
    }
    Ok(report)
}

/// Each copy knows all others.
fn introduce(replicas: &mut [Replica]) {
    let stores: Vec<_> = replicas
        .iter()
        .map(|one| (one.name.clone(), one.repository.store.clone()))
        .collect();
    for (place, replica) in replicas.iter_mut().enumerate() {
        let others = stores
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        let others = others.map(|(_, (name, store))| {
            let store = store.clone();
            let opens: Opens = Box::new(move || Ok(store.clone()));
            (name.clone(), opens)
        });
        replica.repository.others = Others::new(others);
    }
}

/// A failure that concerns one of the copies.
///
/// # Errors
/// Any other, such as one of this host.
pub fn of_a_copy(error: OpsError) -> Result<OpsError> {
    use crate::repository::RepositoryError::{Index, Store};
    match error {
        OpsError::Repository(Store(_)) => Ok(error),
        OpsError::Repository(Index(_)) => Err(error),
        OpsError::Repository(_) => Ok(error),
        _ => Err(error),
    }
}
