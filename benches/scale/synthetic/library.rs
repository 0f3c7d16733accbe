//! What the synthetic library holds: files of five chunks, night by night.

use offsite::crypto::WriterKey;
use offsite::format::cbor::Joined;
use offsite::format::entry::{Entry, EntryType};
use offsite::id::ChunkId;
use offsite::seams::Timestamp;
use sha1::{Digest, Sha1};

use super::Result;

/// The root of the only folder.
pub const ROOT: u32 = 10;
/// Chunks of a file.
const CHUNKS: u64 = 5;
/// Files of a folder.
const FOLDER_FILES: u64 = 500;

pub struct Library<'l> {
    writer: &'l WriterKey,
    files: u64,
    chunk_bytes: u64,
}

impl<'l> Library<'l> {
    pub fn new(writer: &'l WriterKey, files: u64, chunk_bytes: u64) -> Self {
        Self {
            writer,
            files,
            chunk_bytes,
        }
    }

    /// All chunks that any of the nights has, in the order in which they were stored.
    pub fn each_chunk(
        &self,
        nights: u64,
        take: &mut dyn FnMut(ChunkId, &[u8]) -> Result,
    ) -> Result {
        for chunk in 0..(self.files + nights) * CHUNKS {
            let content = chunk.to_le_bytes();
            take(self.writer.content_id(&content), &content)?;
        }
        Ok(())
    }

    /// The listing of a night, in its order. Each night another file has changed.
    pub fn each_entry(&self, night: u64, take: &mut dyn FnMut(&Entry) -> Result) -> Result {
        let changed = night * 7919 % self.files;
        let top = "srv/photos";
        take(&folder(top.to_owned()))?;
        for file in 0..self.files {
            let beneath = format!("{top}/{:05}", file / FOLDER_FILES);
            if file % FOLDER_FILES == 0 {
                take(&folder(beneath.clone()))?;
            }
            if night > 0 && self.went_after_the_first(file) {
                continue;
            }
            let content = match file == changed {
                true => self.files + night,
                false => file,
            };
            take(&self.file(format!("{beneath}/IMG_{file:07}.jpg"), file, content))?;
        }
        Ok(())
    }

    fn went_after_the_first(&self, file: u64) -> bool {
        let fifth = self.files / 5;
        file < fifth && file % 2 == 1 || (fifth..fifth + self.files / 20).contains(&file)
    }

    fn file(&self, path: String, number: u64, content: u64) -> Entry {
        let mut entry = Entry::new(ROOT, path.into_bytes(), EntryType::File);
        entry.mode = Some(0o644);
        (entry.owner, entry.group) = (Some(1000), Some(1000));
        let time = Timestamp::from_seconds(1_600_000_000 + number as i64);
        (entry.modified, entry.changed) = (Some(time), Some(time));
        entry.inode = Some(number + 100);
        entry.size = Some(CHUNKS * self.chunk_bytes);
        let (mut ids, mut sha1) = (Vec::new(), Sha1::new());
        for chunk in content * CHUNKS..(content + 1) * CHUNKS {
            let bytes = chunk.to_le_bytes();
            sha1.update(bytes);
            ids.push(self.writer.content_id(&bytes));
        }
        let sha1: [u8; 20] = sha1.finalize().into();
        entry.sha1 = Some(sha1.into());
        entry.chunks = Some(Joined(ids));
        entry
    }
}

fn folder(path: String) -> Entry {
    let mut entry = Entry::new(ROOT, path.into_bytes(), EntryType::Folder);
    entry.mode = Some(0o755);
    entry
}
