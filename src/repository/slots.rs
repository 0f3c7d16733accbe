//! Key slots: the master secret, wrapped by a passphrase (format.md §7).

use super::objects::{fetch, list_objects};
use super::record::SealedObject;
use super::{ObjectProblem, RepositoryError, Result, fixed_frame};
use crate::crypto::{
    CryptoError, KdfCost, ObjectKey, Purpose, ReadKey, Secret, draw_salt, stretch,
};
use crate::format::frame::{Role, Shape};
use crate::format::header::Header;
use crate::format::slot::{
    Label, SECRET_FRAME_BYTES, SLOT_BYTES_MAX, SLOTS_MAX, decode_costs, encode_costs,
};
use crate::format::{FormatError, Kind, cbor};
use crate::id::RepositoryId;
use crate::seams::Random;
use crate::store::{Store, Window};

/// More than anybody has; bounds what a hostile list can cost.
const SLOTS_KEPT_MAX: usize = 1_000;

const SECRET_SHAPE: Shape = Shape::plain(32);

/// Wraps the key with a passphrase and stores the slot.
///
/// # Errors
/// `Crypto`, `Store`.
pub fn add_slot(
    store: &dyn Store,
    random: &dyn Random,
    key: &ReadKey,
    passphrase: &str,
    cost: KdfCost,
    label: &Label,
) -> Result<SealedObject> {
    let slot = seal_slot(random, key, passphrase, cost, label)?;
    store.put(&slot.name, slot.bytes.clone())?;
    Ok(slot)
}

fn seal_slot(
    random: &dyn Random,
    key: &ReadKey,
    passphrase: &str,
    cost: KdfCost,
    label: &Label,
) -> Result<SealedObject, CryptoError> {
    let kind = Kind::KeySlot;
    let salt = draw_salt(random)?;
    let costs = encode_costs(cost.memory_kib, cost.passes, cost.lanes);
    let mut object = Header::unfinished(kind, key.writer().repository(), salt, &costs);
    let stretched = stretch(passphrase, &salt, cost)?;
    let (body, body_commitment) = ObjectKey::derive(Purpose::Body, &stretched, &object)?;
    let subkey = key.writer().subkey(kind.number());
    let (tail, tail_commitment) = ObjectKey::derive(Purpose::Tail, &subkey, &object)?;
    object.extend_from_slice(&body_commitment);
    object.extend_from_slice(&tail_commitment);

    let label = cbor::encode(label);
    let label_shape = Shape::plain(u32::try_from(label.len()).unwrap_or(u32::MAX));
    let secret = key.master().expose();
    fixed_frame::seal(
        &body,
        kind,
        Role::SlotSecret,
        SECRET_SHAPE,
        secret,
        &mut object,
    )?;
    fixed_frame::seal(
        &tail,
        kind,
        Role::SlotLabel,
        label_shape,
        &label,
        &mut object,
    )?;
    Ok(SealedObject::new(kind, object))
}

/// Tries the passphrase on the slots of the repository.
///
/// # Errors
/// `WrongPassphrase`, `NoSlots`, `Store`; `Object` when no slot can even be tried.
pub fn unlock(store: &dyn Store, repository: RepositoryId, passphrase: &str) -> Result<ReadKey> {
    unlock_slot(store, repository, passphrase).map(|(_, key)| key)
}

/// Like [`unlock`]; also gives the name of the slot that the passphrase opened.
///
/// # Errors
/// As [`unlock`].
pub fn unlock_slot(
    store: &dyn Store,
    repository: RepositoryId,
    passphrase: &str,
) -> Result<(String, ReadKey)> {
    let (mut tried, mut unusable) = (0, None);
    for name in oldest_first(store)? {
        if tried == SLOTS_MAX {
            break;
        }
        let window = Window::Whole {
            bytes_max: SLOT_BYTES_MAX,
        };
        let opened = match fetch(store, &name, window) {
            Ok(bytes) => open_slot(&bytes, repository, passphrase),
            // It was removed between the LIST and the GET, or is no slot.
            Err(error) => Err(error.into_unusable()?.1),
        };
        match opened {
            Ok(key) => return Ok((name, key)),
            Err(ObjectProblem::Crypto(CryptoError::WrongKey)) => tried += 1,
            Err(ObjectProblem::Format(FormatError::OtherRepository)) => {}
            Err(problem) => unusable = Some(RepositoryError::object(&name, problem)),
        }
    }
    match (tried, unusable) {
        (0, None) => Err(RepositoryError::NoSlots),
        (0, Some(error)) => Err(error),
        (slots, _) => Err(RepositoryError::WrongPassphrase { slots }),
    }
}

/// Names of slots, by the store's time: whoever can add objects but not remove any must not be able
/// to push the real slots out with a flood of false ones.
pub(super) fn oldest_first(store: &dyn Store) -> Result<Vec<String>> {
    let mut slots = Vec::new();
    list_objects(store, Kind::KeySlot, &mut |_, info| {
        if info.bytes <= SLOT_BYTES_MAX {
            slots.push((info.modified, info.name));
        }
        if slots.len() >= 2 * SLOTS_KEPT_MAX {
            slots.sort();
            slots.truncate(SLOTS_KEPT_MAX);
        }
    })?;
    slots.sort();
    slots.truncate(SLOTS_KEPT_MAX);
    Ok(slots.into_iter().map(|(_, name)| name).collect())
}

/// Opens one slot as it lies in the store: what was just made must open before anything else is
/// removed.
///
/// # Errors
/// `Object`, `Store`.
pub fn check_slot(
    store: &dyn Store,
    name: &str,
    repository: RepositoryId,
    passphrase: &str,
) -> Result<()> {
    let window = Window::Whole {
        bytes_max: SLOT_BYTES_MAX,
    };
    let bytes = fetch(store, name, window)?;
    open_slot(&bytes, repository, passphrase)
        .map(drop)
        .map_err(|problem| RepositoryError::object(name, problem))
}

fn open_slot(
    object: &[u8],
    repository: RepositoryId,
    passphrase: &str,
) -> Result<ReadKey, ObjectProblem> {
    let header = Header::decode(object, Kind::KeySlot, Some(repository))?;
    let (memory_kib, passes, lanes) = decode_costs(header.extension())?;
    let cost = KdfCost {
        memory_kib,
        passes,
        lanes,
    };
    // Looked at before any time is spent on the passphrase.
    let start = header.bytes().len();
    let frame = object
        .get(start..start + SECRET_FRAME_BYTES)
        .ok_or(FormatError::TooShort)?;
    let stretched = stretch(passphrase, &header.salt, cost)?;
    let body = ObjectKey::opening(
        Purpose::Body,
        &stretched,
        header.before_commitments(),
        &header.body_commitment(),
    )?;
    let kind = Kind::KeySlot;
    let secret = fixed_frame::open(&body, kind, Role::SlotSecret, SECRET_SHAPE, frame)?;
    let secret = zeroize::Zeroizing::new(secret);
    let master = secret
        .as_slice()
        .try_into()
        .map_err(|_| FormatError::TooShort)?;
    let key = ReadKey::from_master(Secret::new(master));
    if key.writer().repository() != repository {
        return Err(FormatError::OtherRepository.into());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seams::{SystemRandom, Timestamp};

    const QUICK: KdfCost = KdfCost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    #[test]
    fn a_slot_opens_with_its_passphrase_and_no_other() {
        let key = ReadKey::from_master(Secret::new(&[4; 32]));
        let label = Label {
            label: "laptop".to_owned(),
            created: Timestamp::default(),
            host: "nas".to_owned(),
        };
        let slot = seal_slot(&SystemRandom, &key, "correct horse", QUICK, &label).unwrap();
        let id = key.writer().repository();
        let opened = open_slot(&slot.bytes, id, "correct horse").ok().unwrap();
        assert_eq!(opened.master().expose(), key.master().expose());
        let wrong = open_slot(&slot.bytes, id, "correct hors").err();
        assert_eq!(wrong, Some(ObjectProblem::Crypto(CryptoError::WrongKey)));
        let other = open_slot(&slot.bytes, RepositoryId::new([0; 16]), "correct horse").err();
        assert_eq!(other, Some(FormatError::OtherRepository.into()));
        // Every byte of header and secret matters; those of the label take nothing away.
        for place in 0..144 - 32 + SECRET_FRAME_BYTES {
            let mut altered = slot.bytes.to_vec();
            let place = if place < 112 { place } else { place + 32 };
            altered[place] ^= 1;
            assert!(
                open_slot(&altered, id, "correct horse").is_err(),
                "byte {place}"
            );
        }
        let mut relabelled = slot.bytes.to_vec();
        *relabelled.last_mut().unwrap() ^= 1;
        assert!(open_slot(&relabelled, id, "correct horse").is_ok());
    }
}
