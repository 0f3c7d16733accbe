//! `doctor`: what a store really does, tried out in a scratch place that is cleaned up afterwards.
//! Nothing is believed of names and documents: servers that say they are S3 differ in what matters.
//!
//! `basics`, `conditions`, `checksums` and `locks` try a store through its traits, `folder` what only
//! a directory has; `scratch` is where they do it; `report` is what comes out.

mod basics;
mod checksums;
mod conditions;
mod folder;
mod locks;
mod report;
mod scratch;

#[cfg(test)]
mod tests;

use std::path::Path;

use super::Result;
use crate::progress::Progress;
use crate::seams::Seams;
use crate::store::Store;
pub use report::{DoctorReport, Expectation, Finding, Profile, Verdict};
use scratch::Scratch;

/// What is to be tried, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct DoctorOptions<'o> {
    /// Of a directory store: where the scratch place lies.
    pub folder: Option<&'o Path>,
    /// What the credential should be good for, and for what not.
    pub expect: Option<Expectation>,
    /// The place is to be locked: then a lock that does not hold is a failure.
    pub wants_lock: bool,
    /// Stores over a thousand objects to see a listing of several pages.
    pub thorough: bool,
}

/// Tries the store at a scratch place, which must be empty, without patience in between
/// (`store::open::open_bare`). It takes some ten seconds where there are locks to wait for.
///
/// # Errors
/// `Store` when it is out of reach from the beginning, `Interrupted`. What a store does not do is in
/// the report.
pub fn doctor(
    store: &dyn Store,
    seams: &Seams,
    options: &DoctorOptions<'_>,
    progress: &dyn Progress,
) -> Result<DoctorReport> {
    progress.stage("Trying out the store", None);
    let mut scratch = Scratch::new(store, seams);
    let tried = try_all(&mut scratch, options, progress);
    // Also after a failure: nothing of it should stay.
    let left = scratch.clean();
    if let Some(path) = options.folder {
        folder::remove(seams, path);
    }
    progress.finish();
    let mut report = scratch.into_report(left);
    tried.inspect_err(|_| {
        for left in &report.left {
            let text = format!("could not be removed from the scratch place: {left}");
            progress.notice(&text);
        }
    })?;
    if let Some(expect) = options.expect {
        report.judge(expect);
    }
    Ok(report)
}

fn try_all(
    scratch: &mut Scratch<'_>,
    options: &DoctorOptions<'_>,
    progress: &dyn Progress,
) -> Result<()> {
    basics::clock(scratch)?;
    progress.item(b"writing and reading");
    if !basics::write_and_read(scratch)? {
        // Nobody can find out more of a store into which nothing may be put.
        return Ok(());
    }
    basics::list(scratch);
    basics::ranges(scratch);
    basics::overwrite(scratch);
    scratch.check_interrupt()?;
    progress.item(b"conditions");
    conditions::twice(scratch);
    conditions::race(scratch);
    checksums::wrong_is_refused(scratch);
    scratch.check_interrupt()?;
    if let Some(path) = options.folder {
        folder::look(scratch, path);
    }
    progress.item(b"versions and locks");
    locks::versions(scratch);
    locks::delete(scratch);
    locks::lock(scratch, options.wants_lock);
    scratch.check_interrupt()?;
    if options.thorough {
        progress.item(b"a long listing");
        basics::long_listing(scratch);
    }
    Ok(())
}
