//! What `doctor` saw a place do, kept by this host, and heeded whenever the place is opened.

use super::exit::Failure;
use super::places::Place;
use crate::ops::{Profile, StateFolder};
use crate::store::Store;

/// Its name among the notes of a place.
const NOTE: &str = "profile";

/// Remembers it for the place, if this host keeps anything of the repository there.
///
/// # Errors
/// When the state folder cannot be written.
pub fn remember(place: &Place, state: &StateFolder, profile: &Profile) -> Result<bool, Failure> {
    if !state.path().is_dir() {
        return Ok(false);
    }
    let text = serde_json::to_string(profile).map_err(|error| Failure::failed(error, ""))?;
    let noted = state.open_trust()?.set_note(&place.key(), NOTE, &text);
    noted.map_err(crate::repository::RepositoryError::from)?;
    Ok(true)
}

/// What is remembered of the place. Not knowing it is never a failure.
pub fn of(place: &Place, state: &StateFolder) -> Option<Profile> {
    if !state.path().is_dir() {
        return None;
    }
    let trust = state.open_trust().ok()?;
    let text = trust.note(&place.key(), NOTE).ok()??;
    serde_json::from_str(&text).ok()
}

/// Has the store at the place do what is known to work there.
pub fn heed(place: &Place, state: &StateFolder, store: &dyn Store) {
    // A folder has nothing that must be known of it.
    if store.retaining().is_some()
        && of(place, state).is_some_and(|profile| profile.keeps_checksums())
    {
        store.send_checksums(true);
    }
}
