//! A made-up photo library to try things on.

pub mod dice;
pub mod dump;
pub mod library;
pub mod month;
pub mod photo;
pub mod plan;
mod tables;
