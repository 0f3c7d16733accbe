//! The copies of the repository: stores in memory and in folders, side by side, each with a line to
//! the host, and with a back through which somebody else can do harm.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use offsite::seams::Seams;
use offsite::store::Store;
use offsite::store::local::Local;
use offsite::store::memory::Memory;

use super::clocks::Time;
use super::line::{Life, Line};

/// Where the objects of a copy really are.
enum Shelf {
    Memory(Arc<Memory>),
    Folder(PathBuf),
}

pub struct Copy {
    pub name: &'static str,
    shelf: Shelf,
    pub line: Arc<Line>,
    /// Reading it costs nothing.
    pub near: bool,
}

impl Copy {
    pub fn in_memory(name: &'static str, time: &Arc<Time>, life: &Arc<Life>) -> Self {
        let memory = Arc::new(Memory::new(time.clone()));
        Self {
            name,
            line: line(memory.clone(), None, time, life),
            shelf: Shelf::Memory(memory),
            near: false,
        }
    }

    pub fn in_folder(
        name: &'static str,
        folder: PathBuf,
        seams: &Seams,
        time: &Arc<Time>,
        life: &Arc<Life>,
    ) -> Self {
        let local = Arc::new(Local::create(&folder, seams.clone()).unwrap());
        Self {
            name,
            line: line(local, Some(folder.clone()), time, life),
            shelf: Shelf::Folder(folder),
            near: true,
        }
    }

    /// As somebody sees it who stands beside the store.
    pub fn store(&self) -> Arc<dyn Store> {
        self.line.inner.clone()
    }

    pub fn is_away(&self) -> bool {
        self.line.is_away.load(Ordering::Relaxed)
    }

    pub fn set_away(&self, is_away: bool) {
        self.line.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Names and stored bytes beneath a prefix, in byte order.
    pub fn objects(&self, prefix: &str) -> Vec<(String, u64)> {
        let mut objects = Vec::new();
        let listed = self.store().list(prefix, &mut |info| {
            objects.push((info.name, info.bytes));
            Ok(())
        });
        listed.unwrap();
        objects
    }

    pub fn names(&self, prefix: &str) -> Vec<String> {
        let objects = self.objects(prefix).into_iter();
        objects.map(|(name, _)| name).collect()
    }

    /// Names beneath a prefix, the oldest first: in this order they are the same in each replay.
    pub fn by_age(&self, prefix: &str) -> Vec<String> {
        let mut objects = Vec::new();
        let listed = self.store().list(prefix, &mut |info| {
            objects.push((info.modified, info.name));
            Ok(())
        });
        listed.unwrap();
        objects.sort();
        objects.into_iter().map(|(_, name)| name).collect()
    }

    /// Behind everybody's back.
    pub fn lose(&self, name: &str) {
        match &self.shelf {
            Shelf::Memory(memory) => assert!(memory.lose(name)),
            Shelf::Folder(folder) => fs::remove_file(folder.join(name)).unwrap(),
        }
    }

    /// Behind everybody's back; the time stays.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        match &self.shelf {
            Shelf::Memory(memory) => assert!(memory.tamper(name, change)),
            Shelf::Folder(folder) => {
                let path = folder.join(name);
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                let mut bytes = fs::read(&path).unwrap();
                change(&mut bytes);
                fs::write(&path, bytes).unwrap();
                let file = fs::File::open(&path).unwrap();
                file.set_modified(modified).unwrap();
            }
        }
    }

    /// Puts an object as anybody can who has the credentials.
    pub fn put(&self, name: &str, bytes: Bytes) {
        self.line.put(name, bytes).unwrap();
    }
}

fn line(
    inner: Arc<dyn Store>,
    folder: Option<PathBuf>,
    time: &Arc<Time>,
    life: &Arc<Life>,
) -> Arc<Line> {
    Arc::new(Line {
        inner,
        folder,
        time: time.clone(),
        life: life.clone(),
        is_away: false.into(),
        put_bytes: 0.into(),
    })
}
