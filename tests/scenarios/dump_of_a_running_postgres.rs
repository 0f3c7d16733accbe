//! "The server is running, people upload photos, and the dump of it is what comes back."
//!
//! The database has what makes dumps of Immich special: the extensions, an index over a function
//! that only works with the right `search_path`, quoted names, and values that COPY has to escape.

use std::process::Stdio;

use crate::harness::postgres::Postgres;
use crate::user::{User, both};

const SCHEMA: &str = r#"
CREATE EXTENSION cube; CREATE EXTENSION earthdistance; CREATE EXTENSION pg_trgm;
CREATE EXTENSION unaccent; CREATE EXTENSION "uuid-ossp";

CREATE FUNCTION ll_to_earth_public(latitude double precision, longitude double precision)
RETURNS public.earth LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT public.cube(public.cube(public.cube(public.earth()*cos(radians(latitude))*cos(radians(longitude))),
   public.earth()*cos(radians(latitude))*sin(radians(longitude))),public.earth()*sin(radians(latitude)))::public.earth $$;
CREATE FUNCTION f_unaccent(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN unaccent('unaccent', $1);

CREATE TYPE asset_visibility_enum AS ENUM ('archive', 'timeline', 'hidden', 'locked');
CREATE TABLE "user" (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), email text NOT NULL UNIQUE,
    name text NOT NULL, "storageLabel" text, "quotaSizeInBytes" bigint);
CREATE TABLE asset (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    "ownerId" uuid NOT NULL REFERENCES "user"(id) ON DELETE CASCADE,
    type text NOT NULL, "originalPath" text NOT NULL, "originalFileName" text NOT NULL,
    "fileCreatedAt" timestamptz NOT NULL, "fileModifiedAt" timestamptz NOT NULL,
    "isFavorite" boolean NOT NULL DEFAULT false, checksum bytea NOT NULL,
    "deletedAt" timestamptz, "isExternal" boolean NOT NULL DEFAULT false,
    visibility asset_visibility_enum NOT NULL DEFAULT 'timeline');
CREATE UNIQUE INDEX "UQ_asset_checksum" ON asset ("ownerId", checksum);
CREATE TABLE asset_exif (
    "assetId" uuid PRIMARY KEY REFERENCES asset(id) ON DELETE CASCADE,
    "fileSizeInByte" bigint, latitude double precision, longitude double precision,
    city text, description text NOT NULL DEFAULT '');
CREATE INDEX "IDX_trigram" ON asset USING gin (f_unaccent("originalFileName") gin_trgm_ops);
CREATE TABLE geodata_places (id integer PRIMARY KEY, name varchar(200) NOT NULL,
    latitude double precision NOT NULL, longitude double precision NOT NULL);
CREATE INDEX "IDX_geodata_gist_earthcoord" ON geodata_places
    USING gist (ll_to_earth_public(latitude, longitude));
CREATE TABLE empty_table ();

INSERT INTO "user" (email, name, "storageLabel", "quotaSizeInBytes")
VALUES ('anna@example.org', 'Ännä "die Große"', 'admin', NULL), ('bob@example.org', E'Bob\tO\\''Neill', NULL, 5000000000);
INSERT INTO asset ("ownerId", type, "originalPath", "originalFileName", "fileCreatedAt",
    "fileModifiedAt", checksum, visibility)
SELECT "user".id, 'IMAGE', '/usr/src/app/upload/upload/' || "user".id || '/' || n || '.jpg',
    CASE n % 4 WHEN 0 THEN 'Zoë ' || n WHEN 1 THEN E'line\nbreak ' || n
        WHEN 2 THEN E'\\. ' || n ELSE 'COPY public.asset (id) FROM stdin;' || n END,
    now() - n * interval '1 hour', now(), sha256(("user".email || n)::bytea), 'timeline'
FROM "user", generate_series(1, 2000) AS n;
INSERT INTO asset_exif SELECT id, 4000000, 48.1, 11.5, NULL, '-- PostgreSQL database dump complete'
FROM asset;
INSERT INTO geodata_places SELECT n, 'place ' || n, n % 90, n % 180 FROM generate_series(1, 500) AS n;
"#;

/// Every row of every table, and what was made of the tables.
const EVERYTHING: &str = r#"
SELECT 'user', u::text FROM "user" u UNION ALL SELECT 'asset', a::text FROM asset a
UNION ALL SELECT 'exif', e::text FROM asset_exif e
UNION ALL SELECT 'place', g::text FROM geodata_places g
UNION ALL SELECT 'extension', extname || extversion FROM pg_extension
UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2;
"#;

fn immich() -> Postgres {
    let server = Postgres::start();
    server.create_database("immich");
    server.psql("immich", SCHEMA);
    server
}

/// A dump command as a person would write it, which also leaves a copy of what it gives in `seen`.
fn command(server: &Postgres, program: &str, arguments: &str, seen: &str) -> String {
    let mut line = String::new();
    for (name, value) in server.environment() {
        line += &format!("{name}='{}' ", value.display());
    }
    let program = server.bin(program);
    format!("{line}'{}' {arguments} | tee '{seen}'", program.display())
}

/// Backs up what the command gives; what `database` and `restore` bring later must be just that.
fn goes_there_and_back(user: &User, dump: &str, seen: &str) -> Vec<u8> {
    let saved = user.offsite(&["backup", "--json", "photos", "--database-command", dump]);
    let saved = saved.done().json();
    let made = std::fs::read(user.path(seen)).expect("the dump on its way");
    assert_eq!(saved["database"]["bytes"], made.len());
    assert_eq!(saved["database"]["complete"], true);
    let back = user.offsite(&["database"]).done().stdout;
    assert!(
        back == made,
        "{} bytes came back of {}",
        back.len(),
        made.len()
    );
    user.offsite(&["restore", "--target", "back"]).done();
    let restored = std::fs::read(user.path("back/database.sql")).expect("the restored dump");
    assert!(restored == made, "database.sql is not the dump");
    back
}

/// Feeds SQL to psql, which goes on after an error as in Immich's own instructions, or does not.
fn load(server: &Postgres, database: &str, stop_at_errors: bool, sql: &[u8]) -> Result<(), String> {
    let mut psql = server.command("psql");
    psql.args(["--no-psqlrc", "--quiet", "--dbname", database]);
    if stop_at_errors {
        psql.args(["--set=ON_ERROR_STOP=1", "--single-transaction"]);
    }
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, sql).expect("a file");
    std::io::Seek::rewind(&mut file).expect("a file");
    let output = psql.stdin(file).stdout(Stdio::null()).output();
    let output = output.expect("psql starts");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(())
    } else {
        Err(words)
    }
}

/// What Immich's documentation tells to do to a dump before it goes into psql.
fn with_search_path(dump: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(dump).expect("a dump in UTF-8");
    let fixed = text.replace(
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "SELECT pg_catalog.set_config('search_path', 'public, pg_catalog', true);",
    );
    assert_ne!(fixed, text, "there was nothing to fix");
    fixed.into_bytes()
}

#[test]
fn pg_dump_comes_back_to_the_byte_and_its_rows_with_it() {
    let server = immich();
    let before = server.psql("immich", EVERYTHING);
    assert_eq!(
        before
            .lines()
            .filter(|line| line.starts_with("exif|"))
            .count(),
        4000
    );
    for (user, name) in both().into_iter().zip(["of_folder", "of_bucket"]) {
        user.write("photos/a.jpg", "a photo");
        user.init();
        let dump = command(&server, "pg_dump", "--clean --if-exists immich", "seen.sql");
        let back = goes_there_and_back(&user, &dump, "seen.sql");
        server.create_database(name);
        load(&server, name, true, &with_search_path(&back)).expect("the dump loads");
        assert_eq!(server.psql(name, EVERYTHING), before);
    }
}

#[test]
fn pg_dumpall_comes_back_to_the_byte_and_its_rows_with_it() {
    let server = immich();
    let before = server.psql("immich", EVERYTHING);
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    let dump = command(&server, "pg_dumpall", "--clean --if-exists", "seen.sql");
    let back = goes_there_and_back(&user, &dump, "seen.sql");
    // Another server, as after the loss of the first. It cannot drop the role that it is spoken to
    // with, says so, and goes on.
    let another = Postgres::start();
    load(&another, "postgres", false, &with_search_path(&back)).expect("psql reads to the end");
    assert_eq!(another.psql("immich", EVERYTHING), before);
}

#[test]
fn rows_that_come_while_the_dump_is_made_do_no_harm() {
    let server = immich();
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    let place = |n: u32| format!("INSERT INTO geodata_places VALUES ({n}, 'new', 1, 1);");
    let dump = command(&server, "pg_dump", "--clean --if-exists immich", "seen.sql");
    std::thread::scope(|scope| {
        scope.spawn(|| (1000..1200).for_each(|n| drop(server.psql("immich", &place(n)))));
        for _ in 0..3 {
            goes_there_and_back(&user, &dump, "seen.sql");
        }
    });
    let snapshots = user.offsite(&["snapshots", "--json"]).done().json();
    assert_eq!(snapshots.as_array().map(Vec::len), Some(3));
}
