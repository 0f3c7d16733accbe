//! `offsite copy`

use clap::Args as ClapArgs;

use super::context::Context;
use super::exit::{Failure, Result};
use super::sync::tell;
use crate::ops::{self, Direction, LevelOptions};
use crate::progress::Progress;
use crate::repository::{RepositoryError, SnapshotFilter, load_snapshots, resolve};

/// Copy chosen snapshots to another copy of the repository
///
/// As offsite sync does, but only these, and also those that were forgotten there.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// A snapshot's id or its beginning, latest, or latest~N
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    /// From this copy: its name, or its address (where two are named, from the first)
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// To this copy
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let (replicas, mut absent) = context.replicas()?;
    if replicas.len() < 2 && !absent.is_empty() {
        return Err(absent.swap_remove(0).1);
    }
    let place = |name: &Option<String>, usual: usize| match name {
        Some(name) => context.which(&replicas, name),
        None if replicas.len() == 2 => Ok(usual),
        None => Err(Failure::usage(
            "there are more than two copies",
            "say which one with --to NAME, and from which with --from NAME",
        )),
    };
    let (from, to) = match (&args.from, &args.to) {
        // Where there are two, the other one is meant.
        (None, Some(_)) if replicas.len() == 2 => {
            let to = place(&args.to, 1)?;
            (1 - to, to)
        }
        // What is asked for is looked up in the first that is not the target.
        (None, Some(_)) => {
            let to = place(&args.to, 1)?;
            (usize::from(to == 0), to)
        }
        _ => {
            let from = place(&args.from, 0)?;
            (from, place(&args.to, 1 - from.min(1))?)
        }
    };
    if from == to {
        return Err(Failure::usage(
            "a snapshot cannot be copied to where it is",
            "name two different copies with --from and --to",
        ));
    }
    let source = replicas.get(from).ok_or(RepositoryError::NoSnapshots)?;
    let progress = context.progress.as_ref();
    let known = load_snapshots(&source.repository, &source.index, &mut |name, problem| {
        progress.notice(&format!("{name} cannot be used: {problem}"));
    })?;
    let mut these = Vec::new();
    for name in &args.snapshots {
        these.push(resolve(&known, name, &SnapshotFilter::default())?.id);
    }
    let options = LevelOptions {
        these: Some(&these),
        ..LevelOptions::default()
    };
    let direction = Direction {
        from: Some(from),
        to: Some(to),
    };
    let report = ops::sync(replicas, direction, &options, progress);
    progress.finish();
    tell(context, &report?, &[])
}
