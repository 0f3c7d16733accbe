//! What happens to a folder from one night to the next, drawn from a seed.

use std::fs;
use std::io::Write;

use super::folder::{File, Folder, Name, Node, Time};

/// SplitMix64: the same days from the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn time(&mut self) -> Time {
        // From before 1970 to 2033.
        let seconds = self.below(2_100_000_000) as i64 - 100_000_000;
        (seconds, self.below(1_000_000_000) as i64)
    }

    fn mode(&mut self) -> u32 {
        [0o600, 0o640, 0o644, 0o606, 0o755][self.below(5)]
    }

    fn content(&mut self) -> Vec<u8> {
        let bytes = match self.below(400) {
            // Several chunks, the rarest of all.
            0 => 500_000 + self.below(1_500_000),
            1..40 => 0,
            _ => self.below(3_000),
        };
        self.noise(bytes)
    }

    fn noise(&mut self, bytes: usize) -> Vec<u8> {
        let mut noise = vec![0; bytes];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.next().to_le_bytes());
        hasher.finalize_xof().fill(&mut noise);
        noise
    }

    fn file(&mut self) -> File {
        File {
            content: self.content(),
            mode: self.mode(),
            modified: self.time(),
        }
    }

    /// A name that is not there yet, in some folder.
    fn new_name(&mut self, folder: &Folder) -> Name {
        let mut name = self.folder(folder);
        if !name.is_empty() {
            name.push(b'/');
        }
        let number = self.next();
        let tail = match self.below(12) {
            0 => format!("\u{e9}t\u{e9} {number}").into_bytes(),
            1 => [b"\xff\xfe".as_slice(), &number.to_string().into_bytes()].concat(),
            2 => format!("two\nlines{number}").into_bytes(),
            // Beside a folder of the same beginning: the order of names.
            3 => format!("a.b-{number}").into_bytes(),
            _ => format!("IMG_{}.jpg", number % 1_000_000_007).into_bytes(),
        };
        name.extend(tail);
        match folder.nodes.contains_key(&name) {
            true => self.new_name(folder),
            false => name,
        }
    }

    fn pick(&mut self, folder: &Folder, wanted: fn(&Node) -> bool) -> Option<Name> {
        let nodes = folder.nodes.iter();
        let them: Vec<&Name> = nodes
            .filter(|(_, node)| wanted(node))
            .map(|(name, _)| name)
            .collect();
        let place = self.below(them.len().max(1));
        them.get(place).map(|name| (*name).clone())
    }

    fn folder(&mut self, folder: &Folder) -> Name {
        self.pick(folder, |node| matches!(node, Node::Folder { .. }))
            .unwrap()
    }

    fn file_name(&mut self, folder: &Folder) -> Name {
        self.pick(folder, |node| matches!(node, Node::File(_)))
            .unwrap()
    }

    /// A folder that is not too much to lose.
    fn small_folder(&mut self, folder: &Folder) -> Option<Name> {
        let name = self.folder(folder);
        (!name.is_empty() && folder.beneath(&name).len() < 200).then_some(name)
    }
}

/// The first day.
pub fn fill(folder: &mut Folder, dice: &mut Dice, files: usize) {
    for _ in 0..120 {
        let name = dice.new_name(folder);
        let time = dice.time();
        folder.make_folder(name, 0o755, time);
    }
    for _ in 0..files {
        let (name, file) = (dice.new_name(folder), dice.file());
        folder.make_file(name, file);
    }
}

/// One change; gives its name.
pub fn change(folder: &mut Folder, dice: &mut Dice) -> &'static str {
    match dice.below(20) {
        0..3 => {
            let (name, file) = (dice.new_name(folder), dice.file());
            folder.make_file(name, file);
            "add"
        }
        3..6 => change_content(folder, dice),
        6 => {
            let (from, to) = (dice.file_name(folder), dice.new_name(folder));
            folder.rename(&from, &to);
            "rename"
        }
        7 => rename_over(folder, dice),
        8 => rename_folder(folder, dice),
        9 | 10 => {
            let name = dice.file_name(folder);
            folder.remove(&name);
            "remove"
        }
        11 => {
            if let Some(name) = dice.small_folder(folder) {
                folder.remove(&name);
            }
            "remove a folder"
        }
        12 => {
            let (name, time) = (dice.file_name(folder), dice.time());
            file_of(folder, &name).modified = time;
            folder.dress_file(&name);
            "touch"
        }
        13 => change_mode(folder, dice),
        14 | 15 => {
            let (old, new) = (dice.file_name(folder), dice.new_name(folder));
            fs::hard_link(folder.at(&old), folder.at(&new)).unwrap();
            folder.stir(&new);
            let node = folder.nodes[&old].clone();
            folder.nodes.insert(new, node);
            "give a second name"
        }
        16 => {
            let (name, time) = (dice.new_name(folder), dice.time());
            let target = dice.file_name(folder);
            folder.make_link(name, target, time);
            "link"
        }
        17 => file_becomes_folder(folder, dice),
        18 => {
            if let Some(name) = dice.small_folder(folder) {
                folder.remove(&name);
                let file = dice.file();
                folder.make_file(name, file);
            }
            "replace a folder by a file"
        }
        _ => {
            let (name, time) = (dice.file_name(folder), dice.time());
            folder.remove(&name);
            folder.make_link(name, b"../elsewhere\xff".to_vec(), time);
            "replace a file by a link"
        }
    }
}

fn file_of<'f>(folder: &'f mut Folder, name: &[u8]) -> &'f mut File {
    match folder.nodes[name] {
        Node::File(inode) => folder.inodes.get_mut(&inode).unwrap(),
        _ => panic!("{} is no file", name.escape_ascii()),
    }
}

/// In place, so that all names of the file see it.
fn change_content(folder: &mut Folder, dice: &mut Dice) -> &'static str {
    let name = dice.file_name(folder);
    let path = folder.at(&name);
    let old = file_of(folder, &name).clone();
    let (mut content, mut modified) = (old.content, dice.time());
    let what = match dice.below(4) {
        0 => {
            content.truncate(dice.below(content.len() + 1));
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_len(content.len() as u64).unwrap();
            "truncate"
        }
        1 => {
            let more = dice.noise(700);
            let mut file = fs::File::options().append(true).open(&path).unwrap();
            file.write_all(&more).unwrap();
            content.extend(more);
            "append"
        }
        2 => {
            // Size and time tell nothing: only the kernel's own time does.
            content = dice.noise(content.len());
            fs::write(&path, &content).unwrap();
            modified = old.modified;
            "change and hide it"
        }
        _ => {
            content = dice.content();
            fs::write(&path, &content).unwrap();
            "change"
        }
    };
    let file = file_of(folder, &name);
    (file.content, file.modified) = (content, modified);
    folder.dress_file(&name);
    what
}

/// As editors save: a new file takes the name of the old one.
fn rename_over(folder: &mut Folder, dice: &mut Dice) -> &'static str {
    let victim = dice.file_name(folder);
    let (name, file) = (dice.new_name(folder), dice.file());
    folder.make_file(name.clone(), file);
    folder.rename(&name, &victim);
    "rename over another"
}

fn rename_folder(folder: &mut Folder, dice: &mut Dice) -> &'static str {
    let Some(from) = dice.small_folder(folder) else {
        return "nothing";
    };
    let to = dice.new_name(folder);
    let inside = [from.as_slice(), b"/"].concat();
    if !to.starts_with(&inside) {
        folder.rename(&from, &to);
    }
    "rename a folder"
}

fn change_mode(folder: &mut Folder, dice: &mut Dice) -> &'static str {
    if dice.below(3) == 0 {
        let (name, new) = (dice.folder(folder), [0o700, 0o750, 0o755][dice.below(3)]);
        if let Some(Node::Folder { mode, .. }) = folder.nodes.get_mut(&name) {
            *mode = new;
        }
        folder.stir(&[name.as_slice(), b"/x"].concat());
        return "chmod a folder";
    }
    let (name, mode) = (dice.file_name(folder), dice.mode());
    file_of(folder, &name).mode = mode;
    folder.dress_file(&name);
    "chmod"
}

fn file_becomes_folder(folder: &mut Folder, dice: &mut Dice) -> &'static str {
    let (name, time) = (dice.file_name(folder), dice.time());
    folder.remove(&name);
    folder.make_folder(name.clone(), 0o755, time);
    let inner = [name.as_slice(), b"/inner"].concat();
    let file = dice.file();
    folder.make_file(inner, file);
    "replace a file by a folder"
}
