//! All that an index says, for tests that hold two of them against each other.

use super::{Index, Result};

impl Index {
    /// One line for each place of each chunk of a live pack, sorted, each once: whoever says it, the
    /// claim is the same.
    pub fn all_rows(&self) -> Result<Vec<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT DISTINCT hex(packs.id) || ' ' || bytes || ' class ' || class || ' '
                    || hex(header) || ' ' || coalesce(hex(chunks.id) || ' at ' || start || ' '
                    || stored || ' ' || plain || ' ' || position || ' ' || codec, 'empty')
                 FROM packs LEFT JOIN chunks ON chunks.pack = packs.number
                 WHERE live ORDER BY 1",
            )?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }
}
