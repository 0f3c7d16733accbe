//! The reader on clusters of several databases, and on what nobody should have written.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::source::SourceError;
use crate::source::database::{DatabaseSource, Dump, GateError, OBSERVED_ROW_BYTES_MAX};

/// A cluster of these databases.
fn cluster(databases: &[(&str, String)]) -> String {
    let mut text = "-- PostgreSQL database cluster dump\n\\connect template1\n".to_owned();
    for (name, blocks) in databases {
        // As pg_dumpall does where a database has settings of its own.
        text += &format!("\\connect {name}\n\\connect {name}\n{blocks}");
    }
    text + "\\connect postgres\n-- PostgreSQL database cluster dump complete\n"
}

fn user(n: u32) -> String {
    block(
        "users",
        r#"id, "profileImagePath""#,
        &[&format!("{n:032x}\t")],
    )
}

#[test]
fn the_database_with_most_assets_wins_whatever_the_order() {
    let immich = user(1) + &assets("asset", 1..4);
    let test = assets("asset", 10..11) + &user(2);
    let other = user(9);
    let empty = assets("asset", 0..0) + &user(3);
    let as_of = |blocks: &str| read(&dump(blocks)).0;
    let orders: [&[(&str, &String)]; 7] = [
        &[("a", &immich), ("b", &test), ("c", &other)],
        &[("a", &test), ("b", &immich), ("c", &other)],
        &[("a", &other), ("b", &test), ("c", &empty), ("d", &immich)],
        &[("a", &other), ("b", &immich), ("c", &empty), ("d", &test)],
        &[("a", &empty), ("b", &immich)],
        &[("a", &other), ("b", &immich), ("c", &immich)],
        &[("a", &immich)],
    ];
    for order in orders {
        let text: Vec<_> = order
            .iter()
            .map(|(name, blocks)| (*name, (*blocks).clone()))
            .collect();
        let (rows, summary) = read(&cluster(&text));
        assert_eq!(rows, as_of(&immich), "{order:?}");
        let of_assets = |text: &String| text.matches(".jpg").count() as u64;
        let all: u64 = order.iter().map(|(_, blocks)| of_assets(blocks)).sum();
        let tables = order
            .iter()
            .filter(|(_, blocks)| blocks.contains("asset"))
            .count();
        assert_eq!(
            (summary.assets, summary.assets_elsewhere),
            (3, all - 3),
            "{order:?}"
        );
        assert_eq!(summary.databases_with_assets as usize, tables, "{order:?}");
    }
    // Without Immich nothing is kept.
    let (rows, summary) = read(&cluster(&[("a", other.clone()), ("b", other)]));
    assert_eq!((rows, summary), (Vec::new(), Summary::default()));
    // A sink that cannot remember stays with the first, and it is told.
    let forgetful = Kept {
        forgetful: true,
        ..Kept::default()
    };
    let text = cluster(&[("a", test.clone()), ("b", immich)]);
    let (kept, summary) = read_into(forgetful, text.as_bytes(), 1000);
    assert_eq!(kept.rows, as_of(&test));
    assert_eq!((summary.assets, summary.assets_elsewhere), (1, 3));
}

#[test]
fn rows_that_make_no_sense_are_counted_and_harm_nothing() {
    let good = format!("{:032x}\t{:032x}\t/data/a\t\\\\x{:040x}", 1, 2, 3);
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let id = format!("{:032x}", 1);
    let bad = [
        with(&id, "not-a-uuid"),
        with(&id, "\\N"),
        with("/data/a", "\\N"),
        with("/data/a", "/data/\\0"),
        with("/data/a", "/data/\0"),
        with("\\\\x", "\\\\xg"),
        with("\t", ""),
        format!("{good}\tmore"),
        String::new(),
        "\\.x".to_owned(),
        with("/data/a", &"x".repeat(OBSERVED_ROW_BYTES_MAX)),
    ];
    let columns = r#"id, "ownerId", "originalPath", checksum"#;
    let rows: Vec<&str> = bad
        .iter()
        .map(String::as_str)
        .chain([good.as_str()])
        .collect();
    let long = format!("{}\tsidecar\t{}", id, "y".repeat(OBSERVED_ROW_BYTES_MAX));
    let text = block("asset", columns, &rows)
        + &block(
            "asset_file",
            r#""assetId", type, path"#,
            &[&long, "a\tb\tc"],
        )
        + &block(
            "asset_exif",
            r#""assetId", "fileSizeInByte""#,
            &[&format!("{id}\t-1")],
        )
        + &block("library", r#"id, "importPaths""#, &[&format!("{id}\t{{")])
        + &block(
            "system_metadata",
            "key, value",
            &["MediaLocation\t{}", "MediaLocation\t\\N"],
        );
    for piece_bytes in [5, 1000, usize::MAX] {
        let (kept, summary) = read_into(Kept::default(), dump(&text).as_bytes(), piece_bytes);
        assert_eq!(
            kept.rows,
            ["asset 01 of 02 in None at /data/a checksum 0003 Active"]
        );
        assert_eq!(summary.assets, bad.len() as u64 + 1);
        assert_eq!(summary.assets_unreadable, bad.len() as u64);
        assert_eq!(summary.others_unreadable, 6);
    }
    // A table of assets without an id is one of which nothing can be said.
    let (rows, summary) = read(&dump(&block(
        "asset",
        "\"originalPath\"",
        &["/data/a", "/data/b"],
    )));
    assert!(rows.is_empty());
    assert_eq!((summary.assets, summary.assets_unreadable), (2, 2));
}

#[test]
fn bytes_that_are_no_utf8_stay_as_they_are() {
    let text = dump(&block(
        "asset",
        r#"id, "ownerId", "originalPath", checksum"#,
        &[&format!("{:032x}\t{:032x}\t/data/@\t\\\\x{:040x}", 1, 2, 3)],
    ));
    let bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'@' { 0xff } else { byte })
        .collect();
    let (kept, _) = read_into(Kept::default(), &bytes, 10);
    assert_eq!(
        kept.rows,
        [r"asset 01 of 02 in None at /data/\xff checksum 0003 Active"]
    );
}

/// Takes in so many rows.
struct Full(u32);
impl RowSink for Full {
    fn row(&mut self, _: Row<'_>) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
    fn start_over(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_ends_the_dump_with_its_error() {
    // Twelve rows come of the old sample.
    for good in 0..12 {
        let mut reader = Reader::new(Full(good));
        let mut gate = Gate::observed(Some(Box::new(&mut reader)));
        let mut pieces = OLD.as_bytes().chunks(50);
        let error = pieces.find_map(|piece| gate.feed(piece).err());
        let Some(GateError::Observer(error)) = error else {
            panic!("{good}: {error:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn a_dump_that_is_read_for_a_backup_gives_its_rows() {
    let file = "tests/samples/v3.0-pg_dump.sql";
    let source = DatabaseSource::Command(format!("gzip -c {}/{file}", env!("CARGO_MANIFEST_DIR")));
    let mut reader = Reader::new(Kept::default());
    let mut dump = Dump::open(&source)
        .unwrap()
        .observed(Some(Box::new(&mut reader)));
    let mut bytes = Vec::new();
    dump.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, NEW.as_bytes());
    assert!(dump.finish().unwrap().has_immich_tables);
    assert_eq!(reader.summary().media_location(), b"/data");
    assert_eq!(reader.into_sink().rows, read(NEW).0);

    let mut reader = Reader::new(Full(3));
    let mut dump = Dump::open(&source)
        .unwrap()
        .observed(Some(Box::new(&mut reader)));
    assert!(dump.read_to_end(&mut bytes).is_err());
    let error = dump.finish().unwrap_err();
    assert!(matches!(error, SourceError::DumpRows { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the rows, it is the same in pieces of any size, and every row of assets
    /// is counted.
    #[test]
    fn pieces_of_any_size_give_the_same(
        rows in proptest::collection::vec("([a-f0-9]{32}|\\\\N|[\t\\\\.rn\r0x]{0,12})(\t[\\\\/.a\r\u{e9}]{0,8}){0,4}", 0..12),
        piece_bytes in 1_usize..60,
    ) {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let is_end = |row: &&str| row.trim_end_matches('\r') == "\\.";
        prop_assume!(!rows.iter().any(is_end));
        let columns = r#"id, "ownerId", "originalPath", checksum"#;
        let text = dump(&(block("other", "a, b", &rows) + &block("asset", columns, &rows) + &user(1)));
        let whole = read_into(Kept::default(), text.as_bytes(), text.len());
        prop_assert_eq!(whole.1.assets, rows.len() as u64);
        prop_assert_eq!(read_into(Kept::default(), text.as_bytes(), piece_bytes), whole);
    }
}
