//! Trees of files: made, taken down, and held against each other.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// One thing in a tree: all that a restore has to bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `file`, `folder`, `link`, or what else it is.
    pub kind: &'static str,
    /// Size in bytes and BLAKE3 of a file's content, or where a link points to.
    pub content: String,
    /// Permissions, as `chmod` takes them; of a link 0.
    pub mode: u32,
    /// Seconds since 1970 and the nanoseconds after them.
    pub modified: (i64, i64),
}

/// Everything at and beneath `root`, by its path relative to it; the root itself is "".
pub fn tree(root: &Path) -> BTreeMap<Vec<u8>, Node> {
    let mut nodes = BTreeMap::new();
    visit(root, Vec::new(), &mut nodes);
    nodes
}

fn visit(path: &Path, name: Vec<u8>, nodes: &mut BTreeMap<Vec<u8>, Node>) {
    let metadata =
        fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file_type = metadata.file_type();
    let mut mode = metadata.mode() & 0o7777;
    let (kind, content) = if file_type.is_file() {
        let bytes = fs::read(path).expect("a file");
        let hash = blake3::hash(&bytes).to_hex();
        ("file", format!("{} bytes {}", bytes.len(), &hash[..16]))
    } else if file_type.is_symlink() {
        mode = 0;
        let target = fs::read_link(path).expect("a link");
        (
            "link",
            target.as_os_str().as_bytes().escape_ascii().to_string(),
        )
    } else if file_type.is_dir() {
        ("folder", String::new())
    } else {
        ("something else", String::new())
    };
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    let node = Node {
        kind,
        content,
        mode,
        modified,
    };
    if file_type.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            let entry = entry.expect("a name");
            let mut inner = name.clone();
            if !inner.is_empty() {
                inner.push(b'/');
            }
            inner.extend_from_slice(entry.file_name().as_bytes());
            visit(&entry.path(), inner, nodes);
        }
    }
    nodes.insert(name, node);
}

/// Both trees must hold the same names with the same content, permissions, times and links.
#[track_caller]
pub fn assert_same(expected: &Path, found: &Path) {
    let differences = differences(&tree(expected), &tree(found));
    assert!(
        differences.is_empty(),
        "{} differs from {}:\n{}",
        found.display(),
        expected.display(),
        differences.join("\n")
    );
}

/// In words, one a line; empty when they are the same.
pub fn differences(
    expected: &BTreeMap<Vec<u8>, Node>,
    found: &BTreeMap<Vec<u8>, Node>,
) -> Vec<String> {
    let mut words = Vec::new();
    for (name, node) in expected {
        let shown = name.escape_ascii();
        match found.get(name) {
            None => words.push(format!("\"{shown}\" is missing")),
            Some(other) if other != node => {
                words.push(format!("\"{shown}\" is {other:?}, not {node:?}"));
            }
            Some(_) => {}
        }
    }
    let more = found.keys().filter(|name| !expected.contains_key(*name));
    words.extend(more.map(|name| format!("\"{}\" should not be there", name.escape_ascii())));
    words
}

/// A name or path of any bytes.
pub fn name(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// As `chmod`.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions are set");
}

/// Sets the time of a file or folder: seconds since 1970, which may be negative, and the nanoseconds
/// after them.
pub fn set_modified(path: &Path, (seconds, nanoseconds): (i64, u32)) {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 {
        SystemTime::UNIX_EPOCH - whole
    } else {
        SystemTime::UNIX_EPOCH + whole
    };
    let time = second + Duration::from_nanos(nanoseconds.into());
    let file = File::open(path).expect("a file");
    file.set_times(FileTimes::new().set_modified(time))
        .expect("a time is set");
}

/// So many bytes that nobody can compress, always the same for the same `seed`.
pub fn noise(seed: &str, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(seed.as_bytes());
    hasher.finalize_xof().fill(&mut noise);
    noise
}
