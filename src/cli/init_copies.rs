//! What `offsite init` finds where several copies are named: which of them are there already.

use super::context::Context;
use super::exit::Failure;
use super::places::Place;
use super::show;
use crate::ops;

/// Everything is there.
pub fn nothing_to_make(context: &Context) -> Failure {
    let file = context.configuration().ok();
    let is_configured = file.is_some_and(|file| !file.repositories.is_empty());
    Failure::usage(
        "all copies that were named are there already",
        match is_configured {
            true => "name a further [[repository]] in offsite.toml, and run it again",
            false => "name a further one with --repo URL",
        },
    )
}

/// Of several places: one where the repository is, and those where nothing is yet.
///
/// # Errors
/// What stands in the way at any of them: then nothing is made at all.
pub fn looked_at(
    context: &Context,
    places: Vec<Place>,
) -> std::result::Result<(Option<Place>, Vec<Place>), Failure> {
    let (mut there, mut lacking) = (None, Vec::new());
    for place in places {
        let found = context.store_at(&place, false).and_then(|store| {
            context.identify(store.as_ref(), &place)?;
            Ok(())
        });
        match found {
            Ok(()) => _ = there.get_or_insert(place),
            Err(failure) if failure.is_nothing_there() => {
                refuse_absent(context, &place)?;
                lacking.push(place);
            }
            Err(failure) => return Err(in_the_way(failure, &place)),
        }
    }
    Ok((there, lacking))
}

/// What a place is that does not answer, nobody knows: a second repository beside one that is there
/// would be no copy of it.
fn in_the_way(failure: Failure, place: &Place) -> Failure {
    let name = show::harmless_sentence(&place.name);
    let hint = format!(
        "this is about {name}, where the repository may be already, and so nothing was made: {}; if \
         there is none yet, make the others now, with --repo NAME for each",
        failure.hint
    );
    Failure { hint, ..failure }
}

/// A folder in the place of a disk that is not mounted is no place for a new copy.
fn refuse_absent(context: &Context, place: &Place) -> std::result::Result<(), Failure> {
    if ops::trust::noted(&context.states()?, &place.key()).is_none() {
        return Ok(());
    }
    let name = show::harmless_sentence(&place.name);
    Err(Failure::failed(
        format!("this host knows a repository at {name}, and it is not there"),
        "see whether the disk is mounted; nothing was made; to make it anew there all the same: \
         offsite init --repo NAME --replica-of OTHER",
    ))
}
