//! A server that runs already: a database of a random name is made there and dropped again. The
//! password, if one is needed, comes from where psql looks for it (PGPASSWORD, ~/.pgpass), and never
//! stands in a command line.

use std::process::Command;

use url::Url;

use super::DrillError;
use super::server::{Server, query, run, tell_plainly};
use crate::ops::Result;
use crate::seams::Interrupt;
use crate::source::database::DatabaseServer;

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
        if let Err(fault) = DatabaseServer::parse(address) {
            return Err(wrong(fault.to_string()).into());
        }
        if names_another(address) {
            let reason = "the database stands in its path, not after dbname= or beside a #";
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

/// A parameter `dbname` outranks the name in the path, by which each psql here is led to its database:
/// all of them would go to that one, and the dump would be loaded over what is there. libpq knows no
/// fragments: what stands behind a `#` counts for it, and for nobody else.
fn names_another(address: &str) -> bool {
    let parameters = address.split_once('?').map_or("", |(_, after)| after);
    address.contains('#')
        || url::form_urlencoded::parse(parameters.as_bytes()).any(|(key, _)| key == "dbname")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `postgresql://h/postgres?dbname=immich`: every psql, the one that loads the dump too, would
    /// have gone to the living database, whose tables a dump drops first.
    #[test]
    fn an_address_that_leads_past_the_name_in_its_path_is_refused() {
        for address in [
            "postgresql://nobody@127.0.0.1:1/postgres?dbname=immich",
            "postgresql://nobody@127.0.0.1:1/postgres?sslmode=disable&db%6Eame=immich",
            "postgresql://nobody@127.0.0.1:1/postgres?connect_timeout=1#&dbname=immich",
            "postgresql://nobody:secret@127.0.0.1:1/postgres",
            "postgresql://127.0.0.1:1/postgres?password=secret",
            "http://127.0.0.1:1/",
        ] {
            let opened = ExistingServer::open(address, "x".to_owned(), &Interrupt::default());
            let error = opened.err().expect(address);
            assert!(
                matches!(
                    &error,
                    crate::ops::OpsError::Drill(DrillError::Address { .. })
                ),
                "{address}: {error:?}"
            );
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
