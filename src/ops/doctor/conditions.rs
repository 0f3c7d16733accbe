//! "Store it only if there is none": known to most stores, ignored without a word by some.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::report::Verdict;
use super::scratch::{Scratch, put_on_terms};
use crate::store::ErrorKind;
use crate::store::retention::PutTerms;

const THREADS: usize = 6;
const ROUNDS: usize = 3;

const ONLY_IF_ABSENT: PutTerms = PutTerms {
    retention: None,
    crc64: None,
    if_absent: true,
};

const MEANS_IN_VAIN: &str =
    "two runs of init at one instant could both win; backups do not rely on it";

pub fn twice(scratch: &mut Scratch<'_>) {
    let probe = "conditional_put";
    let mut put = |body: &'static [u8]| {
        scratch.put_on_terms("once/a", Bytes::from_static(body), &ONLY_IF_ABSENT)
    };
    let (first, second) = (put(b"first"), put(b"second"));
    let verdict = match (first, second) {
        (Ok(()), Err(error)) if error.kind == ErrorKind::AlreadyExists => true,
        (Ok(()), Ok(())) => false,
        (Err(error), _) | (_, Err(error)) => return scratch.cannot_say(probe, &error),
    };
    scratch.profile.conditional_put = Some(verdict);
    if verdict {
        let found = "a second PUT under a condition is refused";
        scratch.say(
            probe,
            Verdict::Good,
            found,
            "two runs of init cannot make two repositories",
        );
    } else {
        let found = "the condition of a PUT is ignored, or not known";
        scratch.say(probe, Verdict::Lacking, found, MEANS_IN_VAIN);
    }
}

pub fn race(scratch: &mut Scratch<'_>) {
    let probe = "conditional_put_race";
    if scratch.profile.conditional_put != Some(true) {
        return;
    }
    let (mut most, mut least) = (0, THREADS);
    for round in 0..ROUNDS {
        let name = format!("race/{round}");
        scratch.will_put(&name);
        let (winners, barrier) = (AtomicUsize::new(0), Barrier::new(THREADS));
        let store = scratch.store;
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (name, winners, barrier) = (&name, &winners, &barrier);
                scope.spawn(move || {
                    let body = Bytes::from(vec![thread as u8; 2000]);
                    barrier.wait();
                    if put_on_terms(store, name, body, &ONLY_IF_ABSENT).is_ok() {
                        winners.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let winners = winners.into_inner();
        (most, least) = (most.max(winners), least.min(winners));
    }
    if least == 0 {
        let found = "nobody won a race of conditional PUTs";
        return scratch.say(probe, Verdict::Unknown, found, MEANS_IN_VAIN);
    }
    scratch.profile.atomic_put = Some(most == 1);
    if most == 1 {
        let found = format!("of {THREADS} at once one wins");
        scratch.say(
            probe,
            Verdict::Good,
            found,
            "the condition holds at one instant too",
        );
    } else {
        let found = format!("of {THREADS} at once {most} were told that they won");
        scratch.say(probe, Verdict::Lacking, found, MEANS_IN_VAIN);
    }
}
