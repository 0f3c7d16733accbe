//! `offsite verify`

use std::sync::Arc;

use clap::Args as ClapArgs;

use super::context::{Access, Context, host_name};
use super::copies::with_its_head;
use super::exit::{Failure, Result, Status};
use super::verify_json::Verified;
use super::{output, show, verify_json, verify_text};
use crate::format::name::REPOSITORY;
use crate::index::Index;
use crate::ops::{self, Damage, PackReads, VerifyOptions, VerifyPart, VerifyReport};
use crate::progress::Progress;
use crate::repository::{Repository, SnapshotFilter};
use crate::seams::Timestamp;

/// So many files are named for each damaged object on the terminal.
const FILES_SHOWN_MAX: usize = 10;

/// Check that every snapshot is whole, in each copy of the repository
///
/// Without --data: every snapshot, listing and chunk is there, in a pack of the right size. With
/// --data every object is fetched and held against its name; if the passphrase or the words are
/// given as well, contents are decrypted and the id of every chunk is computed again.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Fetch and check every byte
    #[arg(long)]
    data: bool,
    /// Fetch and check only so many of a hundred packs, others each time (implies --data)
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    sample: Option<f64>,
    /// Fetch and check so much of each copy, such as 5GiB, beginning with what was read longest ago, so that a
    /// little every night comes round to everything (implies --data)
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "sample")]
    budget: Option<u64>,
    /// Fetch no contents, but hold the checksums that the store keeps of its objects against those in
    /// the index: the store's word, worth less than reading
    #[arg(long, conflicts_with_all = ["data", "sample", "budget"])]
    stored_checksums: bool,
    /// Check only what this snapshot needs: its id or its beginning, latest, or latest~N
    #[arg(long = "snapshot", value_name = "S")]
    snapshots: Vec<String>,
    /// Put back what is missing or damaged, from the other copies that --repo or the configuration
    /// name
    #[arg(long)]
    heal: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let each = context.at_each(|place| at_copy(&context.helped(place)?, args))?;
    if context.global.json {
        if each.has_document() {
            output::json(&verify_json::document(&each, args.heal))?;
        }
    } else {
        for (place, one) in &each.done {
            let Verified { report, healed, .. } = one;
            if !(context.global.quiet && report.is_sound() && healed.is_empty()) {
                output::lines(each.heading(place).as_slice())?;
                output::lines(&told(context, args, one))?;
            }
        }
    }
    let is_sound = each.done.iter().all(|(_, one)| one.report.is_sound());
    each.end(match is_sound {
        true => Status::Done,
        false => Status::Damage,
    })
}

/// Verifies the first of the places; the others help it.
fn at_copy(context: &Context, args: &Args) -> std::result::Result<Verified, Failure> {
    let data = args.reads_data();
    let began = context.seams.clock.now();
    let access = if data {
        Access::ReaderIfGiven
    } else {
        Access::Writer
    };
    let mut part = args.part();
    let (mut repository, index, head_was_mended) = opened(context, args, access, &mut part)?;
    let trust = context.state(repository.id())?.open_trust()?;
    let place = context.place()?.key();
    part.reads = Some(Arc::new(PackReads::new(trust, place.clone())));
    let options = VerifyOptions { data };
    let progress = context.progress.as_ref();
    let report = ops::verify_part(&repository, &index, &options, &part, progress);
    context.progress.finish();
    let mut report = report?;
    repository.others = context.others_of_the_first()?;
    let mut healed = Vec::new();
    if args.heal && !report.is_sound() {
        // What this host remembers goes before what another copy says.
        let kept = ops::trust::kept(&context.state(repository.id())?.open_trust()?, &place)?;
        let kept = |name: &str| kept.bytes_of(name);
        let mended = ops::heal(&repository, &index, report, &part, &kept, progress);
        context.progress.finish();
        let mended = mended?;
        healed = mended.healed.into_iter().map(|one| one.object).collect();
        report = mended.verify;
    }
    if head_was_mended {
        healed.insert(0, REPOSITORY.to_owned());
    }
    Ok(Verified {
        proof: prove(context, (&repository, &index), &report, began, &part),
        has_others: !repository.others.is_empty(),
        report,
        healed,
    })
}

/// The repository with its index, and whether its `repository` object had to be put back for that.
fn opened(
    context: &Context,
    args: &Args,
    access: Access,
    part: &mut VerifyPart,
) -> std::result::Result<(Repository, Index, bool), Failure> {
    if args.snapshots.is_empty() {
        let (repository, state, is_mended) = match args.heal {
            true => with_its_head(context, access)?,
            false => {
                let (repository, state) = context.repository(access)?;
                (repository, state, false)
            }
        };
        return Ok((repository, context.index(&state)?, is_mended));
    }
    // That of this copy, and no other.
    let opened = context.at(&context.place()?).look(access)?;
    for name in &args.snapshots {
        let one = opened.snapshot(name, &SnapshotFilter::default())?;
        part.snapshots.push(one.id);
    }
    Ok((opened.repository, opened.index, false))
}

fn told(context: &Context, args: &Args, one: &Verified) -> Vec<String> {
    let report = &one.report;
    let mut lines = mended(&one.healed);
    lines.extend(summary(report, args.reads_data()));
    lines.extend(verify_text::checksums(report, args.stored_checksums));
    lines.extend(verify_text::coverage(report, context.seams.clock.now()));
    lines.extend(advice(report, args.heal, one.has_others));
    lines
}

impl Args {
    pub fn reads_data(&self) -> bool {
        self.data || self.sample.is_some() || self.budget.is_some()
    }

    /// Names of the snapshots that are checked; none: all.
    pub fn snapshots(&self) -> &[String] {
        &self.snapshots
    }

    /// What is checked, the snapshots aside.
    pub fn part(&self) -> VerifyPart {
        VerifyPart {
            sample_percent: self.sample,
            budget_bytes: self.budget,
            stored_checksums: self.stored_checksums,
            ..VerifyPart::default()
        }
    }
}

/// Writes down in the repository what was found. Credentials that only read cannot do that, and the
/// verify is no worse for it.
fn prove(
    context: &Context,
    (repository, index): (&Repository, &Index),
    report: &VerifyReport,
    began: Timestamp,
    part: &VerifyPart,
) -> Option<String> {
    let snapshot = match part.snapshots.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    if report.snapshots_total == 0 {
        return None;
    }
    match ops::prove_verify(repository, index, report, &host_name(), began, snapshot) {
        Ok(proof) => Some(proof.id.to_string()),
        Err(error) => {
            context.progress.notice(&format!(
                "note: the result could not be written down in the repository: {error}"
            ));
            None
        }
    }
}

/// Bytes: `5GiB`, `500 MB`, `2G`; at least one.
fn size(text: &str) -> std::result::Result<u64, String> {
    let wrong = || "write a size such as 5GiB, 500MB or 2G".to_owned();
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let number: Option<u64> = digits.parse().ok();
    let size = number.and_then(|number| number.checked_mul(factor));
    size.filter(|size| *size > 0).ok_or_else(wrong)
}

/// What was put back.
fn mended(healed: &[String]) -> Vec<String> {
    if healed.is_empty() {
        return Vec::new();
    }
    let number = show::counted(healed.len() as u64, "object", "objects");
    let ink = show::ink_for_stdout();
    let such = match healed.len() > FILES_SHOWN_MAX {
        true => ", such as",
        false => "",
    };
    let mut lines = vec![ink.good(&format!("Healed {number}{such}:"))];
    let names = healed.iter().take(FILES_SHOWN_MAX);
    lines.extend(names.map(|name| format!("  {}", show::harmless(name.as_bytes()))));
    lines
}

/// What to do about damage.
fn advice(report: &VerifyReport, healed: bool, has_others: bool) -> Option<String> {
    let is_spare = |damage: &Damage| {
        damage.snapshots.is_empty()
            && !damage.is_remembered
            && ["packs/", "listings/"]
                .iter()
                .any(|it| damage.object.starts_with(it))
    };
    let text = match (report.is_sound(), healed, has_others) {
        (true, _, _) => return None,
        (false, true, _) if report.damage.iter().all(is_spare) => {
            "No snapshot needs what is still damaged: offsite prune lets it go in time."
        }
        (false, false, true) => "offsite verify --heal puts back what another copy has.",
        (false, true, true) => "No other copy that can be reached has what is still damaged.",
        (false, true, false) => {
            "There is no other copy to heal from: name one with a further --repo URL."
        }
        (false, false, false) => return None,
    };
    Some(text.to_owned())
}

/// More than nothing, at most everything: `5`, `2.5%`.
fn percent(text: &str) -> std::result::Result<f64, String> {
    let number: Option<f64> = text.trim().trim_end_matches('%').trim_end().parse().ok();
    number
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or_else(|| "write a share such as 5 or 2.5, of a hundred".to_owned())
}

fn summary(report: &VerifyReport, data: bool) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let is_new = report.snapshots_total == 0 && report.packs_checked == 0;
    if is_new && report.is_sound() && report.unknown_objects_total == 0 {
        let sentence =
            "There is no snapshot yet, and so nothing to check. offsite backup makes one.";
        return vec![sentence.to_owned()];
    }
    let is_sample = data && report.packs_read < report.packs_total;
    let how = match (data, report.decrypted) {
        _ if is_sample => "present and of the right size",
        (false, _) => "present and of the right size (offsite verify --data reads every byte)",
        (true, false) => "read and held against its name (give the passphrase to decrypt as well)",
        (true, true) => "read, decrypted, and every chunk's id computed again",
    };
    let mut lines = vec![format!(
        "Checked {} and {} ({}): {how}.",
        show::counted(report.snapshots_checked, "snapshot", "snapshots"),
        show::counted(report.packs_checked, "pack", "packs"),
        show::bytes(report.bytes_read),
    )];
    lines.extend(left_out(report, data));
    let is_part = is_sample || report.snapshots_checked < report.snapshots_total;
    if report.is_sound() && report.snapshots_total == 0 {
        lines.push("The repository holds no snapshot yet.".to_owned());
    } else if report.is_sound() && is_part {
        lines.push(ink.good("What was checked is whole."));
    } else if report.is_sound() {
        lines.push(ink.good("Everything is whole."));
    } else {
        let number = report.damage.len() as u64;
        lines.push(ink.bad(&format!(
            "{} or of an unknown version:",
            show::counted(number, "object damaged", "objects damaged")
        )));
        report
            .damage
            .iter()
            .for_each(|damage| describe(damage, &mut lines));
    }
    if report.unknown_objects_total > 0 {
        let number = show::counted(report.unknown_objects_total, "object", "objects");
        lines.push(format!("{number} of unknown names, left alone, such as:"));
        let names = report.unknown_objects.iter().take(FILES_SHOWN_MAX);
        lines.extend(names.map(|name| format!("  {}", show::harmless(name.as_bytes()))));
    }
    lines
}

/// What was not checked.
fn left_out(report: &VerifyReport, data: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let VerifyReport {
        snapshots_checked,
        snapshots_total,
        packs_read,
        packs_total,
        ..
    } = report;
    if snapshots_checked < snapshots_total {
        lines.push(format!(
            "Only what {} of {} needs; the others were not checked.",
            show::count(*snapshots_checked),
            show::counted(*snapshots_total, "snapshot", "snapshots"),
        ));
    }
    if data && packs_read < packs_total {
        lines.push(format!(
            "{} of {} of contents ({} of {}, {:.1} %) read and {}; the others were not read.",
            show::count(*packs_read),
            show::counted(*packs_total, "pack", "packs"),
            show::bytes(report.pack_bytes_read),
            show::bytes(report.pack_bytes_total),
            // Exact enough up to 9 PB.
            100.0 * report.pack_bytes_read as f64 / (report.pack_bytes_total.max(1)) as f64,
            if report.decrypted {
                "decrypted"
            } else {
                "held against their names"
            },
        ));
    }
    lines
}

fn describe(damage: &Damage, lines: &mut Vec<String>) {
    let object = show::harmless_sentence(&damage.object);
    let problem = show::harmless_sentence(show::without_number(&damage.problem));
    lines.push(format!("  {object}: {problem}"));
    if damage.is_remembered {
        lines.push(
            "    offsite verify --data says whom it hurts, or that it is whole again".to_owned(),
        );
        return;
    }
    if damage.snapshots.is_empty() {
        lines.push("    no snapshot loses anything by it".to_owned());
        return;
    }
    let ids = damage
        .snapshots
        .iter()
        .map(|id| id.to_string().chars().take(12).collect());
    lines.push(format!(
        "    snapshots: {}",
        ids.collect::<Vec<String>>().join(", ")
    ));
    for path in damage.files.iter().take(FILES_SHOWN_MAX) {
        lines.push(format!("    file: {}", show::harmless(path)));
    }
    let more = damage.files_total.saturating_sub(FILES_SHOWN_MAX as u64);
    if more > 0 {
        lines.push(format!(
            "    and {} more (--json names them)",
            show::count(more)
        ));
    }
}
