//! What makes the n-th call fail. Each test thread has a fuse of its own, and the verbs work on one
//! thread, so that cases run side by side; the store is not here, it has [`Faulty`] around it.
//!
//! [`Faulty`]: offsite::store::faulty::Faulty

use std::cell::RefCell;
use std::io;
use std::path::Path;

use offsite::seams::{Disk, DiskOperation};

/// Where something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Calls of the store.
    Store,
    /// Changes of the file system, of a repository in a folder or of a restore.
    Disk,
    /// Transactions that SQLite commits.
    Commit,
    /// Writes of SQLite to its files.
    Page,
}

/// In which way the n-th call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing is done.
    Before,
    /// It is done, and the answer is lost.
    Lost,
    /// Nothing works from it on. Since n is every number, this is also: it is done, and that was the
    /// last thing that was.
    Onwards,
    /// There is no room from it on: only what takes room counts, and fails.
    Full,
}

#[derive(Clone, Copy)]
struct Fuse {
    layer: Layer,
    way: Way,
    number: u64,
    calls: u64,
    hits: u64,
}

thread_local! {
    static FUSE: RefCell<Option<Fuse>> = const { RefCell::new(None) };
}

/// From now on the `number`-th call, counted from 1, fails on this thread.
pub fn arm(layer: Layer, way: Way, number: u64) {
    let fuse = Fuse {
        layer,
        way,
        number,
        calls: 0,
        hits: 0,
    };
    FUSE.set(Some(fuse));
}

/// Nothing fails any more. Gives how many calls there were, and how many of them failed.
pub fn disarm() -> (u64, u64) {
    FUSE.take().map_or((0, 0), |fuse| (fuse.calls, fuse.hits))
}

/// Whether a call is to fail without having been made.
pub fn before(layer: Layer, takes_room: bool) -> Option<Way> {
    hit(layer, |fuse| {
        if fuse.way == Way::Full && !takes_room {
            return false;
        }
        fuse.calls += 1;
        match fuse.way {
            Way::Before => fuse.calls == fuse.number,
            Way::Lost => false,
            Way::Onwards | Way::Full => fuse.calls >= fuse.number,
        }
    })
}

/// Whether a call that was made is to look as if it had failed.
pub fn after(layer: Layer) -> Option<Way> {
    hit(layer, |fuse| {
        fuse.way == Way::Lost && fuse.calls == fuse.number && fuse.hits == 0
    })
}

fn hit(layer: Layer, is_hit: impl FnOnce(&mut Fuse) -> bool) -> Option<Way> {
    FUSE.with_borrow_mut(|fuse| {
        let fuse = fuse.as_mut().filter(|fuse| fuse.layer == layer)?;
        let is_hit = is_hit(fuse);
        fuse.hits += u64::from(is_hit);
        is_hit.then_some(fuse.way)
    })
}

/// A disk that fails when the fuse says so.
pub struct Sick;

impl Disk for Sick {
    fn before(&self, operation: DiskOperation, _: &Path) -> io::Result<()> {
        use DiskOperation::{Create, CreateFolder, Write};
        let takes_room = matches!(operation, Create | CreateFolder | Write);
        answer(before(Layer::Disk, takes_room))
    }

    fn after(&self, _: DiskOperation, _: &Path) -> io::Result<()> {
        answer(after(Layer::Disk))
    }
}

fn answer(way: Option<Way>) -> io::Result<()> {
    match way {
        None => Ok(()),
        Some(Way::Full) => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        Some(_) => Err(io::Error::from_raw_os_error(libc::EIO)),
    }
}
