//! The entries of a listing, from what the source says.

use crate::format::entry::{DATABASE_PATH, DATABASE_ROOT, Entry, EntryType};
use crate::id::ChunkId;
use crate::ops::pipeline::Content;
use crate::source::{Found, Kind, Metadata, Owners};

/// An entry without content. `metadata` may be newer than what the walk saw.
pub fn entry_of(found: &Found, metadata: &Metadata, owners: &Owners) -> Entry {
    let entry_type = match found.kind {
        Kind::File => EntryType::File,
        Kind::Folder => EntryType::Folder,
        Kind::Link { .. } => EntryType::Link,
    };
    let mut entry = Entry::new(found.root, found.path.clone(), entry_type);
    entry.mode = Some(metadata.mode);
    entry.owner = Some(metadata.uid);
    entry.group = Some(metadata.gid);
    entry.owner_name = owners.user(metadata.uid).map(Into::into);
    entry.group_name = owners.group(metadata.gid).map(Into::into);
    entry.modified = Some(metadata.modified);
    entry.changed = Some(metadata.changed);
    entry.inode = Some(metadata.inode);
    entry
}

/// The entry of a file, whose chunks go beside it.
pub fn file_entry(found: &Found, metadata: &Metadata, owners: &Owners, sha1: [u8; 20]) -> Entry {
    let mut entry = entry_of(found, metadata, owners);
    entry.size = Some(metadata.size);
    entry.sha1 = Some(sha1.into());
    entry
}

/// The entry of the database dump.
pub fn dump_entry(content: &Content) -> (Entry, Vec<ChunkId>) {
    let mut entry = Entry::new(DATABASE_ROOT, DATABASE_PATH.to_vec(), EntryType::File);
    entry.mode = Some(0o600);
    entry.size = Some(content.bytes);
    entry.sha1 = Some(content.sha1.into());
    (entry, content.chunks.clone())
}
