//! Commands around a backup, as `[hooks]` of the configuration names them: for example to stop
//! `immich-server` for the time of a backup, the surest way to a consistent pair.
//!
//! ```text
//! before → backup → after → on_success or on_failure
//! ```
//!
//! `before` runs when the repository is open and nobody else backs this source up, so that a backup
//! that cannot begin stops nothing and starts nothing. If it fails there is no backup. Once it was
//! begun, `after` runs, whatever happens: also after an interrupt, a panic, a failed `before`, and
//! before a second Ctrl-C ends the program. `on_failure` also hears of a backup that never began.

mod run;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub use run::HookError;

use super::config::Hook;
use super::context::Context;
use super::exit::{FAILED, Failure, Result, Status};
use super::interrupt::INTERRUPTED;
use super::show;
use crate::id::ObjectId;
use crate::progress::Progress;

/// What is known so far of the run, for the hooks.
#[derive(Default)]
pub struct Told {
    /// The snapshot, once it is committed.
    pub snapshot: RefCell<Option<ObjectId>>,
    /// What is wrong although it is saved, in one line; empty where nothing is.
    pub shortfall: RefCell<String>,
    after_failed: RefCell<Option<HookError>>,
}

/// Runs `work` and then `on_success` or `on_failure`. If `after` failed, the run did.
///
/// # Errors
/// What `work` returns.
pub fn reported(context: &Context, work: impl FnOnce(&Told) -> Result) -> Result {
    let told = Told::default();
    let mut result = work(&told);
    if let Some(error) = told.after_failed.take() {
        tell(&error);
        if result.is_ok() {
            told.shortfall.replace(error.to_string());
        }
        result = result.map(|_| Status::HookFailed);
    }
    let (code, error) = match &result {
        Ok(status) => (status.code(), told.shortfall.borrow().clone()),
        Err(failure) => end_of(context, failure),
    };
    let hooks = &context.configuration()?.hooks;
    let (name, hook) = match code {
        0 => ("on_success", &hooks.on_success),
        _ => ("on_failure", &hooks.on_failure),
    };
    let Some(hook) = hook else {
        return result;
    };
    let _heeding = context.seams.interrupt.heed();
    let variables = variables(context, name, &told, Some((code, error)));
    match run::run(name, hook, &variables, context.seams.clock.as_ref(), None) {
        Ok(said) => tell_said(context, name, said),
        // What was saved is saved: that nobody heard of it is a warning.
        Err(error) => tell(&error),
    }
    result
}

/// Runs `before`, `work` and `after`; `ends` is how the command would end with what `work` returned.
///
/// # Errors
/// What `work` returns, or that `before` failed, and then nothing else was done.
pub fn around<T>(
    context: &Context,
    told: &Told,
    work: impl FnOnce() -> std::result::Result<T, Failure>,
    ends: impl FnOnce(&T) -> Status,
) -> std::result::Result<T, Failure> {
    let hooks = &context.configuration()?.hooks;
    if hooks.before.is_none() && hooks.after.is_none() {
        return work();
    }
    // From here on an interrupt is a request: what was stopped has to be started again.
    let _heeding = context.seams.interrupt.heed();
    if let Some(hook) = &hooks.after {
        context.farewell.promise(at_once(context, hook));
    }
    let worked = match hooks
        .before
        .as_ref()
        .map(|hook| before(context, told, hook))
    {
        Some(Err(failure)) => Ok(Err(failure)),
        _ => catch_unwind(AssertUnwindSafe(work)),
    };
    // A bar that still runs would write over what is said here.
    context.progress.finish();
    if let Some(hook) = &hooks.after {
        let end = match &worked {
            Ok(Ok(done)) => (ends(done).code(), told.shortfall.borrow().clone()),
            Ok(Err(failure)) => end_of(context, failure),
            Err(_) => (FAILED, "the backup ended unexpectedly".to_owned()),
        };
        let variables = variables(context, "after", told, Some(end));
        let clock = context.seams.clock.as_ref();
        context
            .farewell
            .keep(|| match run::run("after", hook, &variables, clock, None) {
                Ok(said) => tell_said(context, "after", said),
                Err(error) => drop(told.after_failed.replace(Some(error))),
            });
    }
    worked.unwrap_or_else(|panic| resume_unwind(panic))
}

/// `after`, for somebody who will not wait for the backup to end in order.
fn at_once(context: &Context, hook: &Hook) -> impl FnOnce() + Send + 'static {
    let end = (INTERRUPTED, "interrupted".to_owned());
    let variables = variables(context, "after", &Told::default(), Some(end));
    let (hook, clock) = (hook.clone(), context.seams.clock.clone());
    let progress = context.progress.clone();
    move || {
        progress.notice("interrupted: ends as soon as the command `after` did its work");
        if let Err(error) = run::run("after", &hook, &variables, clock.as_ref(), None) {
            tell(&error);
        }
    }
}

/// The exit code that a failure ends in: whatever failed after an interrupt failed because of it.
fn end_of(context: &Context, failure: &Failure) -> (u8, String) {
    let code = match context.seams.interrupt.is_raised() {
        true => INTERRUPTED,
        false => failure.code,
    };
    (code, failure.error.to_string())
}

fn before(context: &Context, told: &Told, hook: &Hook) -> std::result::Result<(), Failure> {
    let interrupt = &context.seams.interrupt;
    let clock = context.seams.clock.as_ref();
    let ran = run::run(
        "before",
        hook,
        &variables(context, "before", told, None),
        clock,
        Some(interrupt),
    );
    let said = ran.map_err(|error| {
        let hint = "nothing was backed up; run the command by hand, as the same user, until it works, \
                    or give it longer with before_timeout";
        Failure::failed(error, hint)
    })?;
    tell_said(context, "before", said);
    Ok(())
}

/// What a hook learns, beside the environment of this process.
fn variables(
    context: &Context,
    hook: &str,
    told: &Told,
    end: Option<(u8, String)>,
) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("OFFSITE_HOOK", hook.to_owned()),
        ("OFFSITE_COMMAND", "backup".to_owned()),
    ];
    // So that an offsite that it runs means the same repositories.
    let configuration = context.configuration().ok();
    let file = configuration.and_then(|configuration| configuration.file.as_ref()?.to_str());
    variables.extend(file.map(|file| ("OFFSITE_CONFIG", file.to_owned())));
    let Some((code, error)) = end else {
        return variables;
    };
    let outcome = match code {
        0 => "done",
        INTERRUPTED => "interrupted",
        _ if told.snapshot.borrow().is_some() => "incomplete",
        _ => "failed",
    };
    let snapshot = told.snapshot.borrow().map(|id| id.to_string());
    variables.extend([
        ("OFFSITE_OUTCOME", outcome.to_owned()),
        ("OFFSITE_EXIT_CODE", code.to_string()),
        ("OFFSITE_SNAPSHOT", snapshot.unwrap_or_default()),
        // A path in it may hold anything; a variable may not hold a zero byte.
        (
            "OFFSITE_ERROR",
            show::harmless_sentence(&error).replace('\0', ""),
        ),
    ]);
    variables
}

/// A warning on standard error: the command goes on, or has told its own failure.
fn tell(error: &HookError) {
    eprintln!("warning: {error}");
    if let Some(said) = std::error::Error::source(error) {
        eprintln!("  because: {said}");
    }
}

fn tell_said(context: &Context, hook: &str, said: Option<run::Said>) {
    if let Some(run::Said(text)) = said.filter(|_| context.global.verbose) {
        context
            .progress
            .notice(&format!("the command `{hook}` said: {text}"));
    }
}
