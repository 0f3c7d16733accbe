//! `restore`: a snapshot into a folder. Every chunk is verified; a file appears under its name
//! only when it is whole; what is there and right already is left alone, so that a repeated run
//! goes on where the last one stopped.
//!
//! `run` goes over the listing twice. The first time it makes folders and links, and collects files
//! in a `queue`, in the order of packs, of which `batch` brings back some at a time, each through
//! `file`; the second time
//! `finish` makes second names of files (`second_name`), removes what is too much, and dresses the
//! folders, whose times would not last before. `selection` says what is wanted at all, `landing`
//! that no two entries fall on one path, `verdict` joins the two, `immich` what Immich needs; `work` is what all of them
//! share.

mod batch;
mod file;
mod finish;
mod immich;
mod landing;
mod options;
mod queue;
mod run;
mod second_name;
mod selection;
#[cfg(test)]
mod tests;
mod verdict;
mod work;

pub use options::{Overwrite, RestoreOptions, RestoreReport};
pub use run::restore;
