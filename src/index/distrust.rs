//! Packs that were read and found damaged: they are there, with their right size, and yet nothing
//! may be deduplicated against them, until sound bytes are in their place.

use rusqlite::params;

use super::{Index, Result};
use crate::id::ObjectId;

impl Index {
    /// From now on the packs are not live, whatever the store lists: what lies in them is stored
    /// again by the next backup.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn distrust(&self, packs: &[ObjectId]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for id in packs {
                let row = params![id.as_bytes()];
                let sql = "INSERT INTO distrusted (id) VALUES (?) ON CONFLICT DO NOTHING";
                transaction.prepare_cached(sql)?.execute(row)?;
                let sql = "UPDATE packs SET live = 0 WHERE id = ?";
                transaction.prepare_cached(sql)?.execute(row)?;
            }
            transaction.commit()
        })
    }

    /// The packs were read and found right; they are live again when the store is seen to list them.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn trust_again(&self, packs: &[ObjectId]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for id in packs {
                let sql = "DELETE FROM distrusted WHERE id = ?";
                let mut delete = transaction.prepare_cached(sql)?;
                delete.execute(params![id.as_bytes()])?;
            }
            transaction.commit()
        })
    }

    /// # Errors
    /// `Sqlite`.
    pub fn is_distrusted(&self, pack: &ObjectId) -> Result<bool> {
        self.with(|connection| {
            let sql = "SELECT 1 FROM distrusted WHERE id = ?";
            connection.prepare_cached(sql)?.exists([pack.as_bytes()])
        })
    }

    /// The packs that are distrusted: as many as were found damaged.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn distrusted(&self) -> Result<Vec<ObjectId>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id FROM distrusted ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok(ObjectId::new(row.get(0)?)))?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::IndexError;
    use super::super::chunks::tests::{chunk, pack};
    use super::*;

    #[test]
    fn a_distrusted_pack_is_not_live_however_often_it_is_listed() {
        let index = Index::in_memory().unwrap();
        let id = ObjectId::new([1; 32]);
        index.add_pack(&pack(1, &[chunk(1)])).unwrap();
        let look = || {
            let listed = index.reconcile_packs::<IndexError>(false, |see| {
                see(id, 100);
                Ok(())
            });
            listed.unwrap();
            index.is_stored(&chunk(1).id).unwrap()
        };
        assert!(look());
        index.distrust(&[id]).unwrap();
        assert!(!index.is_stored(&chunk(1).id).unwrap() && !look());
        assert_eq!(index.distrusted().unwrap(), [id]);
        index.trust_again(&[id]).unwrap();
        assert!(look());
    }
}
