//! What `forget` remembers of a place on this host, where no forger writes: what it has decided and not
//! yet finished, so that the next run may act on it; and which snapshots a signed proof named.

use std::collections::BTreeMap;

use super::candidate::Drills;
use crate::id::ObjectId;
use crate::index::Trust;
use crate::ops::Result;

const NAME: &str = "forgetting";
const DRILLED: &str = "drilled";

/// How far it came with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is to go.
    Decided,
    /// A forget record explains it.
    Recorded,
}

/// The note of one place: lines of `decided ID` and `recorded ID`.
pub(super) struct Note<'t> {
    trust: &'t Trust,
    place: &'t str,
}

impl<'t> Note<'t> {
    pub fn new(trust: &'t Trust, place: &'t str) -> Self {
        Self { trust, place }
    }

    /// # Errors
    /// `Index`.
    pub fn read(&self) -> Result<BTreeMap<ObjectId, Stage>> {
        let text = self.trust.note(self.place, NAME)?.unwrap_or_default();
        Ok(text.lines().filter_map(read_line).collect())
    }

    /// # Errors
    /// `Index`.
    pub fn write(&self, begun: &BTreeMap<ObjectId, Stage>) -> Result<()> {
        let lines = begun.iter().map(|(id, stage)| match stage {
            Stage::Decided => format!("decided {id}\n"),
            Stage::Recorded => format!("recorded {id}\n"),
        });
        let text: String = lines.collect();
        Ok(self.trust.set_note(self.place, NAME, &text)?)
    }

    /// Adds to `drills` what was once seen signed of the snapshots that are listed: a flood of false
    /// proofs can push a true one out of sight, but not out of memory.
    ///
    /// # Errors
    /// `Index`.
    pub fn remember_drills(
        &self,
        drills: &mut Drills,
        is_listed: &dyn Fn(&ObjectId) -> bool,
    ) -> Result<()> {
        let known = self.trust.note(self.place, DRILLED)?.unwrap_or_default();
        drills.add_signed(known.lines().filter_map(|line| line.parse().ok()));
        let signed = drills.signed().filter(|id| is_listed(id));
        let mut lines: Vec<String> = signed.map(|id| format!("{id}\n")).collect();
        lines.sort_unstable();
        let text = lines.concat();
        if text != known {
            self.trust.set_note(self.place, DRILLED, &text)?;
        }
        Ok(())
    }

    /// # Errors
    /// `Index`.
    pub fn clear(&self) -> Result<()> {
        match self.trust.note(self.place, NAME)? {
            Some(text) if !text.is_empty() => self.write(&BTreeMap::new()),
            _ => Ok(()),
        }
    }
}

fn read_line(line: &str) -> Option<(ObjectId, Stage)> {
    let (stage, id) = line.split_once(' ')?;
    let stage = match stage {
        "decided" => Stage::Decided,
        "recorded" => Stage::Recorded,
        _ => return None,
    };
    Some((id.parse().ok()?, stage))
}
