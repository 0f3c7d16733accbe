//! `offsite key list|add|remove|passphrase`: the passphrases that open the repository. All of them
//! lead to the same key.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::everywhere;
use crate::cli::context::{Access, Context, host_name};
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::secret::{self, Purpose, Surroundings, Ways, World};
use crate::cli::{output, show};
use crate::ops::add_key;
use crate::progress::Progress;
use crate::repository::{Repository, SlotFacts, list_slots, unlock_slot};
use crate::store::ErrorKind;

/// What removing a passphrase does not do.
const COPIES: &str = "It opens nothing here any more. Whoever has both it and an older copy of the \
                      repository's key files\ncan still use them: the key behind all passphrases \
                      stays the same, and so do the\nwriter keys of hosts and the 24 words.";

/// Add a passphrase; those that are there stay
///
/// Opens the repository with one that is there, or with the 24 words, and asks for the new one.
#[derive(Args, Debug)]
pub struct AddArgs {
    #[command(flatten)]
    new: NewPassphrase,
    /// Whose it is or where it is kept, to tell it from others
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

/// Replace a passphrase by a new one
#[derive(Args, Debug)]
pub struct PassphraseArgs {
    #[command(flatten)]
    new: NewPassphrase,
}

/// Remove a passphrase
#[derive(Args, Debug)]
pub struct RemoveArgs {
    /// Its id, as key list shows it, or the first letters of it
    id: String,
    /// Also when no other is left: then only the 24 words open the repository
    #[arg(long)]
    even_the_last: bool,
}

/// Where a new passphrase comes from; else OFFSITE_NEW_PASSPHRASE, or a prompt.
#[derive(Args, Debug)]
struct NewPassphrase {
    /// Read the new passphrase from a file
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// A command that writes the new passphrase to standard output (runs through sh -c)
    #[arg(long, value_name = "CMD", conflicts_with = "new_passphrase_file")]
    new_passphrase_command: Option<String>,
}

impl NewPassphrase {
    fn get(&self, progress: &dyn Progress) -> std::result::Result<Zeroizing<String>, Failure> {
        let ways = Ways {
            file: self.new_passphrase_file.clone(),
            command: self.new_passphrase_command.clone(),
        };
        let chosen = secret::passphrase(&ways, Purpose::Choose, &NewSurroundings, progress);
        Ok(chosen?)
    }
}

/// The environment as it looks to somebody who is after the *new* passphrase: the variables of the
/// old one must not be taken for it.
struct NewSurroundings;

impl World for NewSurroundings {
    fn environment(&self, name: &str) -> Option<OsString> {
        let name = name.strip_prefix("OFFSITE_")?;
        Surroundings.environment(&format!("OFFSITE_NEW_{name}"))
    }

    fn can_ask(&self) -> bool {
        Surroundings.can_ask()
    }

    fn ask(&self, prompt: &str) -> io::Result<Zeroizing<String>> {
        Surroundings.ask(prompt)
    }
}

pub fn list(context: &Context) -> Result {
    let (repository, _) = context.repository(Access::Writer)?;
    let slots = list_slots(&repository)?;
    if context.global.json {
        let slots: Vec<Value> = slots.iter().map(as_json).collect();
        output::json(&slots)?;
        return Ok(Status::Done);
    }
    let mut lines: Vec<String> = slots.iter().map(line).collect();
    if slots.is_empty() {
        lines.push("No passphrase opens this repository; the 24 words do.".to_owned());
    }
    output::lines(&lines)?;
    Ok(Status::Done)
}

pub fn add(context: &Context, args: &AddArgs) -> Result {
    let (repository, _) = context.repository(Access::Reader)?;
    let new = args.new.get(context.progress.as_ref())?;
    let name = make(context, &repository, &new, &args.label)?;
    let (missed, _) = everywhere::share(context, &repository, &name)?;
    everywhere::say(
        context,
        json!({ "id": id_of(&name) }),
        &format!(
            "Added the passphrase {}: it opens the repository from now on.",
            short(&name)
        ),
        &missed,
        everywhere::ADD_THERE,
    )
}

pub fn remove(context: &Context, args: &RemoveArgs) -> Result {
    let (repository, state) = context.repository(Access::Writer)?;
    // Before: where a lock keeps it, at least nobody extends that any more.
    let remember = |slot: &str| context.drop_copies(&state, slot);
    let (id, even_the_last) = (&args.id, args.even_the_last);
    let removed = everywhere::remove(context, &repository, id, even_the_last, &remember);
    let (gone, missed) = removed.inspect_err(|failure| {
        if failure.store_kind() == Some(ErrorKind::Retained) {
            context.progress.notice(
                "offsite lock extend on this host lets that lock run out; run this again then",
            );
        }
    })?;
    everywhere::say(
        context,
        json!({ "id": id_of(&gone.name) }),
        &format!("Removed the passphrase {}.\n{COPIES}", short(&gone.name)),
        &missed,
        &everywhere::remove_there(short(&gone.name)),
    )
}

pub fn change(context: &Context, args: &PassphraseArgs) -> Result {
    let store = context.store(false)?;
    let id = context.identify(store.as_ref(), &context.place()?)?.id;
    let progress = context.progress.as_ref();
    let old = secret::passphrase(&context.ways(), Purpose::Open, &Surroundings, progress)?;
    progress.stage("Unlocking", None);
    let unlocked = unlock_slot(store.as_ref(), id, &old);
    progress.finish();
    let (old_name, key) = unlocked?;
    let writer = key.writer().clone();
    let seams = context.seams.clone();
    let repository = crate::repository::open(store, seams, writer, Some(key))?;
    let slots = list_slots(&repository)?;
    let label = slots.into_iter().find(|slot| slot.name == old_name);
    let label = label.and_then(|slot| slot.label).map(|label| label.label);
    let new = args.new.get(progress)?;
    let name = make(context, &repository, &new, &label.unwrap_or_default())?;
    let (mut missed, copies) = everywhere::share(context, &repository, &name)?;
    context.drop_copies(&context.state(id)?, &old_name);
    // The new one is there and was seen to open.
    if let Err(error) = repository.store.delete(&old_name) {
        progress.notice(&format!(
            "the new passphrase works, but the old one could not be removed ({error}): with a login \
             that may delete, run offsite key remove {}",
            short(&old_name)
        ));
        return everywhere::say(
            context,
            json!({ "id": id_of(&name), "removed": null }),
            "Both passphrases open the repository.",
            &missed,
            everywhere::ADD_THERE,
        );
    }
    everywhere::replace(copies, &old_name, &mut missed);
    everywhere::say(
        context,
        json!({ "id": id_of(&name), "removed": id_of(&old_name) }),
        &format!("The new passphrase opens the repository. Of the old one:\n{COPIES}"),
        &missed,
        &everywhere::remove_there(short(&old_name)),
    )
}

fn make(
    context: &Context,
    repository: &Repository,
    passphrase: &str,
    label: &str,
) -> std::result::Result<String, Failure> {
    context.progress.stage("Adding the passphrase", None);
    let made = add_key(
        repository,
        passphrase,
        secret::cost_of_new_slots(),
        label,
        &host_name(),
    );
    context.progress.finish();
    Ok(made?)
}

fn as_json(slot: &SlotFacts) -> Value {
    let label = slot.label.as_ref();
    json!({
        "id": id_of(&slot.name),
        "label": label.map(|label| label.label.as_str()),
        "host": label.map(|label| label.host.as_str()),
        "created": label.map(|label| show::rfc3339(label.created)),
        "memory_mib": slot.cost.map(|cost| cost.memory_kib / 1024),
        "passes": slot.cost.map(|cost| cost.passes),
        "problem": slot.problem,
    })
}

fn line(slot: &SlotFacts) -> String {
    let id = short(&slot.name);
    let Some(label) = &slot.label else {
        let problem = slot
            .problem
            .as_deref()
            .unwrap_or("its label cannot be read");
        return format!("{id}  cannot be used: {problem}");
    };
    let made = show::time(label.created);
    let (text, host) = (&label.label, &label.host);
    let [text, host] = [text, host].map(|text| show::harmless(text.as_bytes()));
    format!("{id}  {made}  on {host}  {text}")
}

fn id_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn short(name: &str) -> &str {
    let id = id_of(name);
    id.get(..12).unwrap_or(id)
}
