//! Why snapshots are not forgotten.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    #[error("nothing was said about which snapshots to keep, and none was named")]
    NothingAsked,
    #[error("the snapshot {id} is not forgotten: it is {why}")]
    Protected {
        id: String,
        /// Such as "the newest with a clean audit".
        why: String,
    },
    #[error("these are all the snapshots that {url} holds, and one must stay")]
    AllOfThem { url: String },
    #[error("{url} does not let these credentials delete: {done}")]
    Denied {
        url: String,
        /// How far it came, in words.
        done: String,
        #[source]
        source: Box<StoreError>,
    },
}
