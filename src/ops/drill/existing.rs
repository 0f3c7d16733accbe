//! A server that runs already: a database of a random name is made there and dropped again. The
//! password, if one is needed, comes from where psql looks for it (PGPASSWORD, ~/.pgpass), and never
//! stands in a command line.

use std::process::Command;

use url::Url;

use super::DrillError;
use super::server::{Server, query, run, tell_plainly};
use crate::ops::Result;
use crate::seams::Interrupt;

pub(super) struct ExistingServer {
    url: Url,
    /// The database that the address names, from which others are made.
    first: String,
    database: String,
    made: bool,
}

impl ExistingServer {
    /// Makes the database `name`.
    pub fn open(address: &str, name: String, interrupt: &Interrupt) -> Result<Self> {
        let wrong = |reason: String| DrillError::Address { reason };
        let url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(wrong("it does not begin with postgresql://".to_owned()).into());
        }
        let has_password =
            url.password().is_some() || url.query_pairs().any(|(key, _)| key.contains("password"));
        if has_password {
            let reason = "a password in it could be read by everybody on this machine";
            return Err(wrong(reason.to_owned()).into());
        }
        let first = url.path().trim_start_matches('/');
        let first = if first.is_empty() { "postgres" } else { first }.to_owned();
        let mut server = Self {
            url,
            first,
            database: name,
            made: false,
        };
        let make = format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'",
            server.database
        );
        let first = server.first.clone();
        query(&server, &first, &make, interrupt)?;
        server.made = true;
        Ok(server)
    }
}

impl Server for ExistingServer {
    fn psql(&self, database: &str) -> Command {
        let mut url = self.url.clone();
        url.set_path(database);
        let mut psql = Command::new("psql");
        tell_plainly(&mut psql);
        psql.args(["--dbname", url.as_str()]);
        psql
    }

    fn database(&self) -> &str {
        &self.database
    }

    fn is_ours(&self) -> bool {
        false
    }

    fn description(&self) -> &'static str {
        "in a database made for this and dropped again"
    }
}

impl Drop for ExistingServer {
    fn drop(&mut self) {
        if self.made {
            let mut psql = self.psql(&self.first);
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
            psql.args(["--command", &drop]);
            // Interrupted or not. Where the server went away, nothing more can be done.
            let _ = run(&mut psql, "dropping the database", &Interrupt::default());
        }
    }
}
