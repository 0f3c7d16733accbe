//! `offsite drill`

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::context::{Access, Context, host_name};
use super::exit::{Failure, Result, Status};
use super::mounts::Mounts;
use super::restore::Choice;
use super::{output, show};
use crate::ops::{self, DrillOptions, DrillReport, ServerChoice};
use crate::repository::StoredSnapshot;

/// Of each kind, so many findings are shown to a person; all are in the document.
const SHOWN_MAX: usize = 20;

/// Rehearse a restore: the dump into a throw-away Postgres, some originals held against its rows
///
/// Starts a Postgres of this machine in a temporary folder (or uses --docker, or --postgres-url),
/// loads the dump, counts the rows of every table, asks for each user's assets, restores originals at
/// random and compares their SHA-1 with the database. Everything is removed again; a dated, signed
/// proof stays in the repository.
#[derive(ClapArgs, Debug)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// How many originals to check
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(..=i64::from(ops::SAMPLE_MAX)))]
    sample: u32,
    /// A container of this image, such as Immich's own database image
    #[arg(long, value_name = "IMAGE", conflicts_with = "postgres_url")]
    docker: Option<String>,
    /// A server that runs already, where a database is made and dropped again; the password comes
    /// from PGPASSWORD or ~/.pgpass
    #[arg(long, value_name = "URL")]
    postgres_url: Option<String>,
    /// The folder of initdb, postgres and psql (without it: the newest that is found)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["docker", "postgres_url"])]
    postgres_bin: Option<PathBuf>,
    /// Whom Postgres runs as where this runs as root, which it refuses
    #[arg(long, value_name = "USER", default_value = "postgres")]
    postgres_user: String,
    /// Go on without extensions for embeddings (vector, vchord, vectors) that the server lacks:
    /// embeddings become text, which the proof says
    #[arg(long)]
    skip_missing_extensions: bool,
    #[command(flatten)]
    mounts: Mounts,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let server = choose(args)?;
    let opened = context.look(Access::Reader)?;
    let snapshot = args.choice.choose(context, &opened)?;
    let options = DrillOptions {
        server,
        sample: args.sample,
        mounts: args
            .mounts
            .completed(&context.configuration()?.source)
            .read()?,
        skip_missing_extensions: args.skip_missing_extensions,
        host: host_name(),
        interrupt: context.seams.interrupt.clone(),
    };
    let progress = context.progress.as_ref();
    let report = ops::drill(
        &opened.repository,
        &opened.index,
        snapshot,
        &options,
        progress,
    )?;
    if context.global.json {
        output::json(&document(snapshot, &report))?;
    } else if !(context.global.quiet && report.ok) {
        output::lines(&lines(snapshot, &report))?;
    }
    Ok(match report.ok {
        true => Status::Done,
        false => Status::Damage,
    })
}

fn choose(args: &Args) -> std::result::Result<ServerChoice, Failure> {
    if let Some(image) = &args.docker {
        if image.is_empty() {
            return Err(Failure::usage(
                "--docker was given no image",
                "name one, such as the image of Immich's own database in its docker-compose.yml",
            ));
        }
        return Ok(ServerChoice::Docker {
            image: image.clone(),
        });
    }
    if let Some(url) = &args.postgres_url {
        return Ok(ServerChoice::Existing { url: url.clone() });
    }
    Ok(ServerChoice::Local {
        programs: args.postgres_bin.clone(),
        user: args.postgres_user.clone(),
    })
}

fn document(snapshot: &StoredSnapshot, report: &DrillReport) -> Value {
    let differ = report
        .rows_differ
        .iter()
        .map(|it| json!({ "table": it.table, "expected": it.expected, "found": it.found }));
    let assets = report
        .asset_problems
        .iter()
        .map(|it| json!({ "path": show::harmless(&it.path), "problem": it.problem }));
    let users = report
        .users
        .iter()
        .map(|(name, assets)| json!({ "name": name, "assets": assets }));
    json!({
        "ok": report.ok,
        "snapshot": snapshot.id.to_string(),
        "server": report.server,
        "tables": report.tables,
        "rows": report.rows,
        "rows_differ": differ.collect::<Vec<_>>(),
        "extensions": report.extensions,
        "extensions_left_out": report.extensions_left_out,
        "load_errors": report.load_errors,
        "users": users.collect::<Vec<_>>(),
        "newest_asset": report.newest_asset,
        "assets": report.assets,
        "assets_checked": report.assets_checked,
        "asset_problems": assets.collect::<Vec<_>>(),
        "problems": report.problems,
        "proof": report.proof.map(|id| id.to_string()),
        "duration_seconds": report.duration.as_secs_f64(),
    })
}

fn lines(snapshot: &StoredSnapshot, report: &DrillReport) -> Vec<String> {
    let ink = show::ink_for_stdout();
    let id: String = snapshot.id.to_string().chars().take(12).collect();
    let plain = |text: &str| show::harmless_sentence(text);
    let mut lines = vec![
        format!("Snapshot {id} of {}", show::time(snapshot.record.time)),
        format!("Server      {}", plain(&report.server)),
        format!(
            "Database    {} ({}), {} in {}",
            plain(&report.kind),
            extensions(report),
            show::counted(report.rows, "row", "rows"),
            show::counted(report.tables, "table", "tables"),
        ),
    ];
    if !report.users.is_empty() {
        let users = report.users.iter().take(SHOWN_MAX);
        let users: Vec<String> = users
            .map(|(name, assets)| {
                format!(
                    "{} {}",
                    show::harmless(name.as_bytes()),
                    show::count(*assets)
                )
            })
            .collect();
        lines.push(format!("Assets of   {}", users.join(", ")));
    }
    if let Some(newest) = report.newest_asset.as_ref().filter(|it| !it.is_empty()) {
        lines.push(format!("Newest      {}", plain(newest)));
    }
    lines.push(format!(
        "Originals   {} checked of {}, restored and compared with the database",
        show::count(report.assets_checked),
        show::count(report.assets),
    ));
    if !report.extensions_left_out.is_empty() {
        lines.push(ink.warn(&format!(
            "Without     {}: embeddings were loaded as text",
            plain(&report.extensions_left_out.join(", "))
        )));
    }
    let findings = findings(report);
    let more = findings.len().saturating_sub(SHOWN_MAX);
    lines.extend(findings.into_iter().take(SHOWN_MAX).map(|it| ink.bad(&it)));
    if more > 0 {
        lines.push(format!(
            "and {}",
            show::counted(more as u64, "finding more", "findings more")
        ));
    }
    let took = show::duration(report.duration);
    lines.push(match report.ok {
        true => ink.good(&format!(
            "The restore works, shown in {took}; the proof is signed and kept"
        )),
        false => ink.bad(&format!("The restore does NOT work as it should ({took})")),
    });
    lines
}

fn extensions(report: &DrillReport) -> String {
    match report.extensions.len() {
        0 => "no extensions".to_owned(),
        _ => show::harmless_sentence(&report.extensions.join(", ")),
    }
}

/// What is not as it should be, a line each.
fn findings(report: &DrillReport) -> Vec<String> {
    let mut findings: Vec<String> = report
        .problems
        .iter()
        .chain(&report.load_errors)
        .map(|text| show::harmless_sentence(text))
        .collect();
    findings.extend(report.rows_differ.iter().map(|it| {
        let table = show::harmless(it.table.as_bytes());
        let expected = show::counted(it.expected, "row", "rows");
        match it.found {
            Some(found) => format!("{table}: the dump has {expected}, the database {found}"),
            None => format!("{table}: the dump has {expected}, the database has no such table"),
        }
    }));
    findings.extend(report.asset_problems.iter().map(|it| {
        let path = show::harmless(&it.path);
        format!("{path}: {}", show::harmless_sentence(&it.problem))
    }));
    findings
}
