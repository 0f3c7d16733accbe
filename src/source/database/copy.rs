//! The line that opens a data block: `COPY public.asset (id, "ownerId") FROM stdin;`.

/// The table of a data block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyTable {
    /// Schema and name without quotes, joined by a dot, such as `public.asset`.
    pub name: String,
    /// The last part of the name.
    pub table: String,
    /// Names of the columns without quotes, in the order of the rows.
    pub columns: Vec<String>,
}

impl CopyTable {
    /// `None` for any other line. `line` is without its line end. A name in an encoding that is not
    /// UTF-8 comes out garbled, and columns that make no sense are none; the rows still are rows.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let body = line.strip_prefix(b"COPY ")?.strip_suffix(b" FROM stdin;")?;
        let body = String::from_utf8_lossy(body);
        let (parts, rest) = qualified(&body).unwrap_or_else(|| (vec![body.to_string()], ""));
        let table = parts.last().cloned().unwrap_or_default();
        Some(Self {
            name: parts.join("."),
            table,
            columns: columns(rest).unwrap_or_default(),
        })
    }

    /// Where a column stands in the rows; of several with one name the first.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// `schema.name`, and what follows it.
fn qualified(text: &str) -> Option<(Vec<String>, &str)> {
    let (first, mut rest) = identifier(text)?;
    let mut parts = vec![first];
    while let Some(after) = rest.strip_prefix('.') {
        let (part, after) = identifier(after)?;
        parts.push(part);
        rest = after;
    }
    Some((parts, rest))
}

/// ` (a, "b c")`, or nothing: a table without columns.
fn columns(text: &str) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    if text.trim().is_empty() {
        return Some(columns);
    }
    let mut rest = text.strip_prefix(" (")?.strip_suffix(')')?;
    while !rest.is_empty() {
        let (column, after) = identifier(rest)?;
        columns.push(column);
        rest = match after.strip_prefix(", ") {
            Some(after) => after,
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(columns)
}

/// A name, with or without quotes, and what follows it.
pub(super) fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        let (name, after) = text.split_at(end.unwrap_or(text.len()));
        return (!name.is_empty()).then(|| (name.to_owned(), after));
    };
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_quotes() {
        let line = br#"COPY public."user" (id, "createdAt", "a ""b"", (c)") FROM stdin;"#;
        let copy = CopyTable::parse(line).unwrap();
        assert_eq!(
            (copy.name.as_str(), copy.table.as_str()),
            ("public.user", "user")
        );
        assert_eq!(copy.columns, ["id", "createdAt", "a \"b\", (c)"]);
        assert_eq!(copy.column("createdAt"), Some(1));
        assert!(
            CopyTable::parse(b"COPY public.empty  FROM stdin;")
                .unwrap()
                .columns
                .is_empty()
        );
    }

    #[test]
    fn other_lines_open_no_block() {
        for line in [
            "COPY a (id) FROM '/etc/passwd';",
            "COPY a TO stdout;",
            "copy",
            "",
        ] {
            assert_eq!(CopyTable::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_block_with_garbled_names_is_still_a_block() {
        let copy = CopyTable::parse(b"COPY public.\xe4 (\xff, b) FROM stdin;").unwrap();
        assert!(copy.columns.is_empty());
        assert!(CopyTable::parse(b"COPY public.\"a (id) FROM stdin;").is_some());
    }
}
