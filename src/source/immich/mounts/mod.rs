//! Which folders of the host Immich's container sees under which names.
//!
//! Best told by Docker itself ([`inspect`]), else by the compose file ([`compose`]), else by a
//! person ([`given`]). The parsers are functions of text; [`from_file`] reads what they need.

pub mod compose;
mod file;
pub mod given;
pub mod inspect;
mod mount;

pub use file::{from_file, from_text};
pub use mount::{Mount, MountError};
