//! Flags that say how the dump is made and waited for, beside those of `backup` itself.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args as ClapArgs;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::exit::Failure;
use crate::source::database::{AddressFault, DatabaseServer, DatabaseSource, DumpRules};

/// See `offsite help backup`.
#[derive(ClapArgs, Debug, Default, Clone)]
pub struct DumpSource {
    /// The database server, such as postgresql://postgres@localhost/immich: runs pg_dump. The
    /// password comes from PGPASSWORD or ~/.pgpass, never from here
    #[arg(long, value_name = "URL", group = "dump")]
    database_url: Option<GivenUrl>,
    /// How long the dump may take, its upload included, such as 30m or 2h (without it: it fails
    /// after 30 minutes in which nothing comes)
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    database_timeout: Option<Duration>,
    /// The server of the configuration.
    #[arg(skip)]
    configured: Option<DatabaseServer>,
}

/// What was typed, which may hold a password: never shown, also not by clap.
#[derive(Clone)]
struct GivenUrl(String);

impl FromStr for GivenUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for GivenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl DumpSource {
    /// The server, if one was named.
    ///
    /// # Errors
    /// A password in its address, where every user of this machine can read it.
    pub fn server(&self) -> Result<Option<DatabaseSource>, Failure> {
        let Some(GivenUrl(url)) = &self.database_url else {
            return Ok(self.configured.clone().map(DatabaseSource::Server));
        };
        match DatabaseServer::parse(url) {
            Ok(server) => Ok(Some(DatabaseSource::Server(server))),
            Err(fault) => Err(Failure::usage(&fault.to_string(), hint_of(fault))),
        }
    }

    /// Whether a flag names a server.
    pub fn is_given(&self) -> bool {
        self.database_url.is_some()
    }

    /// What the configuration says, where no flag does.
    pub fn complete(&mut self, server: Option<DatabaseServer>, timeout: Option<Duration>) {
        self.configured = server;
        self.database_timeout = self.database_timeout.or(timeout);
    }

    pub fn rules(&self) -> DumpRules {
        DumpRules {
            timeout: self.database_timeout,
            zone: TimeZone::system(),
            ..DumpRules::default()
        }
    }
}

fn hint_of(fault: AddressFault) -> &'static str {
    match fault {
        AddressFault::HoldsPassword => {
            "others can read command lines: take the password out of the address, and give it in the \
             environment as PGPASSWORD, or in ~/.pgpass or the file that PGPASSFILE names"
        }
        AddressFault::Scheme | AddressFault::Character => {
            "write it as postgresql://USER@HOST:PORT/DATABASE"
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time: Option<SignedDuration> = text.trim().parse().ok();
    let time = time.and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| !time.is_zero())
        .ok_or_else(|| "write a length of time such as 90s, 30m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            (" 2h ", 7200),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("30 minutes", 1800),
        ] {
            assert_eq!(timeout(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "0", "0s", "-5m", "soon", "30", "5m ago"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_never_shown() {
        let given: GivenUrl = "postgres://anna:hunter2@h/d".parse().unwrap();
        let source = DumpSource {
            database_url: Some(given),
            ..DumpSource::default()
        };
        assert!(!format!("{source:?}").contains("hunter2"));
        let failure = source.server().unwrap_err();
        let told = format!("{} {}", failure.error, failure.hint);
        assert!(!told.contains("hunter2") && told.contains("PGPASSWORD"));
        assert_eq!(failure.code, 2);
    }
}
