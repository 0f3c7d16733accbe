//! How files without a name get one on the target's file system: found out once.

use std::sync::atomic::{AtomicU8, Ordering};

/// How a file without a name gets one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Way {
    /// Not tried yet.
    Unknown,
    /// By its descriptor.
    Descriptor,
    /// By its descriptor's name in `/proc`: who is not root may need that.
    Proc,
    /// Not at all.
    None,
}

/// Remembers which way works; the target has one.
#[derive(Default)]
pub(super) struct Ways(AtomicU8);

impl Ways {
    pub(super) fn get(&self) -> Way {
        match self.0.load(Ordering::Relaxed) {
            1 => Way::Descriptor,
            2 => Way::Proc,
            3 => Way::None,
            _ => Way::Unknown,
        }
    }

    /// As on a file system that knows no such files.
    #[cfg(test)]
    pub(super) fn refuse(&self) {
        self.set(Way::None);
    }

    pub(super) fn set(&self, way: Way) {
        self.0.store(way as u8, Ordering::Relaxed);
    }
}
