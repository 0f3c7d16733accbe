//! What a profile demands of a dump beyond being whole.

use super::DumpFacts;
use crate::source::SourceError;

/// What the Immich profile demands: its table of assets.
///
/// # Errors
/// When there is none.
pub fn immich(facts: &DumpFacts) -> Result<(), SourceError> {
    if facts.has_immich_tables {
        return Ok(());
    }
    Err(SourceError::NoImmichTables {
        inserts: facts.has_inserts,
    })
}
