//! Who wants to see rows of a dump while the gate goes through it.
//!
//! An observer is asked at the beginning of each data block whether it wants its rows; those of
//! other blocks are never touched one by one for its sake.

use std::fmt;
use std::io;

use super::copy::CopyTable;

/// Rows that an observer wants are given to it up to this length; longer ones are only counted.
pub const OBSERVED_ROW_BYTES_MAX: usize = 1024 * 1024;

/// Takes in the rows of the tables it wants, in the order of the dump. An error ends the dump.
pub trait RowObserver: Send {
    /// `\connect`: what follows is of the database that `target` names, as psql would be told.
    ///
    /// # Errors
    /// What stops the backup.
    fn connects(&mut self, target: &[u8]) -> io::Result<()>;

    /// A data block begins; whether its rows are wanted.
    ///
    /// # Errors
    /// What stops the backup.
    fn table_begins(&mut self, table: &CopyTable) -> io::Result<bool>;

    /// A whole row of a wanted block, without its line end, still with COPY's escapes.
    ///
    /// # Errors
    /// What stops the backup.
    fn row(&mut self, row: &[u8]) -> io::Result<()>;

    /// A row of a wanted block that is longer than [`OBSERVED_ROW_BYTES_MAX`].
    ///
    /// # Errors
    /// What stops the backup.
    fn row_too_long(&mut self) -> io::Result<()>;

    /// The wanted block is at its end.
    ///
    /// # Errors
    /// What stops the backup.
    fn table_ends(&mut self) -> io::Result<()>;

    /// The dump was whole.
    ///
    /// # Errors
    /// What stops the backup.
    fn dump_ends(&mut self) -> io::Result<()>;
}

impl<O: RowObserver + ?Sized> RowObserver for &mut O {
    fn connects(&mut self, target: &[u8]) -> io::Result<()> {
        (**self).connects(target)
    }

    fn table_begins(&mut self, table: &CopyTable) -> io::Result<bool> {
        (**self).table_begins(table)
    }

    fn row(&mut self, row: &[u8]) -> io::Result<()> {
        (**self).row(row)
    }

    fn row_too_long(&mut self) -> io::Result<()> {
        (**self).row_too_long()
    }

    fn table_ends(&mut self) -> io::Result<()> {
        (**self).table_ends()
    }

    fn dump_ends(&mut self) -> io::Result<()> {
        (**self).dump_ends()
    }
}

/// The observer, if there is one, and its first failure, after which it is told nothing more.
#[derive(Default)]
pub(super) struct Watch<'o> {
    observer: Option<Box<dyn RowObserver + 'o>>,
    failure: Option<io::Error>,
}

impl<'o> Watch<'o> {
    pub(super) fn new(observer: Option<Box<dyn RowObserver + 'o>>) -> Self {
        Self {
            observer,
            failure: None,
        }
    }

    /// `None` without an observer, and once it has failed.
    pub(super) fn tell<T>(
        &mut self,
        call: impl FnOnce(&mut dyn RowObserver) -> io::Result<T>,
    ) -> Option<T> {
        if self.failure.is_some() {
            return None;
        }
        match call(self.observer.as_deref_mut()?) {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("observed", &self.observer.is_some())
            .field("failure", &self.failure)
            .finish()
    }
}
