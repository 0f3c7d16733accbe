//! `offsite verify --json`, and what it is made of.

use serde_json::{Value, json};

use super::each_copy::EachCopy;
use super::show;
use crate::ops::{self, VerifyReport};

/// What came out at one copy.
pub struct Verified {
    pub report: VerifyReport,
    /// Names of what was put back.
    pub healed: Vec<String>,
    /// The name of what was written down.
    pub proof: Option<String>,
    pub has_others: bool,
}

/// Of one copy what was found there; of several the sums, and each.
pub fn document(each: &EachCopy<Verified>, is_healing: bool) -> Value {
    let mut documents = each.done.iter().map(|(place, one)| {
        let mut document = as_json(&one.report);
        document["proof"] = json!(one.proof);
        for damage in document["damage"].as_array_mut().into_iter().flatten() {
            damage["repository"] = json!(place.name);
        }
        if is_healing {
            document["healed"] = json!(one.healed);
        }
        (place.name.as_str(), document)
    });
    if each.is_one() {
        return documents.next().map(|(_, one)| one).unwrap_or_default();
    }
    let documents: Vec<_> = documents.collect();
    let mut sums = sums(documents.iter().map(|(_, one)| one));
    let each_named = documents.into_iter().map(|(name, mut one)| {
        one["name"] = json!(name);
        one
    });
    sums["repositories"] = each_named.collect();
    sums["missed"] = each.missed_json();
    sums
}

fn as_json(report: &VerifyReport) -> Value {
    let damage: Vec<_> = report
        .damage
        .iter()
        .map(|damage| {
            json!({
                "object": damage.object,
                "problem": damage.problem,
                "snapshots": damage.snapshots.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "files": damage.files.iter().map(|path| show::harmless(path)).collect::<Vec<_>>(),
                "files_total": damage.files_total,
            })
        })
        .collect();
    json!({
        "ok": report.is_sound(),
        "snapshots_checked": report.snapshots_checked,
        "snapshots_total": report.snapshots_total,
        "packs_read": report.packs_read,
        "packs_total": report.packs_total,
        "pack_bytes_read": report.pack_bytes_read,
        "pack_bytes_total": report.pack_bytes_total,
        "packs_checked": report.packs_checked,
        "objects_checked": report.objects_checked,
        "files_checked": report.files_checked,
        "bytes_read": report.bytes_read,
        "decrypted": report.decrypted,
        "unknown_objects": report.unknown_objects,
        "checksums_compared": report.checksums.agreeing,
        "checksums_unknown": report.checksums.unknown,
        "coverage": coverage_json(report),
        "damage": damage,
    })
}

/// Several documents as one: numbers are added up, lists joined, and what was true of all is true.
/// What makes sense for one copy only is left out.
fn sums<'d>(mut documents: impl Iterator<Item = &'d Value>) -> Value {
    let mut sums = documents.next().cloned().unwrap_or_default();
    for more in documents {
        for (name, sum) in sums.as_object_mut().into_iter().flatten() {
            match (sum, &more[name.as_str()]) {
                (Value::Bool(sum), more) => *sum &= more.as_bool().unwrap_or(false),
                (Value::Array(sum), Value::Array(more)) => sum.extend(more.iter().cloned()),
                (sum @ Value::Number(_), more) => {
                    let both = sum.as_u64().unwrap_or(0) + more.as_u64().unwrap_or(0);
                    *sum = both.into();
                }
                _ => {}
            }
        }
    }
    if let Some(sums) = sums.as_object_mut() {
        sums.retain(|_, sum| !(sum.is_null() || sum.is_object() || sum.is_string()));
    }
    sums
}

fn coverage_json(report: &VerifyReport) -> Value {
    let Some(coverage) = report.coverage else {
        return Value::Null;
    };
    json!({
        "days": ops::RECENT_DAYS,
        "bytes_read": coverage.recent_bytes,
        "bytes_total": coverage.total_bytes,
        "packs_never_read": coverage.never_read,
        "oldest_reading": coverage.oldest.map(show::rfc3339),
    })
}
