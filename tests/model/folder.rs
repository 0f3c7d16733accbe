//! The model of a folder, and what was seen of one in a listing or on disk, in one form.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use offsite::format::entry::{Entry, EntryType};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use sha1::{Digest, Sha1};

/// A path beneath the folder; the folder itself is empty.
pub type Name = Vec<u8>;

/// Seconds since 1970, and nanoseconds.
pub type Time = (i64, i64);

/// A file, whatever number of names it has.
#[derive(Debug, Clone)]
pub struct File {
    pub content: Vec<u8>,
    pub mode: u32,
    pub modified: Time,
}

#[derive(Debug, Clone)]
pub enum Node {
    /// A number in [`Folder::inodes`].
    File(usize),
    Folder {
        mode: u32,
        modified: Time,
    },
    Link {
        target: Vec<u8>,
        modified: Time,
    },
}

/// The model, and where the real folder is.
pub struct Folder {
    root: PathBuf,
    pub nodes: BTreeMap<Name, Node>,
    pub inodes: BTreeMap<usize, File>,
    next: usize,
    /// Folders whose time the system changed, which are given the model's time before a backup.
    stirred: BTreeSet<Name>,
}

impl Folder {
    pub fn new(root: &Path) -> Self {
        fs::create_dir(root).unwrap();
        let top = Node::Folder {
            mode: 0o755,
            modified: (1, 1),
        };
        let root = root.to_path_buf();
        Self {
            root,
            nodes: BTreeMap::from([(Name::new(), top)]),
            inodes: BTreeMap::new(),
            next: 0,
            stirred: BTreeSet::from([Name::new()]),
        }
    }

    pub fn at(&self, name: &[u8]) -> PathBuf {
        if name.is_empty() {
            return self.root.clone();
        }
        self.root.join(OsStr::from_bytes(name))
    }

    /// Names of files, those of several names included.
    pub fn files(&self) -> usize {
        let is_file = |node: &&Node| matches!(node, Node::File(_));
        self.nodes.values().filter(is_file).count()
    }

    pub fn stir(&mut self, name: &[u8]) {
        self.stirred.insert(parent(name));
    }

    pub fn make_file(&mut self, name: Name, file: File) {
        fs::write(self.at(&name), &file.content).unwrap();
        self.stir(&name);
        self.next += 1;
        self.nodes.insert(name.clone(), Node::File(self.next));
        self.inodes.insert(self.next, file);
        self.dress_file(&name);
    }

    /// Brings mode and time of a file on disk in line with the model.
    pub fn dress_file(&self, name: &[u8]) {
        let Some(Node::File(inode)) = self.nodes.get(name) else {
            panic!("{} is no file", name.escape_ascii());
        };
        let file = &self.inodes[inode];
        let mode = fs::Permissions::from_mode(file.mode);
        fs::set_permissions(self.at(name), mode).unwrap();
        set_time(&self.at(name), file.modified);
    }

    pub fn make_folder(&mut self, name: Name, mode: u32, modified: Time) {
        fs::create_dir(self.at(&name)).unwrap();
        self.stir(&name);
        self.stirred.insert(name.clone());
        self.nodes.insert(name, Node::Folder { mode, modified });
    }

    pub fn make_link(&mut self, name: Name, target: Vec<u8>, modified: Time) {
        symlink(OsStr::from_bytes(&target), self.at(&name)).unwrap();
        set_time(&self.at(&name), modified);
        self.stir(&name);
        self.nodes.insert(name, Node::Link { target, modified });
    }

    /// Removes a name and all beneath it.
    pub fn remove(&mut self, name: &[u8]) {
        match self.nodes[name] {
            Node::Folder { .. } => fs::remove_dir_all(self.at(name)).unwrap(),
            _ => fs::remove_file(self.at(name)).unwrap(),
        }
        self.stir(name);
        for name in self.beneath(name) {
            self.nodes.remove(&name);
            self.stirred.remove(&name);
        }
        let names = self.nodes.values();
        let used: BTreeSet<usize> = names
            .filter_map(|node| match node {
                Node::File(inode) => Some(*inode),
                _ => None,
            })
            .collect();
        self.inodes.retain(|inode, _| used.contains(inode));
    }

    /// Renames, also over a file or link that is there.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        fs::rename(self.at(from), self.at(to)).unwrap();
        self.stir(from);
        self.stir(to);
        for name in self.beneath(from) {
            let new = [to, &name[from.len()..]].concat();
            let node = self.nodes.remove(&name).unwrap();
            if self.stirred.remove(&name) {
                self.stirred.insert(new.clone());
            }
            self.nodes.insert(new, node);
        }
    }

    /// A name and all beneath it.
    pub fn beneath(&self, name: &[u8]) -> Vec<Name> {
        let inner = [name, b"/"].concat();
        let names = self.nodes.keys();
        names
            .filter(|it| it.as_slice() == name || it.starts_with(&inner))
            .cloned()
            .collect()
    }

    /// After the changes of a day: folders get the times that the model has.
    pub fn settle(&mut self) {
        for name in std::mem::take(&mut self.stirred) {
            if let Some(Node::Folder { mode, modified }) = self.nodes.get(&name) {
                let permissions = fs::Permissions::from_mode(*mode);
                fs::set_permissions(self.at(&name), permissions).unwrap();
                set_time(&self.at(&name), *modified);
            }
        }
    }

    /// What a backup must show, and a restore bring.
    pub fn expected(&self) -> Seen {
        let mut names: BTreeMap<usize, Vec<&Name>> = BTreeMap::new();
        for (name, node) in &self.nodes {
            if let Node::File(inode) = node {
                names.entry(*inode).or_default().push(name);
            }
        }
        let mut seen = Seen::new(&self.root);
        for (name, node) in &self.nodes {
            let line = match node {
                Node::Folder { mode, modified } => folder_line(*mode, *modified),
                Node::Link { target, modified } => link_line(target, *modified),
                Node::File(inode) => {
                    let group = &names[inode];
                    let first = group.iter().min_by_key(|name| in_order(name)).unwrap();
                    let file = &self.inodes[inode];
                    let sha1: [u8; 20] = Sha1::digest(&file.content).into();
                    let first = (*first != name).then_some(first.as_slice());
                    let size = file.content.len() as u64;
                    file_line(size, sha1, file.mode, file.modified, first)
                }
            };
            seen.lines.insert(name.clone(), line);
        }
        seen
    }
}

/// One line of text a name: enough to tell what differs.
pub struct Seen {
    above: Vec<u8>,
    lines: BTreeMap<Name, String>,
}

impl Seen {
    /// `above`: what stands before every name in a snapshot.
    pub fn new(above: &Path) -> Self {
        let above = above.strip_prefix("/").unwrap();
        Self {
            above: above.as_os_str().as_bytes().to_vec(),
            lines: BTreeMap::new(),
        }
    }

    fn inner(&self, path: &[u8]) -> Name {
        let inner = path.strip_prefix(self.above.as_slice()).unwrap();
        inner.strip_prefix(b"/").unwrap_or(inner).to_vec()
    }

    /// An entry of a listing.
    pub fn add(&mut self, entry: &Entry) {
        let modified = entry.modified.unwrap();
        let nanoseconds = modified.nanoseconds() - modified.seconds() * 1_000_000_000;
        let (mode, modified) = (entry.mode.unwrap(), (modified.seconds(), nanoseconds));
        let line = match entry.entry_type() {
            EntryType::Folder => folder_line(mode, modified),
            EntryType::Link => link_line(entry.target.as_ref().unwrap(), modified),
            EntryType::File | EntryType::HardLink => {
                let first = entry.first.as_ref().map(|(_, path)| self.inner(path));
                let sha1: [u8; 20] = entry.sha1.unwrap().into();
                let size = entry.size.unwrap();
                file_line(size, sha1, mode, modified, first.as_deref())
            }
            EntryType::Unknown(number) => format!("of type {number}"),
        };
        let name = self.inner(&entry.path);
        assert!(self.lines.insert(name, line).is_none(), "twice: {entry:?}");
    }

    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, line) in &self.lines {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(line.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// In words, the first twenty.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let names: BTreeSet<&Name> = self.lines.keys().chain(expected.lines.keys()).collect();
        let of = |seen: &Self, name: &Name| seen.lines.get(name).cloned().unwrap_or_default();
        let pairs = names
            .into_iter()
            .map(|name| (name, of(self, name), of(expected, name)));
        pairs
            .filter(|(_, found, wanted)| found != wanted)
            .map(|(name, found, wanted)| {
                format!("{}: '{found}', not '{wanted}'", name.escape_ascii())
            })
            .take(20)
            .collect()
    }
}

/// What lies on disk in a restored folder.
pub fn restored(root: &Path) -> Seen {
    let (mut seen, mut names) = (Seen::new(root), BTreeMap::<u64, Vec<Name>>::new());
    let mut files = Vec::new();
    let mut folders = vec![Name::new()];
    let at = |name: &[u8]| match name {
        b"" => root.to_path_buf(),
        name => root.join(OsStr::from_bytes(name)),
    };
    let time = |stat: &fs::Metadata| (stat.mtime(), stat.mtime_nsec());
    while let Some(folder) = folders.pop() {
        let stat = fs::symlink_metadata(at(&folder)).unwrap();
        let line = folder_line(stat.mode() & 0o7777, time(&stat));
        seen.lines.insert(folder.clone(), line);
        for inner in fs::read_dir(at(&folder)).unwrap() {
            let inner = inner.unwrap();
            let mut name = folder.clone();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(inner.file_name().as_bytes());
            let stat = inner.metadata().unwrap();
            if stat.is_dir() {
                folders.push(name);
            } else if stat.is_symlink() {
                let target = fs::read_link(inner.path()).unwrap();
                let line = link_line(target.as_os_str().as_bytes(), time(&stat));
                seen.lines.insert(name, line);
            } else {
                names.entry(stat.ino()).or_default().push(name.clone());
                files.push((name, stat));
            }
        }
    }
    for (name, stat) in files {
        let sha1: [u8; 20] = Sha1::digest(fs::read(at(&name)).unwrap()).into();
        let group = &names[&stat.ino()];
        let first = group.iter().min_by_key(|name| in_order(name)).unwrap();
        let first = (*first != name).then_some(first.as_slice());
        let line = file_line(stat.size(), sha1, stat.mode() & 0o7777, time(&stat), first);
        seen.lines.insert(name, line);
    }
    seen
}

pub fn parent(name: &[u8]) -> Name {
    let end = name.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    name[..end].to_vec()
}

/// The order of a listing: `/` below every other byte.
fn in_order(name: &[u8]) -> Name {
    let lower = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    name.iter().map(lower).collect()
}

fn folder_line(mode: u32, modified: Time) -> String {
    format!("folder {mode:o} {modified:?}")
}

fn link_line(target: &[u8], modified: Time) -> String {
    format!("link to {} {modified:?}", target.escape_ascii())
}

fn file_line(size: u64, sha1: [u8; 20], mode: u32, modified: Time, first: Option<&[u8]>) -> String {
    let sha1: String = sha1.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut line = format!("file of {size} bytes {sha1} {mode:o} {modified:?}");
    if let Some(first) = first {
        line += &format!(", which is {}", first.escape_ascii());
    }
    line
}

pub fn set_time(path: &Path, (tv_sec, tv_nsec): Time) {
    let time = Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}
