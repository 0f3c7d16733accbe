//! The key slots of a repository as the holder of a writer key sees them: labels and costs, but not
//! what they wrap (format.md §7).

use super::objects::fetch;
use super::slots::oldest_first;
use super::{ObjectProblem, Repository, Result, fixed_frame};
use crate::crypto::{KdfCost, ObjectKey, Purpose};
use crate::format::frame::Role;
use crate::format::header::Header;
use crate::format::slot::{Label, SECRET_FRAME_BYTES, SLOT_BYTES_MAX, decode_costs};
use crate::format::{FormatError, Kind, cbor};
use crate::store::Window;

/// One slot.
#[derive(Debug, Clone)]
pub struct SlotFacts {
    /// The object's name, `keys/…`.
    pub name: String,
    /// How hard it is to try a passphrase on it; `None` where it cannot be used at all.
    pub cost: Option<KdfCost>,
    /// What it says of itself, if that is authentic.
    pub label: Option<Label>,
    /// Why it cannot be used, or its label not be read.
    pub problem: Option<String>,
}

/// All slots, oldest first by the store's time: the order in which they are tried.
///
/// # Errors
/// `Store`. What is wrong with a slot is in its facts.
pub fn list_slots(repository: &Repository) -> Result<Vec<SlotFacts>> {
    let store = repository.store.as_ref();
    let mut slots = Vec::new();
    for name in oldest_first(store)? {
        let window = Window::Whole {
            bytes_max: SLOT_BYTES_MAX,
        };
        let (mut cost, mut label, mut problem) = (None, None, None);
        let read = match fetch(store, &name, window) {
            Ok(bytes) => read_slot(repository, &bytes, &mut cost),
            Err(error) => Err(error.into_unusable()?.1),
        };
        match read {
            Ok(found) => label = Some(found),
            Err(why) => problem = Some(why.to_string()),
        }
        slots.push(SlotFacts {
            name,
            cost,
            label,
            problem,
        });
    }
    Ok(slots)
}

/// What a slot says of itself, if that is authentic: whoever holds a writer key can tell a slot from
/// anything else that lies there.
///
/// # Errors
/// What is wrong with it.
pub fn slot_label(repository: &Repository, object: &[u8]) -> Result<Label, ObjectProblem> {
    read_slot(repository, object, &mut None)
}

fn read_slot(
    repository: &Repository,
    object: &[u8],
    cost: &mut Option<KdfCost>,
) -> Result<Label, ObjectProblem> {
    let kind = Kind::KeySlot;
    let header = Header::decode(object, kind, Some(repository.id()))?;
    let (memory_kib, passes, lanes) = decode_costs(header.extension())?;
    let named = KdfCost {
        memory_kib,
        passes,
        lanes,
    };
    *cost = Some(named.check()?);
    let label_at = header.bytes().len() + SECRET_FRAME_BYTES;
    let frame = object.get(label_at..).ok_or(FormatError::TooShort)?;
    let subkey = repository.writer.subkey(kind.number());
    let tail = ObjectKey::opening(
        Purpose::Tail,
        &subkey,
        header.before_commitments(),
        &header.tail_commitment(),
    )?;
    let label = fixed_frame::open_plain(&tail, kind, Role::SlotLabel, frame)?;
    Ok(cbor::decode(&label)?)
}
