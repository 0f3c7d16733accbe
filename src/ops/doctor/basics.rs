//! What no backup can do without: that what was stored is there, and is listed.

use bytes::Bytes;

use super::super::Result;
use super::report::Verdict;
use super::scratch::Scratch;
use crate::repository::RepositoryError;
use crate::store::{ErrorKind, StoreError, Window};

/// Not a whole number of blocks of anything.
const BODY_BYTES: usize = 100_003;

/// Objects of the long listing: more than a page of any store.
const MANY: usize = 1_050;

/// Clocks that differ more are worth setting; beyond the second, signatures are refused.
const SKEW_NOTABLE_SECONDS: i64 = 60;
const SKEW_MAX_SECONDS: i64 = 14 * 60;

const WHOLE: Window = Window::Whole { bytes_max: 1 << 20 };

/// Nothing in it repeats at a power of two.
pub fn body() -> Bytes {
    let byte = |i: usize| (i % 251) as u8 ^ (i >> 9) as u8;
    Bytes::from((0..BODY_BYTES).map(byte).collect::<Vec<_>>())
}

/// # Errors
/// `Store` when nobody answers, or the credentials are unknown: then there is nothing to try.
pub fn clock(scratch: &mut Scratch<'_>) -> Result<()> {
    let means = "stores refuse requests from clocks that are off by more than 15 minutes";
    let before = scratch.seams.clock.now();
    let theirs = match scratch.store.now() {
        Ok(theirs) => theirs,
        Err(error) if is_hopeless(&error) => return Err(RepositoryError::from(error).into()),
        Err(error) => {
            scratch.cannot_say("clock", &error);
            return Ok(());
        }
    };
    let skew = before.seconds() - theirs.seconds();
    scratch.profile.clock_skew_seconds = Some(skew);
    let found = match skew {
        -2..=2 => "the clocks agree".to_owned(),
        ahead @ 1.. => format!("this machine is {ahead} s ahead of the store"),
        behind => format!("this machine is {} s behind the store", -behind),
    };
    let verdict = match skew.abs() {
        0..=SKEW_NOTABLE_SECONDS => Verdict::Good,
        ..=SKEW_MAX_SECONDS => Verdict::Lacking,
        _ => Verdict::Broken,
    };
    scratch.say("clock", verdict, found, means);
    Ok(())
}

fn is_hopeless(error: &StoreError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Transient
            | ErrorKind::Credentials
            | ErrorKind::NoContainer
            | ErrorKind::Invalid
            | ErrorKind::ClockSkew
    )
}

/// Whether anything can be stored.
///
/// # Errors
/// `Store` as [`clock`].
pub fn write_and_read(scratch: &mut Scratch<'_>) -> Result<bool> {
    let probe = "read_after_write";
    let body = body();
    match scratch.put("basics/a", body.clone()) {
        Ok(()) => scratch.profile.writes = Some(true),
        Err(error) if error.kind == ErrorKind::Denied => {
            scratch.profile.writes = Some(false);
            let means = "a backup needs the right to store";
            scratch.say(probe, Verdict::Broken, "nothing may be stored", means);
            return Ok(false);
        }
        Err(error) if is_hopeless(&error) => return Err(RepositoryError::from(error).into()),
        Err(error) => {
            let found = format!("nothing can be stored: {error}");
            scratch.say(probe, Verdict::Broken, found, "a backup needs to store");
            return Ok(false);
        }
    }
    let means = "a backup that says done is there";
    match scratch.store.get("basics/a", WHOLE) {
        Ok(read) if read == body => {
            scratch.say(
                probe,
                Verdict::Good,
                "what was stored is there at once",
                means,
            );
        }
        Ok(_) => scratch.say(probe, Verdict::Broken, "other bytes came back", means),
        Err(error) => {
            let found = format!("what was stored cannot be read: {error}");
            scratch.say(probe, Verdict::Broken, found, means);
        }
    }
    Ok(true)
}

pub fn list(scratch: &mut Scratch<'_>) {
    let probe = "list_after_write";
    let means = "a backup trusts the listing: what it does not show is sent again";
    let mut found = None;
    let listed = scratch.store.list("basics/", &mut |info| {
        found = found.or((info.name == "basics/a").then_some(info.bytes));
        Ok(())
    });
    match (listed, found) {
        (Ok(()), Some(bytes)) if bytes == BODY_BYTES as u64 => {
            scratch.say(
                probe,
                Verdict::Good,
                "it is listed at once, with its size",
                means,
            );
        }
        (Ok(()), Some(_)) => {
            scratch.say(
                probe,
                Verdict::Broken,
                "it is listed with another size",
                means,
            );
        }
        (Ok(()), None) => scratch.say(probe, Verdict::Broken, "it is not listed", means),
        (Err(error), _) => {
            let found = format!("there is no listing: {error}");
            scratch.say(probe, Verdict::Broken, found, means);
        }
    }
}

pub fn ranges(scratch: &mut Scratch<'_>) {
    let window = Window::Range {
        start: 70_001,
        bytes: 1_009,
    };
    let means = "single photos come back without fetching whole packs";
    match scratch.store.get("basics/a", window) {
        Ok(part) if body().get(70_001..71_010) == Some(&*part) => {
            scratch.say("ranges", Verdict::Good, "a part can be fetched", means);
        }
        Ok(_) => scratch.say("ranges", Verdict::Broken, "the wrong part came", means),
        Err(error) => {
            let found = format!("a part cannot be fetched: {error}");
            scratch.say("ranges", Verdict::Broken, found, means);
        }
    }
}

pub fn overwrite(scratch: &mut Scratch<'_>) {
    let probe = "overwrite";
    let other = Bytes::from_static(b"written over");
    let written = scratch
        .put("basics/over", body())
        .and_then(|()| scratch.put("basics/over", other.clone()));
    match written {
        Ok(()) => {}
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Retained) => {
            scratch.profile.overwrite = Some(false);
            let means = "nobody can replace what is stored; a PUT that is sent again may fail";
            scratch.say(
                probe,
                Verdict::Good,
                "what is there cannot be written over",
                means,
            );
            return;
        }
        Err(error) => return scratch.cannot_say(probe, &error),
    }
    scratch.profile.overwrite = Some(true);
    match scratch.store.get("basics/over", WHOLE) {
        Ok(read) if read == other => scratch.say(
            probe,
            Verdict::Good,
            "it can be written over, and the new bytes are there at once",
            "damaged objects can be put back; without locks an attacker can do it too",
        ),
        Ok(_) => scratch.say(
            probe,
            Verdict::Lacking,
            "after writing over, the old bytes came back",
            "what verify --heal puts back may show late",
        ),
        Err(error) => scratch.cannot_say(probe, &error),
    }
}

/// Only where all of it can be removed again.
pub fn long_listing(scratch: &mut Scratch<'_>) {
    let probe = "long_listing";
    let means = "a listing is complete, however many objects there are";
    let can_clean = match scratch.profile.versions {
        Some(true) => scratch.profile.delete_version,
        _ => scratch.profile.delete,
    };
    if can_clean != Some(true) {
        let found = "not tried: this credential could not remove the objects again";
        return scratch.say(probe, Verdict::Unknown, found, means);
    }
    for number in 0..MANY {
        if let Err(error) = scratch.put(&format!("many/{number:05}"), Bytes::new()) {
            return scratch.cannot_say(probe, &error);
        }
    }
    let (mut next, mut in_order) = (0, true);
    let listed = scratch.store.list("many/", &mut |info| {
        in_order &= info.name == format!("many/{next:05}");
        next += 1;
        Ok(())
    });
    match listed {
        Ok(()) if in_order && next == MANY => {
            let found = format!("{MANY} objects are listed, in order, each once");
            scratch.say(probe, Verdict::Good, found, means);
        }
        Ok(()) => {
            let found = format!("of {MANY} objects {next} are listed, or not in order");
            scratch.say(probe, Verdict::Broken, found, means);
        }
        Err(error) => {
            let found = format!("a long listing fails: {error}");
            scratch.say(probe, Verdict::Broken, found, means);
        }
    }
}
