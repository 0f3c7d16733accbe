//! The end of the demo, where there is a Postgres on this machine: a drill of a snapshot.

use crate::cli::context::host_name;
use crate::cli::exit::Failure;
use crate::cli::show;
use crate::ops::{self, DrillOptions, Opened, OpsError, ServerChoice};
use crate::progress::Silent;
use crate::repository::StoredSnapshot;

/// Few: it is a demo.
const SAMPLE: u32 = 10;

/// What a drill came to.
#[derive(Debug)]
pub struct Rehearsal {
    /// Whether there was a server to hold it with.
    pub held: bool,
    /// Nothing was wrong.
    pub ok: bool,
    /// What to say of it.
    pub line: String,
}

/// # Errors
/// Of the repository; where there is no server for it, that is no error.
pub fn rehearse(opened: &Opened, snapshot: &StoredSnapshot) -> Result<Rehearsal, Failure> {
    let options = DrillOptions {
        server: ServerChoice::Local {
            programs: None,
            user: "postgres".to_owned(),
        },
        sample: SAMPLE,
        mounts: Vec::new(),
        // Few machines have those of Immich's embeddings.
        skip_missing_extensions: true,
        host: host_name(),
        interrupt: opened.repository.seams.interrupt.clone(),
    };
    let (repository, index) = (&opened.repository, &opened.index);
    let report = match ops::drill(repository, index, snapshot, &options, &Silent) {
        Ok(report) => report,
        // Nothing is wrong with the backup where there is no server to try it on.
        Err(OpsError::Drill(error)) => {
            return Ok(Rehearsal {
                held: false,
                ok: true,
                line: format!("left out: {error}"),
            });
        }
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
    Ok(Rehearsal {
        held: true,
        ok: report.ok,
        line,
    })
}
