//! Floor 5: the command line, one file a command: its arguments, whose doc is the help, and `run`.
//! The only floor that prints and reads the environment.
//!
//! `global` has the flags of all commands, `context` opens what they work on, `output` writes what
//! they say, `exit` turns an error into a hint and a code.

mod arguments;
mod audit;
mod audit_text;
mod backed_up;
mod backup;
mod backup_copies;
mod backup_dry_run;
mod cat;
mod completions;
pub mod config;
mod context;
mod copies;
mod copy;
mod database;
pub mod demo;
mod diff;
mod doctor;
mod drill;
mod dump_source;
mod each_copy;
mod entry_json;
mod estimate;
mod exit;
mod find;
mod forget;
mod global;
mod hints;
mod hooks;
mod index;
mod init;
mod init_copies;
mod interrupt;
mod key;
mod levelling;
mod lock;
mod ls;
mod man;
mod mounts;
mod named_places;
mod output;
mod part;
mod places;
mod prices;
mod profile;
pub mod progress;
mod prune;
mod prune_text;
mod reach;
pub mod recovery_kit;
mod restore;
mod restored;
pub mod secret;
pub mod show;
mod snapshots;
mod span;
mod standing;
mod stats;
mod status;
mod status_json;
mod status_text;
mod status_words;
mod sync;
mod typed_path;
mod verify;
mod verify_json;
mod verify_text;
pub mod when;

pub use arguments::main;
