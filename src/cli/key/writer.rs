//! `offsite key writer`: what a host needs to back up without a passphrase.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use crate::cli::context::{Access, Context};
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::{output, show};
use crate::ops::{OpsError, StateFolder, load_writer_key, save_writer_key};

/// Put the writer key on this host, or carry it to another
///
/// With the writer key a host adds backups, lists names and checks what is stored, but reads no
/// photo and no dump back. Without a flag it is made from the passphrase or the 24 words. A host
/// that must never see those gets it as a file: --export here, --import there.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Write a copy of this host's writer key
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    export: Option<PathBuf>,
    /// Take the writer key from a copy
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
}

/// What taking the file away again does not do.
const HOLDER: &str = "Whoever holds it can add to this repository and read all names in it: it \
                      cannot be called back.";

pub fn run(context: &Context, args: &Args) -> Result {
    if let Some(file) = &args.export {
        return export(context, file);
    }
    let state = match &args.import {
        Some(file) => import(context, file)?,
        None => {
            let (repository, state) = context.repository(Access::Reader)?;
            state.save_writer_key(&repository.writer)?;
            state
        }
    };
    let place = state.path().display().to_string();
    if context.global.json {
        output::json(&json!({ "state": place }))?;
    } else {
        let place = show::harmless_sentence(&place);
        output::lines(&[format!(
            "The writer key is in {place}: this host can back up, but not read."
        )])?;
    }
    Ok(Status::Done)
}

fn export(context: &Context, file: &Path) -> Result {
    if file.exists() {
        return Err(Failure::usage(
            &format!("{} exists already", file.display()),
            "choose another name",
        ));
    }
    let (repository, _) = context.repository(Access::Writer)?;
    save_writer_key(file, &repository.writer)?;
    if context.global.json {
        output::json(&json!({ "file": file.display().to_string() }))?;
    } else {
        output::lines(&[format!(
            "A copy of the writer key is in {}.\nTake it to the other host, run offsite key writer \
             --import there, and delete it.\n{HOLDER}",
            show::harmless(file.as_os_str().as_encoded_bytes())
        )])?;
    }
    Ok(Status::Done)
}

fn import(context: &Context, file: &Path) -> std::result::Result<StateFolder, Failure> {
    let store = context.store(false)?;
    let id = context.identify(store.as_ref(), &context.place()?)?.id;
    let key = load_writer_key(file)?.ok_or_else(|| {
        OpsError::file(
            "could not read",
            file,
            std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such file"),
        )
    })?;
    if key.repository() != id {
        return Err(OpsError::ForeignWriterKey {
            path: file.display().to_string(),
        }
        .into());
    }
    let state = context.state(id)?;
    state.save_writer_key(&key)?;
    Ok(state)
}
