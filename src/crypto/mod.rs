//! Floor 1: keys and sealing (format.md §3, §4, §5, §7). A stranger to the format's layouts: it
//! gets header bytes and additional data as byte strings and knows only how to use them.
//!
//! keys (what a host holds) > object (one key an object, with commitment) > session (HPKE) >
//! slot (passphrase); owner signs what was proven. No type here has `Debug` or `PartialEq`; all erase themselves.

mod keys;
mod object;
mod owner;
mod secret;
mod session;
mod slot;

pub use keys::{ReadKey, WriterKey};
pub use object::{
    COMMITMENT_BYTES, Commitment, ObjectKey, Position, Positions, Purpose, TAG_BYTES, Tag,
    draw_salt,
};
pub use owner::SIGNATURE_BYTES;
pub use secret::Secret;
pub use session::{SEALED_SESSION_BYTES, SealedSession, session_id};
pub use slot::{KdfCost, stretch};

/// What can go wrong with keys. Says nothing that would help to guess one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    #[error("the key does not fit this object")]
    WrongKey,
    #[error("the bytes do not authenticate: they were altered or belong elsewhere")]
    Forged,
    #[error("the pack has handed out all of its positions")]
    PositionsUsedUp,
    #[error("there is no memory left for a key")]
    NoMemory,
    #[error("no randomness could be had from the operating system")]
    NoRandomness,
    #[error("these are not 24 valid recovery words: {reason}")]
    Words { reason: String },
    #[error("the writer key file is damaged or not a writer key")]
    WriterKeyFile,
    #[error("the key slot asks for {what}, which no honest slot does")]
    AbsurdCost { what: String },
    #[error("the passphrase could not be stretched with {memory_kib} KiB of memory")]
    Stretch { memory_kib: u32 },
    #[error("the session key could not be sealed")]
    SealSession,
}
