//! `offsite estimate`

mod site;
mod told;
mod verbs;

use std::num::NonZeroU64;

use clap::{Args as ClapArgs, Subcommand};

use super::context::{Access, Context};
use super::copies::may_be_elsewhere;
use super::exit::{Failure, Result, Status};
use super::global::rate;
use super::places::Place;
use super::{backup, output, prune, show, verify};
use crate::ops::{BackupOptions, Forecast};
use crate::progress::Progress;
use site::{Site, prices_of};
use told::{Cost, Told};

/// Say what something would cost, in requests, bytes and money, before it is done
///
/// Of each copy. Nothing is written there, and little is read: names, records and listings. What it is in
/// money is known where offsite.toml names prices. Where a copy could not be asked, it ends with 7.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Say how long it takes on a line that carries so many bytes a second (such as 500k or 2M)
    #[arg(long, global = true, value_name = "RATE", value_parser = rate)]
    bandwidth: Option<NonZeroU64>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// What a backup would send
    Backup(Box<backup::Args>),
    /// What a prune would fetch, write and give back
    Prune(prune::Args),
    /// What a verify would fetch
    Verify(verify::Args),
    /// What a restore would fetch
    Restore(verbs::RestoreArgs),
}

impl What {
    const fn verb(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Prune(_) => "prune",
            Self::Verify(_) => "verify",
            Self::Restore(_) => "restore",
        }
    }
}

pub fn run(context: &Context, args: &Args) -> Result {
    let source = match &args.what {
        What::Backup(what) => Some(what.options(context)?),
        _ => None,
    };
    let mut forecast = None;
    let mut told = Vec::new();
    let places = context.places()?;
    let several = places.len() > 1;
    for place in places {
        let at = context.at(&place);
        let cost = cost_at(&at, &place, args, source.as_ref(), &mut forecast);
        context.progress.finish();
        let cost = match cost {
            Err(failure) if !may_be_elsewhere(&failure) => return Err(failure),
            cost => cost,
        };
        if let Some(failure) = cost.as_ref().err().filter(|_| several) {
            let (name, why) = (show::harmless(place.name.as_bytes()), failure.in_one_line());
            context
                .progress
                .notice(&format!("{name} is left out: {why}"));
        }
        let prices = prices_of(context, &place)?;
        told.push(Told {
            place,
            prices,
            cost,
        });
    }
    if told.iter().all(|one| one.cost.is_err()) {
        let failures = told.into_iter().filter_map(|one| one.cost.err());
        if let Some(failure) = failures.into_iter().next() {
            return Err(failure);
        }
        return Ok(Status::Done);
    }
    if context.global.json {
        output::json(&told::document(args.what.verb(), &told))?;
    } else {
        output::lines(&told::lines(&told))?;
    }
    Ok(match told.iter().all(|one| one.cost.is_ok()) {
        true => Status::Done,
        false => Status::Behind,
    })
}

fn cost_at(
    context: &Context,
    place: &Place,
    args: &Args,
    source: Option<&BackupOptions>,
    forecast: &mut Option<Forecast>,
) -> std::result::Result<Cost, Failure> {
    let access = match args.what {
        What::Prune(_) => Access::ReaderIfGiven,
        _ => Access::Writer,
    };
    let site = Site::open(context, place, access, args.bandwidth)?;
    match (&args.what, source) {
        (What::Backup(_), Some(options)) => site.backup(options, forecast),
        (What::Backup(_), None) => Err(Failure::usage("nothing to back up was named", "")),
        (What::Prune(what), _) => site.prune(what),
        (What::Verify(what), _) => site.verify(what),
        (What::Restore(what), _) => site.restore(what),
    }
}
