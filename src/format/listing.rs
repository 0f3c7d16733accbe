//! Metadata chunks: leaves, nodes, id lists, problem lists, each begun by a role byte that the
//! reader demands (format.md §8). One mistaken for another is how metadata has been forged
//! elsewhere.

use std::cmp::Ordering;

use minicbor::bytes::ByteVec;
use minicbor::{Decoder, Encoder};

use super::FormatError;
use super::cbor::encode;
use super::entry::{Entry, Key, KeyRef, check_path, key_order};
use crate::id::ChunkId;

/// A leaf or node may end from so many bytes on …
pub const CUT_BYTES_MIN: usize = 64 * 1024;
/// … and must end at so many.
pub const CUT_BYTES_MAX: usize = 256 * 1024;
/// Deepest listing and id list.
pub const LEVEL_MAX: u8 = 8;
pub const ID_LIST_LEVEL_MAX: u8 = 4;
const ID_LIST_MIN: usize = 256;
const ID_LIST_MAX: usize = 4096;

const LEAF: u8 = 1;
const NODE: u8 = 2;
const ID_LIST: u8 = 3;
const PROBLEM_LIST: u8 = 4;

/// An empty leaf, to which entries are appended.
pub fn begin_leaf() -> Vec<u8> {
    vec![LEAF]
}

pub fn append_entry(leaf: &mut Vec<u8>, entry: &Entry) {
    leaf.extend_from_slice(&encode(entry));
}

/// An empty node of a level from 1 on, to which children are appended.
pub fn begin_node(level: u8) -> Vec<u8> {
    vec![NODE, level]
}

pub fn append_child(node: &mut Vec<u8>, child: &Child) {
    node.extend_from_slice(&encode(&(
        child.key.root,
        ByteVec::from(child.key.path.clone()),
        child.id,
    )));
}

/// A child of a node: the key of the first entry beneath it, and its chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    pub key: Key,
    pub id: ChunkId,
}

impl Child {
    pub fn key(&self) -> KeyRef<'_> {
        self.key.borrowed()
    }
}

/// All entries of a leaf, in ascending order.
///
/// # Errors
/// `WrongRole`, `Cbor`, `BadPath`, `OutOfOrder`.
pub fn decode_leaf(bytes: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut decoder = Decoder::new(strip_role(bytes, &[LEAF])?);
    while decoder.position() < decoder.input().len() {
        let entry: Entry = decoder.decode()?;
        check_path(&entry.path)?;
        check_order(entries.last().map(Entry::key), entry.key())?;
        entries.push(entry);
    }
    Ok(entries)
}

/// All children of a node of that level, in ascending order; never none.
///
/// # Errors
/// `WrongRole`, `Cbor`, `BadPath`, `OutOfOrder`, `Contradiction`.
pub fn decode_node(bytes: &[u8], level: u8) -> Result<Vec<Child>, FormatError> {
    let mut children: Vec<Child> = Vec::new();
    let mut decoder = Decoder::new(strip_role(bytes, &[NODE, level])?);
    while decoder.position() < decoder.input().len() {
        let (root, path, id): (u32, ByteVec, ChunkId) = decoder.decode()?;
        check_path(&path)?;
        check_order(children.last().map(Child::key), (root, &path))?;
        let path = path.into();
        let key = Key { root, path };
        children.push(Child { key, id });
    }
    if children.is_empty() {
        return Err(FormatError::Contradiction {
            what: "a node without children",
        });
    }
    Ok(children)
}

/// An id list of a level from 1 on.
pub fn encode_id_list(level: u8, ids: &[ChunkId]) -> Vec<u8> {
    let mut bytes = vec![ID_LIST, level];
    ids.iter()
        .for_each(|id| bytes.extend_from_slice(id.as_bytes()));
    bytes
}

/// # Errors
/// `WrongRole`, `Contradiction` when it is empty or does not end with a whole id.
pub fn decode_id_list(bytes: &[u8], level: u8) -> Result<Vec<ChunkId>, FormatError> {
    let joined = strip_role(bytes, &[ID_LIST, level])?;
    let ids: Option<Vec<_>> = joined
        .chunks(ChunkId::LEN)
        .map(ChunkId::from_slice)
        .collect();
    let wrong = FormatError::Contradiction {
        what: "the length of an id list",
    };
    ids.filter(|ids| !ids.is_empty()).ok_or(wrong)
}

/// How many of `ids` the next id list takes: cut by content, so that equal runs make equal lists.
pub fn id_list_length(ids: &[ChunkId]) -> usize {
    let is_cut = |id: &ChunkId| {
        let [low, high, ..] = *id.as_bytes();
        u16::from_le_bytes([low, high]) & 0x03ff == 0
    };
    let free = ids.iter().take(ID_LIST_MAX).skip(ID_LIST_MIN - 1);
    let cut = free
        .clone()
        .position(is_cut)
        .map(|place| place + ID_LIST_MIN);
    cut.unwrap_or(ids.len().min(ID_LIST_MAX))
}

/// Something of the source that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub root: u32,
    pub path: Vec<u8>,
    pub error: String,
}

pub fn begin_problem_list() -> Vec<u8> {
    vec![PROBLEM_LIST]
}

pub fn append_problem(list: &mut Vec<u8>, problem: &Problem) {
    let path = ByteVec::from(problem.path.clone());
    // Writing to a vector cannot fail.
    let _ = Encoder::new(list).encode((problem.root, path, problem.error.as_str()));
}

/// # Errors
/// `WrongRole`, `Cbor`.
pub fn decode_problem_list(bytes: &[u8]) -> Result<Vec<Problem>, FormatError> {
    let mut problems = Vec::new();
    let mut decoder = Decoder::new(strip_role(bytes, &[PROBLEM_LIST])?);
    while decoder.position() < decoder.input().len() {
        let (root, path, error): (u32, ByteVec, String) = decoder.decode()?;
        problems.push(Problem {
            root,
            path: path.into(),
            error,
        });
    }
    Ok(problems)
}

fn strip_role<'a>(bytes: &'a [u8], role: &[u8]) -> Result<&'a [u8], FormatError> {
    bytes.strip_prefix(role).ok_or(FormatError::WrongRole)
}

/// # Errors
/// `OutOfOrder` unless `next` comes after `last`.
pub fn check_order(last: Option<KeyRef<'_>>, next: KeyRef<'_>) -> Result<(), FormatError> {
    match last {
        Some(last) if key_order(last, next) != Ordering::Less => Err(FormatError::OutOfOrder),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::EntryType;
    use super::*;

    fn leaf(paths: &[&[u8]]) -> Vec<u8> {
        let mut leaf = begin_leaf();
        for path in paths {
            append_entry(&mut leaf, &Entry::new(1, path.to_vec(), EntryType::Folder));
        }
        leaf
    }

    #[test]
    fn leaves_keep_order_and_refuse_disorder() {
        let names: Vec<_> = decode_leaf(&leaf(&[b"a", b"a/b", b"a.b"])).unwrap();
        assert_eq!(names.len(), 3);
        assert_eq!(
            decode_leaf(&leaf(&[b"b", b"a"])),
            Err(FormatError::OutOfOrder)
        );
        assert_eq!(
            decode_leaf(&leaf(&[b"a", b"a"])),
            Err(FormatError::OutOfOrder)
        );
        assert_eq!(decode_leaf(&leaf(&[b"../a"])), Err(FormatError::BadPath));
        assert_eq!(decode_leaf(&leaf(&[])), Ok(vec![]));
    }

    #[test]
    fn every_role_is_demanded() {
        let child = Child {
            key: Key {
                root: 1,
                path: b"a".to_vec(),
            },
            id: ChunkId::new([1; 32]),
        };
        let mut node = begin_node(1);
        append_child(&mut node, &child);
        assert_eq!(decode_node(&node, 1), Ok(vec![child]));
        assert_eq!(decode_node(&node, 2), Err(FormatError::WrongRole));
        assert_eq!(decode_leaf(&node), Err(FormatError::WrongRole));
        let list = encode_id_list(1, &[ChunkId::new([1; 32])]);
        assert_eq!(decode_node(&list, 1), Err(FormatError::WrongRole));
        assert_eq!(decode_id_list(&list, 1).unwrap().len(), 1);
        assert!(decode_id_list(&list, 2).is_err());
        assert!(decode_id_list(&list[..20], 1).is_err());
        assert!(decode_problem_list(&list).is_err());
    }

    #[test]
    fn id_lists_are_cut_by_content() {
        let id = |number: u32| ChunkId::new(*blake3::hash(&number.to_le_bytes()).as_bytes());
        let ids: Vec<_> = (0..20_000).map(id).collect();
        let cuts = |mut ids: &[ChunkId]| {
            let mut cuts = Vec::new();
            while !ids.is_empty() {
                let length = id_list_length(ids);
                assert!((1..=ID_LIST_MAX).contains(&length));
                cuts.push(ids[length - 1]);
                ids = &ids[length..];
            }
            cuts
        };
        // The first id, from the least length on, of whose first 10 bits none is set.
        let is_cut = |id: &ChunkId| id.as_bytes()[0] == 0 && id.as_bytes()[1] & 3 == 0;
        let free = ids.iter().enumerate().skip(ID_LIST_MIN - 1);
        let place = free.clone().find(|(_, id)| is_cut(id)).unwrap().0;
        assert!(place + 1 < ID_LIST_MAX, "ids that tell something");
        assert_eq!(id_list_length(&ids), place + 1);
        let before = cuts(&ids);
        let after = cuts(&ids[1..]);
        assert!(before.len() > 5 && after.iter().filter(|cut| before.contains(cut)).count() > 3);
    }

    #[test]
    fn problems_go_there_and_back() {
        let problem = Problem {
            root: 2,
            path: b"\xff".to_vec(),
            error: "denied".to_owned(),
        };
        let mut list = begin_problem_list();
        append_problem(&mut list, &problem);
        append_problem(&mut list, &problem);
        assert_eq!(
            decode_problem_list(&list).unwrap(),
            [problem.clone(), problem]
        );
    }
}
