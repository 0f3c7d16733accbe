//! How the rows of one database wait while another, which may be the better one, is read: nothing is
//! journaled that could be rolled back, so the tables change their names.

use super::super::Result;
use super::row_schema::{ROWS, TABLES};
use super::{AuditTables, failure};

impl AuditTables {
    /// Puts the rows aside, in place of what was put aside before; there are none now.
    ///
    /// # Errors
    /// `Sqlite`: the disk is full. The same holds for all that follow.
    pub fn remember_rows(&mut self) -> Result<()> {
        self.for_tables("DROP TABLE IF EXISTS remembered_{}")?;
        self.for_tables("ALTER TABLE {} RENAME TO remembered_{}")?;
        self.connection.execute_batch(ROWS).map_err(failure)?;
        self.relative_then = std::mem::take(&mut self.relative);
        Ok(())
    }

    /// Forgets the rows and takes those that were put aside.
    ///
    /// # Errors
    /// As above; when nothing was put aside.
    pub fn go_back_to_remembered_rows(&mut self) -> Result<()> {
        self.for_tables("DROP TABLE {}")?;
        self.for_tables("ALTER TABLE remembered_{} RENAME TO {}")?;
        self.relative = self.relative_then;
        Ok(())
    }

    /// Forgets all rows.
    ///
    /// # Errors
    /// As above.
    pub fn clear_rows(&mut self) -> Result<()> {
        self.relative = false;
        self.for_tables("DELETE FROM {}")
    }

    fn for_tables(&self, sql: &str) -> Result<()> {
        let each = TABLES.iter().map(|table| sql.replace("{}", table));
        let all: Vec<String> = each.collect();
        let all = all.join(";");
        self.connection.execute_batch(&all).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::audit::AssetRow;

    fn row(path: &[u8]) -> AssetRow<'_> {
        AssetRow {
            id: [1; 16],
            owner: [2; 16],
            path,
            sha1: Some([3; 20]),
            flags: 0,
        }
    }

    fn paths(tables: &AuditTables) -> Vec<(i64, Vec<u8>)> {
        let mut paths = Vec::new();
        let visit = &mut |number, _, path: &[u8], _| {
            paths.push((number, path.to_vec()));
            Ok(())
        };
        tables.each_asset(visit).unwrap();
        paths
    }

    #[test]
    fn rows_wait_aside_and_come_back_or_are_forgotten() {
        let mut tables = AuditTables::temporary().unwrap();
        tables.add_asset(&row(b"upload/first")).unwrap();
        tables.set_media_location(b"/then").unwrap();
        tables.remember_rows().unwrap();
        assert!(paths(&tables).is_empty() && !tables.has_relative_paths());
        assert_eq!(tables.media_location().unwrap(), None);
        tables.add_asset(&row(b"/data/second")).unwrap();
        tables.go_back_to_remembered_rows().unwrap();
        assert_eq!(paths(&tables), [(1, b"upload/first".to_vec())]);
        assert!(tables.has_relative_paths());
        assert_eq!(tables.media_location().unwrap().unwrap(), b"/then");

        // A third and a fourth: what is put aside is always the last.
        tables.remember_rows().unwrap();
        tables.add_asset(&row(b"/data/third")).unwrap();
        tables.remember_rows().unwrap();
        tables.add_asset(&row(b"/data/fourth")).unwrap();
        tables.go_back_to_remembered_rows().unwrap();
        assert_eq!(paths(&tables), [(1, b"/data/third".to_vec())]);
        assert!(!tables.has_relative_paths());
        assert!(tables.go_back_to_remembered_rows().is_err());
    }
}
