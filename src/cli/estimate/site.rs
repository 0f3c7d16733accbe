//! One copy that an estimate is about: opened and looked at, with what that took.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::told::Cost;
use crate::cli::context::{Access, Context};
use crate::cli::exit::Failure;
use crate::cli::places::{Medium, Place};
use crate::cli::prices::Prices;
use crate::ops::{Opened, StateFolder};
use crate::store::tally::{Tally, Traffic};

/// One copy, opened and looked at.
pub struct Site<'c> {
    pub context: &'c Context,
    pub place: &'c Place,
    pub opened: Opened,
    pub state: StateFolder,
    pub tally: Arc<Tally>,
    /// What opening it takes, which the verb does as well.
    pub opening: Traffic,
    /// What a look at it takes; what that fetched is remembered.
    pub look: Traffic,
    pub bandwidth: Option<NonZeroU64>,
}

impl<'c> Site<'c> {
    pub fn open(
        context: &'c Context,
        place: &'c Place,
        access: Access,
        bandwidth: Option<NonZeroU64>,
    ) -> Result<Self, Failure> {
        let store = context.store_at(place, false).map_err(|failure| {
            context.known_to_be_there(place, failure.with_address(&place.name))
        })?;
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
    pub const fn look_again(&self) -> Traffic {
        Traffic {
            get: 0,
            bytes_down: 0,
            ..self.look
        }
    }

    /// How long so many bytes take, where somebody said how fast the line is.
    pub fn seconds(&self, bytes: u64, limit: Option<NonZeroU64>) -> Option<f64> {
        let rate = match (self.bandwidth, limit) {
            (Some(line), Some(limit)) => line.min(limit),
            (line, limit) => line.or(limit)?,
        };
        Some(bytes as f64 / rate.get() as f64)
    }

    /// `traffic` is that of the verb, opening included.
    pub fn cost(&self, traffic: Traffic, plan: serde_json::Value, lines: Vec<String>) -> Cost {
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
pub fn prices_of(context: &Context, place: &Place) -> Result<Option<Prices>, Failure> {
    let common = &context.configuration()?.prices;
    let common = (place.medium == Medium::Cloud).then(|| common.clone());
    let prices = place.prices.clone().or(common);
    Ok(prices.filter(Prices::is_any))
}
