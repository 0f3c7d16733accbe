//! `offsite cat`

use std::ffi::OsString;

use clap::Args as ClapArgs;

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::output;
use super::typed_path::understand;
use crate::ops;

/// Write one file of a snapshot to standard output
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// A snapshot's id or its beginning, latest, or latest~N
    snapshot: String,
    /// The file, as offsite ls shows it
    path: OsString,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Reader)?;
    let snapshot = context.snapshot(&opened, &args.snapshot)?;
    let (repository, index) = (&opened.repository, &opened.index);
    output::stream(|out| {
        understand(&args.path, |path| {
            ops::cat(repository, index, &snapshot.record, path, out)
        })
    })?;
    Ok(Status::Done)
}
