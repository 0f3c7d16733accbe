//! Whose a restored file is: the owner's name counts where it is known here, since numbers differ
//! from machine to machine; else the number.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nix::unistd::{Group, User};
use rustix::fs::{Gid, Uid};

use crate::format::entry::Entry;

/// Names that are remembered; a forged listing could hold millions.
const NAMES_MAX: usize = 10_000;

/// Looks names up, each once.
#[derive(Default)]
pub struct Owners {
    users: Mutex<HashMap<Vec<u8>, Option<u32>>>,
    groups: Mutex<HashMap<Vec<u8>, Option<u32>>>,
}

impl Owners {
    /// Owner and group of an entry on this machine; by number alone if `numeric`.
    pub fn of(&self, entry: &Entry, numeric: bool) -> (Option<Uid>, Option<Gid>) {
        let by_name = |names: &Mutex<_>, name: Option<&[u8]>, ask: fn(&str) -> Option<u32>| {
            let name = name.filter(|name| !numeric && !name.is_empty())?;
            look_up(names, name, ask)
        };
        let user = by_name(
            &self.users,
            entry.owner_name.as_deref().map(|it| &**it),
            user,
        );
        let group = by_name(
            &self.groups,
            entry.group_name.as_deref().map(|it| &**it),
            group,
        );
        // The greatest number is nobody's: the system takes it for "leave it as it is".
        let number = |number: &u32| *number != u32::MAX;
        let owner = user.or(entry.owner).filter(number).map(Uid::from_raw);
        let group = group.or(entry.group).filter(number).map(Gid::from_raw);
        (owner, group)
    }
}

fn look_up(
    names: &Mutex<HashMap<Vec<u8>, Option<u32>>>,
    name: &[u8],
    ask: fn(&str) -> Option<u32>,
) -> Option<u32> {
    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return *known;
    }
    let found = std::str::from_utf8(name).ok().and_then(ask);
    if names.len() < NAMES_MAX {
        names.insert(name.to_vec(), found);
    }
    found
}

fn user(name: &str) -> Option<u32> {
    let found = User::from_name(name).ok().flatten();
    found.map(|user| user.uid.as_raw())
}

fn group(name: &str) -> Option<u32> {
    let found = Group::from_name(name).ok().flatten();
    found.map(|group| group.gid.as_raw())
}
