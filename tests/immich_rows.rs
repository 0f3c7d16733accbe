//! What the reader finds in what `pg_dump` and `pg_dumpall` really write: every character that a
//! path can have, both forms of `bytea`, arrays that need quotes, and a cluster of two installations.

mod harness;

use std::fmt::Write;
use std::io;

use harness::postgres::Postgres;
use offsite::source::database::Gate;
use offsite::source::immich::reader::{Reader, Summary};
use offsite::source::immich::rows::{Checksum, Row, RowSink};

const SCHEMA: &str = r#"
CREATE TABLE asset ("checksum" bytea NOT NULL, "originalPath" text NOT NULL, "isOffline" boolean NOT NULL,
    id uuid NOT NULL, unknown text, "ownerId" uuid NOT NULL, "libraryId" uuid, "isExternal" boolean,
    "deletedAt" timestamptz, "sidecarPath" text, thumbhash bytea);
CREATE TABLE library (id uuid NOT NULL, name text, "importPaths" text[] NOT NULL);
CREATE TABLE system_metadata (key text PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE move_history (id uuid, "entityId" uuid, "pathType" text, "oldPath" text, "newPath" text);
CREATE TABLE smart_search ("assetId" uuid, embedding text);
INSERT INTO smart_search SELECT NULL, repeat('0.123456789,', 512) FROM generate_series(1, 500);
"#;

#[derive(Debug, Default, PartialEq, Clone)]
struct Found {
    assets: Vec<(Vec<u8>, [u8; 20])>,
    sidecars: Vec<Vec<u8>>,
    imports: Vec<Vec<u8>>,
    media: Vec<u8>,
    moves: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Default)]
struct Sink {
    found: Found,
    remembered: Found,
}

impl RowSink for Sink {
    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        let found = &mut self.found;
        match row {
            Row::Asset(asset) => {
                let Checksum::Content(sha1) = asset.checksum else {
                    panic!("{asset:?}");
                };
                assert!(asset.is_offline && !asset.is_external);
                found.assets.push((asset.path.to_vec(), sha1));
            }
            Row::File(file) => found.sidecars.push(file.path.to_vec()),
            Row::ImportPath { path, .. } => found.imports.push(path.to_vec()),
            Row::MediaLocation(location) => found.media = location.to_vec(),
            Row::Move { old, new } => found.moves.push((old.to_vec(), new.to_vec())),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.found = Found::default();
        Ok(())
    }

    fn remember(&mut self) -> io::Result<bool> {
        self.remembered = self.found.clone();
        Ok(true)
    }

    fn go_back(&mut self) -> io::Result<()> {
        self.found = self.remembered.clone();
        Ok(())
    }
}

fn read(dump: &[u8]) -> (Found, Summary) {
    let mut reader = Reader::new(Sink::default());
    let mut gate = Gate::observed(Some(Box::new(&mut reader)));
    for piece in dump.chunks(1009) {
        gate.feed(piece).unwrap();
    }
    gate.finish().unwrap();
    let summary = reader.summary();
    (reader.into_sink().found, summary)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// An SQL expression of this text, whatever is in it.
fn text(text: &str) -> String {
    format!(
        "convert_from(decode('{}', 'hex'), 'UTF8')",
        hex(text.as_bytes())
    )
}

/// Paths with every character up to U+0250 among them, and what could be taken for something else.
fn paths(count: u32) -> Vec<String> {
    let odd = [
        "\\N",
        "\\.",
        "\\\\x00",
        "a\tb\nc\rd",
        "\\",
        "",
        "e\u{301}\u{1f4f7}\r",
    ];
    let every = (1..=0x250_u32).filter_map(char::from_u32);
    let every = every.map(|c| format!("/data/{c}/a{c}{c}"));
    let odd = odd.iter().map(|text| (*text).to_owned());
    odd.chain(every).take(count as usize).collect()
}

/// Fills a database, and tells what is to be found in it.
fn fill(server: &Postgres, database: &str, count: u32) -> Found {
    server.create_database(database);
    let mut sql = SCHEMA.to_owned();
    let mut found = Found::default();
    for (n, path) in (0_u32..).zip(paths(count)) {
        let mut sha1 = [0; 20];
        for (place, byte) in (0_u32..).zip(&mut sha1) {
            *byte = (n * 20 + place) as u8;
        }
        writeln!(
            sql,
            "INSERT INTO asset VALUES (decode('{}', 'hex'), {path}, true, gen_random_uuid(), {path}, \
             gen_random_uuid(), NULL, false, NULL, {path}, '\\x00ff');",
            hex(&sha1),
            path = text(&path),
        )
        .unwrap();
        found.assets.push((path.clone().into_bytes(), sha1));
        // An empty path is that of no file.
        if !path.is_empty() {
            found.sidecars.push(path.into_bytes());
        }
    }
    let imports = [
        "/mnt/nas",
        "with, comma",
        "{br\"ace}",
        "back\\slash",
        "",
        "NULL",
        " blank ",
        "tab\t",
    ];
    let array: Vec<String> = imports.iter().map(|path| text(path)).collect();
    let media = "/völ \"1\"\\x";
    writeln!(
        sql,
        "INSERT INTO library VALUES (gen_random_uuid(), 'NAS', ARRAY[{}, NULL]), \
         (gen_random_uuid(), NULL, '{{}}');
         INSERT INTO move_history VALUES (NULL, NULL, 'original', {old}, {new}), (NULL, NULL, 'x', NULL, {new});
         INSERT INTO system_metadata VALUES ('other', '[]'), \
         ('MediaLocation', jsonb_build_object('location', {media}));",
        array.join(", "),
        old = text("/data/\told"),
        new = text("/data/new\\"),
        media = text(media),
    )
    .unwrap();
    server.psql(database, &sql);
    found.imports = imports
        .iter()
        .map(|path| path.as_bytes().to_vec())
        .collect();
    found.media = media.as_bytes().to_vec();
    found.moves = vec![(b"/data/\told".to_vec(), b"/data/new\\".to_vec())];
    found
}

fn output(server: &Postgres, program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = server.command(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn rows_are_read_as_postgres_wrote_them() {
    let server = Postgres::start();
    let all = fill(&server, "immich", 600);
    let some = fill(&server, "a test of immich", 20);
    let (found, summary) = read(&output(
        &server,
        "pg_dump",
        &["--clean", "--if-exists", "immich"],
    ));
    assert_eq!(found, all);
    // The move without an old path.
    assert_eq!(
        (summary.assets_unreadable, summary.others_unreadable),
        (0, 1)
    );

    server.psql(
        "immich",
        "ALTER DATABASE immich SET bytea_output = 'escape'",
    );
    let dump = output(&server, "pg_dump", &["immich"]);
    let older = br"\\000\\377";
    assert!(dump.windows(older.len()).any(|window| window == older));
    assert_eq!(read(&dump).0, all);

    let (found, summary) = read(&output(&server, "pg_dumpall", &["--clean", "--if-exists"]));
    assert_eq!(found, all);
    assert_eq!(summary.databases_with_assets, 2);
    assert_eq!(summary.assets, all.assets.len() as u64);
    assert_eq!(summary.assets_elsewhere, 20);
    server.psql("postgres", "DROP DATABASE immich");
    server.create_database("zzz");
    assert_eq!(read(&output(&server, "pg_dumpall", &[])).0, some);
}
