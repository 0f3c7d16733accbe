//! `offsite completions`

use clap::Args as ClapArgs;
use clap_complete::Shell;

use super::exit::{Result, Status};
use super::output;
use crate::ops::OpsError;

/// Write what a shell needs to complete the commands and flags of offsite
///
/// For example: offsite completions bash > ~/.local/share/bash-completion/completions/offsite
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// `command` is all of the command line.
pub fn run(args: &Args, mut command: clap::Command) -> Result {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "offsite", &mut text);
    output::stream(|out| out.write_all(&text).map_err(OpsError::Output))?;
    Ok(Status::Done)
}
