//! What `forget` remembers of a place on this host, where no forger writes: what it has decided and not
//! yet finished, so that the next run may act on it; and which snapshots a signed proof named.

use std::collections::BTreeMap;

use super::candidate::Drills;
use crate::id::ObjectId;
use crate::index::Trust;
use crate::ops::Result;

const NAME: &str = "forgetting";
const DRILLED: &str = "drilled";

/// A snapshot that was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Begun {
    /// A person named it: then it goes with the next run. What rules chose is judged again, by the
    /// rules of that run.
    pub is_named: bool,
    /// A forget record explains it already.
    pub is_recorded: bool,
}

/// The note of one place: lines of `named recorded ID`, `judged decided ID` and the like.
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
    pub fn read(&self) -> Result<BTreeMap<ObjectId, Begun>> {
        let text = self.trust.note(self.place, NAME)?.unwrap_or_default();
        Ok(text.lines().filter_map(read_line).collect())
    }

    /// # Errors
    /// `Index`.
    pub fn write(&self, begun: &BTreeMap<ObjectId, Begun>) -> Result<()> {
        let lines = begun.iter().map(|(id, it)| {
            let why = if it.is_named { "named" } else { "judged" };
            let stage = if it.is_recorded {
                "recorded"
            } else {
                "decided"
            };
            format!("{why} {stage} {id}\n")
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

fn read_line(line: &str) -> Option<(ObjectId, Begun)> {
    let mut words = line.split(' ');
    let begun = Begun {
        is_named: words.next()? == "named",
        is_recorded: words.next()? == "recorded",
    };
    Some((words.next()?.parse().ok()?, begun))
}
