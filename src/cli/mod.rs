//! The command line: the only floor that prints and reads the environment.

pub mod demo;
pub mod progress;
pub mod recovery_kit;
pub mod secret;
pub mod show;
pub mod when;
