//! What is backed up: a small Immich installation with its dump, and a folder of papers, which live
//! from day to day; and the model of it in memory, which never looks at the disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use offsite::ops::SourceChoice;
use offsite::seams::Timestamp;
use offsite::source::database::DatabaseSource;
use sha1::{Digest, Sha1};

use super::clocks::Dice;

/// All files of one night by their paths in the snapshot, the dump among them.
pub type Picture = Arc<BTreeMap<String, Arc<[u8]>>>;

const DUMP: &str = "database.sql";
const MARKER: &[u8] = b"1763755920123";
/// A row of the table that Immich writes to by itself, such as that of its jobs.
const JOBS: usize = 400;

struct Photo {
    number: usize,
    path: String,
    bytes: Arc<[u8]>,
}

/// The library in the making.
pub struct Library {
    root: PathBuf,
    photos: Vec<Photo>,
    /// Sidecars and papers, by path in the snapshot.
    others: BTreeMap<String, Arc<[u8]>>,
    jobs: Vec<u64>,
    next: usize,
    dump: Arc<[u8]>,
}

impl Library {
    /// The first day: so many photos, and papers.
    pub fn new(root: &Path, photos: usize, dice: &mut Dice) -> Self {
        let mut library = Self {
            root: root.to_path_buf(),
            photos: Vec::new(),
            others: BTreeMap::new(),
            jobs: (0..JOBS).map(|_| dice.next()).collect(),
            next: 0,
            dump: Arc::default(),
        };
        for folder in ["library", "upload", "profile"] {
            let path = format!("{folder}/.immich");
            write(&library.root.join("immich").join(&path), MARKER);
            library.others.insert(path, MARKER.into());
        }
        (0..photos).for_each(|_| library.add(dice));
        (0..12).for_each(|number| library.write_paper(number, dice));
        library
    }

    /// What a backup is asked to take.
    pub fn choice(&self) -> SourceChoice {
        SourceChoice {
            immich: Some(self.root.join("immich")),
            paths: vec![self.root.join("papers")],
            database: Some(DatabaseSource::File(self.root.join("dump.sql"))),
            ..SourceChoice::default()
        }
    }

    /// A day passes; says what happened.
    pub fn live(&mut self, dice: &mut Dice) -> String {
        let (added, removed, edited) = (3 + dice.below(6), dice.below(5), 1 + dice.below(3));
        (0..added).for_each(|_| self.add(dice));
        for _ in 0..removed {
            let place = dice.below(self.photos.len());
            let photo = self.photos.remove(place);
            self.others.remove(&photo.path);
            fs::remove_file(self.root.join("immich").join(&photo.path)).unwrap();
        }
        for _ in 0..edited {
            let number = dice.below(12);
            self.write_paper(number, dice);
        }
        if dice.below(3) == 0 {
            let path = format!("{}.xmp", dice.pick(&self.photos).path);
            let stars = format!("<x>{} stars</x>", dice.below(6));
            write(&self.root.join("immich").join(&path), stars.as_bytes());
            self.others.insert(path, stars.into_bytes().into());
        }
        for _ in 0..10 {
            let place = dice.below(JOBS);
            self.jobs[place] = dice.next();
        }
        format!("{added} photos came, {removed} went, {edited} papers were written")
    }

    fn add(&mut self, dice: &mut Dice) {
        let number = self.next;
        self.next += 1;
        let owner = ["alice", "bob"][number % 2];
        let path = format!("library/{owner}/2033/IMG_{number:04}.jpg");
        let bytes = 6_000 + dice.below(50_000);
        let bytes: Arc<[u8]> = dice.noise(bytes).into();
        write(&self.root.join("immich").join(&path), &bytes);
        self.photos.push(Photo {
            number,
            path,
            bytes,
        });
    }

    fn write_paper(&mut self, number: usize, dice: &mut Dice) {
        let path = self.root.join(format!("papers/{number}.txt"));
        let length = 10 + dice.below(9_000);
        let bytes = dice.noise(length);
        write(&path, &bytes);
        let stored_as = path.to_str().unwrap().trim_start_matches('/').to_owned();
        self.others.insert(stored_as, bytes.into());
    }

    /// Somebody overwrites most originals on disk; the model knows what is there instead.
    pub fn ransom(&mut self) {
        let many = self.photos.len() * 2 / 3;
        for photo in &self.photos[..many] {
            write(&self.root.join("immich").join(&photo.path), b"pay us");
        }
        for photo in &self.photos[..many] {
            self.others
                .insert(photo.path.clone(), Arc::from(b"pay us".as_slice()));
        }
    }

    /// The owner put them all back.
    pub fn put_back(&mut self) {
        for photo in &self.photos {
            if self.others.remove(&photo.path).is_some() {
                write(&self.root.join("immich").join(&photo.path), &photo.bytes);
            }
        }
    }

    /// Immich's nightly dump, made at that time by the host's clock. Gives all that a backup of
    /// this moment must hold.
    pub fn picture(&mut self, now: Timestamp) -> Picture {
        self.dump = self.dumped().into_bytes().into();
        let path = self.root.join("dump.sql");
        write(&path, &self.dump);
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(now.nanoseconds() as u64);
        let file = fs::File::open(&path).unwrap();
        file.set_modified(now).unwrap();
        let photos = self.photos.iter();
        let mut files: BTreeMap<_, _> = photos
            .map(|photo| (photo.path.clone(), photo.bytes.clone()))
            .collect();
        // What was overwritten is among the others.
        files.extend(self.others.clone());
        files.insert(DUMP.to_owned(), self.dump.clone());
        Arc::new(files)
    }

    fn dumped(&self) -> String {
        let mut out = "--\n-- PostgreSQL database dump\n--\n\n".to_owned();
        out += "COPY public.\"user\" (id, name, \"profileImagePath\") FROM stdin;\n";
        out += "bbbbbbbb-0000-4000-8000-000000000000\tAlice\t\n\\.\n\n";
        out += "COPY public.job (id, state) FROM stdin;\n";
        for (number, state) in self.jobs.iter().enumerate() {
            writeln!(out, "{number}\t{state:016x}{:016x}", state.rotate_left(17)).unwrap();
        }
        out += "\\.\n\nCOPY public.asset (id, \"ownerId\", \"originalPath\", checksum, \
             \"isOffline\", \"libraryId\", \"isExternal\", status, \"checksumAlgorithm\") \
             FROM stdin;\n";
        for photo in &self.photos {
            let sha1: String = Sha1::digest(&photo.bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let (number, path) = (photo.number, &photo.path);
            writeln!(
                out,
                "aaaaaaaa-0000-4000-8000-{number:012x}\tbbbbbbbb-0000-4000-8000-000000000000\t\
                 /data/{path}\t\\\\x{sha1}\tf\t\\N\tf\tactive\tsha1"
            )
            .unwrap();
        }
        out += "\\.\n\nCOPY public.system_metadata (key, value) FROM stdin;\n";
        out += "MediaLocation\t{\"location\": \"/data\"}\n\\.\n\n";
        out += "--\n-- PostgreSQL database dump complete\n--\n\n";
        out
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
