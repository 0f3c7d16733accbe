//! Other copies of the repository, asked for what is missing, damaged or out of reach at home: packs,
//! listings and snapshots are the same objects in all of them. Each is opened only when it is needed
//! and at most once; whoever does not answer, or is another repository, is asked no more.
//!
//! Nothing that comes from here is believed: names are hashes, and chunks prove themselves.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::catalog;
use super::open::identify;
use super::{ObjectProblem, Repository};
use crate::buffers::Buffers;
use crate::format::name::REPOSITORY;
use crate::id::{ChunkId, RepositoryId};
use crate::index::{Index, Place};
use crate::store::{ErrorKind, Store, StoreError, Window};

/// So many names of objects are remembered, so that each counts once.
const NAMES_MAX: usize = 100_000;

/// How another copy is opened, when it is needed.
pub type Opens = Box<dyn Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync>;

/// The other copies of one repository; none by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct Others(Arc<State>);

#[derive(Default)]
struct State {
    copies: Vec<Copy>,
    /// Home did not answer: from then on the others are asked at once.
    home_is_gone: AtomicBool,
    /// What came from another copy, by name.
    came: Mutex<HashSet<String>>,
}

struct Copy {
    name: String,
    opens: Opens,
    store: OnceLock<Option<Arc<dyn Store>>>,
    /// Where its chunks lie; made only when nothing else helps.
    index: OnceLock<Option<Index>>,
    helped: AtomicBool,
}

impl Others {
    /// Copies by name, in the order in which they are to be asked.
    pub fn new(copies: impl IntoIterator<Item = (String, Opens)>) -> Self {
        let copies = copies.into_iter().map(|(name, opens)| Copy {
            name,
            opens,
            store: OnceLock::new(),
            index: OnceLock::new(),
            helped: AtomicBool::new(false),
        });
        Self(Arc::new(State {
            copies: copies.collect(),
            ..State::default()
        }))
    }

    pub fn is_empty(&self) -> bool {
        self.0.copies.is_empty()
    }

    /// How many objects came from another copy so far, and the names of those that gave them.
    pub fn helped(&self) -> (u64, Vec<String>) {
        let copies = self.0.copies.iter();
        let helpers = copies.filter(|copy| copy.helped.load(Ordering::Relaxed));
        let names = helpers.map(|copy| copy.name.clone()).collect();
        (self.came().len() as u64, names)
    }

    /// Fetches an object or a part of it from home, or else from the first copy that gives it out.
    ///
    /// # Errors
    /// That of home.
    pub(super) fn fetch(
        &self,
        home: &dyn Store,
        id: RepositoryId,
        name: &str,
        window: Window,
    ) -> Result<Bytes, StoreError> {
        let gone = || StoreError::new(ErrorKind::Transient, "fetch", name);
        let mut failure = None;
        if !self.0.home_is_gone.load(Ordering::Relaxed) {
            match home.get(name, window) {
                Ok(bytes) => return Ok(bytes),
                Err(error) if self.is_empty() => return Err(error),
                Err(error) => {
                    if error.kind == ErrorKind::Transient && home.head(REPOSITORY).is_err() {
                        self.0.home_is_gone.store(true, Ordering::Relaxed);
                    }
                    failure = Some(error);
                }
            }
        }
        let found = self.find(id, name, window, &mut |bytes| Ok(bytes));
        found.ok_or_else(|| failure.unwrap_or_else(gone))
    }

    /// What `accept` makes of the first copy's bytes that it does not refuse.
    pub fn find<T>(
        &self,
        id: RepositoryId,
        name: &str,
        window: Window,
        accept: &mut dyn FnMut(Bytes) -> Result<T, ObjectProblem>,
    ) -> Option<T> {
        self.0.copies.iter().find_map(|copy| {
            let bytes = copy.store(id)?.get(name, window).ok()?;
            let accepted = accept(bytes).ok()?;
            self.note(copy, name);
            Some(accepted)
        })
    }

    /// A chunk from wherever other copies say that it lies, which need not be where home says: each
    /// copy is pruned by itself. `open` judges the frame. The last resort: it costs a look at a
    /// whole copy.
    pub(super) fn chunk<T>(
        &self,
        repository: &Repository,
        chunk: &ChunkId,
        frame: &dyn Fn(&Place) -> Option<(String, Window)>,
        open: &dyn Fn(&Place, &Bytes) -> Option<T>,
    ) -> Option<T> {
        self.0.copies.iter().find_map(|copy| {
            let store = copy.store(repository.id())?;
            let places = copy.index(repository)?.places(chunk).ok()?;
            places.iter().filter(|place| place.live).find_map(|place| {
                let (name, window) = frame(place)?;
                let found = open(place, &store.get(&name, window).ok()?)?;
                self.note(copy, &name);
                Some(found)
            })
        })
    }

    /// The copies that answer and hold this repository, each by name.
    pub fn reachable(&self, id: RepositoryId) -> impl Iterator<Item = (&str, &Arc<dyn Store>)> {
        let copies = self.0.copies.iter();
        copies.filter_map(move |copy| Some((copy.name.as_str(), copy.store(id)?)))
    }

    fn note(&self, copy: &Copy, name: &str) {
        copy.helped.store(true, Ordering::Relaxed);
        let mut came = self.came();
        if came.len() < NAMES_MAX {
            came.insert(name.to_owned());
        }
    }

    fn came(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copy {
    /// Its store, if it answers and holds this repository.
    fn store(&self, id: RepositoryId) -> Option<&Arc<dyn Store>> {
        let opened = self.store.get_or_init(|| {
            let store = (self.opens)().ok()?;
            (identify(store.as_ref()).ok()? == id).then_some(store)
        });
        opened.as_ref()
    }

    fn index(&self, home: &Repository) -> Option<&Index> {
        let store = self.store(home.id())?;
        let made = self.index.get_or_init(|| {
            let index = Index::temporary().ok()?;
            let repository = Repository {
                store: Arc::clone(store),
                others: Others::default(),
                buffers: Buffers::default(),
                ..home.clone()
            };
            catalog::load(&repository, &index).ok()?;
            Some(index)
        });
        made.as_ref()
    }
}
