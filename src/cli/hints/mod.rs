//! What to do next, one hint an error, by where it comes from; for `exit`.
//!
//! A hint is half a sentence or more in the imperative, names flags and commands as they are typed,
//! and says what is kept where somebody might fear for it.

mod drill;
mod forget;
pub mod ops;
mod prune;
pub mod repository;
mod source;
pub mod store;
