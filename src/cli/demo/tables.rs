//! The tables of an Immich 3 that a demo dump holds: names, columns and types as that release has
//! them, without the constraints and indexes.

use std::io::{self, Write};

/// A table by its name and its columns with their types, in the order of a COPY block.
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, &'static str)],
}

const TIME: &str = "timestamp with time zone";

#[rustfmt::skip]
pub(super) const ASSET: Table = Table { name: "asset", columns: &[
    ("id", "uuid NOT NULL"), ("ownerId", "uuid NOT NULL"), ("type", "character varying NOT NULL"),
    ("originalPath", "character varying NOT NULL"), ("fileCreatedAt", TIME), ("fileModifiedAt", TIME),
    ("isFavorite", "boolean DEFAULT false NOT NULL"), ("duration", "integer"),
    ("checksum", "bytea NOT NULL"), ("livePhotoVideoId", "uuid"), ("updatedAt", TIME),
    ("createdAt", TIME), ("originalFileName", "character varying NOT NULL"), ("thumbhash", "bytea"),
    ("isOffline", "boolean DEFAULT false NOT NULL"), ("libraryId", "uuid"),
    ("isExternal", "boolean DEFAULT false NOT NULL"), ("deletedAt", TIME), ("localDateTime", TIME),
    ("stackId", "uuid"), ("duplicateId", "uuid"), ("status", "public.assets_status_enum NOT NULL"),
    ("updateId", "uuid NOT NULL"), ("visibility", "public.asset_visibility_enum NOT NULL"),
    ("width", "integer"), ("height", "integer"), ("isEdited", "boolean DEFAULT false NOT NULL"),
    ("checksumAlgorithm", "public.asset_checksum_algorithm_enum NOT NULL"),
] };
#[rustfmt::skip]
pub(super) const EXIF: Table = Table { name: "asset_exif", columns: &[
    ("assetId", "uuid NOT NULL"), ("make", "character varying"), ("model", "character varying"),
    ("exifImageWidth", "integer"), ("exifImageHeight", "integer"), ("fileSizeInByte", "bigint"),
    ("orientation", "character varying"), ("dateTimeOriginal", TIME), ("modifyDate", TIME),
    ("timeZone", "character varying"), ("latitude", "double precision"),
    ("longitude", "double precision"), ("city", "character varying"),
    ("description", "text DEFAULT ''::text NOT NULL"), ("rating", "integer"), ("updatedAt", TIME),
    ("updateId", "uuid NOT NULL"),
] };
#[rustfmt::skip]
pub(super) const FACE: Table = Table { name: "asset_face", columns: &[
    ("id", "uuid NOT NULL"), ("assetId", "uuid NOT NULL"), ("personId", "uuid"),
    ("imageWidth", "integer NOT NULL"), ("imageHeight", "integer NOT NULL"),
    ("boundingBoxX1", "integer NOT NULL"), ("boundingBoxY1", "integer NOT NULL"),
    ("boundingBoxX2", "integer NOT NULL"), ("boundingBoxY2", "integer NOT NULL"),
    ("deletedAt", TIME), ("isVisible", "boolean DEFAULT true NOT NULL"),
] };
#[rustfmt::skip]
pub(super) const FILE: Table = Table { name: "asset_file", columns: &[
    ("id", "uuid NOT NULL"), ("assetId", "uuid NOT NULL"), ("createdAt", TIME), ("updatedAt", TIME),
    ("type", "character varying NOT NULL"), ("path", "character varying NOT NULL"),
    ("updateId", "uuid NOT NULL"), ("isEdited", "boolean NOT NULL"),
    ("isProgressive", "boolean NOT NULL"), ("isTransparent", "boolean NOT NULL"),
] };
#[rustfmt::skip]
pub(super) const FACE_SEARCH: Table = Table { name: "face_search", columns: &[
    ("faceId", "uuid NOT NULL"), ("embedding", "public.vector(512) NOT NULL"),
] };
#[rustfmt::skip]
pub(super) const LIBRARY: Table = Table { name: "library", columns: &[
    ("id", "uuid NOT NULL"), ("name", "character varying NOT NULL"), ("ownerId", "uuid NOT NULL"),
    ("importPaths", "text[] NOT NULL"), ("exclusionPatterns", "text[] NOT NULL"),
    ("createdAt", TIME), ("updatedAt", TIME), ("deletedAt", TIME), ("refreshedAt", TIME),
    ("updateId", "uuid NOT NULL"),
] };
#[rustfmt::skip]
pub(super) const SMART_SEARCH: Table = Table { name: "smart_search", columns: &[
    ("assetId", "uuid NOT NULL"), ("embedding", "public.vector(512) NOT NULL"),
] };
pub(super) const SYSTEM_METADATA: Table = Table {
    name: "system_metadata",
    columns: &[
        ("key", "character varying NOT NULL"),
        ("value", "jsonb NOT NULL"),
    ],
};
#[rustfmt::skip]
pub(super) const USER: Table = Table { name: "user", columns: &[
    ("id", "uuid NOT NULL"), ("email", "character varying NOT NULL"),
    ("password", "character varying NOT NULL"), ("createdAt", TIME),
    ("profileImagePath", "character varying NOT NULL"), ("isAdmin", "boolean NOT NULL"),
    ("shouldChangePassword", "boolean NOT NULL"), ("deletedAt", TIME),
    ("oauthId", "character varying NOT NULL"), ("updatedAt", TIME),
    ("storageLabel", "character varying"), ("name", "character varying NOT NULL"),
    ("quotaSizeInBytes", "bigint"), ("quotaUsageInBytes", "bigint NOT NULL"),
    ("status", "character varying NOT NULL"), ("profileChangedAt", TIME),
    ("updateId", "uuid NOT NULL"), ("avatarColor", "character varying"),
    ("pinCode", "character varying"),
] };
pub(super) const VERSION_HISTORY: Table = Table {
    name: "version_history",
    columns: &[
        ("id", "uuid NOT NULL"),
        ("createdAt", TIME),
        ("version", "character varying NOT NULL"),
    ],
};

pub(super) const TABLES: [&Table; 10] = [
    &ASSET,
    &EXIF,
    &FACE,
    &FILE,
    &FACE_SEARCH,
    &LIBRARY,
    &SMART_SEARCH,
    &SYSTEM_METADATA,
    &USER,
    &VERSION_HISTORY,
];

pub(super) const TYPES: [(&str, &str); 3] = [
    ("asset_checksum_algorithm_enum", "'sha1',\n    'sha1-path'"),
    (
        "asset_visibility_enum",
        "'archive',\n    'timeline',\n    'hidden',\n    'locked'",
    ),
    (
        "assets_status_enum",
        "'active',\n    'trashed',\n    'deleted'",
    ),
];

/// Drops what is there and makes the tables anew, as `--clean --if-exists` asks.
pub(super) fn write_schema(out: &mut dyn Write) -> io::Result<()> {
    for table in TABLES {
        writeln!(out, "DROP TABLE IF EXISTS public.{};", quoted(table.name))?;
    }
    for (name, _) in TYPES {
        writeln!(out, "DROP TYPE IF EXISTS public.{name};")?;
    }
    writeln!(
        out,
        "\nCREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;\n"
    )?;
    for (name, values) in TYPES {
        writeln!(
            out,
            "CREATE TYPE public.{name} AS ENUM (\n    {values}\n);\n"
        )?;
    }
    for table in TABLES {
        let columns = table
            .columns
            .iter()
            .map(|(name, kind)| format!("    {} {kind}", quoted(name)));
        let columns = columns.collect::<Vec<_>>().join(",\n");
        writeln!(
            out,
            "CREATE TABLE public.{} (\n{columns}\n);\n",
            quoted(table.name)
        )?;
    }
    Ok(())
}

/// An identifier as pg_dump writes it: in quotes only where it must.
pub(super) fn quoted(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if plain && name != "user" {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}
