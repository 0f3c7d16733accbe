//! Several places are asked side by side whether they answer: one that does not, such as a server
//! that hangs or a disk of the network that is gone, keeps nobody waiting for long.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::context::Context;
use super::exit::Failure;
use super::places::{PATIENCE, Place};
use super::progress::TerminalProgress;
use super::show;
use crate::repository::{RepositoryError, identify};
use crate::seams::Seams;
use crate::store::{ErrorKind, Store, StoreError};

/// How long to wait for places.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// A store that refuses or fails is asked again for so long.
    pub patience: Duration,
    /// One that says nothing at all is given up after so long.
    pub limit: Duration,
}

/// Where there is work to do: a night does not end for a line that stutters.
pub const AT_WORK: Wait = Wait {
    patience: PATIENCE,
    limit: Duration::from_secs(60),
};

/// The stores of all places, in their order, each once it has shown a repository.
pub fn reach(
    context: &Context,
    places: &[Place],
    wait: Wait,
) -> Vec<Result<Arc<dyn Store>, Failure>> {
    let (tell, hear) = mpsc::channel();
    for (number, place) in places.iter().cloned().enumerate() {
        let (tell, seams) = (tell.clone(), context.seams.clone());
        let progress = context.progress.clone();
        // Not waited for: one that hangs ends with the process.
        std::thread::spawn(move || {
            // Nobody hears it who waits no more.
            let _ = tell.send((number, look(&place, wait.patience, &seams, progress)));
        });
    }
    drop(tell);
    let clock = context.seams.clock.as_ref();
    let end = clock.since_boot().saturating_add(wait.limit);
    let silent = |place: &Place| {
        let said = format!("no answer within {}", show::duration(wait.limit));
        let error = StoreError::new(ErrorKind::Transient, "open", &place.url.to_string());
        Err(Failure::from(error.because(said)))
    };
    let mut found: Vec<_> = places.iter().map(silent).collect();
    for _ in places {
        let left = end.saturating_sub(clock.since_boot());
        let Ok((number, answer)) = hear.recv_timeout(left) else {
            break;
        };
        if let (Some(found), Some(place)) = (found.get_mut(number), places.get(number)) {
            *found = answer.map_err(|failure| context.known_to_be_there(place, failure));
        }
    }
    found
}

fn look(
    place: &Place,
    patience: Duration,
    seams: &Seams,
    progress: Arc<TerminalProgress>,
) -> Result<Arc<dyn Store>, Failure> {
    let store = place.open_among_others(patience, seams, progress);
    let store = store.map_err(|failure| failure.with_address(&place.url.to_string()))?;
    match identify(store.as_ref()) {
        // One of an unknown version or a damaged one is told apart when it is opened.
        Ok(_) | Err(RepositoryError::HeadLost { .. } | RepositoryError::Object { .. }) => Ok(store),
        Err(error) => Err(error.into()),
    }
}
