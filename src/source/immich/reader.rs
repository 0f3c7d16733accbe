//! Finds the rows of Immich's tables in a dump while the gate goes through it, and gives them to a
//! [`RowSink`].
//!
//! The gate shows whole rows of the tables that [`columns`](super::columns) knows; here their fields
//! become [`Row`]s. A row that makes no sense is counted and passed over: what Immich's own database
//! let in must not keep anybody from a backup. Which database of a cluster counts is settled by
//! [`databases`](super::databases).

use std::borrow::Cow;
use std::io;

use super::columns::{Field, Kind, Picker, asset};
use super::databases::{Databases, Verdict};
use super::rows::{Asset, AssetFile, Checksum, FileKind, Row, RowSink, Status, User, Uuid};
use super::unescape::{boolean, bytea, copy_text, hex_sha1, text_array, uuid};
use crate::source::database::{CopyTable, RowObserver};

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
        let sink = &mut self.sink;
        let read = match kind {
            Kind::Asset => match asset_row(&fields, sink)? {
                Some(status_is_known) => {
                    self.current.assets_of_unknown_status += u64::from(!status_is_known);
                    Some(())
                }
                None => None,
            },
            Kind::File => file_row(&fields, sink)?,
            Kind::Exif => exif_row(&fields, sink)?,
            Kind::User => user_row(&fields, sink)?,
            Kind::Library => library_row(&fields, sink)?,
            Kind::Metadata => metadata_row(&fields, sink)?,
            Kind::Move => move_row(&fields, sink)?,
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

/// `None`: the row makes no sense, and the sink got nothing of it.
type Read<T = ()> = io::Result<Option<T>>;

/// A path as text: Postgres lets no NUL into one, and no file has one in its name.
fn path(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    let path = copy_text(field);
    (!path.contains(&0)).then_some(path)
}

/// Gives the asset, then the files that stand in columns of its row. Whether its status is known.
fn asset_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read<bool> {
    let [
        id,
        owner,
        library,
        original,
        checksum,
        algorithm,
        external,
        offline,
        status,
        deleted,
        sidecar,
        ..,
    ] = fields
    else {
        return Ok(None);
    };
    let flag = |field: &Field<'_>| field.map_or(Some(false), boolean);
    let ids = (|| Some((id.and_then(uuid)?, owner.and_then(uuid)?)))();
    let library = match library {
        Some(library) => uuid(library).map(Some),
        None => Some(None),
    };
    let (Some((id, owner)), Some(library), Some(original), Some(is_external), Some(is_offline)) = (
        ids,
        library,
        original.and_then(path),
        flag(external),
        flag(offline),
    ) else {
        return Ok(None);
    };
    let bytes;
    let checksum = match (algorithm, checksum.and_then(hex_sha1)) {
        (Some(b"sha1-path"), _) => Checksum::Path,
        (None, _) if is_external => Checksum::Path,
        (None | Some(b"sha1"), Some(sha1)) => Checksum::Content(sha1),
        (algorithm, _) => {
            let Some(decoded) = checksum.map_or(Some(Vec::new()), bytea) else {
                return Ok(None);
            };
            bytes = decoded;
            match <[u8; 20]>::try_from(bytes.as_slice()) {
                Ok(sha1) if matches!(algorithm, None | Some(b"sha1")) => Checksum::Content(sha1),
                _ => Checksum::Unknown(&bytes),
            }
        }
    };
    let (status, is_known) = match status {
        // Before there was a status, a date of deletion meant the trash.
        None if deleted.is_some() => (Status::Trashed, true),
        None | Some(b"active") => (Status::Active, true),
        Some(b"trashed") => (Status::Trashed, true),
        Some(b"deleted") => (Status::Deleted, true),
        Some(_) => (Status::Active, false),
    };
    sink.row(Row::Asset(Asset {
        id,
        owner,
        library,
        path: &original,
        checksum,
        is_external,
        is_offline,
        status,
    }))?;
    file_of_column(id, FileKind::Sidecar, *sidecar, sink)?;
    for field in fields.get(asset::GENERATED).unwrap_or_default() {
        file_of_column(id, FileKind::Generated, *field, sink)?;
    }
    Ok(Some(is_known))
}

/// An empty path says, as NULL does, that there is no such file.
fn file_of_column(
    asset: Uuid,
    kind: FileKind,
    field: Field<'_>,
    sink: &mut impl RowSink,
) -> io::Result<()> {
    match field.and_then(path) {
        Some(path) if !path.is_empty() => sink.row(Row::File(AssetFile {
            asset,
            kind,
            path: &path,
        })),
        _ => Ok(()),
    }
}

fn file_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
    let [Some(asset), kind, Some(file), ..] = fields else {
        return Ok(None);
    };
    let (Some(asset), Some(path)) = (uuid(asset), path(file)) else {
        return Ok(None);
    };
    // Every other kind, one that is not known too, Immich makes from the original.
    let kind = match kind {
        Some(b"sidecar") => FileKind::Sidecar,
        _ => FileKind::Generated,
    };
    let path = &path;
    sink.row(Row::File(AssetFile { asset, kind, path }))?;
    Ok(Some(()))
}

fn exif_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
    let [Some(asset), size, ..] = fields else {
        return Ok(None);
    };
    let Some(size) = size else {
        return Ok(Some(()));
    };
    let bytes = std::str::from_utf8(size)
        .ok()
        .and_then(|text| text.parse().ok());
    let (Some(asset), Some(bytes)) = (uuid(asset), bytes) else {
        return Ok(None);
    };
    sink.row(Row::Size { asset, bytes })?;
    Ok(Some(()))
}

fn user_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
    let [Some(id), name, image, ..] = fields else {
        return Ok(None);
    };
    let (Some(id), Some(profile_image)) = (uuid(id), path(image.unwrap_or_default())) else {
        return Ok(None);
    };
    let (name, profile_image) = (&copy_text(name.unwrap_or_default()), &profile_image);
    sink.row(Row::User(User {
        id,
        name,
        profile_image,
    }))?;
    Ok(Some(()))
}

fn library_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
    let [Some(library), paths, ..] = fields else {
        return Ok(None);
    };
    let paths = text_array(&copy_text(paths.unwrap_or(b"{}")));
    let (Some(library), Some(paths)) = (uuid(library), paths) else {
        return Ok(None);
    };
    for path in &paths {
        sink.row(Row::ImportPath { library, path })?;
    }
    Ok(Some(()))
}

fn metadata_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
    let [Some(b"MediaLocation"), value, ..] = fields else {
        return Ok(Some(()));
    };
    let value = copy_text(value.unwrap_or_default());
    let value = serde_json::from_slice::<serde_json::Value>(&value).ok();
    let location = value
        .as_ref()
        .and_then(|value| value.get("location")?.as_str());
    let Some(location) = location else {
        return Ok(None);
    };
    sink.row(Row::MediaLocation(location.as_bytes()))?;
    Ok(Some(()))
}

fn move_row(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
    let [Some(old), Some(new), ..] = fields else {
        return Ok(None);
    };
    let (Some(old), Some(new)) = (path(old), path(new)) else {
        return Ok(None);
    };
    sink.row(Row::Move {
        old: &old,
        new: &new,
    })?;
    Ok(Some(()))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
