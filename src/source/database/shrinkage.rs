//! Holds a dump against the last good one: a database that lost most of itself must not become the
//! good copy unseen.

use super::DumpFacts;
use crate::source::SourceError;

/// The last good, not suspect dump of the same host and source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    pub bytes: u64,
    pub rows_total: u64,
}

/// # Errors
/// When less than half of the bytes or of the rows is left.
pub fn compare(now: &DumpFacts, last_good: &Baseline) -> Result<(), SourceError> {
    let pairs = [
        (last_good.rows_total, now.rows_total, "rows"),
        (last_good.bytes, now.bytes, "bytes"),
    ];
    for (before, now, unit) in pairs {
        if now < before.div_ceil(2) {
            return Err(SourceError::Shrunk { before, now, unit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::source::database::DumpKind;

    fn verdict(bytes: u64, rows_total: u64) -> Result<(), SourceError> {
        let facts = DumpFacts {
            kind: DumpKind::PgDump,
            server_version: None,
            immich_version: None,
            bytes,
            rows: BTreeMap::new(),
            rows_total,
            has_immich_tables: true,
            has_inserts: false,
        };
        compare(
            &facts,
            &Baseline {
                bytes: 1001,
                rows_total: 10,
            },
        )
    }

    #[test]
    fn half_is_enough_and_less_is_not() {
        assert!(verdict(501, 5).is_ok());
        assert!(verdict(u64::MAX, u64::MAX).is_ok());
        let message = verdict(500, 10).unwrap_err().to_string();
        assert!(
            message.contains("1001") && message.contains("500 bytes"),
            "{message}"
        );
        let message = verdict(1001, 4).unwrap_err().to_string();
        assert!(
            message.contains("10") && message.contains("4 rows"),
            "{message}"
        );
    }
}
