//! Makes rows of the fields of Immich's tables, one function a table.

use std::borrow::Cow;
use std::io;

use super::columns::{Field, GENERATED_PLACES};
use super::rows::{Asset, AssetFile, Checksum, FileKind, Row, RowSink, Status, User, Uuid};
use super::unescape::{boolean, bytea, copy_text, hex_sha1, text_array, uuid};

/// `None`: the row makes no sense, and the sink got nothing of it.
pub(super) type Read<T = ()> = io::Result<Option<T>>;

/// A path as text: Postgres lets no NUL into one, and no file has one in its name.
fn path(field: &[u8]) -> Option<Cow<'_, [u8]>> {
    let path = copy_text(field);
    (!path.contains(&0)).then_some(path)
}

/// Gives the asset, then the files that stand in columns of its row. Whether its status is known.
pub(super) fn asset(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read<bool> {
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
    // A path's checksum is of external files only.
    let is_external = is_external || (external.is_none() && *algorithm == Some(b"sha1-path"));
    let mut bytes = Vec::new();
    let Some(checksum) = checksum_of(*checksum, *algorithm, is_external, &mut bytes) else {
        return Ok(None);
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
    for field in fields.get(GENERATED_PLACES).unwrap_or_default() {
        file_of_column(id, FileKind::Generated, *field, sink)?;
    }
    Ok(Some(is_known))
}

/// `None` for a field that is no `bytea`; `bytes` is room for what is not known.
fn checksum_of<'b>(
    field: Field<'_>,
    algorithm: Field<'_>,
    is_external: bool,
    bytes: &'b mut Vec<u8>,
) -> Option<Checksum<'b>> {
    let is_of_content = match algorithm {
        Some(b"sha1-path") => return Some(Checksum::Path),
        // Before the algorithm was told, it followed from this.
        None if is_external => return Some(Checksum::Path),
        None | Some(b"sha1") => true,
        Some(_) => false,
    };
    if let Some(sha1) = field.and_then(hex_sha1).filter(|_| is_of_content) {
        return Some(Checksum::Content(sha1));
    }
    *bytes = field.map_or(Some(Vec::new()), bytea)?;
    match <[u8; 20]>::try_from(bytes.as_slice()) {
        Ok(sha1) if is_of_content => Some(Checksum::Content(sha1)),
        _ => Some(Checksum::Unknown(bytes)),
    }
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

pub(super) fn file(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
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

pub(super) fn exif(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
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

pub(super) fn user(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
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

pub(super) fn library(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
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

pub(super) fn metadata(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
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

pub(super) fn unfinished_move(fields: &[Field<'_>], sink: &mut impl RowSink) -> Read {
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
