//! The tables of Immich that the audit wants, under their names in each generation of the schema,
//! and where in their rows the wanted columns stand.
//!
//! Columns are found by name: their order in a dump depends on which releases an installation went
//! through, and they come and go.

use memchr::memchr_iter;

use crate::source::database::CopyTable;

/// No table has more wanted columns.
pub(super) const FIELDS_MAX: usize = 16;

/// A wanted table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Asset,
    File,
    Exif,
    User,
    Library,
    Metadata,
    Move,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Asset,
        Self::File,
        Self::Exif,
        Self::User,
        Self::Library,
        Self::Metadata,
        Self::Move,
    ];

    /// Names of the table, the oldest first.
    const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Asset => &["assets", "asset"],
            Self::File => &["asset_files", "asset_file"],
            Self::Exif => &["exif", "asset_exif"],
            Self::User => &["users", "user"],
            Self::Library => &["libraries", "library"],
            Self::Metadata => &["system_metadata"],
            Self::Move => &["move_history"],
        }
    }

    /// The columns without which this is a table of something else. The assets' is that by which
    /// the gate knows them.
    const fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Asset => &["originalPath"],
            Self::User => &["id", "profileImagePath"],
            Self::Library => &["id", "importPaths"],
            _ => self.columns(),
        }
    }

    /// The wanted columns, in the order of the fields that a [`Picker`] gives.
    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Asset => &ASSET_COLUMNS,
            Self::File => &["assetId", "type", "path"],
            Self::Exif => &["assetId", "fileSizeInByte"],
            Self::User => &["id", "name", "profileImagePath"],
            Self::Library => &["id", "importPaths"],
            Self::Metadata => &["key", "value"],
            Self::Move => &["oldPath", "newPath"],
        }
    }
}

const ASSET_COLUMNS: [&str; 14] = [
    "id",
    "ownerId",
    "libraryId",
    "originalPath",
    "checksum",
    "checksumAlgorithm",
    "isExternal",
    "isOffline",
    "status",
    "deletedAt",
    "sidecarPath",
    "encodedVideoPath",
    "previewPath",
    "thumbnailPath",
];

/// Among the fields of an asset, files that Immich makes: in columns of their own until they got
/// their table.
pub(super) const GENERATED_PLACES: std::ops::Range<usize> = 11..14;

/// A field with COPY's escapes; `None` for NULL and for a column that is not there.
pub(super) type Field<'r> = Option<&'r [u8]>;

/// Picks the wanted fields out of the rows of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picker {
    pub(super) kind: Kind,
    /// The first of its names: of releases up to 1.135.
    pub(super) is_first_generation: bool,
    /// For each column of the block the place of its field.
    places: Vec<Option<u8>>,
}

impl Picker {
    /// `None` for a table that the audit does not want.
    pub(super) fn of(table: &CopyTable) -> Option<Self> {
        let named = |kind: &Kind| kind.tables().contains(&table.table.as_str());
        let kind = Kind::ALL.into_iter().find(named)?;
        if kind.marks().iter().any(|mark| table.column(mark).is_none()) {
            return None;
        }
        let mut places = vec![None; table.columns.len()];
        for (place, name) in (0_u8..).zip(kind.columns()) {
            let column = table.column(name).and_then(|column| places.get_mut(column));
            if let Some(column) = column {
                *column = Some(place);
            }
        }
        let first = kind.tables().first();
        Some(Self {
            kind,
            is_first_generation: first.is_some_and(|name| *name == table.table),
            places,
        })
    }

    /// The wanted fields of a row, or `None` if it has not as many as the block has columns.
    pub(super) fn pick<'r>(&self, row: &'r [u8]) -> Option<[Field<'r>; FIELDS_MAX]> {
        let mut fields: [Field<'r>; FIELDS_MAX] = [None; FIELDS_MAX];
        let mut places = self.places.iter();
        let mut start = 0;
        for end in memchr_iter(b'\t', row).chain([row.len()]) {
            if let Some(place) = *places.next()? {
                let field = row.get(start..end)?;
                if field != br"\N" {
                    *fields.get_mut(usize::from(place))? = Some(field);
                }
            }
            start = end + 1;
        }
        places.next().is_none().then_some(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(line: &str) -> CopyTable {
        CopyTable::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn tables_are_known_by_name_and_columns() {
        for (line, kind) in [
            (
                "COPY public.assets (x, \"originalPath\") FROM stdin;",
                Some(Kind::Asset),
            ),
            ("COPY public.asset (id, ticker) FROM stdin;", None),
            (
                "COPY public.\"user\" (\"profileImagePath\", id) FROM stdin;",
                Some(Kind::User),
            ),
            ("COPY public.users (id, email) FROM stdin;", None),
            ("COPY public.move_history (\"oldPath\") FROM stdin;", None),
            ("COPY public.person (id) FROM stdin;", None),
        ] {
            assert_eq!(
                Picker::of(&table(line)).map(|picker| picker.kind),
                kind,
                "{line}"
            );
        }
    }

    #[test]
    fn fields_are_found_wherever_their_columns_stand() {
        let line = "COPY public.asset_file (path, extra, type, \"assetId\", path) FROM stdin;";
        let picker = Picker::of(&table(line)).unwrap();
        assert!(!picker.is_first_generation);
        let row = b"/data/x\tignored\t\\N\tid\tsecond of this name";
        let fields = picker.pick(row).unwrap();
        let expected = [Some(&b"id"[..]), None, Some(b"/data/x")];
        assert_eq!(fields.get(..3).unwrap(), expected);
        for wrong in [&b"a\tb\tc\td"[..], b"a\tb\tc\td\te\tf", b""] {
            assert_eq!(picker.pick(wrong), None);
        }
    }
}
