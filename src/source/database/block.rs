//! A data block of a dump: the rows between `COPY … FROM stdin;` and `\.`.
//!
//! Rows that nobody wants are only counted, at the speed of memory; of wanted ones that come in
//! pieces the beginning is kept until the rest is there.

use memchr::memchr;

use super::history::HistoryColumns;
use super::observer::{OBSERVED_ROW_BYTES_MAX, Watch};
use super::tally::Tally;

/// Kept of a row that the tally wants to see.
const HISTORY_ROW_BYTES_MAX: usize = 1024;
/// Kept of any other row: enough for the end mark and a few stray carriage returns.
const ROW_START_BYTES: usize = 8;

/// The start of a line, of which the rest may still come.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) start: Vec<u8>,
    /// There was more than was kept.
    pub(super) cut: bool,
}

impl Line {
    pub(super) fn push(&mut self, bytes: &[u8], bytes_max: usize) {
        let room = bytes_max.saturating_sub(self.start.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.start.extend_from_slice(kept);
        self.cut |= kept.len() < bytes.len();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.start.clear();
        self.cut = false;
    }
}

/// The data block that is under way.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) table: String,
    pub(super) history: Option<HistoryColumns>,
    /// The observer wants its rows.
    pub(super) observed: bool,
    pub(super) row: Line,
    rows: u64,
}

impl Block {
    pub(super) fn new(table: String, history: Option<HistoryColumns>, observed: bool) -> Self {
        Self {
            table,
            history,
            observed,
            row: Line::default(),
            rows: 0,
        }
    }

    /// Goes through rows up to the end of the block; tells how far, and whether it has ended.
    pub(super) fn rows(
        &mut self,
        bytes: &[u8],
        tally: &mut Tally,
        watch: &mut Watch<'_>,
    ) -> (usize, bool) {
        let keep = match (self.observed, self.history) {
            (true, _) => OBSERVED_ROW_BYTES_MAX,
            (false, Some(_)) => HISTORY_ROW_BYTES_MAX,
            (false, None) => ROW_START_BYTES,
        };
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (mut row, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let mut cut = row.len() > keep;
            let mut joined = std::mem::take(&mut self.row);
            if !joined.is_empty() {
                joined.push(row, keep);
                row = &joined.start;
                cut = joined.cut;
            }
            if row.len() <= ROW_START_BYTES && !cut && is_end_of_rows(row) {
                tally.table_ends(&self.table, self.rows);
                if self.observed {
                    watch.tell(|observer| observer.table_ends());
                }
                return (bytes.len() - rest.len(), true);
            }
            self.rows += 1;
            if self.observed {
                if cut {
                    watch.tell(|observer| observer.row_too_long());
                } else {
                    watch.tell(|observer| observer.row(without_line_end(row)));
                }
                if watch.has_failed() {
                    return (bytes.len(), false);
                }
            }
            if let Some(columns) = self.history.filter(|_| !cut) {
                tally.history_row(columns, without_line_end(row));
            }
            // The buffer is used again.
            joined.clear();
            self.row = joined;
        }
        self.row.push(rest, keep);
        (bytes.len(), false)
    }
}

/// Terminals and Windows put carriage returns before a line feed; in a row a real one is escaped.
pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\n").unwrap_or(line);
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

fn is_end_of_rows(row: &[u8]) -> bool {
    row.strip_prefix(br"\.")
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'\r'))
}
