//! Why a drill could not be held. What it finds is no error but its report.

use crate::ops::said::Said;

#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    #[error("no PostgreSQL server was found on this machine")]
    NoPrograms,
    #[error("{folder} does not hold the programs initdb, postgres and psql")]
    NotPrograms { folder: String },
    #[error("there is no user {name} on this machine to run PostgreSQL as, which refuses root")]
    NoUser { name: String },
    #[error("{what} failed")]
    Server {
        /// Such as "starting PostgreSQL".
        what: &'static str,
        #[source]
        said: Option<Said>,
    },
    #[error("{program} could not be run")]
    Program {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("no temporary folder could be made for the drill")]
    Folder(#[source] std::io::Error),
    #[error("the address of the Postgres server is none: {reason}")]
    Address { reason: String },
    #[error("the Postgres server lacks what the dump needs: {}", .missing.join("; "))]
    MissingExtensions {
        /// Each with what to install.
        missing: Vec<String>,
        /// Whether all of them can be left out.
        can_be_left_out: bool,
    },
    #[error("the Postgres server has no role {}, which the dump gives its tables to", .roles.join(", "))]
    MissingRoles { roles: Vec<String> },
    #[error(
        "this dump chooses its databases itself and would replace those of the same name on that \
         server"
    )]
    WouldReplace,
}
