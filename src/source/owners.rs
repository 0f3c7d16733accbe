//! The names behind the numbers of owners and groups, as this host knows them. A number means
//! somebody else on the next machine; a name may mean the same person.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::unistd::{Gid, Group, Uid, User};

/// Numbers that are remembered; a directory server may be slow to answer, and is asked again for
/// those beyond.
const REMEMBERED_MAX: usize = 4096;

/// Names in bytes; `None` where a number has none.
type Names = HashMap<u32, Option<Vec<u8>>>;

/// Asks the host once for each number. Shared by the threads of a run.
pub struct Owners {
    users: Mutex<Names>,
    groups: Mutex<Names>,
    ask: Ask,
}

/// How the host is asked: for users, for groups.
#[derive(Clone, Copy)]
struct Ask(fn(u32) -> Option<Vec<u8>>, fn(u32) -> Option<Vec<u8>>);

impl Owners {
    /// As the user database of this host has them.
    pub fn of_this_host() -> Self {
        Self::asking(Ask(user_name, group_name))
    }

    fn asking(ask: Ask) -> Self {
        Self {
            users: Mutex::default(),
            groups: Mutex::default(),
            ask,
        }
    }

    /// The name of a user; `None` if nobody has that number.
    pub fn user(&self, number: u32) -> Option<Vec<u8>> {
        named(&self.users, number, self.ask.0)
    }

    /// The name of a group; `None` if none has that number.
    pub fn group(&self, number: u32) -> Option<Vec<u8>> {
        named(&self.groups, number, self.ask.1)
    }
}

fn named(known: &Mutex<Names>, number: u32, ask: fn(u32) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let lock = || -> MutexGuard<'_, Names> { known.lock().unwrap_or_else(PoisonError::into_inner) };
    if let Some(name) = lock().get(&number) {
        return name.clone();
    }
    // Not under the lock: others have their names already.
    let name = ask(number);
    let mut known = lock();
    if known.len() < REMEMBERED_MAX {
        known.insert(number, name.clone());
    }
    name
}

fn user_name(number: u32) -> Option<Vec<u8>> {
    let user = User::from_uid(Uid::from_raw(number)).ok().flatten()?;
    as_stored(user.name)
}

fn group_name(number: u32) -> Option<Vec<u8>> {
    let group = Group::from_gid(Gid::from_raw(number)).ok().flatten()?;
    as_stored(group.name)
}

/// A name that is no UTF-8 was mended on its way here and would name nobody.
fn as_stored(name: String) -> Option<Vec<u8>> {
    let usable = !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER);
    usable.then(|| name.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn each_number_is_asked_for_once_also_when_it_has_no_name() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let ask = |number| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            (number != 7).then(|| format!("user{number}").into_bytes())
        };
        let owners = Owners::asking(Ask(ask, |_| Some(b"group".to_vec())));
        for _ in 0..3 {
            assert_eq!(owners.user(7), None);
            assert_eq!(owners.user(8), Some(b"user8".to_vec()));
            assert_eq!(owners.group(7), Some(b"group".to_vec()));
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn root_has_a_name_and_a_number_that_nobody_has_does_not() {
        let owners = Owners::of_this_host();
        assert_eq!(owners.user(0), Some(b"root".to_vec()));
        assert_eq!(owners.user(3_999_999_987), None);
        assert_eq!(as_stored("an\u{fffd}na".to_owned()), None);
    }
}
