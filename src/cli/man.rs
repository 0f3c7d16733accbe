//! `offsite man`

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clap_mangen::Man;

use super::context::Context;
use super::exit::{Failure, Result, Status};
use super::{output, show};
use crate::ops::OpsError;
use crate::progress::Progress;
use crate::seams::DiskOperation;

/// Write the manual pages
///
/// Without --out, the page of offsite itself goes to standard output: offsite man | man -l -
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Write a page for each command into this folder, as offsite.1, offsite-backup.1 …
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `command` is all of the command line.
pub fn run(context: &Context, args: &Args, mut command: clap::Command) -> Result {
    command.build();
    let Some(folder) = &args.out else {
        output::stream(|out| Man::new(command).render(out).map_err(OpsError::Output))?;
        return Ok(Status::Done);
    };
    let mut pages = Vec::new();
    collect(&command, "offsite", &mut pages);
    write(
        context,
        folder,
        folder,
        DiskOperation::CreateFolder,
        |path| std::fs::create_dir_all(path),
    )?;
    for (name, page) in &pages {
        let path = folder.join(format!("{name}.1"));
        let mut bytes = Vec::new();
        page.render(&mut bytes).map_err(OpsError::Output)?;
        write(context, folder, &path, DiskOperation::Write, |path| {
            std::fs::write(path, &bytes)
        })?;
    }
    let number = show::counted(pages.len() as u64, "page", "pages");
    let folder = show::harmless(folder.as_os_str().as_encoded_bytes());
    context
        .progress
        .notice(&format!("note: {number} written to {folder}"));
    Ok(Status::Done)
}

/// The page of a command and of all beneath it.
fn collect(command: &clap::Command, name: &str, pages: &mut Vec<(String, Man)>) {
    pages.push((name.to_owned(), Man::new(command.clone())));
    let below = command.get_subcommands().filter(|one| !one.is_hide_set());
    for one in below.filter(|one| one.get_name() != "help") {
        collect(one, &format!("{name}-{}", one.get_name()), pages);
    }
}

fn write(
    context: &Context,
    folder: &Path,
    path: &Path,
    operation: DiskOperation,
    work: impl FnOnce(&Path) -> std::io::Result<()>,
) -> std::result::Result<(), Failure> {
    let disk = context.seams.disk.as_ref();
    let written = disk.before(operation, path).and_then(|()| work(path));
    Ok(written.map_err(|error| OpsError::file("could not write the manual to", folder, error))?)
}
