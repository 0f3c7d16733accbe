//! What a prune would ask of the store: its own dry run, counted, and what the prune does beyond it,
//! which is to read what it rewrites, to write, and to delete.

use std::sync::Arc;

use crate::format::{Kind, padme};
use crate::index::{Index, Trust};
use crate::ops::Result;
use crate::ops::prune::{PruneOptions, PruneReport, prune};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::store::tally::{Tally, Traffic};

/// What is fetched of a pack to see what it holds, mostly.
const PACK_END_BYTES: u64 = 64 * 1024;

/// What a prune would do and ask of the store.
#[derive(Debug)]
pub struct PruneEstimate {
    /// As of a dry run.
    pub report: PruneReport,
    /// Opening the repository is not included.
    pub traffic: Traffic,
}

/// Says what a prune with these options would cost. Nothing is written to the store.
///
/// # Errors
/// As those of a prune in a dry run.
pub fn estimate_prune(
    repository: &Repository,
    index: &Index,
    trust: &Trust,
    options: &PruneOptions,
    progress: &dyn Progress,
) -> Result<PruneEstimate> {
    let tally = Arc::new(Tally::new(Arc::clone(&repository.store)));
    let counted = Repository {
        store: Arc::clone(&tally) as _,
        ..repository.clone()
    };
    let options = PruneOptions {
        dry_run: true,
        ..options.clone()
    };
    let report = prune(&counted, index, trust, &options, progress)?;
    let pack_bytes = u64::from(repository.parameters.pack_bytes.max(1));
    let traffic = tally.take() + beyond_the_dry_run(&report, pack_bytes);
    Ok(PruneEstimate { report, traffic })
}

fn beyond_the_dry_run(report: &PruneReport, pack_bytes: u64) -> Traffic {
    // The time is asked once, before all.
    let mut traffic = Traffic {
        head: 1,
        ..Traffic::default()
    };
    // Looked at once more, then deleted.
    traffic.head += report.swept.packs;
    traffic.delete += report.swept.packs + report.segments_deleted + report.plans_deleted;
    traffic.get += report.to_prove.packs;
    traffic.bytes_down += report.to_prove.bytes;
    let rewritten = report.to_rewrite;
    if rewritten.packs > 0 {
        let new = report.to_rewrite_into_bytes.div_ceil(pack_bytes).max(1);
        traffic.get += rewritten.packs;
        traffic.bytes_down += rewritten.bytes;
        // Then each says once more what it holds, before it is marked.
        traffic.get += rewritten.packs;
        traffic.bytes_down +=
            rewritten.packs * (rewritten.bytes / rewritten.packs).min(PACK_END_BYTES);
        // The new packs, each asked for its time, and the segment that names them.
        traffic.put += new + 1;
        traffic.head += new;
        traffic.bytes_up += report.to_rewrite_into_bytes;
    }
    // What is dead and what lies elsewhere too are condemned by a plan each.
    for packs in [report.marked.packs, rewritten.packs] {
        if packs > 0 {
            let plan = 32 * (packs + report.snapshots);
            let least = Kind::Plan.padded_bytes_min().unwrap_or(0);
            traffic.put += 1;
            traffic.bytes_up += padme::padded(plan, least);
            // The time before it, and the time that it got.
            traffic.head += 2;
        }
    }
    if report.segments_to_replace > 0 {
        traffic.get += report.segments_to_replace;
        traffic.put += 1;
    }
    traffic
}
