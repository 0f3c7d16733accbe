//! The tables that rows of a dump go into.

pub(super) const ROWS: &str = "
-- Assets, in the order of the dump. `sha1`: of the content, where the database knows it.
CREATE TABLE assets (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL,
    owner  BLOB NOT NULL,
    path   BLOB NOT NULL,
    sha1   BLOB,
    flags  INTEGER NOT NULL
);
CREATE TABLE sizes (asset BLOB NOT NULL, bytes INTEGER NOT NULL);
-- Sidecars (kind 1) and generated files that lie among originals (kind 3).
CREATE TABLE files (
    number INTEGER PRIMARY KEY,
    asset  BLOB NOT NULL,
    kind   INTEGER NOT NULL,
    path   BLOB NOT NULL
);
CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL,
    name   BLOB NOT NULL,
    image  BLOB NOT NULL
);
CREATE TABLE import_paths (library BLOB NOT NULL, path BLOB NOT NULL);
CREATE TABLE media_location (path BLOB NOT NULL);
CREATE TABLE moves (old BLOB NOT NULL, new BLOB NOT NULL);
";
