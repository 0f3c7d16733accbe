//! Files with several names: the first in the order of the listing is the file, the others are hard
//! links to it, and the content is read once.
//!
//! The names of one file may be with several threads at once. They take turns in the order of the
//! listing: whose turn it is either finds what an earlier name brought, or reads the file, because
//! none could be read before. So an earlier name that fails makes the next one the first.
//!
//! Memory: the names that are on their way, which the queue of the workers bounds; what is known of
//! files lies in a [`LinkTable`]. Nobody waits for ever: an earlier name was handed out earlier, and
//! the thread that has it waits for nothing that a later one holds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use minicbor::{Decode, Encode};

use crate::format::cbor::{Joined, decode, encode};
use crate::format::entry::Entry;
use crate::id::ChunkId;
use crate::index::{CachedContent, CachedFile, FileStamp, IndexError, LinkTable};
use crate::ops::Result;
use crate::source::Metadata;

/// Which file it is: device and inode.
type Identity = (u64, u64);

/// The files with several names of one run. Shared by its threads.
#[derive(Default)]
pub struct Links {
    table: LinkTable,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The numbers of names that are on their way, in the order of the listing.
    under_way: HashMap<Identity, VecDeque<u64>>,
    stopped: bool,
}

/// What the first name of a file brought.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct First {
    #[n(0)]
    pub entry: Entry,
    #[n(1)]
    pub chunks: Joined<ChunkId>,
    /// Whether it held still, and long enough, for its times to speak for it.
    #[n(2)]
    pub trusted: bool,
    /// Whether all its attributes could be read.
    #[n(3)]
    pub attributes_whole: bool,
}

impl First {
    /// Whether a name that was met later is of the very same file, as it was when it was read. The
    /// number of a file that was removed is soon given to another.
    pub fn is(&self, now: &Metadata) -> bool {
        let Entry {
            inode,
            size,
            modified,
            changed,
            ..
        } = self.entry;
        (inode, size) == (Some(now.inode), Some(now.size))
            && (modified, changed) == (Some(now.modified), Some(now.changed))
    }

    /// What is to be remembered of another name, at `path` on this host.
    pub fn cached(&self, path: &[u8], stamp: FileStamp) -> CachedFile {
        let attributes = self.entry.attributes.clone().unwrap_or_default();
        CachedFile {
            path: path.to_vec(),
            stamp: if self.trusted {
                stamp
            } else {
                FileStamp::UNTRUSTED
            },
            content: CachedContent {
                sha1: self.entry.sha1.map(Into::into).unwrap_or_default(),
                chunks: self.chunks.0.clone(),
                attributes: self.attributes_whole.then_some(attributes),
            },
        }
    }
}

/// The right to deal with a file; passes on when it is dropped.
pub struct Turn<'l> {
    links: &'l Links,
    identity: Identity,
    names: u64,
}

fn identity(metadata: &Metadata) -> Option<Identity> {
    (metadata.links > 1).then_some((metadata.device, metadata.inode))
}

impl Links {
    /// Announces a name, in the order of the listing, before it is handed to a thread.
    pub fn announce(&self, metadata: &Metadata, number: u64) {
        if let Some(identity) = identity(metadata) {
            let mut state = self.lock();
            state
                .under_way
                .entry(identity)
                .or_default()
                .push_back(number);
        }
    }

    /// Waits until it is the turn of an announced name. `None`: the file has one name only, or the
    /// run has stopped.
    pub fn turn(&self, metadata: &Metadata, number: u64) -> Option<Turn<'_>> {
        let identity = identity(metadata)?;
        let mut state = self.lock();
        loop {
            let next = state.under_way.get(&identity).and_then(VecDeque::front);
            if state.stopped || next.is_none() {
                return None;
            }
            if next == Some(&number) {
                return Some(Turn {
                    links: self,
                    identity,
                    names: metadata.links,
                });
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes everybody who waits for a turn that will not come.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// What an earlier name of the file brought.
    ///
    /// # Errors
    /// `Index`.
    pub fn first(&self) -> Result<Option<First>> {
        let (device, inode) = self.identity;
        let Some(bytes) = self.links.table.follow(device, inode)? else {
            return Ok(None);
        };
        let first = decode(&bytes).map_err(|_| IndexError::Damaged)?;
        Ok(Some(first))
    }

    /// Remembers what this name brought, for later ones. Nothing if by now another file has the
    /// name.
    ///
    /// # Errors
    /// `Index`.
    pub fn remember(&self, first: &First) -> Result<()> {
        let (device, inode) = self.identity;
        if first.entry.inode != Some(inode) {
            return Ok(());
        }
        let later = self.names - 1;
        let table = &self.links.table;
        Ok(table.remember(device, inode, later, &encode(first))?)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.links.lock();
        if let Some(numbers) = state.under_way.get_mut(&self.identity) {
            numbers.pop_front();
            if numbers.is_empty() {
                state.under_way.remove(&self.identity);
            }
        }
        drop(state);
        self.links.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::format::entry::EntryType;
    use crate::seams::Timestamp;

    fn metadata(inode: u64, links: u64) -> Metadata {
        Metadata {
            mode: 0,
            uid: 0,
            gid: 0,
            modified: Timestamp::default(),
            changed: Timestamp::default(),
            inode,
            device: 1,
            links,
            size: 0,
        }
    }

    fn first(inode: u64, path: &[u8]) -> First {
        let mut entry = Entry::new(11, path.to_vec(), EntryType::File);
        entry.inode = Some(inode);
        First {
            entry,
            chunks: vec![ChunkId::new([3; 32])].into(),
            trusted: true,
            attributes_whole: false,
        }
    }

    #[test]
    fn names_take_turns_in_the_order_of_the_listing_whoever_comes_first() {
        let links = Links::default();
        let file = metadata(5, 8);
        (0..8).for_each(|number| links.announce(&file, number));
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for number in (0..8).rev() {
                let (links, next, file) = (&links, &next, &file);
                scope.spawn(move || {
                    let turn = links.turn(file, number).unwrap();
                    assert_eq!(next.fetch_add(1, Ordering::Relaxed), number);
                    // The first two names cannot be read.
                    match turn.first().unwrap() {
                        Some(known) => assert_eq!((number > 2, known), (true, first(5, b"two"))),
                        None if number == 2 => turn.remember(&first(5, b"two")).unwrap(),
                        None => assert!(number < 2),
                    }
                });
            }
        });
        assert!(links.lock().under_way.is_empty());
        assert!(links.turn(&metadata(6, 1), 9).is_none(), "one name only");
    }

    #[test]
    fn what_took_the_place_of_a_file_does_not_speak_for_its_other_names() {
        let links = Links::default();
        let file = metadata(5, 2);
        links.announce(&file, 0);
        let turn = links.turn(&file, 0).unwrap();
        turn.remember(&first(6, b"another")).unwrap();
        drop(turn);
        links.announce(&file, 1);
        assert_eq!(links.turn(&file, 1).unwrap().first().unwrap(), None);
    }

    /// A file that is removed in the middle of a long run leaves its number to another one.
    #[test]
    fn a_number_that_was_given_to_another_file_is_not_taken_for_the_same() {
        let of = |metadata: &Metadata| {
            let mut first = first(metadata.inode, b"a");
            first.entry.size = Some(metadata.size);
            first.entry.modified = Some(metadata.modified);
            first.entry.changed = Some(metadata.changed);
            first
        };
        let file = metadata(5, 2);
        assert!(of(&file).is(&file));
        let later = Timestamp::from_seconds(1);
        for other in [
            Metadata { size: 1, ..file },
            Metadata { inode: 6, ..file },
            Metadata {
                modified: later,
                ..file
            },
            Metadata {
                changed: later,
                ..file
            },
        ] {
            assert!(!of(&file).is(&other), "{other:?}");
        }
    }

    #[test]
    fn a_run_that_stops_keeps_nobody_waiting() {
        let links = Links::default();
        let file = metadata(5, 2);
        links.announce(&file, 0);
        links.announce(&file, 1);
        let held = links.turn(&file, 0);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| links.turn(&file, 1).is_none());
            links.stop();
            assert!(waiting.join().unwrap());
        });
        drop(held);
    }
}
