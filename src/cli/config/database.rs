//! `[database]` of `offsite.toml`: where the dump comes from, and the password of the server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::table::Table;
use super::values;
use crate::source::database::{AddressFault, DatabaseServer};

/// Where the dump comes from; by default nothing is said of it.
#[derive(Debug, Clone, Default)]
pub struct DatabaseSection {
    pub from: Option<DumpFrom>,
    /// How long it may take; `None`: it must not be silent for half an hour.
    pub timeout: Option<Duration>,
    /// For a server.
    pub password: Option<PasswordFrom>,
}

#[derive(Clone)]
pub enum DumpFrom {
    /// Run through `sh -c`. May hold a password: never shown.
    Command(String),
    /// Its address holds no password.
    Server(DatabaseServer),
    /// A file, a folder, or a pattern of the newest.
    File(PathBuf),
    /// There is none to back up.
    Nowhere,
}

#[derive(Clone)]
pub enum PasswordFrom {
    /// It stands in the configuration itself.
    Text(Zeroizing<String>),
    File(PathBuf),
    /// Run through `sh -c`.
    Command(String),
}

impl DatabaseSection {
    /// `exposed` says who else may read the file, where somebody may.
    pub fn read(table: &Table<'_>, base: &Path, exposed: Option<&str>) -> Self {
        let section = Self {
            from: only(
                table,
                [
                    (
                        "command",
                        table
                            .text("command", values::command)
                            .map(DumpFrom::Command),
                    ),
                    ("url", table.text("url", server).map(DumpFrom::Server)),
                    (
                        "file",
                        table
                            .text("file", |it| values::path(it, base))
                            .map(DumpFrom::File),
                    ),
                    ("none", none(table)),
                ],
                "a dump comes from one of command, url and file, or there is none",
            ),
            timeout: table.text("timeout", values::limit),
            password: only(
                table,
                [
                    (
                        "password",
                        table.text("password", password).map(PasswordFrom::Text),
                    ),
                    (
                        "password_file",
                        table
                            .text("password_file", |it| values::path(it, base))
                            .map(PasswordFrom::File),
                    ),
                    (
                        "password_command",
                        table
                            .text("password_command", values::command)
                            .map(PasswordFrom::Command),
                    ),
                ],
                "a password comes from one of password, password_file and password_command",
            ),
        };
        for key in ["password", "password_file", "password_command"] {
            if table.has(key) && !table.has("url") {
                table.wrong(key, "a password goes with url, which is not set");
            }
        }
        if let Some(exposed) = exposed.filter(|_| table.has("password")) {
            table.wrong(
                "password",
                &format!("{exposed}; make the file private with chmod 600, or use password_file"),
            );
        }
        section
    }
}

/// The only one of several keys that is there; more than one is a mistake at the second.
fn only<T, const N: usize>(
    table: &Table<'_>,
    read: [(&'static str, Option<T>); N],
    rule: &str,
) -> Option<T> {
    let mut present = read
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| table.has(key));
    if let (Some(first), Some(second)) = (present.next(), present.next()) {
        table.wrong(second, &format!("{first} is set as well; {rule}"));
    }
    read.into_iter().find_map(|(_, value)| value)
}

fn none(table: &Table<'_>) -> Option<DumpFrom> {
    let is_none = table.truth("none")?;
    if !is_none {
        table.wrong(
            "none",
            "none = true says that there is no database; else leave it out",
        );
    }
    is_none.then_some(DumpFrom::Nowhere)
}

/// Nothing of the address is repeated: it may hold a password.
fn server(text: &str) -> Result<DatabaseServer, String> {
    DatabaseServer::parse(text).map_err(|fault| match fault {
        AddressFault::HoldsPassword => {
            format!("{fault}; take it out of there, and write it as password = \"…\"")
        }
        _ => format!("{fault}; write it as postgresql://USER@HOST:PORT/DATABASE"),
    })
}

fn password(text: &str) -> Result<Zeroizing<String>, String> {
    if text.is_empty() || text.contains(['\0', '\n']) {
        return Err("a password belongs here, in one line".to_owned());
    }
    Ok(Zeroizing::new(text.to_owned()))
}

impl fmt::Debug for DumpFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => f.write_str("Command(not shown)"),
            Self::Server(server) => server.fmt(f),
            Self::File(path) => path.fmt(f),
            Self::Nowhere => f.write_str("Nowhere"),
        }
    }
}

impl fmt::Debug for PasswordFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordFrom(not shown)")
    }
}
