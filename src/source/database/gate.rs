//! The gate: sees every byte of a dump as it streams by, and says at the end whether it is whole.
//!
//! A dump is a beginning (held back until it can be told what it is), then lines of SQL, among them
//! data blocks from `COPY … FROM stdin;` to `\.`. In a block only line ends matter, so that vectors
//! pass at the speed of memory. Never more than the start of a line is kept.

use std::io;

use super::block::{Block, Line, without_line_end};
use super::copy::CopyTable;
use super::observer::{RowObserver, Watch};
use super::quotes::Quotes;
use super::recognise::{self, BEGINNING_BYTES, UTF8_MARK, excerpt};
use super::tally::Tally;
use super::{DumpFacts, DumpFault, DumpKind};

/// The header stands in the second line; by here it must have come.
const HEADER_WITHIN_BYTES: u64 = 64 * 1024;
/// Kept of a line of SQL: more than any comment that matters.
const LINE_BYTES_MAX: usize = 1024;
/// Kept of a `COPY` line: 1,600 columns, each with 63 doubled quotes.
const COPY_LINE_BYTES_MAX: usize = 256 * 1024;
const COPY: &[u8] = b"COPY ";

impl DumpKind {
    const ALL: [Self; 2] = [Self::PgDump, Self::PgDumpAll];

    /// The line that a dump of this kind begins with.
    pub const fn header(self) -> &'static str {
        match self {
            Self::PgDump => "-- PostgreSQL database dump",
            Self::PgDumpAll => "-- PostgreSQL database cluster dump",
        }
    }

    /// The line that stands at the end of a whole dump of this kind.
    pub const fn trailer(self) -> &'static str {
        match self {
            Self::PgDump => "-- PostgreSQL database dump complete",
            Self::PgDumpAll => "-- PostgreSQL database cluster dump complete",
        }
    }
}

/// Judges one dump, and lets an observer see the rows it wants.
#[derive(Debug, Default)]
pub struct Gate<'o> {
    bytes: u64,
    stage: Stage,
    begins: String,
    kind: Option<DumpKind>,
    /// The trailer has come.
    ended: bool,
    fault: Option<DumpFault>,
    quotes: Quotes,
    /// The start of the line of SQL that is under way, quoted line feeds included.
    line: Line,
    block: Block,
    tally: Tally,
    watch: Watch<'o>,
}

#[derive(Debug)]
enum Stage {
    Beginning(Vec<u8>),
    Sql,
    Rows,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Beginning(Vec::with_capacity(BEGINNING_BYTES))
    }
}

/// Why the gate lets a dump go no further.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error("{0}")]
    Fault(DumpFault),
    /// What the observer failed with.
    #[error("{0}")]
    Observer(io::Error),
}

impl<'o> Gate<'o> {
    pub fn new() -> Self {
        Self::default()
    }

    /// A gate whose rows somebody wants to see.
    pub fn observed(observer: Option<Box<dyn RowObserver + 'o>>) -> Self {
        Self {
            watch: Watch::new(observer),
            ..Self::default()
        }
    }

    /// Takes in the next bytes, in pieces of any size.
    ///
    /// # Errors
    /// As soon as it is certain that this will not be a whole dump, or the observer failed; the rest
    /// need not be read.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), GateError> {
        self.bytes += bytes.len() as u64;
        match &mut self.stage {
            Stage::Beginning(beginning) => {
                beginning.extend_from_slice(bytes);
                if beginning.len() >= BEGINNING_BYTES {
                    self.begin();
                }
            }
            Stage::Sql | Stage::Rows => self.lines(bytes),
        }
        if self.kind.is_none() && self.bytes > HEADER_WITHIN_BYTES {
            self.refuse(DumpFault::NotADump {
                begins: self.begins.clone(),
            });
        }
        if let Some(error) = self.watch.take_failure() {
            return Err(GateError::Observer(error));
        }
        self.fault
            .clone()
            .map_or(Ok(()), |fault| Err(GateError::Fault(fault)))
    }

    /// There is no more.
    ///
    /// # Errors
    /// What is wrong with the dump, or missing from it; what the observer failed with.
    pub fn finish(mut self) -> Result<DumpFacts, GateError> {
        if matches!(self.stage, Stage::Beginning(_)) {
            self.begin();
        }
        match self.stage {
            Stage::Rows => self.refuse(DumpFault::CutInTable {
                table: self.block.table.clone(),
            }),
            _ if !self.line.is_empty() => self.end_line(),
            _ => {}
        }
        let kind = match (self.fault, self.kind) {
            (Some(fault), _) => Err(fault),
            (None, None) => Err(DumpFault::NotADump {
                begins: self.begins,
            }),
            (None, Some(kind)) if !self.ended => Err(DumpFault::NoTrailer { kind }),
            (None, Some(kind)) => Ok(kind),
        };
        let kind = kind.map_err(GateError::Fault)?;
        self.watch.tell(|observer| observer.dump_ends());
        match self.watch.take_failure() {
            Some(error) => Err(GateError::Observer(error)),
            None => Ok(self.tally.facts(kind, self.bytes)),
        }
    }

    /// The first fault is the one that is told.
    fn refuse(&mut self, fault: DumpFault) {
        self.fault.get_or_insert(fault);
    }

    /// Enough of the beginning is there, or all.
    fn begin(&mut self) {
        let Stage::Beginning(beginning) = std::mem::replace(&mut self.stage, Stage::Sql) else {
            return;
        };
        if let Some(fault) = recognise::fault_of(&beginning) {
            self.refuse(fault);
        }
        let text = beginning.strip_prefix(UTF8_MARK).unwrap_or(&beginning);
        self.begins = excerpt(text);
        self.lines(text);
    }

    fn lines(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.fault.is_none() && !self.watch.has_failed() {
            let count = match self.stage {
                Stage::Rows => {
                    let (count, ended) = self.block.rows(rest, &mut self.tally, &mut self.watch);
                    if ended {
                        self.stage = Stage::Sql;
                    }
                    count
                }
                _ => self.sql(rest),
            };
            rest = rest.get(count..).unwrap_or_default();
        }
    }

    /// Goes through SQL up to the end of a line, and tells how far.
    fn sql(&mut self, bytes: &[u8]) -> usize {
        if self.line.is_empty() && bytes.first() == Some(&b'\\') {
            self.quotes.skip_line();
        }
        let (count, ended) = self.quotes.line(bytes);
        let line = bytes.get(..count).unwrap_or_default();
        // The first bytes decide how much is kept; they may come one by one.
        let first = COPY
            .len()
            .saturating_sub(self.line.start.len())
            .min(line.len());
        let (first, more) = line.split_at(first);
        self.line.push(first, LINE_BYTES_MAX);
        let is_copy = self.line.start.starts_with(COPY);
        self.line.push(
            more,
            if is_copy {
                COPY_LINE_BYTES_MAX
            } else {
                LINE_BYTES_MAX
            },
        );
        if ended {
            self.end_line();
        }
        count
    }

    /// Acts on a line of SQL.
    fn end_line(&mut self) {
        let Line { start, cut } = std::mem::take(&mut self.line);
        let line = without_line_end(&start);
        if self.ended {
            self.after_trailer(line);
        } else if line.starts_with(b"--") {
            if !cut {
                self.comment(line);
            }
        } else if self.kind.is_none() {
            if !line.is_empty() && !line.starts_with(b"\\restrict ") {
                self.refuse(DumpFault::NotADump {
                    begins: excerpt(line),
                });
            }
        } else if let Some(copy) = CopyTable::parse(line).filter(|_| !cut) {
            let history = self.tally.table(&copy);
            let wanted = self.watch.tell(|observer| observer.table_begins(&copy));
            self.block = Block::new(copy.name, history, wanted == Some(true));
            self.stage = Stage::Rows;
        } else {
            self.tally.statement(line);
            if let Some(target) = line.strip_prefix(b"\\connect ") {
                self.watch.tell(|observer| observer.connects(target));
            }
        }
        // The buffer is used again.
        self.line.start = start;
        self.line.clear();
    }

    fn comment(&mut self, line: &[u8]) {
        match self.kind {
            None => {
                let is_header = |kind: &DumpKind| kind.header().as_bytes() == line;
                self.kind = DumpKind::ALL.into_iter().find(is_header);
            }
            Some(kind) if kind.trailer().as_bytes() == line => self.ended = true,
            Some(_) => self.tally.comment(line),
        }
    }

    /// Only comments and `\unrestrict` may follow; a second header means a second dump.
    fn after_trailer(&mut self, line: &[u8]) {
        let is_header = DumpKind::ALL
            .iter()
            .any(|kind| kind.header().as_bytes() == line);
        let harmless = line.iter().all(u8::is_ascii_whitespace)
            || line.starts_with(b"--")
            || line.starts_with(b"\\unrestrict ");
        if is_header || !harmless {
            self.refuse(DumpFault::AfterTrailer {
                follows: excerpt(line),
            });
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
