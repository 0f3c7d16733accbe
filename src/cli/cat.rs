//! `offsite cat`

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args as ClapArgs;

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::output;
use crate::ops;
use crate::repository::SnapshotFilter;

/// Write one file of a snapshot to standard output
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// A snapshot's id or its beginning, latest, or latest~N
    snapshot: String,
    /// The file, as offsite ls shows it; where that shows an escape such as \n, the character itself
    path: OsString,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Reader)?;
    let snapshot = opened.snapshot(&args.snapshot, &SnapshotFilter::default())?;
    let path = args.path.as_bytes();
    let path = path.strip_prefix(b"/").unwrap_or(path);
    output::stream(|out| {
        ops::cat(
            &opened.repository,
            &opened.index,
            &snapshot.record,
            path,
            out,
        )
    })?;
    Ok(Status::Done)
}
