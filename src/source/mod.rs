//! Floor 3: what is backed up, read from the host. A stranger to `repository/`.
//!
//! [`plain`] and [`immich`] turn what a person named into [`Root`]s; [`walk`] finds what lies in
//! them, less what [`filter`] and [`Limits`] leave out; [`file`](mod@file) reads one file, [`Attributes`]
//! and [`Owners`] what belongs to it; [`Anchor`] tells whether the roots stayed; [`database`] reads
//! the dump and judges whether it is whole.

mod anchor;
mod attributes;
pub mod database;
mod error;
mod event;
pub mod exclude_file;
pub mod file;
pub mod filter;
mod folder;
pub mod immich;
mod limits;
mod metadata;
mod owners;
pub mod plain;
pub mod postgres;
pub mod walk;

use std::path::PathBuf;

pub use anchor::Anchor;
pub use attributes::Attributes;
pub use error::{CommandOutput, CommandStatus, Instead, SourceError};
pub use event::{Event, Found, Kind, Problem, Special};
pub use limits::Limits;
pub use metadata::Metadata;
pub use owners::Owners;
pub use walk::Walk;

pub type Result<T, E = SourceError> = std::result::Result<T, E>;

/// One folder or file that a person asked to have backed up, with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its number in the snapshot, from 1; root 0 is the database.
    pub number: u32,
    /// Where it is on this host; absolute. May be a link, which is resolved once.
    pub folder: PathBuf,
    /// Its path inside the snapshot, such as `home/anna/photos` or `upload`; raw bytes, no slash at
    /// either end. Empty for the root of the file system.
    pub stored_as: Vec<u8>,
}
