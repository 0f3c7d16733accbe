//! `offsite database`

use clap::Args as ClapArgs;

use super::context::{Access, Context};
use super::exit::{Result, Status};
use super::output;
use super::restore::Choice;
use crate::ops;

/// Write the database dump of a snapshot to standard output, byte for byte as it was made
#[derive(ClapArgs, Debug)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Reader)?;
    let snapshot = args.choice.choose(context, &opened)?;
    output::stream(|out| ops::database(&opened.repository, &opened.index, &snapshot.record, out))?;
    Ok(Status::Done)
}
