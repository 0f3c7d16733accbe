//! [`Progress`] on the terminal: one bar for the running stage, the current item beneath it, notices
//! above it. Everything goes to standard error.
//!
//! Workers only bump an atomic counter or copy a name into a buffer that nobody holds for long; a
//! thread of indicatif draws ten times a second.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::cli::show::{self, Ink};
use crate::progress::Progress;

/// Columns for the name of the current item.
const ITEM_COLUMNS: usize = 72;

const WITH_TOTAL: &str = "{prefix}  {wide_bar} {done} of {total}  {rate}  {left}\n  {item}";
const WITHOUT_TOTAL: &str = "{prefix}  {spinner} {done}  {rate}\n  {item}";

const DRAW_EVERY: Duration = Duration::from_millis(100);

/// What a person gets to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The bar, and notices above it.
    BarAndNotices,
    /// Notices only: no terminal, or `--no-progress`.
    Notices,
    /// `--quiet`: warnings, and nothing else.
    Nothing,
}

impl Shown {
    /// From `--quiet`, `--no-progress` and whether standard error is a terminal.
    pub fn from_flags(quiet: bool, no_progress: bool) -> Self {
        match (quiet, no_progress || !io::stderr().is_terminal()) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Notices,
            (false, false) => Self::BarAndNotices,
        }
    }
}

/// Draws on standard error. Shared by all threads of a run.
pub struct TerminalProgress {
    shown: Shown,
    verbose: bool,
    ink: Ink,
    /// The bar of the running stage.
    bar: Mutex<Option<ProgressBar>>,
    item: Arc<Mutex<Vec<u8>>>,
    /// Where notices go: standard error, or a buffer in tests.
    lines: Mutex<Box<dyn Write + Send>>,
}

impl TerminalProgress {
    /// With `verbose`, every item gets a line of its own.
    pub fn new(shown: Shown, verbose: bool) -> Self {
        let mut progress = Self::writing_to(shown, show::ink_for_stderr(), Box::new(io::stderr()));
        progress.verbose = verbose && shown != Shown::Nothing;
        progress
    }

    fn writing_to(shown: Shown, ink: Ink, lines: Box<dyn Write + Send>) -> Self {
        Self {
            shown,
            verbose: false,
            ink,
            bar: Mutex::new(None),
            item: Arc::default(),
            lines: Mutex::new(lines),
        }
    }

    /// Writes a line, above the bar if there is one.
    fn line(&self, line: &str) {
        let write = || {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            // Nothing can be told any more once standard error is gone.
            let _ = writeln!(lines, "{line}");
        };
        match self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// The running bar; cheap to clone. A panic of another thread does not spoil it.
    fn bar(&self) -> Option<ProgressBar> {
        self.bar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts another bar, or none, in the place of the running one and wipes that from the screen.
    fn replace_bar(&self, next: Option<ProgressBar>) {
        let last = {
            let mut place = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, next)
        };
        // Outside the lock: a slow terminal must not hold up the workers.
        if let Some(last) = last {
            last.finish_and_clear();
        }
    }
}

impl fmt::Debug for TerminalProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalProgress")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

impl Drop for TerminalProgress {
    /// An error that ends a stage early leaves no half-drawn bar behind.
    fn drop(&mut self) {
        self.replace_bar(None);
    }
}

impl Progress for TerminalProgress {
    fn stage(&self, name: &str, bytes_total: Option<u64>) {
        if self.shown != Shown::BarAndNotices {
            return;
        }
        // First, so that the two are never on the screen at once.
        self.replace_bar(None);
        self.item
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let bar =
            ProgressBar::with_draw_target(bytes_total, ProgressDrawTarget::stderr_with_hz(10))
                .with_style(style(bytes_total.is_some(), &self.item))
                .with_prefix(show::harmless_sentence(name));
        bar.enable_steady_tick(DRAW_EVERY);
        self.replace_bar(Some(bar));
    }

    fn wants_totals(&self) -> bool {
        self.shown == Shown::BarAndNotices
    }

    fn expect(&self, bytes: u64) {
        let Some(bar) = self.bar() else { return };
        if bar.length().is_none() {
            bar.set_style(style(true, &self.item));
        }
        // Starts from 0 where no total was known.
        bar.set_length(bar.length().unwrap_or(0).saturating_add(bytes));
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = self.bar() {
            bar.inc(bytes);
        }
    }

    fn item(&self, path: &[u8]) {
        if self.verbose {
            self.line(&show::harmless(path));
        }
        if self.shown != Shown::BarAndNotices {
            return;
        }
        // If the name is being drawn or set right now, the next one will do.
        if let Ok(mut item) = self.item.try_lock() {
            item.clear();
            item.extend_from_slice(path);
        }
    }

    fn notice(&self, text: &str) {
        let is_note = text.starts_with("note: ");
        // Quiet is for cron, which mails what is said: warnings are worth a mail, notes are not.
        if self.shown == Shown::Nothing && is_note {
            return;
        }
        let text = text.strip_prefix("warning: ").unwrap_or(text);
        let text = show::harmless_sentence(text);
        let line = match is_note {
            true => text,
            false => format!("{} {text}", self.ink.warn("warning:")),
        };
        self.line(&line);
    }

    fn finish(&self) {
        self.replace_bar(None);
    }
}

fn style(total_known: bool, item: &Arc<Mutex<Vec<u8>>>) -> ProgressStyle {
    let template = if total_known {
        WITH_TOTAL
    } else {
        WITHOUT_TOTAL
    };
    let item = Arc::clone(item);
    // The templates are constants, so this falls back only if one is misspelt, which a test sees.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
        .with_key("done", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&show::bytes(state.pos()));
        })
        .with_key(
            "total",
            |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = out.write_str(&show::bytes(state.len().unwrap_or(0)));
            },
        )
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}/s", show::bytes(state.per_sec() as u64));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&time_left(state));
        })
        .with_key(
            "item",
            move |_: &ProgressState, out: &mut dyn fmt::Write| {
                let item = item.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = out.write_str(&shortened(&item, ITEM_COLUMNS));
            },
        )
}

fn time_left(state: &ProgressState) -> String {
    let left = state.eta();
    match (state.pos(), left.as_secs()) {
        // Before the first bytes the guess is worth nothing.
        (0, _) => String::new(),
        (_, 0) => "nearly done".to_owned(),
        _ => format!(
            "{} left",
            show::duration(Duration::from_secs(left.as_secs()))
        ),
    }
}

/// A path made harmless, with its front cut off where it is longer than so many characters: the
/// end says more.
fn shortened(path: &[u8], characters_max: usize) -> String {
    // A character has at most four bytes; the margin keeps the cut out of what is shown.
    let tail = path.len().saturating_sub(4 * characters_max + 4);
    let text = show::harmless(path.get(tail..).unwrap_or_default());
    let length = text.chars().count();
    if tail == 0 && length <= characters_max {
        return text;
    }
    let cut = length.saturating_sub(characters_max.saturating_sub(1));
    std::iter::once('…').chain(text.chars().skip(cut)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(shown: Shown, tell: impl Fn(&dyn Progress)) -> String {
        let page = Page::default();
        let progress = TerminalProgress::writing_to(shown, Ink::PLAIN, Box::new(page.clone()));
        tell(&progress);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn notices_appear_with_and_without_a_bar_and_only_warnings_when_quiet() {
        let tell = |progress: &dyn Progress| {
            progress.notice("before any stage\x1b[2J");
            progress.stage("Reading", None);
            progress.item(b"a.jpg");
            progress.expect(10);
            progress.advance(5);
            progress.notice("note: in a stage");
            progress.finish();
            progress.finish();
            progress.advance(5);
        };
        let expected = "warning: before any stage\\x1b[2J\nnote: in a stage\n";
        assert_eq!(written(Shown::Notices, tell), expected);
        assert_eq!(written(Shown::BarAndNotices, tell), expected);
        let warning = "warning: before any stage\\x1b[2J\n";
        assert_eq!(written(Shown::Nothing, tell), warning);
    }

    #[test]
    fn many_threads_count_every_byte() {
        let progress =
            TerminalProgress::writing_to(Shown::BarAndNotices, Ink::PLAIN, Box::new(io::sink()));
        progress.stage("Reading", Some(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        progress.item(b"some/path\x1b.jpg");
                        progress.advance(3);
                    }
                    progress.notice("one thread is done");
                });
            }
        });
        assert_eq!(progress.bar().unwrap().position(), 12_000);
    }

    #[test]
    fn the_templates_are_well_formed() {
        assert!(ProgressStyle::with_template(WITH_TOTAL).is_ok());
        assert!(ProgressStyle::with_template(WITHOUT_TOTAL).is_ok());
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened(b"a/b.jpg", 10), "a/b.jpg");
        assert_eq!(shortened(b"library/anna/b.jpg", 10), "…nna/b.jpg");
        let long = "é".repeat(5000);
        assert_eq!(
            shortened(long.as_bytes(), 10),
            format!("…{}", "é".repeat(9))
        );
        assert_eq!(shortened(&[0x1b; 100], 10).chars().count(), 10);
    }
}
