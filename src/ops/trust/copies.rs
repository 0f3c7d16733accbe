//! Copies of `repository` and of the key slots: without them nobody who lost the 24 words opens
//! anything again. Compared at each look; a slot is fetched once, since its name is its hash.
//!
//! A slot that is gone was perhaps removed on another host, so that its passphrase opens nothing any
//! more: that is told once, and a copy is never put back unasked while others are there.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::format::name::REPOSITORY;
use crate::format::slot::SLOT_BYTES_MAX;
use crate::format::{Kind, name};
use crate::id::ObjectId;
use crate::index::{Index, KeptCopy, Trust};
use crate::ops::Result;
use crate::ops::error::with_causes;
use crate::progress::Progress;
use crate::repository::{ObjectProblem, Repository, list_objects, slot_label};
use crate::seams::Timestamp;
use crate::store::Window;

/// So many objects beneath `keys/` are looked at and remembered, the oldest first: whoever can put
/// anything cannot make this grow.
const SLOTS_KEPT_MAX: usize = 64;

/// What can be put back at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The bytes of `repository`.
    pub repository: Option<Bytes>,
    pub slots: Vec<KeptSlot>,
}

impl Kept {
    /// The bytes of an object of that name that lies there and is damaged.
    pub fn bytes_of(&self, name: &str) -> Option<Bytes> {
        if name == REPOSITORY {
            return self.repository.clone();
        }
        let slot = self.slots.iter().find(|slot| slot.name == name);
        slot.map(|slot| slot.bytes.clone())
    }
}

/// The copy of a key slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSlot {
    /// The object's name, `keys/…`.
    pub name: String,
    pub bytes: Bytes,
    /// It was gone when the place was last looked at: lost there, or removed by somebody on purpose.
    pub missed: bool,
}

/// The copies of what lies, or lay, at `place`.
///
/// # Errors
/// `Index` when the memory cannot be used.
pub fn kept(trust: &Trust, place: &str) -> Result<Kept> {
    let mut kept = Kept::default();
    for KeptCopy {
        name,
        bytes,
        missed,
    } in trust.copies(place)?
    {
        let bytes = Bytes::from(bytes);
        if name == REPOSITORY {
            kept.repository = Some(bytes);
        } else if !bytes.is_empty() {
            kept.slots.push(KeptSlot {
                name,
                bytes,
                missed,
            });
        }
    }
    Ok(kept)
}

/// Holds the key slots that the store lists against the copies: fetches new ones, tells what is
/// gone or altered. What fails here holds nobody up.
pub fn compare(repository: &Repository, index: &Index, progress: &dyn Progress) {
    if let Err(error) = compare_slots(repository, index, progress) {
        progress.notice(&format!(
            "the key slots could not be compared with this host's copies: {}",
            with_causes(&error)
        ));
    }
}

fn compare_slots(repository: &Repository, index: &Index, progress: &dyn Progress) -> Result<()> {
    let Some(watch) = index.watch() else {
        return Ok(());
    };
    let (trust, place) = (watch.trust()?, watch.place());
    let copies = trust.copies(place)?;
    let mut listed = list_slots(repository)?;
    for copy in copies.iter().filter(|copy| copy.name != REPOSITORY) {
        let found = listed.remove(&copy.name);
        if copy.bytes.is_empty() {
            continue;
        }
        match found {
            Some((_, bytes)) if bytes != copy.bytes.len() as u64 => progress.notice(&format!(
                "the key slot {} was altered; offsite verify --heal puts it back",
                described(repository, copy)
            )),
            Some(_) if copy.missed => trust.set_missed(place, &copy.name, false)?,
            None if !copy.missed => {
                progress.notice(&format!(
                    "the key slot {} is gone, and its passphrase opens nothing any more; \
                     if nobody removed it, offsite verify --heal puts it back",
                    described(repository, copy)
                ));
                trust.set_missed(place, &copy.name, true)?;
            }
            Some(_) | None => {}
        }
    }
    let room = SLOTS_KEPT_MAX.saturating_sub(copies.len());
    let mut new: Vec<_> = listed.into_iter().collect();
    new.sort_by_key(|(_, (modified, _))| *modified);
    for (name, _) in new.into_iter().take(room) {
        if !trust.was_removed(&name)? {
            keep(repository, trust, place, &name)?;
        }
    }
    Ok(())
}

/// Name → time and size of what can be a slot.
fn list_slots(repository: &Repository) -> Result<BTreeMap<String, (Timestamp, u64)>> {
    let mut listed = BTreeMap::new();
    let store = repository.store.as_ref();
    list_objects(store, Kind::KeySlot, &mut |_, info| {
        if info.bytes <= SLOT_BYTES_MAX && listed.len() < 16 * SLOTS_KEPT_MAX {
            listed.insert(info.name, (info.modified, info.bytes));
        }
    })?;
    Ok(listed)
}

/// Fetches an object, and keeps it if it is a slot of this repository.
fn keep(repository: &Repository, trust: &Trust, place: &str, object: &str) -> Result<()> {
    let window = Window::Whole {
        bytes_max: SLOT_BYTES_MAX,
    };
    let bytes = match repository.store.get(object, window) {
        Ok(bytes) => bytes,
        Err(error) => match ObjectProblem::of_failed_fetch(error)? {
            // Perhaps next time.
            ObjectProblem::Missing | ObjectProblem::Withheld { .. } => return Ok(()),
            _ => Bytes::new(),
        },
    };
    let has_its_name = name::of(Kind::KeySlot, &ObjectId::of(&bytes)) == object;
    let is_slot = has_its_name && slot_label(repository, &bytes).is_ok();
    let bytes: &[u8] = if is_slot { &bytes } else { &[] };
    Ok(trust.keep_copy(place, object, bytes)?)
}

/// Id, label and host.
fn described(repository: &Repository, copy: &KeptCopy) -> String {
    let id = copy.name.rsplit('/').next().unwrap_or_default();
    let id = id.get(..12).unwrap_or(id);
    match slot_label(repository, &copy.bytes) {
        Ok(label) => {
            let (text, host) = (label.label.escape_debug(), label.host.escape_debug());
            format!("{id} ({text}, made on {host})")
        }
        Err(_) => id.to_owned(),
    }
}
