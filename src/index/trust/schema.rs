//! The tables, each made where it is missing: unlike those of the index they are never thrown away,
//! so that a change of one must say how the old rows come along.

pub(super) const TABLES: &[&str] = &[
    // See `notes`.
    "CREATE TABLE IF NOT EXISTS notes (
        place TEXT NOT NULL,
        name  TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (place, name)
    ) WITHOUT ROWID;",
    // See `plans`.
    "CREATE TABLE IF NOT EXISTS plans (
        id       BLOB PRIMARY KEY,
        modified INTEGER NOT NULL,
        noted    INTEGER NOT NULL
    ) WITHOUT ROWID;",
    // See `locks`.
    "CREATE TABLE IF NOT EXISTS locks (
        place TEXT NOT NULL,
        name  TEXT NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (place, name)
    ) WITHOUT ROWID;",
    // See `reads`. `place`: a short hash; `at`: nanoseconds since 1970.
    "CREATE TABLE IF NOT EXISTS pack_reads (
        place BLOB NOT NULL,
        pack  BLOB NOT NULL,
        at    INTEGER NOT NULL,
        sound INTEGER NOT NULL,
        PRIMARY KEY (place, pack)
    ) WITHOUT ROWID;",
    // See `seen`: `presence` is 0 listed, 1 vanished, 2 forgotten; times in nanoseconds.
    "CREATE TABLE IF NOT EXISTS seen (
        place      TEXT NOT NULL,
        id         BLOB NOT NULL,
        host       TEXT NOT NULL,
        time       INTEGER NOT NULL,
        session    BLOB NOT NULL,
        first_seen INTEGER NOT NULL,
        own        INTEGER NOT NULL,
        presence   INTEGER NOT NULL,
        PRIMARY KEY (place, id)
    ) WITHOUT ROWID;",
    // See `copies`.
    "CREATE TABLE IF NOT EXISTS copies (
        place  TEXT NOT NULL,
        name   TEXT NOT NULL,
        bytes  BLOB NOT NULL,
        missed INTEGER NOT NULL,
        PRIMARY KEY (place, name)
    ) WITHOUT ROWID;",
];
