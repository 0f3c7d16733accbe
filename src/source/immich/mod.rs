//! What is particular to Immich among the sources: where it keeps its originals, and what its
//! tables say of them.

pub mod layout;
pub mod location;
pub mod rows;

/// The folders of an upload location. Immich wants a marker file `.immich` in each, or it does not
/// start.
pub const FOLDERS: [&str; 6] = [
    "backups",
    "encoded-video",
    "library",
    "profile",
    "thumbs",
    "upload",
];

/// Immich keeps this file in each of its folders and refuses to start without it.
const MARKER: &str = ".immich";
