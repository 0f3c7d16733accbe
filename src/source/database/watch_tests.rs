//! Pipes that dry up, before a clock that hurries.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::seams::Timestamp;

/// A minute passes whenever it is looked at.
#[derive(Default)]
struct Hurrying(AtomicU64);

impl Clock for Hurrying {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn since_boot(&self) -> Duration {
        Duration::from_secs(60 * self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep(&self, _time: Duration) {}
}

fn watch(total: Option<Duration>) -> Watch {
    Watch::start(Arc::new(Hurrying::default()), total)
}

fn pipe(watch: Watch) -> (Watched<File>, File) {
    let (reader, writer) = std::io::pipe().unwrap();
    let own = |fd: std::os::fd::OwnedFd| File::from(fd);
    (Watched::new(own(reader.into()), watch), own(writer.into()))
}

#[test]
fn a_pipe_that_dries_up_is_given_up_in_time() {
    let total = Duration::from_secs(5400);
    for (limit, sentence) in [
        (None, "nothing came for 30 minutes"),
        (Some(total), "it was not done after 90 minutes"),
    ] {
        let watch = watch(limit);
        let (mut reader, mut writer) = pipe(watch.clone());
        writer.write_all(b"abc").unwrap();
        let mut bytes = [0; 8];
        assert_eq!(reader.read(&mut bytes).unwrap(), 3);
        let error = watch.wait(|| false).unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn only_silence_counts_where_no_total_is_given() {
    let (mut reader, mut writer) = pipe(watch(None));
    let mut bytes = [0; 8];
    for _ in 0..100 {
        writer.write_all(b"x").unwrap();
        assert_eq!(reader.read(&mut bytes).unwrap(), 1);
    }
    drop(writer);
    assert_eq!(reader.read(&mut bytes).unwrap(), 0);
}

#[test]
fn a_total_counts_however_much_comes() {
    let (mut reader, mut writer) = pipe(watch(Some(Duration::from_secs(600))));
    let mut bytes = [0; 8];
    let error = loop {
        writer.write_all(b"x").unwrap();
        if let Err(error) = reader.read(&mut bytes) {
            break error;
        }
    };
    let late = Overdue::Late(Duration::from_secs(600));
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    assert_eq!(inner, Some(&late));
    assert_eq!(late.to_string(), "it was not done after 10 minutes");
}

#[test]
fn a_shorter_watch_is_never_longer_than_the_first() {
    let minute = Duration::from_secs(60);
    let limit = |total: Option<Duration>| watch(total).for_at_most(minute).limit;
    assert_eq!(limit(None), Overdue::Late(minute));
    assert_eq!(limit(Some(minute * 60)), Overdue::Late(minute));
    assert_eq!(limit(Some(minute / 2)), Overdue::Late(minute / 2));
    assert_eq!(in_words(minute), "1 minute");
    assert_eq!(in_words(minute / 2), "30 seconds");
    assert_eq!(in_words(minute * 120), "2 hours");
}

#[test]
fn an_interrupt_ends_a_wait_that_would_be_long() {
    let interrupt = Interrupt::default();
    let watch = Watch::start(Arc::new(crate::seams::SystemClock), None).heeding(&interrupt);
    let (mut reader, _writer) = pipe(watch.for_at_most(Duration::from_secs(3600)));
    let raiser = interrupt.clone();
    let raised = std::thread::spawn(move || raiser.raise());
    let error = reader.read(&mut [0; 8]).unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    assert_eq!(inner, Some(&Overdue::Interrupted));
    assert_eq!(watch.wait(|| false), Err(Overdue::Interrupted));
    raised.join().unwrap();
}
