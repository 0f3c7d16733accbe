//! From flags to an opened repository: store, state folder, keys.

use std::env;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::config::{self, ConfigError, Configuration};
use super::exit::Failure;
use super::global::Global;
use super::interrupt::{self, Farewell};
use super::named_places;
use super::places::{PATIENCE, Place};
use super::profile;
use super::progress::{Shown, TerminalProgress};
use super::secret::{self, Purpose, SecretError, Surroundings, Ways};
use crate::crypto::ReadKey;
use crate::id::RepositoryId;
use crate::index::Index;
use crate::ops::{Opened, OpsError, StateFolder, trust};
use crate::progress::Progress;
use crate::repository::{Others, Repository, SnapshotFilter, StoredSnapshot, open_with, unlock};
use crate::seams::Seams;
use crate::store::open::StoreUrl;
use crate::store::{ErrorKind, Store};

/// Which key a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The writer key of this host; the passphrase only where there is none.
    Writer,
    /// Contents are read: the passphrase or the words.
    Reader,
    /// The read key if passphrase or words are given, without asking for them.
    ReaderIfGiven,
}

/// What every command begins with.
pub struct Context {
    pub global: Global,
    pub seams: Seams,
    pub progress: Arc<TerminalProgress>,
    /// What must be done before the process ends.
    pub farewell: Farewell,
    configuration: OnceLock<Configuration>,
    /// What passphrase or words opened: one copy after the other is not asked for again.
    reader: Arc<OnceLock<ReadKey>>,
    /// It is for one place of several that were named.
    is_one_of_several: bool,
    /// The copies beside the one that is read.
    pub others: OnceLock<Others>,
}

impl Context {
    pub fn new(global: Global) -> Self {
        let shown = Shown::from_flags(global.quiet, global.no_progress);
        let progress = Arc::new(TerminalProgress::new(shown, global.verbose));
        let seams = Seams::real();
        // Without it signals end the process as they always do.
        let farewell = Farewell::default();
        let (interrupt, told) = (seams.interrupt.clone(), Arc::clone(&progress));
        let _ = interrupt::listen(interrupt, told, farewell.clone());
        Self {
            farewell,
            seams,
            progress,
            global,
            configuration: OnceLock::new(),
            reader: Arc::default(),
            is_one_of_several: false,
            others: OnceLock::new(),
        }
    }

    /// The same for one of its places alone.
    pub fn at(&self, place: &Place) -> Self {
        let mut global = self.global.clone();
        global.repo = vec![place.name.clone()];
        Self {
            global,
            seams: self.seams.clone(),
            progress: self.progress.clone(),
            farewell: self.farewell.clone(),
            configuration: self.configuration.clone(),
            reader: self.reader.clone(),
            is_one_of_several: self.places().is_ok_and(|places| places.len() > 1),
            others: OnceLock::new(),
        }
    }

    /// What `offsite.toml` says; read when it is first asked for.
    pub fn configuration(&self) -> Result<&Configuration, Failure> {
        if let Some(known) = self.configuration.get() {
            return Ok(known);
        }
        let read = config::load(self.global.config.as_deref()).map_err(|error: ConfigError| {
            let hint = error.hint();
            Failure::usage_error(error, hint)
        })?;
        Ok(self.configuration.get_or_init(|| read))
    }

    /// The places that were named, in their order, or all of the configuration; at least one.
    pub fn places(&self) -> Result<Vec<Place>, Failure> {
        named_places::named(&self.global, self.configuration()?)
    }

    /// The place of that name or address.
    pub fn place_named(&self, name: &str) -> Result<Place, Failure> {
        named_places::one(name, &self.global, self.configuration()?)
    }

    /// The first of the places that were named.
    pub fn place(&self) -> Result<Place, Failure> {
        Ok(self.places()?.swap_remove(0))
    }

    /// The address of the first place.
    pub fn url(&self) -> Result<StoreUrl, Failure> {
        Ok(self.place()?.url)
    }

    /// The store at the first place.
    pub fn store(&self, create: bool) -> Result<Arc<dyn Store>, Failure> {
        self.store_at(&self.place()?, create)
    }

    /// The store at a place.
    pub fn store_at(&self, place: &Place, create: bool) -> Result<Arc<dyn Store>, Failure> {
        let progress = self.progress.clone();
        match !create && self.has_others()? {
            true => place.open_among_others(PATIENCE, &self.seams, progress),
            false => place.open(create, &self.seams, progress),
        }
    }

    /// Whether there are other copies than the one that is worked on.
    pub fn has_others(&self) -> Result<bool, Failure> {
        Ok(self.is_one_of_several || self.places()?.len() > 1)
    }

    /// The index of the first place.
    pub fn index(&self, state: &StateFolder) -> Result<Index, Failure> {
        Ok(state.open_index(&self.place()?.key())?)
    }

    /// Where this host keeps what it knows of a repository.
    pub fn state(&self, repository: RepositoryId) -> Result<StateFolder, Failure> {
        Ok(StateFolder::new(&self.states()?, repository))
    }

    /// The folder that holds those of all repositories.
    pub fn states(&self) -> Result<PathBuf, Failure> {
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let directory = self
            .global
            .state_dir
            .clone()
            .or_else(|| folder("XDG_STATE_HOME").map(|home| PathBuf::from(home).join("offsite")))
            .or_else(|| {
                folder("HOME").map(|home| PathBuf::from(home).join(".local/state/offsite"))
            });
        directory.ok_or_else(|| {
            Failure::usage(
                "there is no place to keep state",
                "give --state-dir DIR or set HOME",
            )
        })
    }

    /// Opens the repository with the key that `access` asks for.
    pub fn repository(&self, access: Access) -> Result<(Repository, StateFolder), Failure> {
        self.repository_at(&self.place()?, access)
    }

    /// Opens the repository at a place with the key that `access` asks for.
    pub fn repository_at(
        &self,
        place: &Place,
        access: Access,
    ) -> Result<(Repository, StateFolder), Failure> {
        self.repository_in(place, self.existing(place)?, access)
    }

    /// Opens the repository in the store of a place with the key that `access` asks for.
    pub fn repository_in(
        &self,
        place: &Place,
        store: Arc<dyn Store>,
        access: Access,
    ) -> Result<(Repository, StateFolder), Failure> {
        let found = self.identify(store.as_ref(), place)?;
        let id = found.id;
        let state = self.state(id)?;
        profile::heed(place, &state, store.as_ref());
        let kept = state.writer_key()?;
        let reader = match access {
            Access::Reader => Some(self.read_key(store.as_ref(), id)?),
            Access::Writer if kept.is_some() => None,
            Access::ReaderIfGiven if kept.is_some() && !self.is_secret_given() => None,
            Access::Writer | Access::ReaderIfGiven => {
                let key = self.read_key(store.as_ref(), id);
                Some(key.map_err(|failure| match failure.error.downcast_ref() {
                    // It is the key that is missed: no backup asks for a passphrase where it is.
                    Some(SecretError::NoWay) => no_writer_key(&state),
                    _ => failure,
                })?)
            }
        };
        let writer = match (kept, &reader) {
            (Some(writer), _) => writer,
            (None, Some(reader)) => {
                // From now on this host can back up without the passphrase. Where it cannot be kept,
                // whoever reads needs it no more.
                let place = state.path().display();
                let said = match state.save_writer_key(reader.writer()) {
                    Ok(()) => format!("note: kept the writer key in {place}"),
                    Err(error) => format!("the writer key could not be kept: {error}"),
                };
                self.progress.notice(&said);
                reader.writer().clone()
            }
            (None, None) => return Err(no_writer_key(&state)),
        };
        let seams = self.seams.clone();
        let repository = open_with(store, seams, writer, reader, &found.head)?;
        self.remember(&repository, place, &found.head);
        Ok((repository, state))
    }

    /// Opens the repository and brings the index level with it; the next of the named places where
    /// the first is out of reach.
    pub fn look(&self, access: Access) -> Result<Opened, Failure> {
        self.look_anywhere(access)
    }

    /// The snapshot of that name; says so if it is suspect.
    pub fn snapshot<'o>(
        &self,
        opened: &'o Opened,
        name: &str,
    ) -> Result<&'o StoredSnapshot, Failure> {
        let chosen = opened.snapshot(name, &SnapshotFilter::default())?;
        self.tell_if_suspect(chosen);
        Ok(chosen)
    }

    /// `latest` may be a suspect one, and whoever reads it should know.
    pub fn tell_if_suspect(&self, chosen: &StoredSnapshot) {
        if let Some(reason) = &chosen.record.suspect {
            let id: String = chosen.id.to_string().chars().take(12).collect();
            self.progress
                .notice(&format!("snapshot {id} is suspect: {reason}"));
        }
    }

    fn is_secret_given(&self) -> bool {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let Global {
            passphrase_file,
            passphrase_command,
            words_file,
            ..
        } = &self.global;
        passphrase_file.is_some()
            || passphrase_command.is_some()
            || words_file.is_some()
            || set("OFFSITE_PASSPHRASE")
            || set("OFFSITE_PASSPHRASE_FILE")
    }

    /// The read key, from the words or the passphrase.
    fn read_key(&self, store: &dyn Store, id: RepositoryId) -> Result<ReadKey, Failure> {
        if let Some(known) = self.reader.get()
            && known.writer().repository() == id
        {
            return Ok(known.clone());
        }
        let key = self.unlocked(store, id)?;
        let _ = self.reader.set(key.clone());
        Ok(key)
    }

    fn unlocked(&self, store: &dyn Store, id: RepositoryId) -> Result<ReadKey, Failure> {
        let progress = self.progress.as_ref();
        if let Some(file) = &self.global.words_file {
            let words = secret::words(Some(file), &Surroundings, progress)?;
            let key = ReadKey::from_words(&words)
                .map_err(|error| Failure::key(error, "check the 24 words, one by one"))?;
            if key.writer().repository() != id {
                let url = store.url();
                return Err(crate::repository::RepositoryError::OtherRepository { url }.into());
            }
            return Ok(key);
        }
        let passphrase = secret::passphrase(&self.ways(), Purpose::Open, &Surroundings, progress)?;
        progress.stage("Unlocking", None);
        let key = unlock(store, id, &passphrase);
        progress.finish();
        Ok(key?)
    }

    pub fn ways(&self) -> Ways {
        Ways {
            file: self.global.passphrase_file.clone(),
            command: self.global.passphrase_command.clone(),
        }
    }
}

fn no_writer_key(state: &StateFolder) -> Failure {
    let folder = state.path().display().to_string();
    OpsError::NoWriterKey { folder }.into()
}

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

impl Context {
    /// Where this host knows a repository in a folder, an empty or missing one means that a disk is
    /// not mounted: nobody should be told to make a new one there.
    pub fn known_to_be_there(&self, place: &Place, failure: Failure) -> Failure {
        let StoreUrl::Folder(folder) = &place.url else {
            return failure;
        };
        let is_filled = || std::fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some());
        let states = || self.states().ok();
        let knows = || {
            states()
                .and_then(|it| trust::noted(&it, &place.key()))
                .is_some()
        };
        if !failure.is_nothing_there() || !knows() || is_filled() {
            return failure;
        }
        let url = place.url.to_string();
        crate::repository::RepositoryError::Away { url }.into()
    }
}

impl Failure {
    /// Whether the answer was that there is nothing.
    pub fn is_nothing_there(&self) -> bool {
        use crate::repository::RepositoryError::{Away, NoPlace, NoRepository};
        self.store_kind() == Some(ErrorKind::NoContainer)
            || matches!(
                self.error.downcast_ref(),
                Some(NoRepository { .. } | NoPlace { .. } | Away { .. })
            )
    }

    /// A missing folder or bucket, where a repository was expected, is "no repository there".
    pub fn with_address(self, name: &str) -> Self {
        match self.store_kind() {
            Some(ErrorKind::NoContainer) => {
                let url = name.to_owned();
                crate::repository::RepositoryError::NoPlace { url }.into()
            }
            _ => self,
        }
    }
}
