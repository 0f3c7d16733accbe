//! The database of a drawn library, as `pg_dump --clean --if-exists` of an Immich 3 writes it.
//!
//! Table and column names follow Immich 3.0; every path, checksum and size is that of the drawn
//! file. It loads into a Postgres that has the `vector` extension.

use std::io::{self, BufWriter, Write};

use super::catalogue::{Asset, DRAWN_AT, Kind, Library, User, moment};
use super::dice::Dice;
use super::tables::{
    ASSET, EXIF, FACE, FACE_SEARCH, FILE, LIBRARY, SMART_SEARCH, SYSTEM_METADATA, Table, USER,
    VERSION_HISTORY, quoted, write_schema,
};

/// Numbers in an embedding.
const DIMENSIONS: usize = 512;

/// The value of a field: `None` is NULL.
type Row = Vec<Option<String>>;

const SETTINGS: &str = "\
-- Dumped from database version 14.19 (Debian 14.19-1.pgdg120+1)
-- Dumped by pg_dump version 14.19 (Debian 14.19-1.pgdg120+1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

";

/// Writes the dump. The same library gives the same bytes; from one month to the next the rows of
/// unchanged assets stay the same.
///
/// # Errors
/// What `out` says.
pub fn write_dump(library: &Library, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let token = restrict_token(library);
    write!(
        out,
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict {token}\n\n{SETTINGS}"
    )?;
    write_schema(&mut out)?;
    let assets = || library.assets.iter();
    write_rows(
        &mut out,
        &ASSET,
        assets().map(|asset| asset_row(library, asset)),
    )?;
    write_rows(
        &mut out,
        &EXIF,
        assets().map(|asset| exif_row(library, asset)),
    )?;
    write_rows(
        &mut out,
        &FACE,
        assets().flat_map(|asset| face_rows(library, asset)),
    )?;
    write_rows(
        &mut out,
        &FILE,
        assets().flat_map(|asset| file_rows(library, asset)),
    )?;
    let faces = assets().flat_map(|asset| face_ids(library, asset));
    write_rows(
        &mut out,
        &FACE_SEARCH,
        faces.map(|id| embedding_row(library, id)),
    )?;
    write_rows(&mut out, &LIBRARY, std::iter::empty())?;
    let embeddings = assets().map(|asset| embedding_row(library, asset.id.clone()));
    write_rows(&mut out, &SMART_SEARCH, embeddings)?;
    write_rows(&mut out, &SYSTEM_METADATA, system_rows().into_iter())?;
    write_rows(&mut out, &USER, user_rows(library).into_iter())?;
    write_rows(
        &mut out,
        &VERSION_HISTORY,
        std::iter::once(version_row(library)),
    )?;
    write!(
        out,
        "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict {token}\n\n"
    )?;
    out.flush()
}

/// 63 letters and digits, others in each dump, as pg_dump draws them since August 2025.
fn restrict_token(library: &Library) -> String {
    const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut dice = library.dice("restrict", u64::from(library.months));
    (0..63)
        .map(|_| char::from(SIGNS[dice.below(62) as usize]))
        .collect()
}

fn write_rows(
    out: &mut dyn Write,
    table: &Table,
    rows: impl Iterator<Item = Row>,
) -> io::Result<()> {
    let name = table.name;
    let columns: Vec<String> = table.columns.iter().map(|(name, _)| quoted(name)).collect();
    let title = format!("Data for Name: {name}; Type: TABLE DATA; Schema: public; Owner: postgres");
    writeln!(out, "--\n-- {title}\n--\n")?;
    writeln!(
        out,
        "COPY public.{} ({}) FROM stdin;",
        quoted(name),
        columns.join(", ")
    )?;
    for row in rows {
        debug_assert_eq!(row.len(), columns.len(), "{name}");
        let fields = row
            .iter()
            .map(|field| field.as_deref().map_or("\\N".to_owned(), escaped));
        writeln!(out, "{}", fields.collect::<Vec<_>>().join("\t"))?;
    }
    write!(out, "\\.\n\n\n")
}

/// A field in COPY's text format.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\u{8}' => text.push_str("\\b"),
            '\u{b}' => text.push_str("\\v"),
            '\u{c}' => text.push_str("\\f"),
            _ => text.push(character),
        }
    }
    text
}

fn asset_row(library: &Library, asset: &Asset) -> Row {
    let taken = time(asset.taken);
    let added = time(asset.added);
    let mut dice = library.dice(&asset.id, 0);
    vec![
        some(&asset.id),
        some(&library.users[asset.owner].id),
        some(match asset.kind {
            Kind::Photo => "IMAGE",
            Kind::Video => "VIDEO",
        }),
        Some(asset.stored_path()),
        taken.clone(),
        taken.clone(),
        some("f"),
        asset.duration_milliseconds.map(|time| time.to_string()),
        bytea(&asset.sha1),
        None,
        added.clone(),
        added,
        some(&asset.name),
        bytea(&dice.bytes::<25>()),
        some("f"),
        None,
        some("f"),
        None,
        taken,
        None,
        None,
        some("active"),
        Some(dice.uuid()),
        some("timeline"),
        Some(asset.width.to_string()),
        Some(asset.height.to_string()),
        some("f"),
        some("sha1"),
    ]
}

fn exif_row(library: &Library, asset: &Asset) -> Row {
    let taken = time(asset.taken);
    let title = asset
        .sidecar
        .as_ref()
        .map_or("", |sidecar| sidecar.title.as_str());
    vec![
        some(&asset.id),
        some("Lumière"),
        some("Pocket 7"),
        Some(asset.width.to_string()),
        Some(asset.height.to_string()),
        Some(asset.size.to_string()),
        some("1"),
        taken.clone(),
        taken,
        some("UTC"),
        None,
        None,
        None,
        some(title),
        None,
        time(asset.added),
        Some(library.dice(&asset.id, 1).uuid()),
    ]
}

/// The faces found in a photo; none in a video.
fn face_ids(library: &Library, asset: &Asset) -> Vec<String> {
    let faces = if asset.kind == Kind::Photo {
        library.size.faces_per_photo
    } else {
        0
    };
    let mut dice = library.dice(&asset.id, 2);
    (0..faces).map(|_| dice.uuid()).collect()
}

fn face_rows(library: &Library, asset: &Asset) -> Vec<Row> {
    let row = |face: String| {
        let mut dice = library.dice(&face, 0);
        let left = dice.below(u32::from(asset.width / 2));
        let top = dice.below(u32::from(asset.height / 2));
        let numbers = [
            u32::from(asset.width),
            u32::from(asset.height),
            left,
            top,
            left + 16,
            top + 16,
        ];
        let mut row = vec![Some(face), some(&asset.id), None];
        row.extend(numbers.map(|number| Some(number.to_string())));
        row.extend([None, some("t")]);
        row
    };
    face_ids(library, asset).into_iter().map(row).collect()
}

fn file_rows(library: &Library, asset: &Asset) -> Vec<Row> {
    let sidecar = asset
        .sidecar
        .as_ref()
        .map(|sidecar| ("sidecar", sidecar.path.as_str()));
    let generated = asset
        .generated
        .as_ref()
        .map(|(kind, path)| (*kind, path.as_str()));
    let row = |(kind, path): (&str, &str)| {
        let mut dice = library.dice(path, 0);
        let added = time(asset.added);
        let mut row = vec![
            Some(dice.uuid()),
            some(&asset.id),
            added.clone(),
            added,
            some(kind),
        ];
        row.extend([Some(format!("/data/{path}")), Some(dice.uuid())]);
        row.extend([some("f"), some("f"), some("f")]);
        row
    };
    sidecar.into_iter().chain(generated).map(row).collect()
}

/// A unit vector that depends on the seed and the id alone.
fn embedding_row(library: &Library, id: String) -> Row {
    let mut dice = library.dice(&id, 3);
    let throw = |dice: &mut Dice| dice.between(-1., 1.) + dice.between(-1., 1.);
    let numbers: Vec<f32> = (0..DIMENSIONS).map(|_| throw(&mut dice)).collect();
    let length = numbers
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    let texts: Vec<String> = numbers
        .iter()
        .map(|number| float(number / length))
        .collect();
    vec![Some(id), Some(format!("[{}]", texts.join(",")))]
}

/// A float4 as Postgres writes it: the shortest digits that read back the same.
fn float(number: f32) -> String {
    if number == 0. || number.abs() >= 1e-4 {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

fn system_rows() -> Vec<Row> {
    let flags = r#"{"mountChecks": {"thumbs": true, "upload": true, "backups": true, "library": true, "profile": true, "encoded-video": true}}"#;
    vec![
        vec![some("system-flags"), some(flags)],
        vec![some("MediaLocation"), some(r#"{"location": "/data"}"#)],
    ]
}

fn user_rows(library: &Library) -> Vec<Row> {
    let row = |(number, user): (usize, &User)| {
        let joined = time(DRAWN_AT - 200 * 86_400);
        let avatar = user.avatar.as_ref().map(|path| format!("/data/{path}"));
        let used: u64 = library
            .assets
            .iter()
            .filter(|asset| asset.owner == number)
            .map(|asset| asset.size)
            .sum();
        vec![
            some(&user.id),
            some(user.email),
            some("$2b$10$nobodycanloginwiththisone"),
            joined.clone(),
            Some(avatar.unwrap_or_default()),
            some(if number == 0 { "t" } else { "f" }),
            some("f"),
            None,
            some(""),
            joined.clone(),
            user.label.map(str::to_owned),
            some(user.name),
            None,
            Some(used.to_string()),
            some("active"),
            joined,
            Some(library.dice(&user.id, 0).uuid()),
            None,
            None,
        ]
    };
    library.users.iter().enumerate().map(row).collect()
}

fn version_row(library: &Library) -> Row {
    let id = library.dice("version", 0).uuid();
    vec![Some(id), time(DRAWN_AT - 40 * 86_400), some("3.0.3")]
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn time(seconds: i64) -> Option<String> {
    Some(moment(seconds, "%Y-%m-%d %H:%M:%S+00"))
}

fn bytea(bytes: &[u8]) -> Option<String> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("\\x{digits}"))
}

#[cfg(test)]
#[path = "dump_tests.rs"]
mod tests;
