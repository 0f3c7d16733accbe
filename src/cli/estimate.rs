//! `offsite estimate`

mod told;
mod verbs;

use std::num::NonZeroU64;
use std::sync::Arc;

use clap::{Args as ClapArgs, Subcommand};

use super::context::{Access, Context};
use super::exit::{Failure, Result, Status};
use super::global::rate;
use super::places::{Medium, Place};
use super::prices::Prices;
use super::{backup, output, prune, show, verify};
use crate::ops::{BackupOptions, Forecast, Opened, StateFolder};
use crate::progress::Progress;
use crate::store::tally::{Tally, Traffic};
use told::Cost;

/// Say what something would cost, in requests, bytes and money, before it is done
///
/// Of each copy. Nothing is written there, and little is read: names, records and listings. What it is in
/// money is known where offsite.toml names prices.
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

/// One copy, opened and looked at.
struct Site<'c> {
    context: &'c Context,
    place: &'c Place,
    opened: Opened,
    state: StateFolder,
    tally: Arc<Tally>,
    /// What opening it takes, which the verb does as well.
    opening: Traffic,
    /// What a look at it takes; what that fetched is remembered.
    look: Traffic,
    bandwidth: Option<NonZeroU64>,
}

/// A copy, and what the verb costs there.
struct Told {
    place: Place,
    prices: Option<Prices>,
    cost: std::result::Result<Cost, Failure>,
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
    Ok(Status::Done)
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

impl<'c> Site<'c> {
    fn open(
        context: &'c Context,
        place: &'c Place,
        access: Access,
        bandwidth: Option<NonZeroU64>,
    ) -> std::result::Result<Self, Failure> {
        let store = context
            .store_at(place, false)
            .map_err(|failure| failure.with_address(&place.name))?;
        let tally = Arc::new(Tally::new(store));
        let (repository, state) = context.repository_in(place, Arc::clone(&tally) as _, access)?;
        let index = state.open_index(&place.key())?;
        let opening = tally.take();
        let opened = Opened::look(repository, index, context.progress.as_ref())?;
        Ok(Self {
            context,
            place,
            opened,
            state,
            opening,
            look: tally.take(),
            tally,
            bandwidth,
        })
    }

    /// A look that finds nothing new.
    const fn look_again(&self) -> Traffic {
        Traffic {
            get: 0,
            bytes_down: 0,
            ..self.look
        }
    }

    /// How long so many bytes take, where somebody said how fast the line is.
    fn seconds(&self, bytes: u64, limit: Option<NonZeroU64>) -> Option<f64> {
        let rate = match (self.bandwidth, limit) {
            (Some(line), Some(limit)) => line.min(limit),
            (line, limit) => line.or(limit)?,
        };
        Some(bytes as f64 / rate.get() as f64)
    }

    /// `traffic` is that of the verb, opening included.
    fn cost(&self, traffic: Traffic, plan: serde_json::Value, lines: Vec<String>) -> Cost {
        let limits = &self.place.limits;
        Cost {
            seconds_up: self.seconds(traffic.bytes_up, limits.upload),
            seconds_down: self.seconds(traffic.bytes_down, limits.download),
            traffic,
            tolerance: 0,
            bytes_stored: 0,
            early_byte_seconds: 0,
            plan,
            lines,
            spent: self.opening + self.look + self.tally.take(),
        }
    }
}

/// The prices of a copy: its own, or those of clouds.
fn prices_of(context: &Context, place: &Place) -> std::result::Result<Option<Prices>, Failure> {
    let common = &context.configuration()?.prices;
    let common = (place.medium == Medium::Cloud).then(|| common.clone());
    let prices = place.prices.clone().or(common);
    Ok(prices.filter(Prices::is_any))
}
