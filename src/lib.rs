//! Encrypted, deduplicated offsite backups of an Immich photo library.
//!
//! The floors, from the ground up: [`buffers`], [`id`], [`progress`] and [`seams`]; then five leaves that are
//! strangers to one another, `format`, `crypto`, `compress`, `chunker` and [`store`]; then `index`;
//! then `repository` and `source`; then `ops`, one file a verb; on top `cli`.
//! `docs/architecture.md` tells the whole story.

pub mod buffers;
pub mod chunker;
pub mod cli;
pub mod compress;
pub mod crypto;
pub mod format;
pub mod id;
pub mod index;
pub mod ops;
pub mod progress;
pub mod repository;
pub mod seams;
pub mod source;
pub mod store;
