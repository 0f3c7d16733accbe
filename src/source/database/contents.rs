//! What a stored dump will make of a server: databases, extensions, roles, and how many rows each
//! table must have afterwards. Gathered line by line while [`super::Replay`] goes through the dump.

use std::collections::{BTreeMap, BTreeSet};

use super::DumpKind;
use super::copy::{CopyTable, identifier};

/// Bounds on memory, far above any real server.
const TABLES_MAX: usize = 10_000;
const NAMES_MAX: usize = 1_000;

/// What a dump holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DumpContents {
    pub kind: Option<DumpKind>,
    /// In the order of the dump. The one without a name is whatever psql is connected to at first.
    pub databases: Vec<DumpedDatabase>,
    /// Who owns things or has rights: without these roles the dump does not load.
    pub roles: BTreeSet<String>,
}

/// One database of the dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DumpedDatabase {
    /// What `\connect` says; `None` before the first one.
    pub name: Option<String>,
    pub extensions: BTreeSet<String>,
    /// Rows of each data block.
    pub tables: BTreeMap<DumpTable, u64>,
    /// The table of Immich's assets.
    pub assets: Option<DumpTable>,
}

/// A table by its two names, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DumpTable {
    pub schema: String,
    pub name: String,
}

impl DumpTable {
    /// As SQL wants it: both names in quotes.
    pub fn quoted(&self) -> String {
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match self.schema.as_str() {
            "" => quote(&self.name),
            schema => format!("{}.{}", quote(schema), quote(&self.name)),
        }
    }
}

impl std::fmt::Display for DumpTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.schema.as_str() {
            "" => f.write_str(&self.name),
            schema => write!(f, "{schema}.{}", self.name),
        }
    }
}

impl DumpContents {
    /// Whether the dump goes to databases of its own choice, also drops them, instead of into the
    /// one that psql is given.
    pub fn chooses_databases(&self) -> bool {
        self.kind == Some(DumpKind::PgDumpAll) || self.databases.iter().any(|it| it.name.is_some())
    }

    /// The database that holds Immich's assets.
    pub fn immich(&self) -> Option<&DumpedDatabase> {
        self.databases.iter().find(|it| it.assets.is_some())
    }

    pub fn tables(&self) -> u64 {
        self.databases.iter().map(|it| it.tables.len() as u64).sum()
    }

    pub fn rows(&self) -> u64 {
        self.databases
            .iter()
            .flat_map(|it| it.tables.values())
            .sum()
    }

    /// A line of SQL or of psql's own commands, without its line end; not `COPY`.
    pub(super) fn line(&mut self, line: &[u8], connected: &mut usize) {
        if let Some(comment) = line.strip_prefix(b"--") {
            if self.kind.is_none() && !comment.is_empty() {
                let kinds = [DumpKind::PgDump, DumpKind::PgDumpAll];
                self.kind = kinds.into_iter().find(|it| it.header().as_bytes() == line);
            }
            return;
        }
        if let Some(rest) = line.strip_prefix(b"\\connect ") {
            *connected = self.connect(&database_name(&String::from_utf8_lossy(rest)));
        } else if let Some(name) = extension(line) {
            let database = self.database(*connected);
            if database.extensions.len() < NAMES_MAX {
                database.extensions.insert(name);
            }
        } else if let Some(role) = role(line)
            && self.roles.len() < NAMES_MAX
        {
            self.roles.insert(role);
        }
    }

    /// A data block ended.
    pub(super) fn block(&mut self, copy: &CopyTable, rows: u64, connected: usize) {
        let schema = copy.name.strip_suffix(&copy.table).unwrap_or_default();
        let table = DumpTable {
            schema: schema.strip_suffix('.').unwrap_or_default().to_owned(),
            name: copy.table.clone(),
        };
        let is_full = self.tables() >= TABLES_MAX as u64;
        let database = self.database(connected);
        let is_assets = matches!(copy.table.as_str(), "asset" | "assets")
            && copy.column("originalPath").is_some();
        if is_assets {
            database.assets = Some(table.clone());
        }
        if !is_full || database.tables.contains_key(&table) {
            *database.tables.entry(table).or_default() += rows;
        }
    }

    fn connect(&mut self, name: &str) -> usize {
        let known = |it: &DumpedDatabase| it.name.as_deref() == Some(name);
        if let Some(place) = self.databases.iter().position(known) {
            return place;
        }
        if self.databases.len() < NAMES_MAX {
            self.databases.push(DumpedDatabase {
                name: Some(name.to_owned()),
                ..DumpedDatabase::default()
            });
        }
        self.databases.len() - 1
    }

    /// The one that is connected to; made where it is the nameless first.
    fn database(&mut self, connected: usize) -> &mut DumpedDatabase {
        if self.databases.is_empty() {
            self.databases.push(DumpedDatabase::default());
        }
        let place = connected.min(self.databases.len() - 1);
        &mut self.databases[place]
    }
}

/// The name in `\connect immich`, `\connect "my db"` or
/// `\connect -reuse-previous=on "dbname='my db'"` (as `pg_dumpall` writes them).
fn database_name(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("-reuse-previous=on ").unwrap_or(text);
    let unquoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let text = unquoted.map_or_else(|| text.to_owned(), |it| it.replace("\"\"", "\""));
    match text.strip_prefix("dbname='") {
        Some(value) => {
            let value = value.strip_suffix('\'').unwrap_or(value);
            value.replace("\\'", "'").replace("\\\\", "\\")
        }
        None => text,
    }
}

/// The name in `CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;`.
fn extension(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"CREATE EXTENSION ")?;
    let rest = rest.strip_prefix(b"IF NOT EXISTS ").unwrap_or(rest);
    let text = String::from_utf8_lossy(rest);
    Some(name_at_the_start(&text))
}

/// The role in `ALTER … OWNER TO immich;` and `GRANT … TO immich;`.
fn role(line: &[u8]) -> Option<String> {
    let grants = line.starts_with(b"GRANT ") || line.starts_with(b"REVOKE ");
    if !grants && !line.starts_with(b"ALTER ") {
        return None;
    }
    let text = String::from_utf8_lossy(line);
    let name = match text.rsplit_once(" OWNER TO ") {
        Some((_, name)) => name,
        None if grants => text.rsplit_once(" TO ").or(text.rsplit_once(" FROM "))?.1,
        None => return None,
    };
    let role = name_at_the_start(name);
    (role != "PUBLIC" && role != "CURRENT_USER" && !role.is_empty()).then_some(role)
}

fn name_at_the_start(text: &str) -> String {
    identifier(text).map_or_else(String::new, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_called_by_their_names() {
        for (text, name) in [
            ("immich", "immich"),
            ("\"my db\"", "my db"),
            (
                "-reuse-previous=on \"dbname='it\\'s \"\"x\"\"'\"",
                "it's \"x\"",
            ),
            ("-reuse-previous=on \"dbname='a\\\\b'\"", "a\\b"),
        ] {
            assert_eq!(database_name(text), name);
        }
    }

    #[test]
    fn roles_and_extensions_are_found() {
        let mut contents = DumpContents::default();
        let mut connected = 0;
        for line in [
            "-- PostgreSQL database dump",
            "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public;",
            "CREATE EXTENSION vector WITH SCHEMA public;",
            "ALTER TABLE public.asset OWNER TO \"the boss\";",
            "GRANT ALL ON SCHEMA public TO immich;",
            "REVOKE USAGE ON SCHEMA public FROM PUBLIC;",
            "ALTER TABLE ONLY public.asset ADD CONSTRAINT a PRIMARY KEY (id);",
        ] {
            contents.line(line.as_bytes(), &mut connected);
        }
        assert_eq!(contents.kind, Some(DumpKind::PgDump));
        assert!(!contents.chooses_databases());
        let names: Vec<&str> = contents.roles.iter().map(String::as_str).collect();
        assert_eq!(names, ["immich", "the boss"]);
        let database = contents.databases.first().unwrap();
        let names: Vec<&str> = database.extensions.iter().map(String::as_str).collect();
        assert_eq!(names, ["uuid-ossp", "vector"]);
    }
}
