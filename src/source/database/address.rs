//! The address of a database server, `postgresql://user@host/database`, with the password taken out
//! of it: an address is seen by every user of the machine in the list of processes, and in logs.

use std::fmt;

use zeroize::Zeroizing;

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// Parameters of an address that are secret (PostgreSQL manual, "Parameter Key Words").
const SECRET_PARAMETERS: [&str; 5] = [
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
];

/// A server and a database on it, as `pg_dump` understands it. What the address leaves out comes
/// from the environment of the program that is run (`PGHOST`, `PGPASSWORD`, `~/.pgpass` …).
#[derive(Clone)]
pub struct DatabaseServer {
    url: String,
    password: Option<Zeroizing<String>>,
}

/// Why an address is not taken. Says nothing of the address itself, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    #[error("a database address begins with postgresql:// or postgres://")]
    Scheme,
    #[error("the database address holds a password")]
    HoldsPassword,
    #[error("the database address holds a character that no address can have")]
    Character,
}

impl DatabaseServer {
    /// Takes an address without a password in it.
    ///
    /// # Errors
    /// Another scheme, a password (also where it only may be one), control characters.
    pub fn parse(url: &str) -> Result<Self, AddressFault> {
        let mut rests = SCHEMES.iter().map(|scheme| url.strip_prefix(scheme));
        let rest = rests.find_map(|rest| rest).ok_or(AddressFault::Scheme)?;
        if url.chars().any(char::is_control) {
            return Err(AddressFault::Character);
        }
        // libpq ends the name of the user at the first `@`. A password that holds one, or a slash or
        // a question mark, without the percent sign it needs, is still meant as a password.
        let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
        let password = user.split_once(':').map_or("", |(_, password)| password);
        if !password.is_empty() || has_secret_parameter(rest) {
            return Err(AddressFault::HoldsPassword);
        }
        Ok(Self {
            url: url.to_owned(),
            password: None,
        })
    }

    /// With a password from elsewhere, which the program gets in its environment.
    pub fn with_password(mut self, password: Zeroizing<String>) -> Self {
        self.password = Some(password);
        self
    }

    /// The address, which holds no password.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.password.as_deref().map(String::as_str)
    }
}

impl fmt::Debug for DatabaseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

fn has_secret_parameter(rest: &str) -> bool {
    let parameters = rest.split_once('?').map_or("", |(_, after)| after);
    url::form_urlencoded::parse(parameters.as_bytes())
        .any(|(name, value)| SECRET_PARAMETERS.contains(&&*name) && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_password_are_taken_as_they_are() {
        for url in [
            "postgresql://postgres@localhost/immich",
            "postgres://postgres:@localhost:5433/immich",
            "postgresql:///immich?host=/run/postgresql&user=anna",
            "postgresql://%2Ftmp%2Fsocket/immich",
            "postgresql://one:5432,two:5433/immich?sslmode=require&passfile=/root/.pgpass",
            "postgresql://[2001:db8::1]:5432/immich",
            "postgresql://",
        ] {
            assert_eq!(DatabaseServer::parse(url).unwrap().url(), url);
        }
    }

    #[test]
    fn a_password_is_found_wherever_it_stands() {
        for url in [
            "postgres://anna:secret@localhost/immich",
            "postgres://anna:sec%40ret@localhost/immich",
            "postgres://anna:sec@ret@localhost/immich",
            "postgres://anna:sec/ret@localhost/immich",
            "postgres://anna:sec?ret@localhost/immich",
            "postgres://:secret@/immich",
            "postgresql:///immich?user=anna&password=secret",
            "postgresql:///immich?p%61ssword=secret",
            "postgresql:///immich?sslkey=k&sslpassword=secret",
            "postgresql:///immich?oauth_client_secret=secret",
        ] {
            let fault = DatabaseServer::parse(url).unwrap_err();
            assert_eq!(fault, AddressFault::HoldsPassword, "{url}");
            assert!(!fault.to_string().contains("sec"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["", "immich", "mysql://h/d", "host=h password=secret", "-h"] {
            assert_eq!(
                DatabaseServer::parse(url).unwrap_err(),
                AddressFault::Scheme
            );
        }
        let fault = DatabaseServer::parse("postgres://a\u{1b}[2J/b").unwrap_err();
        assert_eq!(fault, AddressFault::Character);
    }

    #[test]
    fn a_password_is_never_shown() {
        let server = DatabaseServer::parse("postgres://anna@localhost/immich").unwrap();
        let server = server.with_password(Zeroizing::new("hunter2".to_owned()));
        assert_eq!(server.password(), Some("hunter2"));
        assert!(!format!("{server:?}").contains("hunter2"));
    }
}
