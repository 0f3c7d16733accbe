//! Writing a restored tree, beneath one folder and never outside of it.
//!
//! Every folder on the way is opened by its name in the one before, and never through a link, so
//! that neither a hostile path nor a link planted in the target leads out. A file is written without
//! a name, or under a temporary one beside its own, and gets its name when it is whole.
//!
//! `beneath` finds the way, `parents` remembers it; `file`, `link` and `names` make things there;
//! `unnamed` are files that have no name yet (`ways`: how they get one), `unfinished` knows the temporary names; `remove` takes
//! away; `dress` sets owners, permissions, attributes and times.

mod attributes;
mod beneath;
mod dress;
mod file;
mod folder;
mod link;
mod names;
mod owners;
mod parents;
mod remove;
#[cfg(test)]
mod tests;
mod unfinished;
mod unnamed;
mod ways;

pub use beneath::{Standing, Target, TargetOptions};
pub use file::NewFile;
