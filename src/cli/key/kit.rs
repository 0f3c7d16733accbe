//! `offsite key kit`: the recovery kit, once more.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;

use crate::cli::context::{Access, Context};
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::places::Place;
use crate::cli::recovery_kit::{self, Address};
use crate::cli::{output, show};
use crate::crypto::ReadKey;
use crate::format::FORMAT_VERSION;
use crate::repository::{RepositoryError, repository_object};
use crate::store::open::StoreUrl;

/// Write a new copy of the recovery kit, a page to print
///
/// Needs the passphrase. The 24 words are those of the repository: every copy has the same.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Where to: FILE.html, or FILE.txt for plain text
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(context: &Context, Args { file }: &Args) -> Result {
    let (repository, _) = context.repository(Access::Reader)?;
    let object = repository_object(&repository)?;
    let reader = repository.read_key("to write a recovery kit")?;
    write_kit(context, reader, &object, FORMAT_VERSION, file)?;
    if context.global.json {
        output::json(&json!({ "file": file.display().to_string() }))?;
    } else {
        let place = show::harmless(file.as_os_str().as_encoded_bytes());
        output::lines(&[format!(
            "The recovery kit is in {place}: print it, keep it away from this machine, delete the \
             file."
        )])?;
    }
    Ok(Status::Done)
}

/// Writes the page.
pub fn write_kit(
    context: &Context,
    reader: &ReadKey,
    repository_object: &[u8],
    format_version: u16,
    path: &Path,
) -> std::result::Result<(), Failure> {
    let words = reader.words().map_err(RepositoryError::from)?;
    let mut places = context.distinct_places()?;
    let farthest = places.iter().position(|place| place.offsite);
    let place = address(places.remove(farthest.unwrap_or(0)));
    let others = places.into_iter().map(address).collect();
    let kit = recovery_kit::Kit {
        words: &words,
        repository_id: reader.writer().repository().to_string(),
        format_version,
        place,
        others,
        repository_object,
        created: show::time(context.seams.clock.now()),
    };
    let plain = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
    let page = zeroize::Zeroizing::new(if plain {
        recovery_kit::text_page(&kit)
    } else {
        recovery_kit::page(&kit)
    });
    recovery_kit::write(path, &page).map_err(|error| {
        let error = crate::ops::OpsError::file("could not write", path, error);
        Failure::failed(error, "choose another place with offsite key kit FILE")
    })
}

/// The address as it holds from another folder as well.
fn address(place: Place) -> Address {
    let url = match place.url {
        StoreUrl::Folder(path) => StoreUrl::Folder(std::path::absolute(&path).unwrap_or(path)),
        url @ StoreUrl::S3 { .. } => url,
    };
    Address {
        url: url.to_string(),
        endpoint: place.endpoint,
        region: place.region,
    }
}
