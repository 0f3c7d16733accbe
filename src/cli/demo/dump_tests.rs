//! The dump and the files tell the same story.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sha1::{Digest, Sha1};

use super::*;
use crate::cli::demo::library::{Size, draw};
use crate::cli::demo::month::change;

fn dumped(library: &Library) -> String {
    let mut bytes = Vec::new();
    write_dump(library, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn unescaped(field: &str) -> String {
    let mut text = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(match characters.next().unwrap() {
                't' => '\t',
                'n' => '\n',
                other => other,
            }),
            _ => text.push(character),
        }
    }
    text
}

/// The rows of a table, each as column name → value.
fn rows(dump: &str, table: &str) -> Vec<BTreeMap<String, String>> {
    let start = format!("\nCOPY public.{table} (");
    let block = dump
        .split_once(&start)
        .unwrap()
        .1
        .split_once("\n\\.\n")
        .unwrap()
        .0;
    let (columns, rows) = block.split_once(") FROM stdin;").unwrap();
    let columns: Vec<_> = columns
        .split(", ")
        .map(|name| name.trim_matches('"'))
        .collect();
    let row = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        assert_eq!(fields.len(), columns.len(), "{line}");
        columns
            .iter()
            .map(|c| (*c).to_owned())
            .zip(fields.into_iter().map(unescaped))
            .collect()
    };
    rows.trim_start_matches('\n').lines().map(row).collect()
}

#[test]
fn every_row_has_the_path_sum_and_size_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut library = draw(folder.path(), 5, Size::TINY).unwrap();
    change(&mut library, 2).unwrap();
    let dump = dumped(&library);
    let sizes: BTreeMap<String, String> = rows(&dump, "asset_exif")
        .into_iter()
        .map(|row| (row["assetId"].clone(), row["fileSizeInByte"].clone()))
        .collect();
    let assets = rows(&dump, "asset");
    assert_eq!(assets.len(), library.assets.len());
    for row in &assets {
        let path = row["originalPath"].strip_prefix("/data/").unwrap();
        let bytes = fs::read(folder.path().join(path)).unwrap();
        let sum: String = Sha1::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(row["checksum"], format!("\\x{sum}"), "{path}");
        assert_eq!(sizes[&row["id"]], bytes.len().to_string(), "{path}");
    }
    for row in rows(&dump, "asset_file") {
        assert!(
            folder
                .path()
                .join(row["path"].strip_prefix("/data/").unwrap())
                .exists()
        );
    }
    assert!(dump.contains("\\t№ 2.jpg\t"), "the odd name is escaped");
    assert!(dump.contains("/odd\\\\name\\t"));
    assert!(
        dump.contains("\t\\\\x"),
        "bytea begins with two backslashes"
    );
}

#[test]
fn it_begins_and_ends_as_pg_dump_does() {
    let folder = tempfile::tempdir().unwrap();
    let dump = dumped(&draw(folder.path(), 5, Size::TINY).unwrap());
    let token = dump
        .split_once("\\restrict ")
        .unwrap()
        .1
        .split_once('\n')
        .unwrap()
        .0;
    assert_eq!(token.len(), 63);
    let begin =
        format!("--\n-- PostgreSQL database dump\n--\n\n\\restrict {token}\n\n-- Dumped from");
    let end = format!("--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict {token}\n\n");
    assert!(dump.starts_with(&begin));
    assert!(dump.ends_with(&end));
    assert_eq!(
        rows(&dump, "system_metadata")[1]["value"],
        r#"{"location": "/data"}"#
    );
    let users = rows(&dump, "\"user\"");
    assert!(users[0]["profileImagePath"].starts_with("/data/profile/"));
    assert_eq!(users[1]["profileImagePath"], "");
}

#[test]
fn a_month_later_the_rows_of_unchanged_assets_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut library = draw(folder.path(), 5, Size::TINY).unwrap();
    let before = dumped(&library);
    assert_eq!(before, dumped(&library));
    let passed = change(&mut library, 2).unwrap();
    let after = dumped(&library);
    for table in ["smart_search", "face_search"] {
        let ids: BTreeSet<_> = rows(&after, table).into_iter().collect();
        let gone = rows(&before, table)
            .into_iter()
            .filter(|row| !ids.contains(row))
            .count();
        assert_eq!(gone, 1, "{table}: only the deleted photo's row goes");
    }
    let lines: BTreeSet<_> = after.lines().collect();
    let lost = before.lines().filter(|line| !lines.contains(line)).count();
    // Moved, rewritten, deleted (7 tables at most), retitled, the users' usage, the two tokens.
    assert!(lost <= 20, "{lost} of {} lines", before.lines().count());
    assert!(!after.contains(&passed.moved.0));
}

#[test]
fn small_numbers_are_written_as_postgres_writes_them() {
    assert_eq!(float(0.044_194_173), "0.044194173");
    assert_eq!(float(-0.000_1), "-0.0001");
    assert_eq!(float(9.5e-5), "9.5e-05");
    assert_eq!(float(-1.25e-12), "-1.25e-12");
    assert_eq!(float(0.), "0");
}
