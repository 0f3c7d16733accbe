//! `offsite key`: `kit` writes the recovery kit, `slots` lists, adds, changes and removes
//! passphrases (`everywhere`: in all copies), `writer` puts the writer key on this host or carries it to another.

mod everywhere;
mod kit;
mod slots;
mod writer;

use clap::Subcommand;

use super::context::Context;
use super::exit::Result;

pub use kit::write_kit;

/// Passphrases, the recovery kit, and what a host needs to back up
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show the passphrases that open the repository
    List,
    Add(slots::AddArgs),
    Remove(slots::RemoveArgs),
    Passphrase(slots::PassphraseArgs),
    Kit(kit::Args),
    Writer(writer::Args),
}

pub fn run(context: &Context, command: &Command) -> Result {
    let context = &context.at_the_first_that_answers()?;
    match command {
        Command::List => slots::list(context),
        Command::Add(args) => slots::add(context, args),
        Command::Remove(args) => slots::remove(context, args),
        Command::Passphrase(args) => slots::change(context, args),
        Command::Kit(args) => kit::run(context, args),
        Command::Writer(args) => writer::run(context, args),
    }
}
