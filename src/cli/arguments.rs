//! All commands, and which file runs which.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::context::Context;
use super::exit::Failure;
use super::global::Global;
use super::interrupt::INTERRUPTED;
use super::{
    audit, backup, cat, completions, config, copy, database, demo, diff, doctor, drill, estimate,
    find, forget, index, init, key, lock, ls, man, output, prune, restore, snapshots, stats,
    status, sync, verify,
};

/// One a line: they are looked up, not read.
const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  failed; the message says why, and nothing that was saved is lost
    2  the command line makes no sense
    3  the snapshot is saved, but some files could not be read
    4  damage was found, a restore is not complete, or a prune refused for what it saw
    5  the audit found originals that are missing or altered
    6  status: something needs attention
    7  a copy of the repository is behind the others
    8  the snapshot is saved, but suspect: too much of the library changed or is gone
   10  there is no repository at that address
   12  a wrong passphrase or key, or none where one is needed
  130  interrupted";

/// Encrypted, deduplicated offsite backups of an Immich photo library that can prove they restore.
#[derive(Parser)]
#[command(
    name = "offsite",
    version,
    max_term_width = 100,
    subcommand_value_name = "COMMAND",
    arg_required_else_help = true,
    after_help = EXIT_CODES
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Backup(backup::Args),
    Snapshots(snapshots::Args),
    Ls(ls::Args),
    Find(find::Args),
    Diff(diff::Args),
    Stats(stats::Args),
    Status(status::Args),
    Cat(cat::Args),
    Database(database::Args),
    Restore(restore::Args),
    Verify(verify::Args),
    Audit(audit::Args),
    Drill(drill::Args),
    Prune(prune::Args),
    Estimate(estimate::Args),
    Forget(forget::Args),
    Sync(sync::Args),
    Copy(copy::Args),
    #[command(subcommand)]
    Index(index::Command),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Config(config::command::Command),
    #[command(subcommand)]
    Lock(lock::Command),
    Doctor(doctor::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Arguments { global, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let json = global.json;
    let context = Context::new(global);
    let interrupt = context.seams.interrupt.clone();
    let result = match command {
        Command::Init(args) => init::run(&context, &args),
        Command::Backup(args) => backup::run(&context, &args),
        Command::Snapshots(args) => snapshots::run(&context, &args),
        Command::Ls(args) => ls::run(&context, &args),
        Command::Find(args) => find::run(&context, &args),
        Command::Diff(args) => diff::run(&context, &args),
        Command::Stats(args) => stats::run(&context, &args),
        Command::Status(args) => status::run(&context, &args),
        Command::Cat(args) => cat::run(&context, &args),
        Command::Database(args) => database::run(&context, &args),
        Command::Restore(args) => restore::run(&context, &args),
        Command::Verify(args) => verify::run(&context, &args),
        Command::Audit(args) => audit::run(&context, &args),
        Command::Drill(args) => drill::run(&context, &args),
        Command::Prune(args) => prune::run(&context, &args),
        Command::Estimate(args) => estimate::run(&context, &args),
        Command::Forget(args) => forget::run(&context, &args),
        Command::Sync(args) => sync::run(&context, &args),
        Command::Copy(args) => copy::run(&context, &args),
        Command::Index(command) => index::run(&context, &command),
        Command::Key(command) => key::run(&context, &command),
        Command::Config(command) => config::command::run(&context, &command),
        Command::Lock(command) => lock::run(&context, &command),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Demo(args) => demo::run(&context, &args),
        Command::Completions(args) => completions::run(&args, Arguments::command()),
        Command::Man(args) => man::run(&context, &args, Arguments::command()),
    };
    context.tell_who_helped();
    match result {
        Ok(status) => status.into(),
        // Whatever failed after the interrupt failed because of it.
        Err(mut failure) if interrupt.is_raised() => {
            failure.code = INTERRUPTED;
            output::report(&failure, json)
        }
        Err(failure) => output::report(&failure, json),
    }
}

/// Help, the version, or what is wrong with the command line: as a document where one was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if !(wants_json && error.use_stderr()) {
        error.exit();
    }
    let text = error.to_string();
    let sentence = text.split("\n\n").next().unwrap_or_default();
    let sentence = sentence.strip_prefix("error: ").unwrap_or(sentence);
    let sentence: Vec<&str> = sentence.split_whitespace().collect();
    let failure = Failure::usage(&sentence.join(" "), "offsite help shows what can be said");
    output::report(&failure, true)
}
