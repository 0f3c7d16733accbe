//! A stored dump on its way into psql: line by line, with the few changes that a restore needs, and
//! with what the dump holds noted in passing.
//!
//! Outside data blocks a line is held until it is whole, so that it does not matter how the stream
//! is cut into pieces; rows pass at the speed of memory. Without changes the bytes come out as they
//! went in.

use std::collections::BTreeSet;

use memchr::{memchr, memmem};

use super::DumpContents;
use super::copy::{CopyTable, identifier};
use super::quotes::Quotes;

/// `pg_dump` empties the search path, so that functions of extensions no longer find their types
/// (immich-app/immich#5630) …
const EMPTY_PATH: &[u8] = b"SELECT pg_catalog.set_config('search_path', '', false);";
/// … and this is what Immich's documentation puts in its place.
const USUAL_PATH: &[u8] =
    b"SELECT pg_catalog.set_config('search_path', 'public, pg_catalog', true);";

/// More than any line that is looked at; longer ones pass as they are.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// Kept of a row: the end mark and a few stray carriage returns.
const ROW_START_BYTES: usize = 8;

/// Types of the vector extensions, whose columns can be kept as text.
const VECTOR_TYPES: [&str; 4] = ["vector", "halfvec", "sparsevec", "vecf16"];
/// Access methods of the vector extensions.
const VECTOR_INDEXES: [&str; 5] = ["vchordrq", "vchordg", "hnsw", "ivfflat", "vectors"];

/// What is to be different.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The `search_path` fix of Immich's documentation.
    pub search_path: bool,
    /// Extensions that the server lacks: they are not made, columns of their types become text, and
    /// their indexes are left out. Only those of [`Changes::can_leave_out`].
    pub left_out: BTreeSet<String>,
}

impl Changes {
    /// The extensions that hold nothing but embeddings, which Immich computes again.
    pub fn can_leave_out(extension: &str) -> bool {
        matches!(extension, "vector" | "vchord" | "vectors")
    }
}

/// Goes through one dump.
#[derive(Debug, Default)]
pub struct Replay {
    changes: Changes,
    quotes: Quotes,
    /// The line of SQL that is under way.
    line: Vec<u8>,
    /// Its beginning was too long to be held and has gone out.
    passes: bool,
    block: Option<Block>,
    contents: DumpContents,
    /// Which of the contents' databases.
    connected: usize,
}

#[derive(Debug)]
struct Block {
    copy: CopyTable,
    rows: u64,
    /// The start of the row that is under way.
    row: Vec<u8>,
    cut: bool,
}

impl Replay {
    pub fn new(changes: Changes) -> Self {
        Self {
            changes,
            ..Self::default()
        }
    }

    /// Takes in the next bytes, in pieces of any size; gives to `out` what is to go on.
    ///
    /// # Errors
    /// Whatever `out` returns.
    pub fn feed<E>(
        &mut self,
        bytes: &[u8],
        out: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = match self.block {
                Some(_) => {
                    let count = self.rows(rest);
                    out(rest.get(..count).unwrap_or_default())?;
                    count
                }
                None => self.sql(rest, out)?,
            };
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// There is no more.
    ///
    /// # Errors
    /// Whatever `out` returns.
    pub fn finish<E>(
        mut self,
        out: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<DumpContents, E> {
        if !self.line.is_empty() {
            self.end_line(out)?;
        }
        Ok(self.contents)
    }

    /// What to send so that psql gives up the transaction, wherever the dump broke off: an end of
    /// the rows, if rows are under way, and a statement that fails.
    pub fn stop_mark(&self) -> Vec<u8> {
        let end = if self.block.is_some() {
            "\n\\.\n"
        } else {
            "\n"
        };
        format!(
            "{end}DO $$BEGIN RAISE EXCEPTION 'the dump broke off here, nothing of it may stay'; \
             END$$;\n"
        )
        .into_bytes()
    }

    fn sql<E>(
        &mut self,
        bytes: &[u8],
        out: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        if self.line.is_empty() && !self.passes && bytes.first() == Some(&b'\\') {
            self.quotes.skip_line();
        }
        let (count, ended) = self.quotes.line(bytes);
        let piece = bytes.get(..count).unwrap_or_default();
        if self.passes || self.line.len() + piece.len() > LINE_BYTES_MAX {
            if !self.line.is_empty() {
                out(&self.line)?;
                self.line.clear();
            }
            out(piece)?;
            self.passes = !ended;
        } else {
            self.line.extend_from_slice(piece);
            if ended {
                self.end_line(out)?;
            }
        }
        Ok(count)
    }

    fn end_line<E>(&mut self, out: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let line = std::mem::take(&mut self.line);
        let text = without_line_end(&line);
        if let Some(copy) = CopyTable::parse(text) {
            self.block = Some(Block {
                copy,
                rows: 0,
                row: Vec::with_capacity(ROW_START_BYTES),
                cut: false,
            });
            out(&line)?;
        } else {
            self.contents.line(text, &mut self.connected);
            let end = line.get(text.len()..).unwrap_or_default();
            if self.changes.search_path && text == EMPTY_PATH {
                out(USUAL_PATH)?;
                out(end)?;
            } else if !self.leaves_out(text) {
                match self.with_text_columns(text) {
                    Some(changed) => {
                        out(changed.as_bytes())?;
                        out(end)?;
                    }
                    None => out(&line)?,
                }
            }
        }
        // The buffer is used again.
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// Goes through rows up to the end of the block, and tells how far.
    fn rows(&mut self, bytes: &[u8]) -> usize {
        let Some(block) = &mut self.block else {
            return 0;
        };
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (row, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let is_end = if block.row.is_empty() {
                is_end_of_rows(row)
            } else {
                block.keep(row);
                !block.cut && is_end_of_rows(&block.row)
            };
            block.row.clear();
            block.cut = false;
            if is_end {
                let count = bytes.len() - rest.len();
                let (copy, rows) = (block.copy.clone(), block.rows);
                self.contents.block(&copy, rows, self.connected);
                self.block = None;
                return count;
            }
            block.rows += 1;
        }
        block.keep(rest);
        bytes.len()
    }

    /// Whether the statement in this line is about an extension that is left out.
    fn leaves_out(&self, line: &[u8]) -> bool {
        if self.changes.left_out.is_empty() {
            return false;
        }
        const STATEMENTS: [&[u8]; 5] = [
            b"CREATE EXTENSION IF NOT EXISTS ",
            b"CREATE EXTENSION ",
            b"DROP EXTENSION IF EXISTS ",
            b"DROP EXTENSION ",
            b"COMMENT ON EXTENSION ",
        ];
        for statement in STATEMENTS {
            if let Some(rest) = line.strip_prefix(statement) {
                let text = String::from_utf8_lossy(rest);
                let name = identifier(&text).map_or_else(String::new, |(name, _)| name);
                return self.changes.left_out.contains(&name);
            }
        }
        (line.starts_with(b"CREATE INDEX ") || line.starts_with(b"CREATE UNIQUE INDEX "))
            && VECTOR_INDEXES
                .iter()
                .any(|method| memmem::find(line, format!(" USING {method} ").as_bytes()).is_some())
    }

    /// A column's line in `CREATE TABLE`, such as `    embedding public.vector(512) NOT NULL`, where
    /// it has a type of an extension that is left out.
    fn with_text_columns(&self, line: &[u8]) -> Option<String> {
        if self.changes.left_out.is_empty() || !line.starts_with(b"    ") {
            return None;
        }
        let text = std::str::from_utf8(line).ok()?;
        let is_vector = |word: &&str| {
            let word = word.trim_end_matches(',');
            let kind = word.split_once('.').map(|(_, kind)| kind);
            let kind = kind.and_then(|kind| kind.split('(').next());
            kind.is_some_and(|kind| VECTOR_TYPES.contains(&kind))
        };
        let word = text.split(' ').skip(5).find(is_vector)?;
        let comma = if word.ends_with(',') { "," } else { "" };
        Some(text.replacen(word, &format!("text{comma}"), 1))
    }
}

impl Block {
    fn keep(&mut self, bytes: &[u8]) {
        let room = ROW_START_BYTES.saturating_sub(self.row.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.row.extend_from_slice(kept);
        self.cut |= kept.len() < bytes.len();
    }
}

/// Terminals and Windows put carriage returns before a line feed.
fn without_line_end(line: &[u8]) -> &[u8] {
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

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
