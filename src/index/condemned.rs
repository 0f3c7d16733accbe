//! What plans condemn, and which packs a run rests on: a condemned pack is absent for whoever would
//! refer to it anew (`Index::are_stored`), and references made before hold for a time.
//!
//! Restore knows nothing of it: it tries every place.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::params;

use super::{Index, Result};
use crate::id::{ChunkId, ObjectId};

impl Index {
    /// A run begins: nothing is condemned so far, and it rests on nothing.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn begin_watch(&self) -> Result<()> {
        self.uses.begin();
        self.with(|connection| {
            connection.execute_batch("DELETE FROM temp.condemned; DELETE FROM temp.plans;")
        })
    }

    /// Takes in what a plan condemns. `late_since`: from when on, since boot, references that were
    /// made before no longer hold; `None` for a plan that was there when the run began.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn condemn(
        &self,
        plan: &ObjectId,
        packs: &[ObjectId],
        late_since: Option<Duration>,
    ) -> Result<()> {
        let late_since = late_since.map(nanoseconds);
        self.with(|connection| {
            let transaction = connection.transaction()?;
            let sql = "INSERT INTO temp.plans (id, late_since) VALUES (?1, ?2)
                       ON CONFLICT DO NOTHING RETURNING number";
            let key = params![plan.as_bytes(), late_since];
            let mut statement = transaction.prepare(sql)?;
            let mut rows = statement.query(key)?;
            let number: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
            drop(rows);
            drop(statement);
            if let Some(number) = number {
                let sql = "INSERT INTO temp.condemned (pack, plan) VALUES (?1, ?2)
                           ON CONFLICT DO NOTHING";
                let mut insert = transaction.prepare(sql)?;
                for pack in packs {
                    insert.execute(params![pack.as_bytes(), number])?;
                }
            }
            transaction.commit()
        })
    }

    /// A plan proved false, and takes nothing away.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn acquit(&self, plan: &ObjectId) -> Result<()> {
        self.with(|connection| {
            let sql = "DELETE FROM temp.condemned WHERE plan =
                       (SELECT number FROM temp.plans WHERE id = ?)";
            connection.execute(sql, [plan.as_bytes()]).map(drop)
        })
    }

    /// Plans each of which alone condemns every live place of the chunk; none for a chunk that has
    /// no live place, or another.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn condemning(&self, chunk: &ChunkId) -> Result<Vec<ObjectId>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT packs.number, plans.id
                 FROM chunks JOIN packs ON packs.number = chunks.pack
                 LEFT JOIN temp.condemned ON condemned.pack = packs.id
                 LEFT JOIN temp.plans ON plans.number = condemned.plan
                 WHERE chunks.id = ? AND packs.live",
            )?;
            let rows = statement.query_map([chunk.as_bytes()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<[u8; 32]>>(1)?))
            })?;
            let (mut places, mut plans) = (HashMap::new(), HashMap::new());
            for row in rows {
                let (pack, plan) = row?;
                places.insert(pack, ());
                if let Some(plan) = plan {
                    *plans.entry(plan).or_insert(0_usize) += 1;
                }
            }
            let all = plans
                .into_iter()
                .filter(|(_, count)| *count == places.len());
            Ok(all.map(|(plan, _)| ObjectId::new(plan)).collect())
        })
    }

    /// A pack that this run rests on and must not: it is gone, or a plan condemned it too long ago
    /// by `now` (since boot), and it holds a chunk that has no other good place. Packs of which
    /// `is_spared` is true by their header are believed in spite of plans.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn lost_ground(
        &self,
        now: Duration,
        is_spared: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Option<ObjectId>> {
        let mut found = Vec::new();
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT number, id, header, live FROM packs WHERE NOT live OR EXISTS (
                    SELECT 1 FROM temp.condemned JOIN temp.plans ON plans.number = condemned.plan
                    WHERE condemned.pack = packs.id AND plans.late_since <= ?)",
            )?;
            let mut rows = statement.query([nanoseconds(now)])?;
            while let Some(row) = rows.next()? {
                let (number, live): (i64, bool) = (row.get(0)?, row.get(3)?);
                if self.uses.contains(number) {
                    let (id, header): (_, Vec<u8>) = (ObjectId::new(row.get(1)?), row.get(2)?);
                    found.push((number, id, header, live));
                }
            }
            Ok(())
        })?;
        // Only now: whoever is asked looks things up in this index.
        for (number, id, header, live) in found {
            if live && is_spared(&header) {
                continue;
            }
            if self.holds_what_nothing_else_holds(number)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// A look at the whole table of chunks: for the rare run that was overtaken.
    fn holds_what_nothing_else_holds(&self, pack: i64) -> Result<bool> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT 1 FROM chunks WHERE pack = ?1 AND NOT EXISTS (
                    SELECT 1 FROM chunks AS other JOIN packs ON packs.number = other.pack
                    WHERE other.id = chunks.id AND other.pack <> ?1 AND packs.live
                    AND NOT EXISTS (SELECT 1 FROM temp.condemned
                                    WHERE condemned.pack = packs.id)) LIMIT 1",
            )?;
            statement.exists([pack])
        })
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "condemned_tests.rs"]
mod tests;
