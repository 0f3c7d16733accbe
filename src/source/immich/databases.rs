//! Which database of a cluster is Immich's: the one with most assets, whatever the order.
//!
//! Rows go to the sink as they come. When it turns out that they were of another database, the sink
//! starts over; when a second database with assets begins, the sink is asked to remember the first,
//! and goes back to it unless the second has more. A sink that cannot remember keeps the first.

use std::io;

use super::rows::RowSink;

/// What is done with the rows of the database that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Course {
    /// None of the wanted tables has come.
    #[default]
    Undecided,
    /// They go to the sink.
    Kept,
    /// They go to the sink, which remembers a database with so many assets.
    OnTrial { against: u64 },
    /// They are only counted.
    Ignored,
}

/// What becomes of a database that is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the one with most assets so far.
    Chosen,
    /// The one before it stays.
    PassedOver,
    /// It was not Immich's, and there is no other.
    Forgotten,
}

/// The database that is being read, and what is known of those before it.
#[derive(Debug, Default)]
pub(super) struct Databases {
    target: Vec<u8>,
    course: Course,
    has_table: bool,
    assets: u64,
    /// Rows of assets of the best database before this one, if one had the table.
    best: Option<u64>,
    /// Databases with the table of assets.
    pub(super) with_assets: u32,
    /// Rows of assets of the databases that were not chosen.
    pub(super) assets_elsewhere: u64,
}

impl Databases {
    /// psql connects; whether to another database than before: `pg_dumpall` may say it twice.
    pub(super) fn connects(&mut self, target: &[u8]) -> bool {
        let is_other = self.target != target;
        if is_other {
            self.target = target.to_vec();
        }
        is_other
    }

    /// A wanted table begins.
    ///
    /// # Errors
    /// Those of the sink.
    pub(super) fn table_begins(
        &mut self,
        is_assets: bool,
        sink: &mut impl RowSink,
    ) -> io::Result<()> {
        if is_assets && !self.has_table {
            self.has_table = true;
            self.with_assets = self.with_assets.saturating_add(1);
        }
        if self.course != Course::Undecided {
            return Ok(());
        }
        self.course = match self.best {
            None => Course::Kept,
            // Nothing is lost by forgetting a database without a single asset.
            Some(0) => {
                sink.start_over()?;
                Course::Kept
            }
            Some(against) if sink.remember()? => {
                sink.start_over()?;
                Course::OnTrial { against }
            }
            Some(_) => Course::Ignored,
        };
        Ok(())
    }

    /// A row of assets came, readable or not.
    pub(super) fn asset(&mut self) {
        self.assets += 1;
    }

    /// Whether rows go to the sink.
    pub(super) fn are_kept(&self) -> bool {
        self.course != Course::Ignored
    }

    /// The database is at its end.
    ///
    /// # Errors
    /// Those of the sink.
    pub(super) fn ends(&mut self, sink: &mut impl RowSink) -> io::Result<Verdict> {
        let course = std::mem::take(&mut self.course);
        let assets = std::mem::take(&mut self.assets);
        let has_table = std::mem::take(&mut self.has_table);
        match course {
            Course::Undecided => Ok(Verdict::PassedOver),
            Course::Kept if has_table => {
                self.best = Some(assets);
                Ok(Verdict::Chosen)
            }
            Course::Kept => {
                sink.start_over()?;
                self.best = None;
                Ok(Verdict::Forgotten)
            }
            Course::OnTrial { against } if assets > against => {
                self.assets_elsewhere += against;
                self.best = Some(assets);
                Ok(Verdict::Chosen)
            }
            Course::OnTrial { .. } => {
                self.assets_elsewhere += assets;
                sink.go_back()?;
                Ok(Verdict::PassedOver)
            }
            Course::Ignored => {
                self.assets_elsewhere += assets;
                Ok(Verdict::PassedOver)
            }
        }
    }
}
