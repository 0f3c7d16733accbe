//! What is authenticated beside each frame, and the preface of a record (format.md §4, §6).

use super::{FormatError, Kind, TAG_BYTES};

/// What a frame is for: its wire number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    Chunk = 0,
    Footer = 1,
    Trailer = 2,
    PackPad = 3,
    Preface = 4,
    Payload = 5,
    RecordPad = 6,
    SlotSecret = 7,
    SlotLabel = 8,
}

impl Role {
    /// The position that the layout fixes for it; chunks have theirs from their pack.
    pub const fn fixed_position(self) -> u32 {
        match self {
            Self::Trailer | Self::Preface | Self::SlotSecret | Self::SlotLabel | Self::Chunk => 0,
            Self::Footer | Self::Payload => 1,
            Self::PackPad | Self::RecordPad => 2,
        }
    }
}

/// How a plaintext was coded before it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    Plain = 0,
    Zstd = 1,
}

impl Codec {
    /// # Errors
    /// `Unsupported`.
    pub fn from_number(number: u8) -> Result<Self, FormatError> {
        match number {
            0 => Ok(Self::Plain),
            1 => Ok(Self::Zstd),
            _ => Err(FormatError::Unsupported {
                what: format!("codec {number}"),
            }),
        }
    }
}

/// Lengths and codec of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of the frame, tag included.
    pub stored: u32,
    /// Bytes of the content before compression.
    pub plain: u32,
    pub codec: Codec,
}

impl Shape {
    /// A frame of `plain` bytes that are not compressed.
    pub const fn plain(plain: u32) -> Self {
        Self {
            stored: plain + TAG_BYTES,
            plain,
            codec: Codec::Plain,
        }
    }

    /// What is authenticated beside the frame.
    pub fn additional(self, kind: Kind, role: Role, position: u32) -> [u8; 16] {
        let mut bytes = [0; 16];
        let fields = [kind.number(), role as u8, self.codec as u8, 0];
        let words = [fields, position.to_le_bytes(), self.plain.to_le_bytes()];
        bytes.copy_from_slice(
            [words.as_flattened(), self.stored.to_le_bytes().as_slice()]
                .concat()
                .as_slice(),
        );
        bytes
    }

    /// # Errors
    /// `Contradiction` when there is no room for a tag, when an uncompressed frame has another
    /// length than its content, or when the content is longer than `plain_max`.
    pub fn check(self, plain_max: u32) -> Result<Self, FormatError> {
        let content = self.stored.checked_sub(TAG_BYTES);
        let fits = match (content, self.codec) {
            (None, _) => false,
            (Some(content), Codec::Plain) => content == self.plain,
            (Some(content), Codec::Zstd) => content <= plain_max,
        };
        if !fits || self.plain > plain_max {
            return Err(FormatError::Contradiction {
                what: "the lengths of a frame",
            });
        }
        Ok(self)
    }
}

/// Plain length of a preface in bytes.
pub const PREFACE_BYTES: u32 = 16;

/// The plaintext of a record's preface: the shape of the payload.
pub fn encode_preface(payload: Shape) -> [u8; 16] {
    let mut bytes = [0; 16];
    let words = [
        payload.stored.to_le_bytes(),
        payload.plain.to_le_bytes(),
        [payload.codec as u8, 0, 0, 0],
    ];
    let (used, _) = bytes.split_at_mut(12);
    used.copy_from_slice(words.as_flattened());
    bytes
}

/// # Errors
/// `TooShort`, `Unsupported`, `Contradiction`.
pub fn decode_preface(bytes: &[u8], plain_max: u32) -> Result<Shape, FormatError> {
    let [stored, plain, [codec, ..], _] = bytes.as_chunks::<4>().0 else {
        return Err(FormatError::TooShort);
    };
    Shape {
        stored: u32::from_le_bytes(*stored),
        plain: u32::from_le_bytes(*plain),
        codec: Codec::from_number(*codec)?,
    }
    .check(plain_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefaces_go_there_and_back() {
        let shape = Shape {
            stored: 116,
            plain: 1000,
            codec: Codec::Zstd,
        };
        assert_eq!(decode_preface(&encode_preface(shape), 1000), Ok(shape));
        assert!(decode_preface(&encode_preface(shape), 999).is_err());
        assert!(decode_preface(&encode_preface(Shape::plain(5)), 9).is_ok());
        let lie = Shape {
            stored: 116,
            plain: 99,
            codec: Codec::Plain,
        };
        assert!(decode_preface(&encode_preface(lie), 1000).is_err());
        let no_tag = Shape {
            stored: 15,
            plain: 0,
            codec: Codec::Zstd,
        };
        assert!(decode_preface(&encode_preface(no_tag), 1000).is_err());
    }

    #[test]
    fn additional_data_tells_every_field_apart() {
        let base = Shape {
            stored: 1,
            plain: 2,
            codec: Codec::Plain,
        };
        let all = [
            base.additional(Kind::DataPack, Role::Chunk, 3),
            base.additional(Kind::ListingPack, Role::Chunk, 3),
            base.additional(Kind::DataPack, Role::Footer, 3),
            base.additional(Kind::DataPack, Role::Chunk, 4),
            Shape { stored: 2, ..base }.additional(Kind::DataPack, Role::Chunk, 3),
            Shape { plain: 3, ..base }.additional(Kind::DataPack, Role::Chunk, 3),
            Shape {
                codec: Codec::Zstd,
                ..base
            }
            .additional(Kind::DataPack, Role::Chunk, 3),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[..place].contains(one));
        }
    }
}
