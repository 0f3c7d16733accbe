//! A made-up photo library to try things on.

mod catalogue;
mod command;
mod dice;
pub mod dump;
pub mod library;
pub mod month;
mod originals;
mod photo;
mod plan;
mod rehearsal;
mod surroundings;
mod tables;

pub use command::{Args, run};
