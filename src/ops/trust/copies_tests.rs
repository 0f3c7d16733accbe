//! Slots that go, are altered, or never were any.

use super::rollback_tests::{Host, World};
use super::{Kept, kept};
use crate::crypto::KdfCost;
use crate::ops::{add_key, remove_key};
use crate::store::Store;
use crate::store::recording::Operation;

const QUICK: KdfCost = KdfCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

fn add(world: &World, label: &str) -> String {
    add_key(&world.repository, "another passphrase", QUICK, label, "nas").unwrap()
}

fn copies(host: &Host) -> Kept {
    kept(&host.trust, super::rollback_tests::PLACE).unwrap()
}

#[test]
fn a_slot_that_is_gone_is_told_once_and_its_copy_is_kept() {
    let (world, host) = (World::new(), Host::new("nas"));
    let slot = add(&world, "Anna");
    assert!(world.look(&host).is_empty());
    let bytes = world.memory.peek(&slot).unwrap();
    assert_eq!(copies(&host).slots.len(), 2);

    world.memory.lose(&slot);
    let told = world.look(&host);
    assert!(
        told.len() == 1 && told[0].contains("Anna, made on nas"),
        "{told:?}"
    );
    assert!(world.look(&host).is_empty());
    let missed: Vec<_> = copies(&host)
        .slots
        .into_iter()
        .filter(|it| it.missed)
        .collect();
    assert!(missed.len() == 1 && missed[0].name == slot && missed[0].bytes == bytes);

    // It comes back, and goes again: told again.
    world.memory.put(&slot, bytes).unwrap();
    assert!(world.look(&host).is_empty());
    assert!(copies(&host).slots.iter().all(|slot| !slot.missed));
    world.memory.lose(&slot);
    assert_eq!(world.look(&host).len(), 1);
}

#[test]
fn an_altered_slot_is_told_each_time_and_the_copy_is_the_good_one() {
    let (world, host) = (World::new(), Host::new("nas"));
    let slot = add(&world, "Anna");
    world.look(&host);
    let bytes = world.memory.peek(&slot).unwrap();
    assert!(world.memory.tamper(&slot, |bytes| bytes.truncate(100)));
    for _ in 0..2 {
        let told = world.look(&host);
        assert!(told.len() == 1 && told[0].contains("altered"), "{told:?}");
    }
    assert!(copies(&host).slots.iter().any(|it| it.bytes == bytes));
}

#[test]
fn slots_are_fetched_once_and_what_is_no_slot_is_not_kept() {
    let (world, host) = (World::new(), Host::new("nas"));
    let junk = format!("keys/{}", "ab".repeat(32));
    world.memory.put(&junk, "junk".into()).unwrap();
    assert!(world.look(&host).is_empty());
    assert_eq!(world.calls.count(Operation::Get, "keys/"), 2);
    world.calls.take();
    world.look(&host);
    assert_eq!(world.calls.count(Operation::Get, ""), 0);
    assert_eq!(world.calls.count(Operation::List, "keys/"), 1);
    assert_eq!(copies(&host).slots.len(), 1);
    world.memory.lose(&junk);
    assert!(world.look(&host).is_empty());
}

#[test]
fn a_flood_of_false_slots_costs_little_and_pushes_no_real_one_out() {
    let (world, host) = (World::new(), Host::new("nas"));
    world.look(&host);
    for number in 0..300_u32 {
        let name = format!("keys/{}", blake3::hash(&number.to_le_bytes()).to_hex());
        world.memory.put(&name, "junk".into()).unwrap();
    }
    world.calls.take();
    world.look(&host);
    world.look(&host);
    assert!(world.calls.count(Operation::Get, "keys/") < 100);
    assert_eq!(copies(&host).slots.len(), 1);
}

#[test]
fn a_slot_removed_on_this_host_is_forgotten_here() {
    let (world, host) = (World::new(), Host::new("nas"));
    let slot = add(&world, "Anna");
    world.look(&host);
    let id = slot.strip_prefix("keys/").unwrap();
    let gone = remove_key(&world.repository, id, false, &|_| {}).unwrap();
    host.trust.drop_copies(&gone.name).unwrap();
    assert!(world.look(&host).is_empty());
    assert_eq!(copies(&host).slots.len(), 1);
}
