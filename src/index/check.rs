//! A check behind what is believed without looking again: disks and memory of small servers do flip
//! bits, SQLite does not notice, and a snapshot would be made of it.

pub const CHECK_BYTES: usize = 8;

/// The check of values, one behind the other.
pub fn check(values: &[&[u8]]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    for value in values {
        hasher.update(&(value.len() as u64).to_le_bytes());
        hasher.update(value);
    }
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    [a, b, c, d, e, f, g, h]
}

/// Takes the check off the end of `kept`. `None` where it is too short to have one.
pub fn split(kept: &[u8]) -> Option<(&[u8], [u8; CHECK_BYTES])> {
    kept.split_last_chunk()
        .map(|(value, check)| (value, *check))
}
