//! The whole: a host with its state folder and its library, copies of one repository, and what each
//! snapshot must restore to. Every command opens what it needs anew, as a process does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use offsite::crypto::{KdfCost, ReadKey};
use offsite::format::name;
use offsite::id::ObjectId;
use offsite::index::Index;
use offsite::ops::{InitOptions, Opened, OpsError, Replica, StateFolder, init, init_replica};
use offsite::progress::{Progress, Silent};
use offsite::repository::{
    ObjectProblem, Opens, Others, Repository, StoredForget, open, visit_forgets,
};
use offsite::seams::Seams;
use offsite::store::Store;

use super::clocks::{self, Dice, HostClock, Time};
use super::copies::Copy;
use super::library::{Library, Picture};
use super::line::Life;

pub const HOST: &str = "nas";
const PHOTOS: usize = 60;

pub struct World {
    pub seed: u64,
    pub night: usize,
    pub time: Arc<Time>,
    pub clock: Arc<HostClock>,
    pub life: Arc<Life>,
    pub seams: Seams,
    pub key: ReadKey,
    pub state: StateFolder,
    pub copies: Vec<Copy>,
    pub library: Library,
    pub dice: Dice,
    /// What each snapshot that was ever seen must restore to.
    pub pictures: BTreeMap<ObjectId, Picture>,
    /// By the host, in good nights and bad ones; without those that are suspect.
    pub made: Vec<ObjectId>,
    pub diary: Mutex<Vec<String>>,
    /// Nights so far, those in which something went wrong, and snapshots that were restored and
    /// compared.
    pub lived: usize,
    pub struck: usize,
    pub restored: AtomicUsize,
    pub folder: tempfile::TempDir,
}

impl World {
    /// `folders`: which of the copies lie in a folder, as opposed to memory.
    pub fn new(seed: u64, folders: &[bool]) -> Self {
        let mut dice = Dice::new(seed);
        // In memory where that can be had: there is nothing to learn here from waiting for a disk.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let time = Arc::new(Time::default());
        let clock = Arc::new(HostClock {
            time: time.clone(),
            wrong_by_seconds: 0.into(),
        });
        let life = Arc::new(Life::default());
        let seams = clocks::seams(seed, clock.clone());
        let names = ["first", "second", "third"].into_iter();
        let copies: Vec<Copy> = names
            .zip(folders)
            .map(|(name, in_folder)| match in_folder {
                true => Copy::in_folder(name, folder.path().join(name), &seams, &time, &life),
                false => Copy::in_memory(name, &time, &life),
            })
            .collect();
        let options = InitOptions {
            passphrase: "a passphrase for the nights",
            cost: KdfCost::LEAST,
            host: HOST.to_owned(),
            pack_bytes: 1 << 20,
        };
        let made = init(copies[0].line.clone(), &seams, &options).unwrap();
        for copy in &copies[1..] {
            init_replica(&made.repository, copy.line.as_ref()).unwrap();
        }
        let library = Library::new(&folder.path().join("source"), PHOTOS, &mut dice);
        Self {
            seed,
            night: 0,
            state: StateFolder::new(&folder.path().join("state"), made.repository.id()),
            key: made.repository.reader.unwrap(),
            time,
            clock,
            life,
            seams,
            copies,
            library,
            dice,
            pictures: BTreeMap::new(),
            made: Vec::new(),
            diary: Mutex::default(),
            lived: 0,
            struck: 0,
            restored: AtomicUsize::new(0),
            folder,
        }
    }

    /// What is written down comes out when a test fails.
    pub fn write_down(&self, line: impl fmt::Display) {
        let night = self.night;
        let mut diary = self.diary.lock().unwrap();
        diary.push(format!("night {night}: {line}"));
    }

    /// A copy as the host opens it.
    ///
    /// # Errors
    /// When it is away.
    pub fn open(&self, copy: usize, with_read_key: bool) -> Result<Repository, OpsError> {
        let copy = &self.copies[copy];
        let reader = with_read_key.then(|| self.key.clone());
        let writer = self.key.writer().clone();
        Ok(open(copy.line.clone(), self.seams.clone(), writer, reader)?)
    }

    /// With what the host keeps of it.
    ///
    /// # Errors
    /// When it is away.
    pub fn replica(&self, copy: usize) -> Result<Replica, OpsError> {
        Ok(Replica {
            name: self.copies[copy].name.to_owned(),
            repository: self.open(copy, false)?,
            index: self.index(copy),
        })
    }

    pub fn index(&self, copy: usize) -> Index {
        self.state.open_index(self.copies[copy].name).unwrap()
    }

    pub fn others(&self, copy: usize) -> Others {
        let others = self.copies.iter().enumerate();
        Others::new(
            others
                .filter(|(other, _)| *other != copy)
                .map(|(_, other)| {
                    let line: Arc<dyn Store> = other.line.clone();
                    let opens: Opens = Box::new(move || Ok(line.clone()));
                    (other.name.to_owned(), opens)
                }),
        )
    }

    /// A copy as a stranger sees it who has the 24 words, and nothing else to help him.
    pub fn stranger(&self, copy: usize) -> Opened {
        let (store, key) = (self.copies[copy].store(), self.key.clone());
        let writer = key.writer().clone();
        let repository = open(store, self.seams.clone(), writer, Some(key)).unwrap();
        Opened::look(repository, Index::in_memory().unwrap(), &Silent).unwrap()
    }

    pub fn snapshots(&self, copy: usize) -> BTreeSet<ObjectId> {
        let names = self.copies[copy].names("snapshots/").into_iter();
        names
            .map(|name| name::parse(&name).unwrap().1.unwrap())
            .collect()
    }

    /// What forget records of a copy name.
    pub fn forgotten(&self, copy: usize) -> BTreeSet<ObjectId> {
        let opened = self.open(copy, false).unwrap();
        let mut named = BTreeSet::new();
        let mut take = |one: StoredForget| -> Result<(), OpsError> {
            named.extend(one.forget.snapshots.0);
            Ok(())
        };
        let mut damaged = |name: &str, why: &ObjectProblem| panic!("{name}: {why}");
        visit_forgets(&opened, &mut damaged, &mut take).unwrap();
        named
    }

    /// Whatever snapshot nobody knew is of tonight.
    pub fn note_snapshots(&mut self, picture: &Picture) {
        for copy in 0..self.copies.len() {
            for id in self.snapshots(copy) {
                self.pictures.entry(id).or_insert_with(|| picture.clone());
            }
        }
    }

    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let diary = self.diary.lock().unwrap();
            eprintln!("seed {}:\n{}", self.seed, diary.join("\n"));
        }
    }
}

/// Hears what a person is told.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<String>>);

impl Progress for Heard {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, _path: &[u8]) {}
    fn notice(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}
