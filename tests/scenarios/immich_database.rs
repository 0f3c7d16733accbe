//! A database shaped like Immich's, of both generations of its schema, with rows for real files.
//!
//! What makes a dump of it special is there: the extensions, an index over `ll_to_earth` (whose type
//! psql does not find under the search path that `pg_dump` leaves), quoted names, values that COPY
//! has to escape, and rows whose file is rightly absent.

use std::process::Stdio;

use sha1::{Digest, Sha1};

use crate::harness::postgres::Postgres;
use crate::user::User;

/// Which generation of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 1.135: `assets`, `users`, paths that begin with `upload/`; dumps by `pg_dumpall`.
    Before,
    /// From 2.5: `asset`, `"user"`, paths that begin with `/data/`; dumps by `pg_dump`.
    Now,
}

pub const USERS: [&str; 2] = [
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
];

impl Era {
    pub fn assets(self) -> &'static str {
        match self {
            Self::Before => "assets",
            Self::Now => "asset",
        }
    }

    pub fn users(self) -> &'static str {
        match self {
            Self::Before => "users",
            Self::Now => "\"user\"",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Before => "upload/",
            Self::Now => "/data/",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Before => "1.135.3",
            Self::Now => "2.7.5",
        }
    }

    /// Every row of every table, and what was made of the tables.
    pub fn everything(self) -> String {
        format!(
            "SELECT 'user', u::text FROM {} u UNION ALL SELECT 'asset', a::text FROM {} a
             UNION ALL SELECT 'place', g::text FROM geodata_places g
             UNION ALL SELECT 'search', s::text FROM smart_search s
             UNION ALL SELECT 'extension', extname || extversion FROM pg_extension
             UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'
             ORDER BY 1, 2",
            self.users(),
            self.assets()
        )
    }
}

/// Photos below `immich/`, an upload location with its three folders; paths relative to it, and
/// contents.
pub fn originals(user: &User, count: usize) -> Vec<(String, Vec<u8>)> {
    let mut originals = Vec::new();
    for number in 0..count {
        let owner = USERS[number % 2];
        let path = match number % 3 {
            0 => format!("library/admin/2026/Zoë's {number} \"copy\".jpg"),
            1 => format!("upload/{owner}/ab/cd/{number}.heic"),
            _ => format!("upload/{owner}/ab/cd/tab\there {number}.jpg"),
        };
        let content = format!("photo {number}").repeat(1000 + number).into_bytes();
        user.write(format!("immich/{path}"), &content);
        originals.push((path, content));
    }
    for folder in ["library", "upload", "profile"] {
        user.write(format!("immich/{folder}/.immich"), "1760000000000");
    }
    originals
}

/// Makes the database `immich` on the server: rows for the originals, and for 20,000 places.
pub fn make(server: &Postgres, era: Era, originals: &[(String, Vec<u8>)]) {
    server.create_database("immich");
    server.psql("immich", &schema(era));
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect::<String>()
    };
    let mut sql = String::new();
    let mut row = |owner: &str, path: &str, sha1: &str, rest: &str| {
        sql += &format!(
            "INSERT INTO {} (\"ownerId\", \"originalPath\", checksum, \"isExternal\", \"isOffline\", \
             status) VALUES ('{owner}', '{}', '\\x{sha1}', {rest});\n",
            era.assets(),
            path.replace('\'', "''"),
        );
    };
    for (number, (path, content)) in originals.iter().enumerate() {
        let status = if number == 1 { "trashed" } else { "active" };
        row(
            USERS[number % 2],
            &format!("{}{path}", era.prefix()),
            &hex(&Sha1::digest(content)),
            &format!("false, false, '{status}'"),
        );
    }
    // None of these has a file in the upload location, and rightly so.
    let none = hex(&Sha1::digest(b"path:/mnt/photos/1.jpg"));
    row(
        USERS[0],
        "/mnt/photos/1.jpg",
        &none,
        "true, false, 'active'",
    );
    row(USERS[0], "/mnt/photos/2.jpg", &none, "true, true, 'active'");
    let gone = format!("{}upload/gone.jpg", era.prefix());
    row(USERS[1], &gone, &none, "false, false, 'deleted'");
    let motion = format!("{}encoded-video/x/ab/cd/x-MP.mp4", era.prefix());
    row(USERS[1], &motion, &none, "false, false, 'active'");
    server.psql("immich", &sql);
}

fn schema(era: Era) -> String {
    let (assets, users) = (era.assets(), era.users());
    let location = match era {
        Era::Before => "",
        Era::Now => {
            "INSERT INTO system_metadata VALUES ('MediaLocation', '{\"location\": \"/data\"}');"
        }
    };
    format!(
        r#"
CREATE EXTENSION cube; CREATE EXTENSION earthdistance; CREATE EXTENSION pg_trgm;
CREATE EXTENSION unaccent; CREATE EXTENSION "uuid-ossp";
CREATE TYPE status_enum AS ENUM ('active', 'trashed', 'deleted');
CREATE TABLE {users} (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), email text NOT NULL,
    name text NOT NULL);
CREATE TABLE {assets} (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    "ownerId" uuid NOT NULL REFERENCES {users}(id) ON DELETE CASCADE,
    "originalPath" text NOT NULL, checksum bytea NOT NULL,
    "fileCreatedAt" timestamptz NOT NULL DEFAULT '2026-04-01 12:00:00+02',
    "isExternal" boolean NOT NULL, "isOffline" boolean NOT NULL,
    status status_enum NOT NULL, description text NOT NULL DEFAULT E'line\nbreak \\. ');
CREATE TABLE smart_search ("assetId" integer PRIMARY KEY, embedding text NOT NULL);
INSERT INTO smart_search SELECT n, '[' || n || ',0.5,0.25]' FROM generate_series(1, 50) AS n;
CREATE TABLE system_metadata (key text PRIMARY KEY, value jsonb NOT NULL);
{location}
CREATE TABLE version_history (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    "createdAt" timestamptz NOT NULL DEFAULT now(), version text NOT NULL);
INSERT INTO version_history (version) VALUES ('{version}');
CREATE TABLE geodata_places (id integer PRIMARY KEY, name varchar(200) NOT NULL,
    latitude double precision NOT NULL, longitude double precision NOT NULL);
CREATE INDEX "IDX_geodata_gist_earthcoord" ON geodata_places
    USING gist (ll_to_earth(latitude, longitude));
INSERT INTO geodata_places SELECT n, 'place ' || md5(n::text), n % 90, n % 180
    FROM generate_series(1, 20000) AS n;
INSERT INTO {users} VALUES ('{0}', 'anna@example.org', 'Ännä "die Große" | \d'),
    ('{1}', 'bob@example.org', E'Bob\tO\'Neill');
"#,
        USERS[0],
        USERS[1],
        version = era.version()
    )
}

/// How a person would write one of PostgreSQL's programs in a command line.
pub fn program(server: &Postgres, program: &str, arguments: &str) -> String {
    let mut line = String::new();
    for (name, value) in server.environment() {
        line += &format!("{name}='{}' ", value.display());
    }
    format!("{line}'{}' {arguments}", server.bin(program).display())
}

/// The dump that Immich of that time makes by itself.
pub fn dump_command(server: &Postgres, era: Era) -> String {
    match era {
        Era::Before => program(server, "pg_dumpall", "--clean --if-exists"),
        Era::Now => program(server, "pg_dump", "--clean --if-exists immich"),
    }
}

/// A server with the database, its photos, and a backup of both.
pub fn backed_up(user: &User, era: Era, photos: usize) -> Postgres {
    let server = Postgres::start();
    let originals = originals(user, photos);
    make(&server, era, &originals);
    user.init();
    back_up(user, &dump_command(&server, era));
    server
}

pub fn back_up(user: &User, dump: &str) {
    user.offsite(&["backup", "--immich", "immich", "--database-command", dump])
        .done();
}

/// Feeds SQL to psql as Immich's documentation has it for a dump of one database.
pub fn load(server: &Postgres, database: &str, sql: &[u8]) -> Result<(), String> {
    let mut psql = server.command("psql");
    psql.args(["--no-psqlrc", "--quiet", "--dbname", database]);
    psql.args(["--set=ON_ERROR_STOP=1", "--single-transaction"]);
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, sql).expect("a file");
    std::io::Seek::rewind(&mut file).expect("a file");
    let output = psql.stdin(file).stdout(Stdio::null()).output();
    let output = output.expect("psql starts");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Spoils the middle of the largest pack of contents: the dump is larger than all photos together.
pub fn damage_the_dump(user: &User) {
    let packs = user.objects.list("packs/");
    let (name, _) = packs
        .iter()
        .max_by_key(|(_, bytes)| **bytes)
        .expect("a pack");
    let mut bytes = user.objects.read(name);
    let place = bytes.len() / 2;
    bytes[place] ^= 0x10;
    user.objects.put(name, bytes);
}
