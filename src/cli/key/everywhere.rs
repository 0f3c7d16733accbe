//! A passphrase is added to, and removed from, every named copy of the repository; where that fails
//! it is said, for a passphrase that was removed here and opens the copy next door was not removed.

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::copies::Further;
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::{output, show};
use crate::ops::{OpsError, remove_key, share_key};
use crate::progress::Progress;
use crate::repository::{Repository, SlotFacts};

/// A copy that could not be changed.
pub struct Missed {
    name: String,
    error: String,
}

impl Missed {
    fn new(name: &str, error: &dyn std::fmt::Display) -> Self {
        let (name, error) = (name.to_owned(), error.to_string());
        Self { name, error }
    }
}

/// A copy that was changed, by name.
pub type Reached = (String, Repository);

/// Puts a slot of `home` into all further copies; gives those that were missed, and those that have
/// it.
pub fn share(
    context: &Context,
    home: &Repository,
    slot: &str,
) -> std::result::Result<(Vec<Missed>, Vec<Reached>), Failure> {
    let (mut missed, mut reached) = (Vec::new(), Vec::new());
    for Further { name, repository } in context.further(home)? {
        match repository {
            Ok(repository) => match share_key(home, &repository, slot) {
                Ok(()) => reached.push((name, repository)),
                Err(error) => missed.push(Missed::new(&name, &error)),
            },
            Err(failure) => missed.push(Missed::new(&name, &failure.error)),
        }
    }
    Ok((missed, reached))
}

/// Removes a slot from home and all further copies. One that a copy does not have is gone there.
pub fn remove(
    context: &Context,
    home: &Repository,
    wanted: &str,
    even_the_last: bool,
    remember: &dyn Fn(&str),
) -> std::result::Result<(SlotFacts, Vec<Missed>), Failure> {
    let (mut gone, mut unknown) = (None, None);
    match remove_key(home, wanted, even_the_last, remember) {
        Ok(slot) => gone = Some(slot),
        // It may be left over in another copy.
        Err(error @ OpsError::NoSuchKey { .. }) => unknown = Some(error),
        Err(error) => return Err(error.into()),
    }
    let mut missed = Vec::new();
    for Further { name, repository } in context.further(home)? {
        let repository = match repository {
            Ok(repository) => repository,
            Err(failure) => {
                missed.push(Missed::new(&name, &failure.error));
                continue;
            }
        };
        // The whole id once it is known, so that a beginning means the same everywhere.
        let full = gone
            .as_ref()
            .and_then(|slot: &SlotFacts| slot.name.rsplit('/').next());
        match remove_key(&repository, full.unwrap_or(wanted), even_the_last, remember) {
            Ok(slot) => {
                gone.get_or_insert(slot);
            }
            Err(OpsError::NoSuchKey { .. }) => {}
            Err(error) => missed.push(Missed::new(&name, &error)),
        }
    }
    match (gone, unknown) {
        (Some(slot), _) => Ok((slot, missed)),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(OpsError::NoSuchKey {
            wanted: wanted.to_owned(),
        }
        .into()),
    }
}

/// Removes the old slot wherever the new one is; where it could not be, the old one still opens it.
pub fn replace(copies: Vec<Reached>, old: &str, missed: &mut Vec<Missed>) {
    for (name, repository) in copies {
        if let Err(error) = repository.store.delete(old) {
            missed.push(Missed::new(&name, &error));
        }
    }
}

/// Says what was done, and which copies were missed.
pub fn say(
    context: &Context,
    mut document: Value,
    sentence: &str,
    missed: &[Missed],
    advice: &str,
) -> Result {
    for Missed { name, error } in missed {
        let name = show::harmless_sentence(name);
        let error = show::harmless_sentence(error);
        let text = format!("{name} was missed: {error}. {advice}");
        context.progress.notice(&text);
    }
    if context.global.json {
        let list = missed.iter();
        let list: Vec<_> = list
            .map(|one| json!({ "name": one.name, "error": one.error }))
            .collect();
        document["missed"] = list.into();
        output::json(&document)?;
    } else {
        output::lines(&[sentence])?;
    }
    Ok(match missed.is_empty() {
        true => Status::Done,
        false => Status::Behind,
    })
}

/// What to do about copies that lack a new passphrase.
pub const ADD_THERE: &str = "Its old passphrases open it as before; add the new one there with \
                             offsite key add when it can be reached";

/// What to do about copies that a removed passphrase still opens; `id` is the beginning of its id.
pub fn remove_there(id: &str) -> String {
    format!(
        "The passphrase still opens that copy: run offsite key remove {id} again when it can be \
         reached, with a login that may delete"
    )
}
