//! Stories of a dump on its way into psql, cut into pieces at every place.

use std::convert::Infallible;

use super::*;

const DUMP: &str = r#"--
-- PostgreSQL database dump
--
SELECT pg_catalog.set_config('search_path', '', false);
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
COMMENT ON EXTENSION vector IS 'x';
CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;
CREATE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $_$
SELECT pg_catalog.set_config('search_path', '', false);
    embedding public.vector(512),
$_$;
CREATE TABLE public.smart_search (
    "assetId" uuid NOT NULL,
    embedding public.vector(512) NOT NULL
);
ALTER TABLE public.smart_search OWNER TO immich;
COPY public.asset (id, "originalPath") FROM stdin;
SELECT pg_catalog.set_config('search_path', '', false);	x
SELECT pg_catalog.set_config('search_path', '', false);
\.
CREATE INDEX clip_index ON public.smart_search USING vchordrq (embedding) WITH (options='a
b');
SELECT pg_catalog.set_config('search_path', '', false); -- not the whole line
-- PostgreSQL database dump complete
"#;

fn replay(dump: &str, changes: &Changes, piece: usize) -> (String, DumpContents) {
    let mut replay = Replay::new(changes.clone());
    let mut written = Vec::new();
    let mut out = |bytes: &[u8]| -> Result<(), Infallible> {
        written.extend_from_slice(bytes);
        Ok(())
    };
    for piece in dump.as_bytes().chunks(piece) {
        replay.feed(piece, &mut out).unwrap();
    }
    let contents = replay.finish(&mut out).unwrap();
    (String::from_utf8(written).unwrap(), contents)
}

#[test]
fn only_the_search_path_changes_and_only_outside_rows_and_texts() {
    let old = std::str::from_utf8(EMPTY_PATH).unwrap();
    let new = std::str::from_utf8(USUAL_PATH).unwrap();
    let expected = DUMP.replacen(old, new, 1);
    let windows = DUMP.replace('\n', "\r\r\n");
    let fix = Changes {
        search_path: true,
        ..Changes::default()
    };
    for piece in (1..200).chain([10_000]) {
        assert_eq!(replay(DUMP, &Changes::default(), piece).0, DUMP);
        assert_eq!(replay(DUMP, &fix, piece).0, expected, "pieces of {piece}");
        let (fixed, _) = replay(&windows, &fix, piece);
        assert_eq!(fixed, expected.replace('\n', "\r\r\n"));
    }
    // Also without a line end, and cut short anywhere, nothing is lost.
    for length in 0..DUMP.len() {
        let cut = DUMP.get(..length).unwrap();
        assert_eq!(replay(cut, &Changes::default(), 7).0, cut);
    }
}

#[test]
fn what_the_dump_holds_is_counted() {
    let (_, contents) = replay(DUMP, &Changes::default(), 3);
    assert_eq!((contents.tables(), contents.rows()), (1, 2));
    let immich = contents.immich().unwrap();
    let assets = immich.assets.clone().unwrap();
    assert_eq!(assets.quoted(), "\"public\".\"asset\"");
    assert_eq!(immich.tables.get(&assets), Some(&2));
    assert!(immich.extensions.contains("cube") && immich.extensions.contains("vector"));
    assert!(contents.roles.contains("immich"));
}

#[test]
fn embeddings_become_text_where_the_server_has_no_vectors() {
    let changes = Changes {
        search_path: false,
        left_out: ["vector".to_owned(), "vchord".to_owned()].into(),
    };
    for piece in [1, 5, 64, 10_000] {
        let (loaded, _) = replay(DUMP, &changes, piece);
        assert!(loaded.contains("    embedding text NOT NULL\n"), "{loaded}");
        assert!(
            loaded.contains("    embedding public.vector(512),\n$_$"),
            "a function's text"
        );
        assert!(!loaded.contains("EXTENSION IF NOT EXISTS vector"));
        assert!(!loaded.contains("COMMENT ON EXTENSION vector"));
        assert!(!loaded.contains("vchordrq"));
        assert!(loaded.contains("EXTENSION IF NOT EXISTS cube"));
    }
}

#[test]
fn a_cluster_is_counted_database_by_database() {
    let block = "COPY public.t (a) FROM stdin;\n1\n\\.\n";
    let dump = format!(
        "-- PostgreSQL database cluster dump\n\\connect template1\n\\connect immich\n{block}\
         \\connect -reuse-previous=on \"dbname='b c'\"\n{block}{block}"
    );
    let (_, contents) = replay(&dump, &Changes::default(), 2);
    assert!(contents.chooses_databases());
    let databases: Vec<(&str, u64)> = contents
        .databases
        .iter()
        .map(|it| (it.name.as_deref().unwrap(), it.tables.values().sum()))
        .collect();
    assert_eq!(databases, [("template1", 0), ("immich", 1), ("b c", 2)]);
}

#[test]
fn what_breaks_off_in_rows_ends_the_rows_before_it_fails() {
    let mut out = |_: &[u8]| Ok::<(), Infallible>(());
    let mut replay = Replay::new(Changes::default());
    replay.feed(b"SELECT 1;\n", &mut out).unwrap();
    assert!(replay.stop_mark().starts_with(b"\nDO "));
    replay.feed(b"COPY t (a) FROM stdin;\n1", &mut out).unwrap();
    assert!(replay.stop_mark().starts_with(b"\n\\.\nDO "));
}
