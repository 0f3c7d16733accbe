//! How an estimate is told: to people a few lines a copy, to scripts a document.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::exit::Failure;
use crate::cli::places::Place;
use crate::cli::prices::{Bill, Prices};
use crate::cli::show;
use crate::store::tally::Traffic;

/// A copy, and what the verb costs there.
pub struct Told {
    pub place: Place,
    pub prices: Option<Prices>,
    pub cost: Result<Cost, Failure>,
}

/// What a verb would cost at one copy.
pub struct Cost {
    /// What it would ask of the store, opening included.
    pub traffic: Traffic,
    /// By so many requests that may be off.
    pub tolerance: u64,
    /// Bytes that are stored more or less once all is done, deletions after a grace included.
    pub bytes_stored: i128,
    /// What is deleted and paid for longer.
    pub early_byte_seconds: u128,
    pub seconds_up: Option<f64>,
    pub seconds_down: Option<f64>,
    /// Of the verb, for scripts and for people.
    pub plan: Value,
    pub lines: Vec<String>,
    /// What the estimate itself asked of the store.
    pub spent: Traffic,
}

pub fn document(verb: &str, told: &[Told]) -> Value {
    let copies: Vec<Value> = told.iter().map(copy).collect();
    json!({ "verb": verb, "copies": copies })
}

fn copy(told: &Told) -> Value {
    let url = told.place.url.to_string();
    let cost = match &told.cost {
        Ok(cost) => cost,
        Err(failure) => {
            let error = failure.in_one_line();
            return json!({ "name": told.place.name, "url": url, "error": error });
        }
    };
    let traffic = &cost.traffic;
    let money = told.prices.as_ref().map(|prices| money(prices, cost));
    json!({
        "name": told.place.name,
        "url": url,
        "error": null,
        "requests": {
            "put": traffic.put, "get": traffic.get, "list": traffic.list,
            "head": traffic.head, "delete": traffic.delete, "tolerance": cost.tolerance,
        },
        "bytes_up": traffic.bytes_up,
        "bytes_down": traffic.bytes_down,
        "bytes_stored": cost.bytes_stored as i64,
        "seconds_up": cost.seconds_up,
        "seconds_down": cost.seconds_down,
        "money": money,
        "plan": cost.plan,
        "spent": { "requests": cost.spent.requests(), "bytes_down": cost.spent.bytes_down },
    })
}

fn money(prices: &Prices, cost: &Cost) -> Value {
    let bill = prices.bill(&cost.traffic, cost.early_byte_seconds);
    json!({
        "currency": prices.currency,
        "requests": bill.requests,
        "egress": bill.egress,
        "early_deletion": bill.early_deletion,
        "total": bill.total(),
        "storage_per_month": per_month(prices, cost),
        "unknown_prices": bill.unknown,
    })
}

/// What is paid more each month, or less.
fn per_month(prices: &Prices, cost: &Cost) -> Option<f64> {
    let bytes = u64::try_from(cost.bytes_stored.unsigned_abs()).unwrap_or(u64::MAX);
    let sign = if cost.bytes_stored < 0 { -1.0 } else { 1.0 };
    prices.month(bytes).map(|amount| sign * amount)
}

pub fn lines(told: &[Told]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in told {
        let Ok(cost) = &one.cost else { continue };
        if told.len() > 1 {
            lines.push(format!("{}:", show::harmless(one.place.name.as_bytes())));
        }
        lines.extend(cost.lines.iter().cloned());
        lines.push(requests(cost));
        lines.push(bytes(cost));
        lines.extend(one.prices.iter().flat_map(|prices| bill(prices, cost)));
    }
    let is_priceless = |one: &Told| one.prices.is_none() && !one.place.is_folder();
    if told.iter().any(is_priceless) {
        lines.push(
            "What that is in money is not known: [prices] of offsite.toml says what a provider \
             asks for (offsite config example shows how)."
                .to_owned(),
        );
    }
    lines
}

fn requests(cost: &Cost) -> String {
    let traffic = &cost.traffic;
    let kinds = [
        (traffic.put, "PUT"),
        (traffic.get, "GET"),
        (traffic.list, "LIST"),
        (traffic.head, "HEAD"),
        (traffic.delete, "DELETE"),
    ];
    let kinds = kinds.iter().filter(|(number, _)| *number > 0);
    let kinds: Vec<String> = kinds
        .map(|(number, kind)| format!("{} {kind}", show::count(*number)))
        .collect();
    let about = match cost.tolerance {
        0 => String::new(),
        some => format!(", {} more or less", show::count(some)),
    };
    let all = show::counted(traffic.requests(), "request", "requests");
    format!("  {all}: {}{about}", kinds.join(", "))
}

fn bytes(cost: &Cost) -> String {
    let way = |bytes: u64, what: &str, seconds: Option<f64>| {
        let time = seconds.and_then(|it| Duration::try_from_secs_f64(it).ok());
        let time = time.filter(|_| bytes > 0).map(show::duration);
        let time = time.map_or(String::new(), |time| format!(" in {time}"));
        format!("{} {what}{time}", show::bytes(bytes))
    };
    let stored = u64::try_from(cost.bytes_stored.unsigned_abs()).unwrap_or(u64::MAX);
    let stored = match cost.bytes_stored {
        0 => String::new(),
        ..0 => format!("; {} less are stored in the end", show::bytes(stored)),
        _ => format!("; {} more are stored then", show::bytes(stored)),
    };
    format!(
        "  {}, {}{stored}",
        way(cost.traffic.bytes_up, "up", cost.seconds_up),
        way(cost.traffic.bytes_down, "down", cost.seconds_down)
    )
}

fn bill(prices: &Prices, cost: &Cost) -> Vec<String> {
    let bill: Bill = prices.bill(&cost.traffic, cost.early_byte_seconds);
    let mut parts = vec![format!("{} for requests", prices.shown(bill.requests))];
    if bill.egress > 0.0 {
        parts.push(format!("{} for what is fetched", prices.shown(bill.egress)));
    }
    if bill.early_deletion > 0.0 {
        let fee = prices.shown(bill.early_deletion);
        parts.push(format!("{fee} for what is deleted early"));
    }
    let mut lines = vec![format!(
        "  {}: {}",
        prices.shown(bill.total()),
        parts.join(", ")
    )];
    if let Some(amount) = per_month(prices, cost).filter(|amount| *amount != 0.0) {
        let more = if amount < 0.0 { "less" } else { "more" };
        let amount = prices.shown(amount.abs());
        lines.push(format!("  {amount} {more} a month for storage"));
    }
    if !bill.unknown.is_empty() {
        let keys = bill.unknown.join(", ");
        lines.push(format!("  not counted, because no price is set: {keys}"));
    }
    lines
}
