//! Floor 5: the command line, one file a command: its arguments, whose doc is the help, and `run`.
//! The only floor that prints and reads the environment.
//!
//! `global` has the flags of all commands, `context` opens what they work on, `output` writes what
//! they say, `exit` turns an error into a hint and a code.

mod arguments;
mod backup;
mod cat;
mod context;
mod database;
pub mod demo;
mod drill;
mod drill_hints;
mod exit;
mod global;
mod index;
mod init;
mod key;
mod ls;
mod output;
pub mod progress;
pub mod recovery_kit;
mod restore;
pub mod secret;
pub mod show;
mod signals;
mod snapshots;
mod verify;
pub mod when;

pub use arguments::main;
