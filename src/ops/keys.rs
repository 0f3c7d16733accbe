//! `key`: the slots that a passphrase opens. Any number of them wrap the same secret; adding or
//! removing one changes nothing about what is stored.

use super::{OpsError, Result};
use crate::crypto::KdfCost;
use crate::format::slot::{Label, SLOTS_MAX};
use crate::repository::{Repository, SlotFacts, add_slot, check_slot, copy_slot, list_slots};

/// Shortest prefix of a slot's id that names it.
const ID_PREFIX_MIN: usize = 4;

/// Wraps the key with a further passphrase, and makes sure that it opens; gives the slot's name.
///
/// # Errors
/// `ReadKeyNeeded`; `TooManyKeys` when a reader would not try it; `Store`, `Object`.
pub fn add_key(
    repository: &Repository,
    passphrase: &str,
    cost: KdfCost,
    label: &str,
    host: &str,
) -> Result<String> {
    let key = repository.read_key("to add a passphrase")?;
    let slots = list_slots(repository)?;
    if slots.len() >= SLOTS_MAX {
        return Err(OpsError::TooManyKeys { count: slots.len() });
    }
    let label = Label {
        label: label.to_owned(),
        created: repository.seams.clock.now(),
        host: host.to_owned(),
    };
    let store = repository.store.as_ref();
    let random = repository.seams.random.as_ref();
    let slot = add_slot(store, random, key, passphrase, cost, &label)?;
    check_slot(store, &slot.name, repository.id(), passphrase)?;
    Ok(slot.name)
}

/// Removes the slot that `wanted` names: its id or a prefix of it. Whoever copied the slot before
/// can still try passphrases on the copy. `remember` is told its name before, since the store may
/// refuse: it may be locked, or the login may not delete.
///
/// # Errors
/// `NoSuchKey`, `AmbiguousKey`; `LastKey` unless `even_the_last`; `Store`.
pub fn remove_key(
    repository: &Repository,
    wanted: &str,
    even_the_last: bool,
    remember: &dyn Fn(&str),
) -> Result<SlotFacts> {
    let slots = list_slots(repository)?;
    let matches: Vec<_> = slots.iter().filter(|slot| is_named(slot, wanted)).collect();
    let slot = match matches.as_slice() {
        [slot] => *slot,
        [] => {
            return Err(OpsError::NoSuchKey {
                wanted: wanted.to_owned(),
            });
        }
        _ => {
            return Err(OpsError::AmbiguousKey {
                wanted: wanted.to_owned(),
            });
        }
    };
    let others = slots.iter().filter(|other| other.name != slot.name);
    if others.filter(|other| other.problem.is_none()).count() == 0 && !even_the_last {
        return Err(OpsError::LastKey);
    }
    remember(&slot.name);
    repository.store.delete(&slot.name)?;
    Ok(slot.clone())
}

/// Puts a slot that one copy of the repository has into another.
///
/// # Errors
/// `Store`, `Object`.
pub fn share_key(from: &Repository, to: &Repository, slot: &str) -> Result<()> {
    let (source, goal) = (from.store.as_ref(), to.store.as_ref());
    Ok(copy_slot(source, goal, from.id(), slot)?)
}

fn is_named(slot: &SlotFacts, wanted: &str) -> bool {
    let id = slot.name.rsplit('/').next().unwrap_or_default();
    wanted.len() >= ID_PREFIX_MIN && id.starts_with(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::ops::{InitOptions, init};
    use crate::repository::{RepositoryError, unlock};
    use crate::seams::Seams;
    use crate::store::memory::Memory;

    const QUICK: KdfCost = KdfCost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    fn repository() -> Repository {
        let seams = Seams::real();
        let options = InitOptions {
            passphrase: "the first one",
            cost: QUICK,
            host: "nas".to_owned(),
            pack_bytes: 1 << 20,
        };
        let store = Arc::new(Memory::new(seams.clock.clone()));
        init(store, &seams, &options).unwrap().repository
    }

    fn opens(repository: &Repository, passphrase: &str) -> bool {
        match unlock(repository.store.as_ref(), repository.id(), passphrase) {
            Ok(_) => true,
            Err(RepositoryError::WrongPassphrase { .. } | RepositoryError::NoSlots) => false,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn passphrases_come_and_go_and_the_last_one_stays() {
        let repository = repository();
        let name = add_key(&repository, "the second", QUICK, "anna", "laptop").unwrap();
        assert!(opens(&repository, "the first one") && opens(&repository, "the second"));
        let slots = list_slots(&repository).unwrap();
        let labels: Vec<_> = slots
            .iter()
            .map(|slot| slot.label.clone().unwrap().label)
            .collect();
        assert_eq!(labels, ["first", "anna"]);

        let id = name.strip_prefix("keys/").unwrap();
        assert!(matches!(
            remove_key(&repository, "ffff", false, &|_| {}),
            Err(OpsError::NoSuchKey { .. })
        ));
        assert!(matches!(
            remove_key(&repository, "", false, &|_| {}),
            Err(OpsError::NoSuchKey { .. })
        ));
        remove_key(&repository, &id[..8], false, &|_| {}).unwrap();
        assert!(opens(&repository, "the first one") && !opens(&repository, "the second"));
        let last = list_slots(&repository).unwrap().remove(0).name;
        let last = last.strip_prefix("keys/").unwrap();
        assert!(matches!(
            remove_key(&repository, last, false, &|_| {}),
            Err(OpsError::LastKey)
        ));
        remove_key(&repository, last, true, &|_| {}).unwrap();
        assert!(!opens(&repository, "the first one"));
    }

    #[test]
    fn a_slot_that_nobody_would_try_is_not_made() {
        let repository = repository();
        for number in 1..SLOTS_MAX {
            add_key(
                &repository,
                "another one",
                QUICK,
                &number.to_string(),
                "nas",
            )
            .unwrap();
        }
        assert!(matches!(
            add_key(&repository, "too many", QUICK, "", "nas"),
            Err(OpsError::TooManyKeys { count: SLOTS_MAX })
        ));
    }

    #[test]
    fn a_slot_that_is_no_good_is_listed_and_is_not_the_last_one_that_works() {
        let repository = repository();
        let name = format!("keys/{}", "ab".repeat(32));
        let junk = bytes::Bytes::from_static(&[7; 300]);
        repository.store.put(&name, junk).unwrap();
        let slots = list_slots(&repository).unwrap();
        assert_eq!(
            slots.iter().filter(|slot| slot.problem.is_some()).count(),
            1
        );
        let good = slots.iter().find(|slot| slot.problem.is_none()).unwrap();
        let good = good.name.strip_prefix("keys/").unwrap();
        assert!(matches!(
            remove_key(&repository, good, false, &|_| {}),
            Err(OpsError::LastKey)
        ));
        remove_key(&repository, "abab", false, &|_| {}).unwrap();
    }
}
