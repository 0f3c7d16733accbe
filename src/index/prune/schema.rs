//! The temporary tables of a prune.

pub(super) const DROP: &str = "
    DROP TABLE IF EXISTS temp.reached;
    DROP TABLE IF EXISTS temp.entered;
    DROP TABLE IF EXISTS temp.shown;
    DROP TABLE IF EXISTS temp.there;
    DROP TABLE IF EXISTS temp.named;
    DROP TABLE IF EXISTS temp.going;
    DROP TABLE IF EXISTS temp.spare;
    DROP TABLE IF EXISTS temp.claim_uses;
    DROP TABLE IF EXISTS temp.uses;";

/// The tables, with 16 MiB of memory for all of them.
pub(super) const CREATE: &str = "
    PRAGMA temp.cache_size = -16384;
    -- Chunks that a listed snapshot needs, of metadata or of contents: a forged snapshot may name one
    -- as both.
    CREATE TEMP TABLE reached (
        id       BLOB NOT NULL,
        metadata INTEGER NOT NULL,
        PRIMARY KEY (id, metadata)
    ) WITHOUT ROWID;
    -- Metadata chunks of which all that is beneath them was followed.
    CREATE TEMP TABLE entered (id BLOB PRIMARY KEY) WITHOUT ROWID;
    -- Packs that the LIST showed; `condemned`: a plan names it, `mine`: one of this host.
    CREATE TEMP TABLE shown (
        id        BLOB NOT NULL,
        metadata  INTEGER NOT NULL,
        bytes     INTEGER NOT NULL,
        modified  INTEGER NOT NULL,
        condemned INTEGER NOT NULL DEFAULT 0,
        mine      INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (id, metadata)
    ) WITHOUT ROWID;
    -- Claims about packs that are shown with that size; `pack`: the least number of a claim about one of that
    -- name. Ten million chunks ask for it, and unlike `packs` it fits into memory.
    CREATE TEMP TABLE there (
        number   INTEGER PRIMARY KEY,
        metadata INTEGER NOT NULL,
        pack     INTEGER NOT NULL
    );
    -- Which segment says what (as a hash) of which pack.
    CREATE TEMP TABLE named (
        pack     BLOB NOT NULL,
        metadata INTEGER NOT NULL,
        said     BLOB NOT NULL,
        segment  BLOB NOT NULL,
        PRIMARY KEY (pack, metadata, said, segment)
    ) WITHOUT ROWID;
    -- Segments that are to go.
    CREATE TEMP TABLE going (segment BLOB PRIMARY KEY) WITHOUT ROWID;
    -- Reached chunks of a pack, by its number in `there`, that have a better place in another.
    CREATE TEMP TABLE spare (
        pack   INTEGER NOT NULL,
        id     BLOB NOT NULL,
        PRIMARY KEY (pack, id)
    ) WITHOUT ROWID;
    -- For each claim about a pack, and then for each pack: what it holds, and what of it is needed.
    CREATE TEMP TABLE claim_uses (
        number   INTEGER PRIMARY KEY,
        sealed   INTEGER NOT NULL,
        reached  INTEGER NOT NULL,
        needed   INTEGER NOT NULL
    );
    CREATE TEMP TABLE uses (
        id       BLOB NOT NULL,
        metadata INTEGER NOT NULL,
        number   INTEGER NOT NULL,
        sealed   INTEGER NOT NULL,
        reached  INTEGER NOT NULL,
        needed   INTEGER NOT NULL,
        PRIMARY KEY (id, metadata)
    ) WITHOUT ROWID;";
