//! Finds the rows of Immich's tables in a dump while the gate goes through it, and gives them to a
//! [`RowSink`].
//!
//! The gate shows whole rows of the tables that `columns` knows, and `interpret` makes [`Row`]s of
//! them. A row that makes no sense is counted and passed over: what Immich's own database let in must
//! not keep anybody from a backup. Which database of a cluster counts is settled by `databases`.

use std::io;

use super::columns::{Kind, Picker};
use super::databases::{Databases, Verdict};
use super::interpret;
use super::paths;
use super::rows::{Row, RowSink};
use crate::source::database::{CopyTable, RowObserver};

const IMPORT_PATHS_MAX: usize = 10_000;

/// How Immich names its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Up to 1.135: `assets`, and paths relative to `/usr/src/app`.
    Plural,
    /// From 1.136 on: `asset`, and absolute paths.
    Singular,
}

/// What was read of the database that was chosen, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// `None` without a table of assets.
    pub generation: Option<Generation>,
    /// Rows of the table of assets, readable or not.
    pub assets: u64,
    /// Of these, rows that made no sense or were longer than a row can be: nothing is said of their
    /// files.
    pub assets_unreadable: u64,
    /// Of these, rows with a status that is not known; taken for active.
    pub assets_of_unknown_status: u64,
    /// Rows of the other tables that made no sense.
    pub others_unreadable: u64,
    /// Databases of the cluster with a table of Immich's assets; the one with most assets was
    /// chosen, of two with as many the first.
    pub databases_with_assets: u32,
    /// Rows of assets of those that were not chosen.
    pub assets_elsewhere: u64,
    /// What the database tells of itself.
    pub media_location: Option<Vec<u8>>,
    /// A path that is not of an external library begins with `upload/`.
    pub has_relative_paths: bool,
    /// Import paths of external libraries, up to 10,000.
    pub import_paths: Vec<Vec<u8>>,
}

impl Summary {
    /// The media location, told or assumed.
    pub fn media_location(&self) -> &[u8] {
        paths::media_location(self.media_location.as_deref(), self.has_relative_paths)
    }
}

/// Hands rows on, and notes in passing what the path map will need.
struct Noting<'a, S> {
    sink: &'a mut S,
    summary: &'a mut Summary,
}

impl<S: RowSink> RowSink for Noting<'_, S> {
    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        match row {
            Row::Asset(asset) => {
                self.summary.has_relative_paths |=
                    !asset.is_external && asset.path.starts_with(b"upload/");
            }
            Row::User(user) => {
                self.summary.has_relative_paths |= user.profile_image.starts_with(b"upload/");
            }
            Row::MediaLocation(location) => self.summary.media_location = Some(location.to_vec()),
            Row::ImportPath { path, .. } if self.summary.import_paths.len() < IMPORT_PATHS_MAX => {
                self.summary.import_paths.push(path.to_vec());
            }
            _ => {}
        }
        self.sink.row(row)
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.sink.start_over()
    }
}

/// Reads along. Give it to [`Dump::open_observed`](crate::source::database::Dump::open_observed) as
/// `Box::new(&mut reader)`; when the dump is whole, ask for [`Reader::summary`].
#[derive(Debug)]
pub struct Reader<S> {
    sink: S,
    databases: Databases,
    /// The block that is under way, if its rows are wanted.
    block: Option<Picker>,
    /// Of the database that is being read, and of the one that was chosen.
    current: Summary,
    chosen: Summary,
}

impl<S: RowSink> Reader<S> {
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            databases: Databases::default(),
            block: None,
            current: Summary::default(),
            chosen: Summary::default(),
        }
    }

    /// Holds once the dump was found to be whole.
    pub fn summary(&self) -> Summary {
        Summary {
            databases_with_assets: self.databases.with_assets,
            assets_elsewhere: self.databases.assets_elsewhere,
            ..self.chosen.clone()
        }
    }

    /// The sink, with the rows of the database that was chosen.
    pub fn into_sink(self) -> S {
        self.sink
    }

    fn database_ends(&mut self) -> io::Result<()> {
        let current = std::mem::take(&mut self.current);
        match self.databases.ends(&mut self.sink)? {
            Verdict::Chosen => self.chosen = current,
            Verdict::Forgotten => self.chosen = Summary::default(),
            Verdict::PassedOver => {}
        }
        Ok(())
    }

    fn unreadable(&mut self, kind: Kind) {
        if kind == Kind::Asset {
            self.current.assets_unreadable += 1;
        } else {
            self.current.others_unreadable += 1;
        }
    }
}

impl<S: RowSink> RowObserver for Reader<S> {
    fn connects(&mut self, target: &[u8]) -> io::Result<()> {
        if self.databases.connects(target) {
            self.database_ends()?;
        }
        Ok(())
    }

    fn table_begins(&mut self, table: &CopyTable) -> io::Result<bool> {
        self.block = Picker::of(table);
        let Some(picker) = &self.block else {
            return Ok(false);
        };
        let is_assets = picker.kind == Kind::Asset;
        self.databases.table_begins(is_assets, &mut self.sink)?;
        if is_assets {
            self.current.generation = Some(if picker.is_first_generation {
                Generation::Plural
            } else {
                Generation::Singular
            });
        }
        Ok(is_assets || self.databases.are_kept())
    }

    fn row(&mut self, row: &[u8]) -> io::Result<()> {
        let Some(picker) = &self.block else {
            return Ok(());
        };
        let kind = picker.kind;
        if kind == Kind::Asset {
            self.databases.asset();
            self.current.assets += 1;
        }
        if !self.databases.are_kept() {
            return Ok(());
        }
        let Some(fields) = picker.pick(row) else {
            self.unreadable(kind);
            return Ok(());
        };
        let mut sink = Noting {
            sink: &mut self.sink,
            summary: &mut self.current,
        };
        let read = match kind {
            Kind::Asset => {
                let known = interpret::asset(&fields, &mut sink)?;
                self.current.assets_of_unknown_status += u64::from(known == Some(false));
                known.map(|_| ())
            }
            Kind::File => interpret::file(&fields, &mut sink)?,
            Kind::Exif => interpret::exif(&fields, &mut sink)?,
            Kind::User => interpret::user(&fields, &mut sink)?,
            Kind::Library => interpret::library(&fields, &mut sink)?,
            Kind::Metadata => interpret::metadata(&fields, &mut sink)?,
            Kind::Move => interpret::unfinished_move(&fields, &mut sink)?,
        };
        if read.is_none() {
            self.unreadable(kind);
        }
        Ok(())
    }

    fn row_too_long(&mut self) -> io::Result<()> {
        if let Some(kind) = self.block.as_ref().map(|picker| picker.kind) {
            if kind == Kind::Asset {
                self.databases.asset();
                self.current.assets += 1;
            }
            self.unreadable(kind);
        }
        Ok(())
    }

    fn table_ends(&mut self) -> io::Result<()> {
        self.block = None;
        Ok(())
    }

    fn dump_ends(&mut self) -> io::Result<()> {
        self.database_ends()
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
