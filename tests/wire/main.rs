//! What the line and the server do to S3 on a bad day: answers of 500, 503, 429 and 403, connections
//! that break before, inside and after a body, torn and falsified answers, answers that get lost or
//! come twice, drips, listings that lack a part. Once, three times, one in ten, always.
//!
//! A proxy (`proxy`, `fault`) does it to the real program's library in front of a real SeaweedFS. Each
//! run ends well or with one clear error, within its time; afterwards the archive is whole, and the
//! same run over a good line goes through. Waiting costs no time (`scene`), but standing still would.
//!
//! The short form takes some of the pairs, `OFFSITE_TEST_WIRE=all` every one.

mod fault;
#[path = "../harness/mod.rs"]
mod harness;
mod proxy;
mod scene;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fault::{Fault, When};
use proxy::Proxy;
use scene::{Scene, Verb};

/// Of this machine's time, beside other runs; far more than any takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(90);
/// Of the time that the run believes to have waited: the budget of a call is ten minutes, and what
/// fails with it may be asked again for something else.
const WAIT_MAX: Duration = Duration::from_secs(60 * 60);
/// A clear error is a sentence or two.
const WORDS_MAX: usize = 700;

struct Pair {
    fault: Fault,
    when: When,
    verb: Verb,
}

fn pairs() -> Vec<Pair> {
    let is_full = std::env::var("OFFSITE_TEST_WIRE").is_ok_and(|it| it == "all");
    let mut pairs = Vec::new();
    for fault in Fault::ALL {
        for when in When::ALL {
            for verb in Verb::ALL {
                // Each fault with each verb, and with each frequency, but not all three.
                let is_short = (fault as usize + when as usize + verb as usize).is_multiple_of(4);
                if is_full || is_short {
                    pairs.push(Pair { fault, when, verb });
                }
            }
        }
    }
    pairs
}

/// What was seen of all runs.
#[derive(Default)]
struct Tally {
    /// Exchanges to which something was done.
    struck: u64,
    /// Runs that were not at an end in time.
    hung: usize,
    longest: Duration,
    longest_wait: Duration,
}

/// Gives whether it went through.
fn run(
    scene: &Scene,
    proxy: &Proxy,
    pair: &Pair,
    seed: u64,
    tally: &Mutex<Tally>,
) -> Result<bool, String> {
    let place = scene.place(pair.verb, seed);
    proxy.do_it(pair.fault, pair.when, seed);
    let began = Instant::now();
    let (ended, waited) = scene.run(&place, pair.verb, &proxy.endpoint());
    let took = began.elapsed();
    let struck = proxy.stop();
    let is_late = took > PATIENCE || waited > WAIT_MAX;
    {
        let mut tally = tally.lock().unwrap();
        tally.struck += struck;
        tally.hung += usize::from(is_late);
        tally.longest = tally.longest.max(took);
        tally.longest_wait = tally.longest_wait.max(waited);
    }
    if is_late {
        return Err(format!("took {took:?} and waited {waited:?}"));
    }
    if let Err(said) = &ended {
        if said.len() > WORDS_MAX || said.is_empty() {
            return Err(format!("is told in {} letters: {said}", said.len()));
        }
        if pair.when <= When::Thrice && !pair.fault.is_an_answer() {
            return Err(format!("a moment was too much: {said}"));
        }
    }
    scene.check(&place, pair.verb, ended.is_ok())?;
    Ok(ended.is_ok())
}

fn tell(tally: &Tally, counts: &BTreeMap<(Fault, When), (usize, usize)>, complaints: usize) {
    let well: usize = counts.values().map(|it| it.0).sum();
    let told: usize = counts.values().map(|it| it.1).sum();
    let [took, waited] = [tally.longest, tally.longest_wait].map(|it| it.as_secs());
    let combinations = counts.len();
    let (runs, struck, hung) = (well + told + complaints, tally.struck, tally.hung);
    println!("counted: wire: {runs} runs over a bad line");
    println!("counted: wire: {combinations} combinations of a fault and how often it strikes");
    println!("counted: wire: {struck} exchanges to which it was done");
    println!("counted: wire: {well} runs ended well");
    println!("counted: wire: {told} runs ended in one clear error, and went through afterwards");
    println!("counted: wire: {took} s took the longest run");
    println!("counted: wire: {waited} s did the most patient run believe to have waited");
    println!("counted: wire: {hung} runs hung");
    println!("counted: wire: {complaints} runs lost anything, took too long or told too much");
}

#[test]
fn a_bad_line_ends_well_or_in_one_clear_error() {
    let scene = Scene::new();
    let pairs = pairs();
    let next = AtomicUsize::new(0);
    let counts: Mutex<BTreeMap<(Fault, When), (usize, usize)>> = Mutex::default();
    let complaints: Mutex<Vec<String>> = Mutex::default();
    let tally = Mutex::default();
    let work = || {
        let proxy = Proxy::before(&scene.endpoint());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(pair) = pairs.get(number) else {
                break;
            };
            match run(&scene, &proxy, pair, number as u64, &tally) {
                Ok(went) => {
                    let mut counts = counts.lock().unwrap();
                    let count = counts.entry((pair.fault, pair.when)).or_default();
                    count.0 += usize::from(went);
                    count.1 += usize::from(!went);
                }
                Err(complaint) => {
                    let Pair { fault, when, verb } = pair;
                    let complaint = format!("{verb:?}, {fault:?} {when:?}: {complaint}");
                    complaints.lock().unwrap().push(complaint);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    let counts = counts.into_inner().unwrap();
    for ((fault, when), (well, told)) in &counts {
        println!("| {fault:?} | {when:?} | {well} | {told} |");
    }
    let complaints = complaints.into_inner().unwrap();
    let told: usize = counts.values().map(|it| it.1).sum();
    tell(&tally.into_inner().unwrap(), &counts, complaints.len());
    assert!(
        complaints.is_empty(),
        "{} of {}:\n{}",
        complaints.len(),
        pairs.len(),
        complaints.join("\n")
    );
    // The faults were done, and did something.
    assert!(
        told > pairs.len() / 10,
        "only {told} runs ended in an error"
    );
}
