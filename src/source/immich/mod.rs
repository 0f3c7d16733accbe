//! What is particular to Immich among the sources: where it keeps its originals.

pub mod layout;
