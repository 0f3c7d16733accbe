//! The end of the demo, where there is a Postgres on this machine: a drill of the newest snapshot.

use crate::cli::context::host_name;
use crate::cli::exit::Failure;
use crate::cli::show;
use crate::ops::{self, DrillOptions, Opened, OpsError, ServerChoice};
use crate::progress::Silent;
use crate::repository::SnapshotFilter;

/// Few: it is a demo.
const SAMPLE: u32 = 10;

/// What to say of it, and whether all was well.
pub fn rehearse(opened: &Opened) -> Result<(String, bool), Failure> {
    let snapshot = opened.snapshot("latest", &SnapshotFilter::default())?;
    let options = DrillOptions {
        server: ServerChoice::Local {
            programs: None,
            user: "postgres".to_owned(),
        },
        sample: SAMPLE,
        // Few machines have those of Immich's embeddings.
        skip_missing_extensions: true,
        host: host_name(),
        interrupt: opened.repository.seams.interrupt.clone(),
    };
    let (repository, index) = (&opened.repository, &opened.index);
    let report = match ops::drill(repository, index, snapshot, &options, &Silent) {
        Ok(report) => report,
        // Nothing is wrong with the backup where there is no server to try it on.
        Err(OpsError::Drill(error)) => return Ok((format!("left out: {error}"), true)),
        Err(error) => return Err(error.into()),
    };
    let ink = show::ink_for_stdout();
    let verdict = match report.ok {
        true => ink.good("all as it should be"),
        false => ink.bad("not as it should be"),
    };
    let line = format!(
        "{} in {} counted, {} compared with the database: {verdict}",
        show::counted(report.rows, "row", "rows"),
        show::counted(report.tables, "table", "tables"),
        show::counted(report.assets_checked, "original", "originals"),
    );
    Ok((line, report.ok))
}
