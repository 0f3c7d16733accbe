//! When is a pack of this host published? Once a listed segment says all that its footer says. One
//! that names the pack and says less, or something else, is no publication: it may be a false one,
//! made so that the true one is never written.

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use super::chunks::{ChunkRow, IndexedPack};

/// Whose word it is.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// A segment's, by its number.
    Segment(i64),
    /// This host's own: it saw the pack.
    Verified,
}

/// Notes, after a claim about a pack was taken in under `number`, what that publishes. `chunks` gives what
/// the claim says the pack holds; it is asked only if there is anything to compare it with.
pub(super) fn note(
    transaction: &Transaction<'_>,
    pack: &IndexedPack,
    number: i64,
    origin: Origin,
    chunks: &dyn Fn() -> rusqlite::Result<Vec<ChunkRow>>,
) -> rusqlite::Result<()> {
    let counterparts = counterparts(transaction, pack, origin)?;
    if counterparts.is_empty() {
        return Ok(());
    }
    let chunks = chunks()?;
    let said = distinct(&chunks);
    for (other, count, segment) in counterparts {
        let (known, publishes, by) = match origin {
            Origin::Segment(segment) => (count, other, Some(segment)),
            Origin::Verified => (said.len(), number, segment),
        };
        if shared(transaction, other, &said)? == known {
            transaction
                .prepare_cached("UPDATE packs SET segment = ?2 WHERE number = ?1")?
                .execute(params![publishes, by])?;
        }
    }
    Ok(())
}

/// The same row twice is one.
pub(super) fn distinct(chunks: &[ChunkRow]) -> HashSet<&ChunkRow> {
    chunks.iter().collect()
}

/// For a segment's claim what this host knows, published before or not: the later one may be there
/// to replace the earlier; for what this host knows what segments claim: number, count of chunks,
/// segment.
fn counterparts(
    transaction: &Transaction<'_>,
    pack: &IndexedPack,
    origin: Origin,
) -> rusqlite::Result<Vec<(i64, usize, Option<i64>)>> {
    let sql = match origin {
        Origin::Segment(_) => {
            "SELECT number, chunks, segment FROM packs WHERE id = ?1 AND bytes = ?2 AND class = ?3
             AND header = ?4 AND verified"
        }
        Origin::Verified => {
            "SELECT number, chunks, segment FROM packs WHERE id = ?1 AND bytes = ?2 AND class = ?3
             AND header = ?4 AND NOT verified AND segment IS NOT NULL"
        }
    };
    let mut statement = transaction.prepare_cached(sql)?;
    let key = params![pack.id.as_bytes(), pack.bytes, pack.class, pack.header];
    let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// How many of the chunks the claim of that number has as well.
fn shared(
    transaction: &Transaction<'_>,
    number: i64,
    chunks: &HashSet<&ChunkRow>,
) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare_cached(
        "SELECT 1 FROM chunks WHERE id = ?1 AND pack = ?2 AND start = ?3 AND stored = ?4
         AND plain = ?5 AND position = ?6 AND codec = ?7",
    )?;
    let mut count = 0;
    for chunk in chunks {
        count += usize::from(statement.exists(params![
            chunk.id.as_bytes(),
            number,
            chunk.start,
            chunk.stored,
            chunk.plain,
            chunk.position,
            chunk.codec
        ])?);
    }
    Ok(count)
}
