//! How the library tells what it is doing: it reports here and never prints.
//!
//! The terminal is one implementation (`cli/progress.rs`), [`Silent`] another, tests a third.

/// Receives progress. Called from several threads at once; must be cheap and must not block.
pub trait Progress: Send + Sync {
    /// A stage of work begins, such as "Reading the library". `bytes_total` where it is known.
    fn stage(&self, name: &str, bytes_total: Option<u64>);

    /// Whether somebody looks who would like to know how long it will take: then it is worth some
    /// work to find out.
    fn wants_totals(&self) -> bool {
        false
    }

    /// The running stage turned out to be larger by so many bytes.
    fn expect(&self, bytes: u64);

    /// So many bytes of the running stage are done.
    fn advance(&self, bytes: u64);

    /// What is being worked on: a path as raw bytes, possibly hostile to a terminal.
    fn item(&self, path: &[u8]);

    /// Something a person should know although the work goes on. One sentence.
    fn notice(&self, text: &str);

    /// The running stage is over.
    fn finish(&self);
}

/// Reports nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, _path: &[u8]) {}
    fn notice(&self, _text: &str) {}
    fn finish(&self) {}
}
