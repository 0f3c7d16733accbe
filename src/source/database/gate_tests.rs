//! The gate on whole dumps, cut ones, and what is no dump at all.

use super::super::demand;
use super::*;

const PG_DUMP: &[u8] = include_bytes!("../../../tests/samples/v3.0-pg_dump.sql");
const PG_DUMPALL: &[u8] = include_bytes!("../../../tests/samples/v1.135-pg_dumpall.sql");

/// A small dump with everything that could lead a gate astray.
const SMALL: &str = "--
-- PostgreSQL database dump
--

\\restrict it'sAToken

-- Dumped from database version 14.19 (Debian 14.19-1.pgdg120+1)

SELECT pg_catalog.set_config('search_path', '', false);

CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$
COPY public.trap (id) FROM stdin;
-- PostgreSQL database dump complete
SELECT 'it''s $1' $_$;

COMMENT ON TABLE public.asset IS 'two lines
-- PostgreSQL database dump complete
';

-- Name: don't; Type: TABLE DATA

COPY public.asset (id, \"originalPath\") FROM stdin;
\\N\t/data/it's
1\t-- PostgreSQL database dump complete
-- PostgreSQL database dump complete
\\\\.
\\.


COPY public.\"odd name\" (id) FROM stdin;
\\.


COPY public.version_history (id, \"createdAt\", version) FROM stdin;
a\t2025-07-19 19:46:02+00\t2.5.1
\\.


--
-- PostgreSQL database dump complete
--

\\unrestrict it'sAToken

";

fn judge(bytes: &[u8]) -> Result<DumpFacts, DumpFault> {
    judge_in_pieces(bytes, std::iter::repeat(bytes.len().max(1)))
}

fn judge_in_pieces(
    bytes: &[u8],
    mut sizes: impl Iterator<Item = usize>,
) -> Result<DumpFacts, DumpFault> {
    let mut gate = Gate::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
        gate.feed(piece).map_err(fault)?;
        rest = after;
    }
    gate.finish().map_err(fault)
}

fn fault(error: GateError) -> DumpFault {
    match error {
        GateError::Fault(fault) => fault,
        GateError::Observer(error) => panic!("nobody observes: {error}"),
    }
}

fn message(bytes: &[u8]) -> String {
    judge(bytes).unwrap_err().to_string()
}

#[test]
fn the_dump_of_a_new_immich_is_whole() {
    let facts = judge(PG_DUMP).unwrap();
    assert_eq!(facts.kind, DumpKind::PgDump);
    assert_eq!(facts.server_version.as_deref(), Some("14.19"));
    assert_eq!(facts.immich_version.as_deref(), Some("3.0.3"));
    assert_eq!(facts.bytes, PG_DUMP.len() as u64);
    assert_eq!(facts.rows.get("public.asset"), Some(&8));
    assert_eq!(facts.rows.get("public.user"), Some(&2));
    assert_eq!(facts.rows_total, facts.rows.values().sum::<u64>());
    assert!(facts.has_immich_tables && !facts.has_inserts);
}

#[test]
fn the_dump_of_an_old_immich_is_whole() {
    let facts = judge(PG_DUMPALL).unwrap();
    assert_eq!(facts.kind, DumpKind::PgDumpAll);
    assert_eq!(facts.server_version.as_deref(), Some("14.17"));
    assert_eq!(facts.immich_version.as_deref(), Some("1.135.3"));
    assert_eq!(facts.rows.get("public.assets"), Some(&8));
    assert!(facts.has_immich_tables);
}

#[test]
fn traps_in_rows_functions_and_comments_are_seen_through() {
    let facts = judge(SMALL.as_bytes()).unwrap();
    let rows: Vec<_> = facts
        .rows
        .iter()
        .map(|(name, rows)| (name.as_str(), *rows))
        .collect();
    let expected = [
        ("public.asset", 4),
        ("public.odd name", 0),
        ("public.version_history", 1),
    ];
    assert_eq!(rows, expected);
    assert_eq!(facts.immich_version.as_deref(), Some("2.5.1"));
}

#[test]
fn facts_do_not_depend_on_how_the_bytes_arrive() {
    for dump in [PG_DUMP, PG_DUMPALL, SMALL.as_bytes()] {
        let whole = judge(dump).unwrap();
        assert_eq!(judge_in_pieces(dump, std::iter::repeat(1)).unwrap(), whole);
        // A generator of its own (Knuth's MMIX), so that a failure repeats itself.
        for seed in 0..20_u64 {
            let mut state = seed;
            let sizes = std::iter::repeat_with(|| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040);
                (state >> 33) as usize % 700 + 1
            });
            assert_eq!(judge_in_pieces(dump, sizes).unwrap(), whole, "seed {seed}");
        }
    }
}

#[test]
fn a_dump_cut_anywhere_passes_only_with_its_last_line() {
    for (dump, kind) in [
        (PG_DUMP, DumpKind::PgDump),
        (PG_DUMPALL, DumpKind::PgDumpAll),
        (SMALL.as_bytes(), DumpKind::PgDump),
    ] {
        let text = std::str::from_utf8(dump).unwrap();
        let whole_at = text.rfind(kind.trailer()).unwrap() + kind.trailer().len();
        // The small one at every byte up to the trailer, all of them at every line.
        let bytes = if dump.len() < 2000 { whole_at } else { 0 };
        let lines = (0..dump.len()).filter(|at| dump.get(*at) == Some(&b'\n'));
        for cut in lines.chain(0..bytes) {
            let verdict = judge(dump.get(..cut).unwrap());
            assert_eq!(
                verdict.is_ok(),
                cut >= whole_at,
                "cut at {cut}: {verdict:?}"
            );
        }
    }
}

#[test]
fn what_cutting_took_is_named() {
    let text = std::str::from_utf8(PG_DUMPALL).unwrap();
    let in_table = text.find("IMG_4711.HEIC").unwrap();
    let fault = judge(text.get(..in_table).unwrap().as_bytes()).unwrap_err();
    assert_eq!(
        fault,
        DumpFault::CutInTable {
            table: "public.assets".to_owned()
        }
    );
    let inner_trailer = text.find("database dump complete\n--\n").unwrap() + 26;
    let fault = judge(text.get(..inner_trailer).unwrap().as_bytes()).unwrap_err();
    assert_eq!(
        fault,
        DumpFault::NoTrailer {
            kind: DumpKind::PgDumpAll
        }
    );
    assert!(
        fault
            .to_string()
            .contains("'-- PostgreSQL database cluster dump complete'")
    );
}

#[test]
fn carriage_returns_and_a_mark_of_utf8_do_no_harm() {
    for end in ["\r\n", "\r\r\n"] {
        let text = SMALL.replace('\n', end);
        let facts = judge([UTF8_MARK, text.as_bytes()].concat().as_slice()).unwrap();
        assert_eq!(facts.rows, judge(SMALL.as_bytes()).unwrap().rows);
        assert_eq!(facts.immich_version.as_deref(), Some("2.5.1"));
    }
}

#[test]
fn what_is_no_dump_is_called_by_its_name() {
    let mut tar = vec![0; 1024];
    tar.splice(257..262, *b"ustar");
    let utf16: Vec<u8> = SMALL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&[u8], DumpFault); 8] = [
        (b"", DumpFault::Empty),
        (b" \r\n", DumpFault::Empty),
        (b"PGDMP\x01\x0e\0\x04\x08", DumpFault::CustomFormat),
        (&tar, DumpFault::Tar),
        (&utf16, DumpFault::Utf16),
        (b"\xff\xfe-\0-\0", DumpFault::Utf16),
        (b"BZh91AY", DumpFault::Compressed { kind: "bzip2" }),
        (b"\n<!DOCTYPE html><html>", DumpFault::Html),
    ];
    for (bytes, fault) in cases {
        assert_eq!(judge(bytes), Err(fault));
    }
    let said = message(b"Error: No such container: \x1b[31mimmich_postgres\nmore\n");
    assert!(
        said.contains("'Error: No such container: \u{fffd}[31mimmich_postgres'"),
        "{said}"
    );
    assert!(message(b"SET client_encoding = 'UTF8';\n").contains("SET client_encoding"));
    // Noise without end is not read to its end.
    let mut gate = Gate::new();
    assert!((0..2000).any(|_| {
        gate.feed(b"-- no header comes, however long one waits\n")
            .is_err()
    }));
}

#[test]
fn nothing_may_follow_the_last_line_but_comments() {
    for (more, good) in [
        ("-- a comment\n\n", true),
        ("\r\n \t\n", true),
        ("DROP TABLE public.asset;\n", false),
        ("pg_dump: error: connection lost", false),
        ("'", false),
        ("\\! rm -rf /\n", false),
        ("\0\0\0\0", false),
        (SMALL, false),
        ("--\n-- PostgreSQL database cluster dump\n", false),
    ] {
        let verdict = judge([SMALL, more].concat().as_bytes());
        assert_eq!(verdict.is_ok(), good, "{more:?}: {verdict:?}");
        if let Err(fault) = verdict {
            assert!(matches!(fault, DumpFault::AfterTrailer { .. }), "{fault}");
        }
    }
}

#[test]
fn inserts_pass_but_are_no_tables_to_the_profile() {
    let text = "--\n-- PostgreSQL database dump\n--\n\nINSERT INTO public.asset VALUES ('a\n\
                COPY public.asset (\"originalPath\") FROM stdin;\n');\n\n--\n\
                -- PostgreSQL database dump complete\n--\n";
    let facts = judge(text.as_bytes()).unwrap();
    assert!(facts.has_inserts && facts.rows.is_empty());
    let error = demand::immich(&facts).unwrap_err().to_string();
    assert!(error.contains("--inserts"), "{error}");
}

#[test]
fn an_empty_table_of_assets_is_enough_for_the_profile_and_another_table_is_not() {
    let dump = |table: &str| {
        format!(
            "--\n-- PostgreSQL database dump\n--\n{table} FROM stdin;\n\\.\n--\n\
             -- PostgreSQL database dump complete\n--\n"
        )
    };
    for (table, good) in [
        ("COPY public.asset (id, \"originalPath\")", true),
        ("COPY public.assets (\"originalPath\", id)", true),
        ("COPY public.assets (id, ticker)", false),
        ("COPY public.asset_file (id, \"originalPath\")", false),
    ] {
        let facts = judge(dump(table).as_bytes()).unwrap();
        assert_eq!(demand::immich(&facts).is_ok(), good, "{table}");
    }
}

#[test]
fn of_several_databases_the_one_with_assets_tells_the_version() {
    let database = |name: &str, table: &str, version: &str| {
        format!(
            "\\connect {name}\nCOPY public.{table} (\"originalPath\") FROM stdin;\n\\.\n\
             COPY public.version_history (\"createdAt\", version) FROM stdin;\n\
             2026-01-01 00:00:00+00\t{version}\n\\.\n"
        )
    };
    let text = format!(
        "-- PostgreSQL database cluster dump\n{}{}{}-- PostgreSQL database cluster dump complete\n",
        database("aaa", "other", "9.9"),
        database("immich", "asset", "2.4.1"),
        database("zzz", "other", "0.1"),
    );
    assert_eq!(
        judge(text.as_bytes()).unwrap().immich_version.as_deref(),
        Some("2.4.1")
    );
}

#[test]
fn long_lines_are_not_kept() {
    let columns: Vec<String> = (0..1600).map(|n| format!("\"{n:0>60}\"")).collect();
    let row = "x".repeat(1_000_000);
    let text = format!(
        "-- PostgreSQL database dump\nINSERT INTO t VALUES ('{row}');\n\
         COPY public.wide ({}) FROM stdin;\n{row}\n\\.\n-- PostgreSQL database dump complete\n",
        columns.join(", "),
    );
    let mut gate = Gate::new();
    for piece in text.as_bytes().chunks(1000) {
        gate.feed(piece).unwrap();
        let kept = gate.line.start.capacity() + gate.block.row.start.capacity();
        assert!(kept <= 2 * COPY_LINE_BYTES_MAX, "{kept}");
    }
    assert_eq!(gate.finish().unwrap().rows.get("public.wide"), Some(&1));
}
