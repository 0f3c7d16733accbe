//! An entry of a listing, and the order of entries (format.md §8).

use std::cmp::Ordering;

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::FormatError;
use super::cbor::Joined;
use crate::id::ChunkId;
use crate::seams::Timestamp;

/// The root that holds the database dump.
pub const DATABASE_ROOT: u32 = 0;
/// Where the dump is in that root.
pub const DATABASE_PATH: &[u8] = b"database.sql";
/// Longest path in bytes.
pub const PATH_BYTES_MAX: usize = 32_768;
/// Most bytes of an encoded entry: with what stands before it in its leaf, it fits a metadata chunk.
pub const ENTRY_BYTES_MAX: usize = 512 * 1024;
/// So many bytes of an entry may be its extended attributes: names, values, and for each of them …
pub const ATTRIBUTES_BYTES_MAX: usize = 384 * 1024;
/// … so many that CBOR takes at most.
pub const ATTRIBUTE_BYTES_MORE: usize = 16;
/// Most chunk ids that stand in the entry itself.
pub const DIRECT_IDS_MAX: usize = 512;

/// What an entry is: its wire number. Numbers that are not known yet are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryType {
    File,
    Folder,
    Link,
    HardLink,
    Unknown(u8),
}

impl EntryType {
    pub const fn number(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Folder => 1,
            Self::Link => 2,
            Self::HardLink => 3,
            Self::Unknown(number) => number,
        }
    }

    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::File,
            1 => Self::Folder,
            2 => Self::Link,
            3 => Self::HardLink,
            number => Self::Unknown(number),
        }
    }
}

/// An extended attribute: name and value.
pub type Attribute = (ByteVec, ByteVec);

/// A file, folder or link of a snapshot, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    #[n(0)]
    pub root: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub path: Vec<u8>,
    #[n(2)]
    kind: u8,
    /// The twelve permission bits.
    #[n(3)]
    pub mode: Option<u32>,
    #[n(4)]
    pub owner: Option<u32>,
    #[n(5)]
    pub group: Option<u32>,
    #[n(6)]
    pub owner_name: Option<ByteVec>,
    #[n(7)]
    pub group_name: Option<ByteVec>,
    #[n(8)]
    pub modified: Option<Timestamp>,
    #[n(9)]
    pub changed: Option<Timestamp>,
    #[n(10)]
    pub inode: Option<u64>,
    /// Plaintext bytes of a file.
    #[n(11)]
    pub size: Option<u64>,
    #[n(12)]
    pub target: Option<ByteVec>,
    #[n(13)]
    pub attributes: Option<Vec<Attribute>>,
    /// SHA-1 of a file's content, by which Immich knows it.
    #[n(14)]
    pub sha1: Option<ByteArray<20>>,
    /// The ids of a file's chunks.
    #[n(15)]
    pub chunks: Option<Joined<ChunkId>>,
    /// In place of `chunks`: level and ids of id lists.
    #[n(16)]
    pub lists: Option<(u8, Joined<ChunkId>)>,
    /// Root and path of the first entry of a group of hard links.
    #[n(17)]
    pub first: Option<(u32, ByteVec)>,
}

impl Entry {
    pub fn new(root: u32, path: Vec<u8>, entry_type: EntryType) -> Self {
        Self {
            root,
            path,
            kind: entry_type.number(),
            ..Self::default()
        }
    }

    /// Another name of the same file: a hard link to this entry, with all that it has.
    pub fn linked_as(&self, root: u32, path: Vec<u8>) -> Self {
        Self {
            root,
            path,
            kind: EntryType::HardLink.number(),
            first: Some((self.root, self.path.clone().into())),
            ..self.clone()
        }
    }

    /// Where it stands in the order of the listing.
    pub fn key(&self) -> KeyRef<'_> {
        (self.root, &self.path)
    }

    pub fn entry_type(&self) -> EntryType {
        EntryType::from_number(self.kind)
    }

    /// Whether it has contents of its own.
    pub fn has_content(&self) -> bool {
        matches!(self.entry_type(), EntryType::File | EntryType::HardLink)
    }

    pub fn is_database(&self) -> bool {
        self.root == DATABASE_ROOT && self.path == DATABASE_PATH
    }
}

/// The order of paths: byte by byte, with `/` below everything else, so that a folder and all
/// beneath it are contiguous.
pub fn path_order(one: &[u8], two: &[u8]) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
    let differs = one.iter().zip(two).find(|(a, b)| a != b);
    differs.map_or(one.len().cmp(&two.len()), |(a, b)| rank(*a).cmp(&rank(*b)))
}

/// Where an entry stands in the order of a listing: root and path.
pub type KeyRef<'k> = (u32, &'k [u8]);

/// A [`KeyRef`] that outlives its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub root: u32,
    pub path: Vec<u8>,
}

impl Key {
    pub fn borrowed(&self) -> KeyRef<'_> {
        (self.root, &self.path)
    }
}

impl From<KeyRef<'_>> for Key {
    fn from((root, path): KeyRef<'_>) -> Self {
        let path = path.to_vec();
        Self { root, path }
    }
}

/// The order of entries: by root, then by path.
pub fn key_order(one: KeyRef<'_>, two: KeyRef<'_>) -> Ordering {
    one.0.cmp(&two.0).then_with(|| path_order(one.1, two.1))
}

/// Whether `path` is `folder` or lies beneath it; everything lies beneath the empty path.
pub fn is_beneath(path: &[u8], folder: &[u8]) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => folder.is_empty() || rest.first().is_none_or(|byte| *byte == b'/'),
        None => false,
    }
}

/// Refuses what could not be the path of an honest entry: empty, absolute or very long paths,
/// empty, `.` and `..` parts, zero bytes.
///
/// # Errors
/// `BadPath`.
pub fn check_path(path: &[u8]) -> Result<(), FormatError> {
    let bad_part = |part: &[u8]| matches!(part, b"" | b"." | b"..") || part.contains(&0);
    if path.len() > PATH_BYTES_MAX || path.split(|byte| *byte == b'/').any(bad_part) {
        return Err(FormatError::BadPath);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A photo may have the name of the dump, and something else may stand beside the dump.
    #[test]
    fn the_dump_is_known_by_its_root_and_its_name() {
        let entry = |root, path: &[u8]| Entry {
            root,
            path: path.to_vec(),
            ..Entry::default()
        };
        assert!(entry(DATABASE_ROOT, DATABASE_PATH).is_database());
        assert!(!entry(DATABASE_ROOT + 1, DATABASE_PATH).is_database());
        assert!(!entry(DATABASE_ROOT, b"a.jpg").is_database());
    }

    #[test]
    fn a_folder_and_all_beneath_it_are_contiguous() {
        let mut paths: Vec<&[u8]> = vec![
            b"a.jpg", b"a/b", b"a", b"a b", b"a/b/c", b"a/\x01", b"b", b"a\x01", b"A", b"a/b c",
        ];
        paths.sort_by(|one, two| path_order(one, two));
        let expected: Vec<&[u8]> = vec![
            b"A", b"a", b"a/\x01", b"a/b", b"a/b/c", b"a/b c", b"a\x01", b"a b", b"a.jpg", b"b",
        ];
        assert_eq!(paths, expected);
        assert_eq!(key_order((1, b"a"), (0, b"b")), Ordering::Greater);
    }

    #[test]
    fn beneath_means_whole_names() {
        assert!(is_beneath(b"upload/a", b"upload"));
        assert!(is_beneath(b"upload", b"upload"));
        assert!(is_beneath(b"upload", b""));
        assert!(!is_beneath(b"uploads", b"upload"));
    }

    #[test]
    fn impossible_paths_are_refused() {
        for path in [
            b"".as_slice(),
            b"/etc",
            b"a/",
            b"a//b",
            b"..",
            b"a/../b",
            b"./a",
            b"a\0b",
            &[b'a'; PATH_BYTES_MAX + 1],
        ] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        for path in [b"a".as_slice(), b"..a/b..", b"F\xff\n\\t/\x1b[31m"] {
            assert!(check_path(path).is_ok());
        }
    }

    #[test]
    fn an_entry_keeps_all_it_is_given_and_unknown_keys_are_ignored() {
        let mut entry = Entry::new(1, b"upload/\xff.jpg".to_vec(), EntryType::File);
        entry.mode = Some(0o640);
        entry.modified = Some(Timestamp::from_nanoseconds(-1));
        entry.sha1 = Some([7; 20].into());
        entry.chunks = Some(Joined(vec![ChunkId::new([1; 32]), ChunkId::new([2; 32])]));
        entry.attributes = Some(vec![(b"user.x".to_vec().into(), b"\0".to_vec().into())]);
        let bytes = super::super::cbor::encode(&entry);
        assert_eq!(super::super::cbor::decode::<Entry>(&bytes).unwrap(), entry);
        let mut more = bytes.clone();
        more[0] += 1;
        more.extend_from_slice(&[0x18, 99, 0x82, 1, 0x61, b'x']);
        assert_eq!(super::super::cbor::decode::<Entry>(&more).unwrap(), entry);
    }

    #[test]
    fn the_largest_entry_fits_a_metadata_chunk_beside_what_stands_before_it() {
        let one = ATTRIBUTES_BYTES_MAX / 1000;
        let value = vec![0; one - 1 - ATTRIBUTE_BYTES_MORE];
        let mut entry = Entry::new(u32::MAX, vec![b'p'; PATH_BYTES_MAX], EntryType::File);
        entry.mode = Some(0o7777);
        entry.owner = Some(u32::MAX);
        entry.group = Some(u32::MAX);
        entry.owner_name = Some(vec![b'n'; 1024].into());
        entry.group_name = Some(vec![b'n'; 1024].into());
        entry.inode = Some(u64::MAX);
        entry.size = Some(u64::MAX);
        entry.sha1 = Some([7; 20].into());
        entry.chunks = Some(Joined(vec![ChunkId::new([1; 32]); DIRECT_IDS_MAX]));
        let attribute = (b"x".to_vec().into(), value.into());
        entry.attributes = Some(vec![attribute; 1000]);
        let link = entry.linked_as(u32::MAX, vec![b'l'; PATH_BYTES_MAX]);
        let bytes = super::super::cbor::encode(&link).len();
        assert!(bytes <= ENTRY_BYTES_MAX, "{bytes}");
        let chunk = super::super::METADATA_PLAIN_BYTES_MAX as usize;
        assert!(ENTRY_BYTES_MAX + super::super::listing::CUT_BYTES_MAX <= chunk);
        assert_eq!(link.first, Some((u32::MAX, entry.path.clone().into())));
    }
}
