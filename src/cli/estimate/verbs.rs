//! What each verb would cost at one copy.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::json;

use super::site::{Site, prices_of};
use super::told::Cost;
use crate::cli::exit::Failure;
use crate::cli::part::Part;
use crate::cli::restore::Choice;
use crate::cli::typed_path::understand;
use crate::cli::{prune, show, verify};
use crate::ops::{
    self, BackupOptions, Forecast, PackReads, PruneReport, RestoreOptions, Shares, VerifyOptions,
};
use crate::repository::SnapshotFilter;
use crate::store::tally::Traffic;

/// What a restore would fetch
#[derive(ClapArgs, Debug)]
pub struct RestoreArgs {
    #[command(flatten)]
    choice: Choice,
    /// A folder: what is there and right already is not counted
    #[arg(long, value_name = "DIR")]
    target: Option<PathBuf>,
    #[command(flatten)]
    part: Part,
}

impl RestoreArgs {
    fn options(&self, path: &[u8]) -> RestoreOptions {
        RestoreOptions {
            // Nothing can be beneath what is no folder.
            target: self.target.clone().unwrap_or_else(|| "/nowhere".into()),
            dry_run: true,
            ..self.part.options(path)
        }
    }
}

impl Site<'_> {
    /// The walk is made once, for the first copy.
    pub fn backup(
        &self,
        options: &BackupOptions,
        forecast: &mut Option<Forecast>,
    ) -> Result<Cost, Failure> {
        let (repository, index) = (&self.opened.repository, &self.opened.index);
        let forecast = match forecast {
            Some(made) => made,
            None => {
                let (snapshots, progress) = (&self.opened.snapshots, &self.context.progress);
                let made = ops::forecast(repository, index, snapshots, options, progress.as_ref())?;
                forecast.insert(made)
            }
        };
        let sending = self.seconds(forecast.packs.bytes, self.place.limits.upload);
        let sending = sending.and_then(|it| Duration::try_from_secs_f64(it).ok());
        let looked = self.look_again();
        let made = ops::estimate_backup(repository, looked, forecast, sending, options)?;
        let mut cost = self.cost(
            self.opening + made.traffic,
            backup_plan(forecast),
            backup_lines(forecast),
        );
        cost.tolerance = made.tolerance;
        cost.bytes_stored = i128::from(made.traffic.bytes_up);
        Ok(cost)
    }

    pub fn prune(&self, args: &prune::Args) -> Result<Cost, Failure> {
        let trust = self.state.open_trust()?;
        let mut options = args.options(self.context, &trust)?;
        let prices = prices_of(self.context, self.place)?;
        let days = prices.and_then(|it| it.minimum_storage_days).unwrap_or(0);
        options.billed_storage = Duration::from_secs(u64::from(days) * 86_400);
        let (repository, index) = (&self.opened.repository, &self.opened.index);
        let progress = self.context.progress.as_ref();
        let made = ops::estimate_prune(repository, index, &trust, &options, progress)?;
        let report = &made.report;
        let plan = json!({
            "snapshots": report.snapshots,
            "swept_packs": report.swept.packs,
            "swept_bytes": report.swept.bytes,
            "marked_packs": report.marked.packs,
            "marked_bytes": report.marked.bytes,
            "rewritten_packs": report.to_rewrite.packs,
            "rewritten_bytes": report.to_rewrite.bytes,
            "rewritten_into_bytes": report.to_rewrite_into_bytes,
            "rewritable_bytes": report.rewritable.bytes,
            "minimum_storage_bytes": report.paid_for.bytes,
            "kept_bytes": report.kept.bytes,
        });
        let mut cost = self.cost(self.opening + made.traffic, plan, prune_lines(report));
        let goes = report.swept.bytes + report.marked.bytes + report.to_rewrite.bytes;
        cost.bytes_stored = i128::from(report.to_rewrite_into_bytes) - i128::from(goes);
        cost.early_byte_seconds = report.early_byte_seconds;
        Ok(cost)
    }

    pub fn verify(&self, args: &verify::Args) -> Result<Cost, Failure> {
        let mut part = args.part();
        for name in args.snapshots() {
            let one = self.opened.snapshot(name, &SnapshotFilter::default())?;
            part.snapshots.push(one.id);
        }
        let reads = PackReads::new(self.state.open_trust()?, self.place.key());
        part.reads = Some(reads.into());
        let options = VerifyOptions {
            data: args.reads_data(),
        };
        let (repository, index) = (&self.opened.repository, &self.opened.index);
        let snapshots = &self.opened.snapshots;
        let progress = self.context.progress.as_ref();
        let made = ops::estimate_verify(repository, index, snapshots, &options, &part, progress)?;
        let plan = json!({
            "snapshots": made.snapshots,
            "packs_read": made.packs_read,
            "packs_total": made.packs_total,
            "pack_bytes_read": made.pack_bytes_read,
            "pack_bytes_total": made.pack_bytes_total,
        });
        let snapshots = show::counted(made.snapshots, "snapshot", "snapshots");
        let mut lines = vec![match options.data {
            true => format!(
                "{snapshots}, and {} of {} of contents read ({} of {}).",
                show::count(made.packs_read),
                show::counted(made.packs_total, "pack", "packs"),
                show::bytes(made.pack_bytes_read),
                show::bytes(made.pack_bytes_total),
            ),
            false => format!("{snapshots}; contents are looked for and not read."),
        }];
        if made.is_drawn {
            lines.push("Which packs they are is drawn anew each time.".to_owned());
        }
        // A verify of chosen snapshots looks for them first.
        let looked = match args.snapshots() {
            [] => Traffic::default(),
            _ => self.look_again(),
        };
        Ok(self.cost(self.opening + looked + made.traffic, plan, lines))
    }

    pub fn restore(&self, args: &RestoreArgs) -> Result<Cost, Failure> {
        let snapshot = args.choice.choose(self.context, &self.opened)?;
        let (repository, index) = (&self.opened.repository, &self.opened.index);
        let progress = self.context.progress.as_ref();
        let typed = args.part.path.clone().unwrap_or_default();
        let made = understand(&typed, |path| {
            let options = args.options(path);
            ops::estimate_restore(repository, index, &snapshot.record, &options, progress)
        })?;
        let report = &made.report;
        let plan = json!({
            "snapshot": snapshot.id.to_string(),
            "files": report.files_restored,
            "files_skipped": report.files_skipped,
            "bytes": report.bytes_restored,
            "packs": report.packs_to_fetch,
            "pack_bytes": report.bytes_to_fetch,
        });
        let id: String = snapshot.id.to_string().chars().take(12).collect();
        let mut lines = vec![format!(
            "Snapshot {id} of {}: {} of {}, for which {} are fetched out of {}.",
            show::time(snapshot.record.time),
            show::counted(report.files_restored, "file", "files"),
            show::bytes(report.bytes_restored),
            show::bytes(report.bytes_to_fetch),
            show::counted(report.packs_to_fetch, "pack", "packs"),
        )];
        if report.files_skipped > 0 {
            let files = show::counted(report.files_skipped, "file is", "files are");
            lines.push(format!("{files} there already."));
        }
        // The passphrase opens a key slot.
        let unlocking = Traffic {
            list: 1,
            get: 1,
            ..Traffic::default()
        };
        let opening = self.opening + unlocking + self.look_again();
        Ok(self.cost(opening + made.traffic, plan, lines))
    }
}

fn backup_plan(forecast: &Forecast) -> serde_json::Value {
    let look = &forecast.look;
    let Shares {
        files_new,
        files_compressed,
        dump_new,
        dump_compressed,
    } = forecast.shares;
    json!({
        "files_new": look.files_new,
        "files_changed": look.files_changed,
        "files_unmodified": look.files_unmodified,
        "bytes_total": look.bytes_total,
        "bytes_to_read": look.bytes_to_read,
        "database_bytes": forecast.dump_bytes,
        "bytes_added": forecast.bytes_added,
        "bytes_stored": forecast.bytes_stored,
        "packs": forecast.packs.number,
        "shares": {
            "files_new": files_new,
            "files_compressed": files_compressed,
            "database_new": dump_new,
            "database_compressed": dump_compressed,
        },
        "problems_total": look.problems_total,
    })
}

fn backup_lines(forecast: &Forecast) -> Vec<String> {
    let look = &forecast.look;
    let mut lines = vec![format!(
        "{}: {} new, {} changed; {} would be read.",
        show::counted(look.files_total(), "file", "files"),
        show::count(look.files_new),
        show::count(look.files_changed),
        show::bytes(look.bytes_to_read),
    )];
    lines.extend(match (forecast.has_database, forecast.dump_bytes) {
        (true, Some(bytes)) => Some(format!("The dump is taken to have {}.", show::bytes(bytes))),
        (true, None) => Some("How large the dump gets is not known; it is not counted.".to_owned()),
        (false, _) => None,
    });
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let by = match (forecast.shares.files_new, forecast.shares.files_compressed) {
        (Some(new), Some(compressed)) => format!(
            "as before, when {} of what was read was new and took {} of its length",
            percent(new),
            percent(compressed)
        ),
        _ => "if nothing of it is there twice, or gets shorter".to_owned(),
    };
    lines.push(format!(
        "An estimate: {} of new contents, {by}: about {}.",
        show::bytes(forecast.bytes_added),
        show::counted(forecast.packs.number, "pack", "packs"),
    ));
    if look.problems_total > 0 {
        let files = show::counted(look.problems_total, "file or folder", "files or folders");
        lines.push(format!("{files} could not be looked at."));
    }
    lines
}

fn prune_lines(report: &PruneReport) -> Vec<String> {
    let packs = |number: u64| show::counted(number, "pack", "packs");
    let mut lines = Vec::new();
    let mut say = |sum: ops::Sum, text: &str| {
        if sum.packs > 0 {
            lines.push(format!(
                "{} of {} {text}",
                packs(sum.packs),
                show::bytes(sum.bytes)
            ));
        }
    };
    say(report.swept, "would be deleted.");
    say(
        report.marked,
        "would be marked, and deleted after the grace.",
    );
    say(
        report.paid_for,
        "stay for as long as they are paid for anyway.",
    );
    if report.to_rewrite.packs > 0 {
        lines.push(format!(
            "{} of {} would be fetched and written anew, of which {} are needed.",
            packs(report.to_rewrite.packs),
            show::bytes(report.to_rewrite.bytes),
            show::bytes(report.to_rewrite_into_bytes),
        ));
    }
    let without = report
        .rewritable
        .packs
        .saturating_sub(report.to_rewrite.packs);
    if without > 0 {
        lines.push(format!(
            "{} more could be written anew, with the passphrase or the words.",
            packs(without)
        ));
    }
    if lines.is_empty() {
        lines.push("There is nothing to give back.".to_owned());
    }
    lines
}
