//! Encrypted, deduplicated offsite backups of an Immich photo library.
//!
//! The floors, from the ground up: [`id`], [`progress`] and [`seams`]; then five leaves that are
//! strangers to one another, `format`, `crypto`, `compress`, `chunker` and [`store`]; then `index`;
//! then `repository` and `source`; then `ops`, one file a verb; on top `cli`.
//! `docs/architecture.md` tells the whole story.

pub mod cli;
pub mod id;
pub mod progress;
pub mod seams;
pub mod store;
