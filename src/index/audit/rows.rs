//! Rows of the dump, appended as they come: no index is kept up to date meanwhile.

use rusqlite::{OptionalExtension, params};

use super::super::Result;
use super::{AuditTables, failure};

/// What is known of an asset beside its values, as bits.
pub mod flags {
    /// In a library of files that Immich does not manage.
    pub const EXTERNAL: u8 = 1;
    /// Known to be absent.
    pub const OFFLINE: u8 = 2;
    /// About to be deleted.
    pub const DELETED: u8 = 4;
    /// The checksum is of the path, not of the content.
    pub const NO_CONTENT: u8 = 8;
    /// The checksum is of an unknown kind.
    pub const UNKNOWN: u8 = 16;
    /// Found through a prefix of former times, where Immich does not look any more.
    pub const STALE: u8 = 32;
}

/// An asset as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow<'r> {
    pub id: [u8; 16],
    pub owner: [u8; 16],
    /// As the database has it.
    pub path: &'r [u8],
    pub sha1: Option<[u8; 20]>,
    /// Of [`flags`].
    pub flags: u8,
}

/// Gives where a row of a table stands: its number, its flags, its path, its SHA-1.
type Visit<'v> = dyn FnMut(i64, u8, &[u8], Option<[u8; 20]>) -> Result<()> + 'v;

impl AuditTables {
    /// # Errors
    /// `Sqlite`: the disk is full. The same holds for all that follow.
    pub fn add_asset(&mut self, row: &AssetRow<'_>) -> Result<()> {
        if row.flags & flags::EXTERNAL == 0 && row.path.starts_with(b"upload/") {
            self.relative = true;
        }
        let sha1 = row.sha1.as_ref().map(<[u8; 20]>::as_slice);
        self.execute(
            "INSERT INTO assets (id, owner, path, sha1, flags) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                row.id.as_slice(),
                row.owner.as_slice(),
                row.path,
                sha1,
                row.flags
            ],
        )
    }

    /// The size of an asset's file, as the database has it.
    ///
    /// # Errors
    /// As above.
    pub fn add_size(&mut self, asset: &[u8; 16], bytes: u64) -> Result<()> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let sql = "INSERT INTO sizes (asset, bytes) VALUES (?1, ?2)";
        self.execute(sql, params![asset.as_slice(), bytes])
    }

    /// A file that belongs to an asset: its sidecar, or something generated.
    ///
    /// # Errors
    /// As above.
    pub fn add_file(&mut self, asset: &[u8; 16], is_sidecar: bool, path: &[u8]) -> Result<()> {
        let kind = if is_sidecar { 1 } else { 3 };
        let sql = "INSERT INTO files (asset, kind, path) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![asset.as_slice(), kind, path])
    }

    /// A user, with the path of a profile picture or nothing.
    ///
    /// # Errors
    /// As above.
    pub fn add_user(&mut self, id: &[u8; 16], name: &[u8], image: &[u8]) -> Result<()> {
        let sql = "INSERT INTO users (id, name, image) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![id.as_slice(), name, image])
    }

    /// # Errors
    /// As above.
    pub fn add_import_path(&mut self, library: &[u8; 16], path: &[u8]) -> Result<()> {
        let sql = "INSERT INTO import_paths (library, path) VALUES (?1, ?2)";
        self.execute(sql, params![library.as_slice(), path])
    }

    /// # Errors
    /// As above.
    pub fn set_media_location(&mut self, path: &[u8]) -> Result<()> {
        self.execute("DELETE FROM media_location", [])?;
        let sql = "INSERT INTO media_location (path) VALUES (?1)";
        self.execute(sql, params![path])
    }

    /// Where Immich keeps its files, as the database says.
    ///
    /// # Errors
    /// As above.
    pub fn media_location(&self) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT path FROM media_location";
        let row = self.connection.query_row(sql, [], |row| row.get(0));
        row.optional().map_err(failure)
    }

    /// Whether a managed path begins with `upload/`, as they did in former times.
    pub fn has_relative_paths(&self) -> bool {
        self.relative
    }

    /// The import paths of external libraries, each once.
    ///
    /// # Errors
    /// As above.
    pub fn import_paths(&self) -> Result<Vec<Vec<u8>>> {
        let read = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let sql = "SELECT DISTINCT path FROM import_paths ORDER BY path LIMIT 1000";
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        read().map_err(failure)
    }

    /// Visits all assets.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_asset(&self, visit: &mut Visit<'_>) -> Result<()> {
        self.each("SELECT number, flags, path, sha1 FROM assets", visit)
    }

    /// Visits the files of one kind, with the flags of their assets.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_file(&self, is_sidecar: bool, visit: &mut Visit<'_>) -> Result<()> {
        let kind = if is_sidecar { 1 } else { 3 };
        let sql = "SELECT number, 0, path, NULL FROM files WHERE kind = ";
        self.each(&format!("{sql}{kind}"), visit)
    }

    /// Visits the profile pictures.
    ///
    /// # Errors
    /// As above; of `visit`.
    pub fn each_picture(&self, visit: &mut Visit<'_>) -> Result<()> {
        let sql = "SELECT number, 0, image, NULL FROM users WHERE length(image) > 0";
        self.each(sql, visit)
    }

    fn each(&self, sql: &str, visit: &mut Visit<'_>) -> Result<()> {
        let mut statement = self.connection.prepare(sql).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            let number = row.get(0).map_err(failure)?;
            let flags = row.get(1).map_err(failure)?;
            let sha1 = row.get(3).map_err(failure)?;
            let path = row.get_ref(2).map_err(failure)?;
            let path = path.as_blob().map_err(|error| failure(error.into()))?;
            visit(number, flags, path, sha1)?;
        }
        Ok(())
    }

    pub(super) fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        let statement = self.connection.prepare_cached(sql);
        let done = statement.and_then(|mut statement| statement.execute(values));
        done.map(drop).map_err(failure)
    }
}
