//! `offsite audit`

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context};
use super::exit::{Failure, Result, Status};
use super::restore::Choice;
use super::{audit_text, output, show};
use crate::id::ObjectId;
use crate::ops::{self, AuditReport, OpsError, ReportedFinding};
use crate::repository::StoredSnapshot;

/// Show whether every photo that the database knows is in a snapshot, by content
///
/// The audit was made with the snapshot; nothing is read again, and no passphrase is needed. For
/// what is missing or altered it says since when, and which older snapshot still holds the good
/// bytes.
#[derive(ClapArgs, Debug)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Write all findings into a table for spreadsheets
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let opened = context.look(Access::Writer)?;
    let chosen = args.choice.choose(context, &opened)?;
    let mut table = args.csv.as_deref().map(Csv::create).transpose()?;
    let mut shown = None;
    let form = match (context.global.json, context.global.quiet) {
        (true, _) => Form::Json,
        (false, true) => Form::Nothing,
        (false, false) => Form::Text,
    };
    output::stream(|out| {
        let mut page = Page {
            form,
            names: audit_text::Names(&opened.snapshots),
            snapshot: chosen,
            sections: audit_text::Sections::new(context.global.verbose),
            items: 0,
        };
        // Two closures write to one output.
        let out = std::cell::RefCell::new(out);
        let page = std::cell::RefCell::new(&mut page);
        shown = ops::audit(
            &opened.repository,
            &opened.index,
            &opened.snapshots,
            chosen,
            &mut |report| page.borrow_mut().begin(report, *out.borrow_mut()),
            &mut |found| {
                if let Some(table) = &mut table {
                    table.row(&found)?;
                }
                page.borrow_mut().finding(&found, *out.borrow_mut())
            },
        )?;
        match &shown {
            Some(report) => page.borrow_mut().end(report, *out.borrow_mut()),
            None => Ok(()),
        }
    })?;
    let Some(report) = shown else {
        return Err(OpsError::NoAudit.into());
    };
    if let Some(table) = table {
        table.finish()?;
    }
    Ok(if report.grave > 0 {
        Status::Unproven
    } else {
        Status::Done
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Nothing,
}

/// What is written to standard output.
struct Page<'p> {
    form: Form,
    names: audit_text::Names<'p>,
    snapshot: &'p StoredSnapshot,
    sections: audit_text::Sections,
    items: u64,
}

type Written = std::result::Result<(), OpsError>;

impl Page<'_> {
    fn begin(&mut self, report: &AuditReport, out: &mut dyn Write) -> Written {
        let written = match self.form {
            Form::Json => writeln!(
                out,
                "{{\n\"snapshot\": {},\n\"time\": {},\n\"counts\": {},\n\"problems\": [",
                json!(self.snapshot.id.to_string()),
                json!(show::rfc3339(self.snapshot.record.time)),
                json!(report.counts),
            ),
            Form::Text => audit_text::heading(self.snapshot, report)
                .iter()
                .try_for_each(|line| writeln!(out, "{line}")),
            Form::Nothing => Ok(()),
        };
        written.map_err(OpsError::Output)
    }

    fn finding(&mut self, found: &ReportedFinding, out: &mut dyn Write) -> Written {
        let written = match self.form {
            Form::Json => {
                let comma = if self.items > 0 { "," } else { "" };
                writeln!(out, "{comma}{}", as_json(found))
            }
            Form::Text => self
                .sections
                .lines(found, &self.names)
                .iter()
                .try_for_each(|line| writeln!(out, "{line}")),
            Form::Nothing => Ok(()),
        };
        self.items += 1;
        written.map_err(OpsError::Output)
    }

    fn end(&mut self, report: &AuditReport, out: &mut dyn Write) -> Written {
        let written = match self.form {
            Form::Json => writeln!(
                out,
                "],\n\"problems_total\": {},\n\"histories\": {}\n}}",
                report.findings_total, report.looked_up
            ),
            Form::Text => self
                .sections
                .end(report)
                .iter()
                .try_for_each(|line| writeln!(out, "{line}")),
            Form::Nothing => Ok(()),
        };
        written.map_err(OpsError::Output)
    }
}

fn as_json(found: &ReportedFinding) -> Value {
    let ReportedFinding {
        finding, history, ..
    } = found;
    let id = |id: Option<ObjectId>| id.map(|id| id.to_string());
    let good = history.and_then(|history| history.good);
    json!({
        "verdict": finding.verdict,
        "asset": finding.asset.as_ref().map(|id| audit_text::uuid(id)),
        "owner": finding.owner.as_ref().map(|id| audit_text::uuid(id)),
        "owner_name": finding.owner_name,
        "path": show::harmless(&finding.path),
        "archived": finding.root.is_some(),
        "expected": {
            "sha1": finding.expected_sha1.as_ref().map(|sha1| audit_text::hex(&**sha1)),
            "size": finding.expected_size,
        },
        "found": finding.found_sha1.as_ref().map(|sha1| json!({
            "sha1": audit_text::hex(&**sha1), "size": finding.found_size,
        })),
        "detail": finding.detail,
        "history": history.map(|history| json!({
            "since": id(history.since),
            "before": id(history.before),
            "since_first": history.before.is_none() || history.came,
            "good": id(history.good),
        })),
        "restore": good.map(|good| audit_text::restore_command(&finding.path, good)),
    })
}

/// The table for spreadsheets.
struct Csv<'c> {
    path: &'c Path,
    writer: csv::Writer<File>,
}

impl<'c> Csv<'c> {
    fn create(path: &'c Path) -> std::result::Result<Self, Failure> {
        let failed = |error| OpsError::file("could not write", path, error);
        let file = File::create(path).map_err(failed)?;
        let mut table = Self {
            path,
            writer: csv::Writer::from_writer(file),
        };
        table.write(&[
            "verdict",
            "asset",
            "owner",
            "owner_name",
            "path",
            "expected_sha1",
            "expected_size",
            "found_sha1",
            "found_size",
            "detail",
            "since",
            "before",
            "good_snapshot",
        ])?;
        Ok(table)
    }

    fn row(&mut self, found: &ReportedFinding) -> Written {
        let ReportedFinding {
            finding, history, ..
        } = found;
        let number = |number: Option<u64>| number.map_or(String::new(), |it| it.to_string());
        let id = |id: Option<ObjectId>| id.map_or(String::new(), |id| id.to_string());
        let history = history.unwrap_or_default();
        let sha1 = |sha1: Option<&[u8; 20]>| sha1.map_or(String::new(), |it| audit_text::hex(it));
        let uuid = |id: Option<&[u8; 16]>| id.map_or(String::new(), audit_text::uuid);
        let name = finding.owner_name.as_deref().unwrap_or_default();
        self.write(&[
            &finding.verdict,
            &uuid(finding.asset.as_deref()),
            &uuid(finding.owner.as_deref()),
            &show::harmless_sentence(name),
            &show::harmless(&finding.path),
            &sha1(finding.expected_sha1.as_deref()),
            &number(finding.expected_size),
            &sha1(finding.found_sha1.as_deref()),
            &number(finding.found_size),
            &show::harmless_sentence(&finding.detail),
            &id(history.since),
            &id(history.before),
            &id(history.good),
        ])
    }

    fn write(&mut self, cells: &[&str]) -> Written {
        let written = self.writer.write_record(cells);
        written.map_err(|error| OpsError::file("could not write", self.path, error))
    }

    fn finish(mut self) -> Written {
        let written = self.writer.flush();
        written.map_err(|error| OpsError::file("could not write", self.path, error))
    }
}
