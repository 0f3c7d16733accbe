//! Frames at places that the layout fixes: everything that is sealed but chunks (format.md §4).

use super::ObjectProblem;
use crate::crypto::{CryptoError, ObjectKey, Position};
use crate::format::frame::{Role, Shape};
use crate::format::{FormatError, Kind, TAG_BYTES};

/// Seals `content` and appends it to the object. The caller does so once for each role.
///
/// # Errors
/// Only beyond the length that a frame can have.
pub(super) fn seal(
    key: &ObjectKey,
    kind: Kind,
    role: Role,
    shape: Shape,
    content: &[u8],
    object: &mut Vec<u8>,
) -> Result<(), CryptoError> {
    let position = Position::fixed(role.fixed_position());
    let additional = shape.additional(kind, role, position.number());
    let start = object.len();
    // Room for the tag as well: growing would leave a copy of the plaintext behind.
    object.reserve(content.len() + TAG_BYTES as usize);
    object.extend_from_slice(content);
    key.seal(position, &additional, object, start)
}

/// Opens a frame; gives its content as it was sealed, compressed or not.
///
/// # Errors
/// `Forged`.
pub(super) fn open(
    key: &ObjectKey,
    kind: Kind,
    role: Role,
    shape: Shape,
    frame: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let position = role.fixed_position();
    let mut bytes = frame.to_vec();
    key.open(
        position,
        &shape.additional(kind, role, position),
        &mut bytes,
    )?;
    Ok(bytes)
}

/// Opens a frame of uncompressed content, whose shape its length tells.
///
/// # Errors
/// `TooShort`, `Forged`.
pub(super) fn open_plain(
    key: &ObjectKey,
    kind: Kind,
    role: Role,
    frame: &[u8],
) -> Result<Vec<u8>, ObjectProblem> {
    let plain = u32::try_from(frame.len()).ok();
    let plain = plain.and_then(|length| length.checked_sub(TAG_BYTES));
    let shape = Shape::plain(plain.ok_or(FormatError::TooShort)?);
    Ok(open(key, kind, role, shape, frame)?)
}
