//! The test vectors of docs/format.md §12, and what binds the code to them.
//!
//! Every `*.json` beside this file is made twice: by the library, and by hand from the page with
//! nothing but the primitives (`page`, `rfc9180`, `cbor`), and both must give the committed bytes.
//! Then the library opens what is committed. `OFFSITE_WRITE_VECTORS=1 cargo test --test vectors`
//! writes the vectors that are not there yet. One that is there is never rewritten: repositories
//! of that form exist, and a difference means that the code no longer reads or writes them.

mod cbor;
mod corpora;
mod cuts;
mod damage;
mod defects;
mod findings;
mod keys;
mod metadata;
mod packs;
mod page;
mod records;
mod rfc9180;
mod slots;
mod tape;
mod vector;
