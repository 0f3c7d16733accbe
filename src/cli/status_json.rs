//! `offsite status --json`.

use serde_json::{Value, json};

use super::show;
use super::status_words::about;
use crate::ops::status::{Board, CopyStatus, Facts, Newest, Proven, Word};
use crate::seams::Timestamp;

/// The whole board.
pub fn document(board: &Board) -> Value {
    let checks: Vec<Value> = board
        .checks
        .iter()
        .map(|check| {
            let words = about(board, check);
            json!({
                "name": words.name,
                "repository": words.repository,
                "ok": check.ok,
                "detail": words.detail,
                "hint": if check.ok { "" } else { words.hint.as_str() },
            })
        })
        .collect();
    let repositories = board.repositories.iter();
    json!({
        "satisfied": board.is_satisfied(),
        "copies": board.copies,
        "media": board.media,
        "offsite": board.offsite,
        "checks": checks,
        "repositories": repositories.map(|copy| of_copy(board, copy)).collect::<Vec<_>>(),
        "requests": board.requests(),
    })
}

fn of_copy(board: &Board, copy: &CopyStatus) -> Value {
    let mut document = json!({
        "name": copy.name,
        "url": copy.url,
        "medium": copy.medium,
        "offsite": copy.offsite,
        "counts": copy.counts,
        "bytes_free": copy.bytes_free,
    });
    let more = match &copy.found {
        Ok(facts) => of_facts(board, copy, facts),
        Err(unreachable) => json!({
            "reachable": false,
            "error": unreachable.reason,
            "last_seen": unreachable.remembered.map(|it| json!({
                "time": show::rfc3339(it.looked),
                "snapshots": it.snapshots,
                "bytes_stored": it.bytes_stored,
                "latest_time": it.newest.map(show::rfc3339),
            })),
        }),
    };
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    document
}

fn of_facts(board: &Board, copy: &CopyStatus, facts: &Facts) -> Value {
    let vanished = facts.vanished.as_ref().ok().map(|vanished| {
        let ids = vanished.iter().map(|one| one.id.to_string());
        ids.collect::<Vec<_>>()
    });
    json!({
        "reachable": true,
        "snapshots": facts.snapshots.len(),
        "latest": facts.newest.as_ref().map(|newest| latest(board.now, newest)),
        "vanished": vanished,
        "behind": copy.behind,
        "same_as": copy.same_as.and_then(|at| board.repositories.get(at)).map(|it| &it.name),
        "bytes_stored": facts.bytes_stored,
        "packs": facts.packs,
        "bytes_snapshots": facts.bytes_snapshots,
        "bytes_added_30_days": facts.bytes_added,
        "verify": board.verify(facts).map(proven),
        "drill": facts.drill.as_ref().map(proven),
        "hosts": facts.hosts.iter().map(|(host, newest)| {
            json!({ "host": host, "latest_time": show::rfc3339(*newest) })
        }).collect::<Vec<_>>(),
        "locked_until": facts.locked.map(|locked| show::rfc3339(locked.until)),
        "prune": facts.prune.map(|prune| json!({
            "from": show::rfc3339(prune.from), "packs": prune.packs,
        })),
        "requests": facts.requests,
    })
}

fn latest(now: Timestamp, newest: &Newest) -> Value {
    json!({
        "id": newest.id.to_string(),
        "time": show::rfc3339(newest.time),
        "age_seconds": now.since(newest.time).as_secs(),
        "host": newest.host,
        "suspect": newest.suspect,
    })
}

fn proven(proven: &Proven) -> Value {
    json!({
        "time": show::rfc3339(proven.ended),
        "ok": proven.ok,
        "host": proven.host,
        "signed": proven.word == Word::Owner,
        "word_of": match proven.word {
            Word::Owner => "owner",
            Word::ThisHost => "this_host",
            Word::Reported => "host",
        },
        // Of a thousand.
        "share": proven.share_permille.map(|permille| permille as f64 / 1000.0),
    })
}
