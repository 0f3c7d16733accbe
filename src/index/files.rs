//! What a file held when it was last read: so that an unchanged file is not read again. Behind the
//! ids of its chunks stands a check of all that is said of it.

use rusqlite::{OptionalExtension, params};

use super::check::{CHECK_BYTES, check, split};
use super::{Index, Result};
use crate::format::cbor::{decode, encode};
use crate::format::entry::Attribute;
use crate::id::ChunkId;
use crate::seams::Timestamp;

/// How a file looked. Two equal stamps: the file was not written to in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    pub size: u64,
    pub modified: Timestamp,
    pub changed: Timestamp,
    pub inode: u64,
}

impl FileStamp {
    /// Of a file that may have been written to again without its times telling so: equal to that
    /// of no file.
    pub const UNTRUSTED: Self = Self {
        size: 0,
        modified: Timestamp::from_nanoseconds(i64::MIN),
        changed: Timestamp::from_nanoseconds(i64::MIN),
        inode: 0,
    };
}

/// What it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedContent {
    pub sha1: [u8; 20],
    pub chunks: Vec<ChunkId>,
    /// Its extended attributes. The kernel sets the change time when they change, so that a stamp
    /// speaks for them too and an unchanged file costs no call for them. `None`: not all of them
    /// could be read, which is worth another try.
    pub attributes: Option<Vec<Attribute>>,
}

/// A row to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFile {
    /// Absolute path on this host.
    pub path: Vec<u8>,
    pub stamp: FileStamp,
    pub content: CachedContent,
}

impl Index {
    /// What is known of the file at `path`: how it looked, and what it held then.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn file(&self, path: &[u8]) -> Result<Option<(FileStamp, CachedContent)>> {
        Ok(self.files(&[path], 0)?.pop().flatten())
    }

    /// What is known of the files at these paths, in one transaction: of the first only, but at
    /// least of one, if all together takes more than `bytes_max`.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn files(
        &self,
        paths: &[&[u8]],
        bytes_max: usize,
    ) -> Result<Vec<Option<(FileStamp, CachedContent)>>> {
        let mut rows = Vec::with_capacity(paths.len());
        self.with(|connection| {
            let reading = connection.transaction()?;
            let mut statement = reading.prepare_cached(
                "SELECT size, modified, changed, inode, sha1, chunks, attributes
                 FROM files WHERE path = ?",
            )?;
            let mut bytes = 0;
            for path in paths {
                let row = statement.query_row([path], Row::of).optional()?;
                bytes += row.as_ref().map_or(0, Row::bytes);
                rows.push(row.and_then(|row| row.into_known(path)));
                if bytes >= bytes_max {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// Remembers files in one transaction; what was known of them is replaced.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn remember_files(&self, files: &[CachedFile]) -> Result<()> {
        self.insert_files("INSERT OR REPLACE", files)
    }

    /// Remembers, in one transaction, those files of which nothing is known.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn recall_files(&self, files: &[CachedFile]) -> Result<()> {
        self.insert_files("INSERT OR IGNORE", files)
    }

    fn insert_files(&self, insert: &str, files: &[CachedFile]) -> Result<()> {
        let sql = format!(
            "{insert} INTO files
                 (path, size, modified, changed, inode, sha1, chunks, attributes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        );
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached(&sql)?;
                for CachedFile {
                    path,
                    stamp,
                    content,
                } in files
                {
                    let ids = content.chunks.iter().flat_map(|id| id.as_bytes());
                    let mut chunks: Vec<u8> = ids.copied().collect();
                    // Most files have none, and most databases would be larger for saying so.
                    let attributes =
                        content
                            .attributes
                            .as_ref()
                            .map(|list| match list.is_empty() {
                                true => Vec::new(),
                                false => encode(list),
                            });
                    let check =
                        check_of(path, stamp, &content.sha1, &chunks, attributes.as_deref());
                    chunks.extend(check);
                    insert.execute(params![
                        path,
                        stamp.size,
                        stamp.modified.nanoseconds(),
                        stamp.changed.nanoseconds(),
                        stamp.inode.cast_signed(),
                        content.sha1,
                        chunks,
                        attributes
                    ])?;
                }
            }
            transaction.commit()
        })
    }

    /// Whether everything that the last snapshot of a source held was put into the cache, once.
    ///
    /// # Errors
    /// `Sqlite`.
    pub fn is_recalled(&self, source: &[u8]) -> Result<bool> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM recalled WHERE source = ?")?
                .exists([source])
        })
    }

    /// # Errors
    /// `Sqlite`.
    pub fn set_recalled(&self, source: &[u8]) -> Result<()> {
        self.with(|connection| {
            connection
                .prepare_cached("INSERT OR IGNORE INTO recalled (source) VALUES (?)")?
                .execute([source])
                .map(|_| ())
        })
    }
}

/// A row as it is stored.
struct Row {
    stamp: FileStamp,
    sha1: [u8; 20],
    chunks: Vec<u8>,
    attributes: Option<Vec<u8>>,
}

impl Row {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            stamp: FileStamp {
                size: row.get(0)?,
                modified: Timestamp::from_nanoseconds(row.get(1)?),
                changed: Timestamp::from_nanoseconds(row.get(2)?),
                inode: row.get::<_, i64>(3)?.cast_unsigned(),
            },
            sha1: row.get(4)?,
            chunks: row.get(5)?,
            attributes: row.get(6)?,
        })
    }

    fn bytes(&self) -> usize {
        self.chunks.len() + self.attributes.as_ref().map_or(0, Vec::len)
    }

    /// `None` where it is not what was written: then the file is read again.
    fn into_known(self, path: &[u8]) -> Option<(FileStamp, CachedContent)> {
        let (chunks, kept) = split(&self.chunks)?;
        let attributes = self.attributes.as_deref();
        if kept != check_of(path, &self.stamp, &self.sha1, chunks, attributes) {
            return None;
        }
        let chunks = chunks.chunks(ChunkId::LEN).map(ChunkId::from_slice);
        let attributes = self.attributes.map(|bytes| match bytes.as_slice() {
            [] => Some(Vec::new()),
            bytes => decode(bytes).ok(),
        });
        let content = CachedContent {
            sha1: self.sha1,
            chunks: chunks.collect::<Option<_>>()?,
            attributes: match attributes {
                Some(attributes) => Some(attributes?),
                None => None,
            },
        };
        Some((self.stamp, content))
    }
}

fn check_of(
    path: &[u8],
    stamp: &FileStamp,
    sha1: &[u8; 20],
    chunks: &[u8],
    attributes: Option<&[u8]>,
) -> [u8; CHECK_BYTES] {
    check(&[
        path,
        &stamp.size.to_le_bytes(),
        &stamp.modified.nanoseconds().to_le_bytes(),
        &stamp.changed.nanoseconds().to_le_bytes(),
        &stamp.inode.to_le_bytes(),
        sha1,
        chunks,
        attributes.map_or(&[0][..], |_| &[1]),
        attributes.unwrap_or_default(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_remembered_and_replaced() {
        let index = Index::in_memory().unwrap();
        let stamp = FileStamp {
            size: 3,
            modified: Timestamp::from_nanoseconds(-5),
            changed: Timestamp::from_nanoseconds(7),
            inode: u64::MAX,
        };
        let content = CachedContent {
            sha1: [1; 20],
            chunks: vec![ChunkId::new([2; 32])],
            attributes: Some(vec![(b"user.x".to_vec().into(), b"\0".to_vec().into())]),
        };
        let file = CachedFile {
            path: b"/photos/\xff".to_vec(),
            stamp,
            content: content.clone(),
        };
        index.remember_files(std::slice::from_ref(&file)).unwrap();
        assert_eq!(index.file(&file.path).unwrap(), Some((stamp, content)));
        assert_eq!(index.file(b"/photos").unwrap(), None);
        let both = [file.path.as_slice(), b"/photos"];
        assert_eq!(index.files(&both, 1000).unwrap().len(), 2);
        assert_eq!(index.files(&both, 1).unwrap().len(), 1, "one has so much");
        let empty = CachedContent {
            sha1: [0; 20],
            chunks: vec![],
            attributes: Some(vec![]),
        };
        let newer = CachedFile {
            content: empty.clone(),
            ..file.clone()
        };
        index.remember_files(&[newer]).unwrap();
        assert_eq!(
            index.file(&file.path).unwrap(),
            Some((stamp, empty.clone()))
        );
        let unread = CachedContent {
            attributes: None,
            ..empty
        };
        let newest = CachedFile {
            content: unread.clone(),
            ..file.clone()
        };
        index.remember_files(&[newest]).unwrap();
        assert_eq!(index.file(&file.path).unwrap(), Some((stamp, unread)));
    }
}
