//! What is particular to Immich among the sources: where it keeps its originals, and what its
//! tables say of them.
//!
//! [`layout`] finds the folders, [`config`] what says how the installation is put together. [`reader`] finds the [`rows`] in a dump while it streams by;
//! `columns`, `unescape`, `interpret` and `databases` are parts of it. [`paths`] tells where in a
//! snapshot a path of a row lies, with the help of [`mounts`].

mod columns;
pub mod config;
mod databases;
mod interpret;
pub mod layout;
pub mod location;
pub mod mounts;
pub mod paths;
pub mod reader;
pub mod rows;
mod unescape;

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
