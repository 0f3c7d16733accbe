//! Which version of Immich wrote the database: the newest row of `version_history`.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;

use super::copy::CopyTable;

/// The newest row so far.
#[derive(Debug, Default)]
pub(super) struct History {
    newest: Option<(Moment, String)>,
}

/// When a row was made; ordered by time, or by its text where that cannot be read.
type Moment = (Option<Timestamp>, String);

/// Which columns of a `version_history` matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistoryColumns {
    created_at: usize,
    version: usize,
}

impl HistoryColumns {
    pub(super) fn of(copy: &CopyTable) -> Option<Self> {
        (copy.table == "version_history").then_some(())?;
        Some(Self {
            created_at: copy.column("createdAt")?,
            version: copy.column("version")?,
        })
    }
}

impl History {
    /// Takes in a row without its line end; one that makes no sense is passed over.
    pub(super) fn row(&mut self, columns: HistoryColumns, row: &[u8]) {
        let Ok(row) = std::str::from_utf8(row) else {
            return;
        };
        let field = |index| row.split('\t').nth(index);
        let (Some(created), Some(version)) = (field(columns.created_at), field(columns.version))
        else {
            return;
        };
        // It is shown to people and stored in snapshots: only what a version can look like.
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-+_".contains(c);
        if version.is_empty() || version.len() > 64 || !version.chars().all(plain) {
            return;
        }
        let time = DateTimeParser::new().parse_timestamp(created).ok();
        let moment = (time, created.to_owned());
        if self
            .newest
            .as_ref()
            .is_none_or(|(newest, _)| *newest <= moment)
        {
            self.newest = Some((moment, version.to_owned()));
        }
    }

    pub(super) fn version(self) -> Option<String> {
        self.newest.map(|(_, version)| version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_row_counts_whatever_the_order_and_the_zone() {
        let copy = b"COPY public.version_history (version, id, \"createdAt\") FROM stdin;";
        let columns = HistoryColumns::of(&CopyTable::parse(copy).unwrap()).unwrap();
        let mut history = History::default();
        for row in [
            "1.135.3\ta\t2025-07-19 19:46:02.009886+00",
            // 23:30 UTC the day before: older, although its text is greater.
            "1.134.0\tb\t2025-07-20 01:00:00+05:30",
            "2.0.0\tc\t2025-07-20 01:30:00+02",
            "1.0.0\td\t2024-01-01 00:00:00+00",
            "\x1b[31m\te\t2027-01-01 00:00:00+00",
            "short",
        ] {
            history.row(columns, row.as_bytes());
        }
        assert_eq!(history.version().as_deref(), Some("2.0.0"));
    }
}
