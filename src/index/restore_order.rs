//! The files of one restore in the order of the packs that hold them. In a file without a name in the
//! system's folder for temporary files, so that memory does not grow with the library.

use rusqlite::{Connection, params};

use super::scratch::{self, failure};
use super::{Index, Result};
use crate::id::ChunkId;

/// Where a file comes in the order: the first and the last number of a pack that holds some of it, added
/// up. Packs that were filled at one time have neighbouring numbers, and a file that lies in two of them
/// comes between those that lie in the one and those that lie in the other.
pub type Turn = i64;

/// Files, as whoever fills the table encodes them.
pub struct RestoreOrder {
    connection: Connection,
    is_sorted: bool,
    /// The turn and the row of the last file that was given out.
    last: (Turn, i64),
}

impl Index {
    /// When files come that begin with these chunks; those of which nothing is known first.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn turns(&self, files: &[Vec<ChunkId>]) -> Result<Vec<Turn>> {
        self.with(|connection| {
            let reading = connection.transaction()?;
            let mut statement =
                reading.prepare_cached("SELECT MIN(pack) FROM chunks WHERE id = ?")?;
            let mut turn_of = |ids: &Vec<ChunkId>| {
                let mut packs: Vec<Turn> = Vec::with_capacity(ids.len());
                for id in ids {
                    let id = [id.as_bytes().as_slice()];
                    packs.extend(statement.query_row(id, |row| row.get::<_, Option<Turn>>(0))?);
                }
                let ends = packs.iter().min().zip(packs.iter().max());
                Ok(ends.map_or(0, |(first, last)| first.saturating_add(*last)))
            };
            files.iter().map(&mut turn_of).collect()
        })
    }
}

impl RestoreOrder {
    /// An empty table.
    ///
    /// # Errors
    /// `Sqlite` when no temporary file can be made.
    pub fn temporary() -> Result<Self> {
        let tables = "
             CREATE TABLE files (
                number INTEGER PRIMARY KEY, turn INTEGER NOT NULL, file BLOB NOT NULL
             );";
        let made = scratch::open(tables, 4096);
        Ok(Self {
            connection: made.map_err(failure)?,
            is_sorted: false,
            last: (i64::MIN, 0),
        })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// `Sqlite`: the disk is full.
    pub fn add(&mut self, turn: Turn, file: &[u8]) -> Result<()> {
        let sql = "INSERT INTO files (turn, file) VALUES (?, ?)";
        let insert = self.connection.prepare_cached(sql);
        let added = insert.and_then(|mut insert| insert.execute(params![turn, file]));
        added.map(drop).map_err(failure)
    }

    /// The next files in their order, at most `count`; those of one turn as they were added. Nothing
    /// is added from then on.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn next(&mut self, count: usize) -> Result<Vec<Vec<u8>>> {
        self.read(count).map_err(failure)
    }

    fn read(&mut self, count: usize) -> rusqlite::Result<Vec<Vec<u8>>> {
        if !std::mem::replace(&mut self.is_sorted, true) {
            let sql = "CREATE INDEX in_order ON files (turn, number)";
            self.connection.execute_batch(sql)?;
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT turn, number, file FROM files INDEXED BY in_order
             WHERE (turn, number) > (?1, ?2) ORDER BY turn, number LIMIT ?3",
        )?;
        let (turn, number) = self.last;
        let mut rows = statement.query(params![turn, number, count])?;
        let mut files = Vec::new();
        while let Some(row) = rows.next()? {
            self.last = (row.get(0)?, row.get(1)?);
            files.push(row.get(2)?);
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunks::tests::{chunk, pack};
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_packs() {
        let index = Index::in_memory().unwrap();
        index.add_pack(&pack(9, &[chunk(1), chunk(2)])).unwrap();
        index.add_pack(&pack(3, &[chunk(3)])).unwrap();
        let files = [&[3][..], &[2], &[9], &[1], &[3, 2]];
        let files = files.map(|ids| ids.iter().map(|id| chunk(*id).id).collect());
        let turns = index.turns(&files).unwrap();
        assert_eq!(turns, [4, 2, 0, 2, 3]);
        assert_eq!(index.turns(&[Vec::new()]).unwrap(), [0]);
        let mut order = RestoreOrder::temporary().unwrap();
        for (turn, name) in turns.iter().zip(["c", "b", "lost", "a", "b and c"]) {
            order.add(*turn, name.as_bytes()).unwrap();
        }
        let mut files = Vec::new();
        loop {
            let some = order.next(2).unwrap();
            if some.is_empty() {
                break;
            }
            files.extend(some.into_iter().map(|it| String::from_utf8(it).unwrap()));
        }
        assert_eq!(files, ["lost", "b", "a", "b and c", "c"]);
    }
}
