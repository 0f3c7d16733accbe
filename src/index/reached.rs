//! Packs in which something lies that is referred to: the references that were noted (`totals`),
//! joined with the places of chunks, in a temporary table, so that memory does not grow with them.

use rusqlite::params;

use super::{Index, Result};
use crate::id::ObjectId;

impl Index {
    /// Finds the packs of all references that were noted; gives how many there are. Every place of a
    /// chunk counts, while the store shows its pack.
    ///
    /// # Errors
    /// `Sqlite`; also before [`Index::clear_references`].
    pub fn reach_packs(&self) -> Result<u64> {
        self.with(|connection| {
            connection.execute_batch(
                "DROP TABLE IF EXISTS temp.reached;
                 CREATE TEMP TABLE reached (id BLOB, metadata INTEGER, PRIMARY KEY (id, metadata))
                 WITHOUT ROWID;
                 INSERT OR IGNORE INTO temp.reached
                 SELECT packs.id, packs.class = 2 FROM temp.noted
                 JOIN chunks ON chunks.id = noted.id
                 JOIN packs ON packs.number = chunks.pack WHERE packs.live;",
            )?;
            connection.query_row("SELECT count(*) FROM temp.reached", [], |row| row.get(0))
        })
    }

    /// The next packs that were found, at most `count`, in the order of their ids: id, and whether
    /// it is a pack of metadata. `after`: the last of those before.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn reached_packs(
        &self,
        after: Option<(ObjectId, bool)>,
        count: usize,
    ) -> Result<Vec<(ObjectId, bool)>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, metadata FROM temp.reached WHERE ?1 IS NULL OR (id, metadata) > (?1, ?2)
                 ORDER BY id, metadata LIMIT ?3",
            )?;
            let (id, metadata) = after.map_or((None, false), |(id, metadata)| (Some(id), metadata));
            let id = id.as_ref().map(|id| id.as_bytes().as_slice());
            let row = |row: &rusqlite::Row<'_>| Ok((ObjectId::new(row.get(0)?), row.get(1)?));
            let rows = statement.query_map(params![id, metadata, count], row)?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunks::tests::{chunk, pack};
    use super::*;
    use crate::id::ChunkId;

    #[test]
    fn every_pack_with_a_reference_in_it_is_found_once() {
        let index = Index::in_memory().unwrap();
        index.add_pack(&pack(1, &[chunk(1), chunk(2)])).unwrap();
        index.add_pack(&pack(2, &[chunk(2)])).unwrap();
        index.add_pack(&pack(3, &[chunk(3)])).unwrap();
        index.clear_references().unwrap();
        let mut ids = [1, 2, 9].map(|number| ChunkId::new([number; 32])).to_vec();
        index.note_references(&mut ids).unwrap();
        assert_eq!(index.reach_packs().unwrap(), 2);
        let first = index.reached_packs(None, 1).unwrap();
        assert_eq!(first, [(ObjectId::new([1; 32]), false)]);
        let rest = index.reached_packs(first.last().copied(), 9).unwrap();
        assert_eq!(rest, [(ObjectId::new([2; 32]), false)]);
    }
}
