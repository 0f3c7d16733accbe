//! Why the gate does not take a stream of bytes for a whole dump.

use super::DumpKind;

/// One sentence each, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DumpFault {
    #[error(
        "the database dump is empty: whatever should make it wrote nothing; run it by hand to see \
         why"
    )]
    Empty,
    #[error(
        "the database dump is in Postgres' custom format, which the audit cannot read: make a plain \
         one, without -Fc or --format=custom"
    )]
    CustomFormat,
    #[error(
        "the database dump is a tar archive: make a plain one, without -Ft or --format=tar, or \
         unpack the archive first"
    )]
    Tar,
    #[error(
        "the database dump is in UTF-16, as PowerShell writes with '>': it would not load into \
         Postgres; make it with a shell inside the container, or with --database-command"
    )]
    Utf16,
    #[error(
        "the database dump is still compressed ({kind}) after it was read: gzip and zstd are \
         unpacked once, anything else must be unpacked before"
    )]
    Compressed { kind: &'static str },
    #[error("the database dump is a web page (HTML), not a dump: whatever fetched it met an error")]
    Html,
    #[error(
        "the database dump does not begin like one of pg_dump or pg_dumpall, but with '{begins}'; \
         with docker exec, leave out -t and -it"
    )]
    NotADump { begins: String },
    #[error(
        "the database dump is incomplete: it ends inside the rows of table {table}; the program \
         that makes it was stopped before it was done"
    )]
    CutInTable { table: String },
    #[error(
        "the database dump is incomplete: its last line '{}' is missing; the program that makes it \
         was stopped before it was done",
        .kind.trailer()
    )]
    NoTrailer { kind: DumpKind },
    #[error(
        "the database dump goes on after its last line, with '{follows}': give exactly one dump and \
         nothing else; with docker exec, leave out -t and -it"
    )]
    AfterTrailer { follows: String },
}
