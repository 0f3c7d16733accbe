//! Attacks: what the provider, whoever can only put, whoever has the writer key and whoever chooses
//! names of files could try. Each test opens with its story, and the honest snapshot must come back
//! bit for bit at its end. docs/threat-model.md says what is promised against whom.

mod bombs;
mod claims;
mod contents;
mod crafted;
mod floods;
mod liars;
mod names;
mod program;
mod readers;
mod records;
#[path = "../fuzz/sealed.rs"]
mod sealed;
mod server;
mod swelling;
mod terminal;
mod world;
