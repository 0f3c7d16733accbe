//! How much the store held at the last look, without counting chunks: cheap also of ten million.

use super::{Index, Result};

impl Index {
    /// Packs that the store showed with their right size at the last look, and their bytes as stored.
    /// Each counts once, however many claims there are about it.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn stored_packs(&self) -> Result<(u64, u64)> {
        self.with(|connection| {
            let sql = "SELECT count(*), coalesce(sum(bytes), 0)
                       FROM (SELECT DISTINCT id, bytes FROM packs WHERE live)";
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunks::tests::{chunk, pack};
    use super::*;

    #[test]
    fn a_pack_of_which_two_things_are_claimed_counts_once() {
        let index = Index::in_memory().unwrap();
        assert_eq!(index.stored_packs().unwrap(), (0, 0));
        index.add_pack(&pack(1, &[chunk(1), chunk(2)])).unwrap();
        index.add_pack(&pack(2, &[chunk(2)])).unwrap();
        assert_eq!(index.stored_packs().unwrap(), (2, 200));
    }
}
