//! A made-up photo library to try things on.

mod catalogue;
mod command;
mod compare;
mod dice;
pub mod dump;
pub mod library;
pub mod month;
mod originals;
mod photo;
mod plan;
mod proof;
mod quieter;
mod rehearsal;
mod surroundings;
mod tables;
mod teller;

pub use command::{Args, run};
