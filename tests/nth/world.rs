//! One case: a copy of the template, in memory or in a folder, and the verbs over it.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use offsite::id::ObjectId;
use offsite::index::{Index, Presence, Trust};
use offsite::ops::{
    self, ForgetOptions, ForgetPlace, GroupBy, LevelOptions, Opened, OpsError, Policy,
    PruneOptions, PruneReport, Replica, RestoreOptions, level, prune, rebuild_index, restore,
};
use offsite::progress::Silent;
use offsite::repository::{Repository, RepositoryError, SnapshotFilter};
use offsite::seams::{PlainDisk, Seams, SystemClock};
use offsite::store::faulty::{Fault, Faulty};
use offsite::store::local::Local;
use offsite::store::memory::Memory;
use offsite::store::{ErrorKind, Store};

use crate::fuse::{self, Layer, Sick, Way};
use crate::template::{Hands, Objects, PLACE, SECOND, Template, Tree, back_up, open_index};

/// What runs while something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Backup,
    Restore,
    Prune,
    Forget,
    /// The second copy is brought level, and is what fails.
    Sync,
    /// The same, and the first copy fails.
    SyncFrom,
    Rebuild,
}

pub const VERBS: [Verb; 7] = [
    Verb::Backup,
    Verb::Restore,
    Verb::Prune,
    Verb::Forget,
    Verb::Sync,
    Verb::SyncFrom,
    Verb::Rebuild,
];

pub struct World<'t> {
    pub template: &'t Template,
    pub verb: Verb,
    pub folder: tempfile::TempDir,
    /// The store of the copy that the verb works on, without faults.
    pub plain: Arc<dyn Store>,
    faulty: Arc<Faulty>,
    /// The other one of a sync.
    pub other: Arc<Memory>,
    /// Set where the repository is in memory; a folder has the time of the machine.
    pub clock: Option<Arc<Hands>>,
    seams: Seams,
}

impl<'t> World<'t> {
    pub fn new(template: &'t Template, verb: Verb, in_folder: bool) -> Self {
        let folder = template.fresh_folder();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        for file in fs::read_dir(template.state()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), state.join(file.file_name())).unwrap();
        }
        let (objects, others) = match verb {
            Verb::Sync => (&template.second, &template.objects),
            _ => (&template.objects, &template.second),
        };
        let other = in_memory(others, &Hands::at(template.now));
        let clock = (!in_folder).then(|| Hands::at(template.now));
        let mut seams = template.repository.seams.clone();
        seams.disk = Arc::new(Sick);
        seams.clock = match &clock {
            Some(clock) => clock.clone(),
            None => Arc::new(SystemClock),
        };
        let stores: [Arc<dyn Store>; 2] = match &clock {
            Some(clock) => {
                let store = in_memory(objects, clock);
                [store.clone(), store]
            }
            None => {
                let path = folder.path().join("repository");
                lay_out(objects, &path);
                let healthy = Seams {
                    disk: Arc::new(PlainDisk),
                    ..seams.clone()
                };
                [healthy, seams.clone()]
                    .map(|seams| Arc::new(Local::open(&path, seams).unwrap()) as Arc<dyn Store>)
            }
        };
        let [plain, sick] = stores;
        let world = Self {
            template,
            verb,
            folder,
            plain,
            faulty: Arc::new(Faulty::new(sick)),
            other,
            clock,
            seams,
        };
        world.furnish_target();
        world
    }

    pub fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    /// Where the library comes back.
    pub fn restored(&self) -> PathBuf {
        let library = self.template.library();
        self.target().join(library.strip_prefix("/").unwrap())
    }

    /// Something stands where the restore goes: an older content, a file where a folder belongs, and
    /// what is right already.
    fn furnish_target(&self) {
        let restored = self.restored();
        fs::create_dir_all(&restored).unwrap();
        fs::write(restored.join("always.mov"), OLDER).unwrap();
        fs::write(restored.join("2024"), b"a file").unwrap();
        fs::write(restored.join("empty"), b"").unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn repository(&self, store: Arc<dyn Store>) -> Repository {
        Repository {
            store,
            seams: self.seams.clone(),
            ..self.template.repository.clone()
        }
    }

    pub fn newest(&self) -> &(ObjectId, Tree) {
        self.template.kept.last().unwrap()
    }

    /// Lets the verb run while the `number`-th call fails. Gives how it ended, whether there were so
    /// many calls, and how many of them failed.
    pub fn fail(&self, layer: Layer, way: Way, number: u64) -> Attempt {
        let before = self.faulty.calls();
        match (layer, way) {
            (Layer::Store, Way::Before) => self
                .faulty
                .fail_call(number, Fault::Before(ErrorKind::Transient)),
            (Layer::Store, Way::Lost) => self
                .faulty
                .fail_call(number, Fault::After(ErrorKind::Transient)),
            (Layer::Store, _) => (number..number + MANY).for_each(|number| {
                let fault = Fault::Before(ErrorKind::Other);
                self.faulty.fail_call(number, fault);
            }),
            _ => fuse::arm(layer, way, number),
        }
        let ended = self.run();
        let (mut calls, mut hits) = fuse::disarm();
        self.faulty.heal();
        if layer == Layer::Store {
            calls = self.faulty.calls() - before;
            hits = u64::from(calls >= number);
        }
        Attempt {
            ended,
            was_reached: calls >= number,
            hits,
        }
    }

    /// The verb, as a process of its own does it. `false`: it says that not all is done.
    pub fn run(&self) -> Result<bool, OpsError> {
        let index = |place: &str| -> Result<Index, OpsError> {
            Ok(open_index(&self.state(), place).map_err(RepositoryError::from)?)
        };
        let repository = self.repository(self.faulty.clone());
        match self.verb {
            Verb::Backup => back_up(self.template, &repository, &index(PLACE)?).map(|_| true),
            Verb::Restore => {
                let opened = Opened::look(repository, index(PLACE)?, &Silent)?;
                self.restore(&opened, &self.newest().0, &self.target())
            }
            Verb::Prune => {
                let report = self.prune(&repository, &index(PLACE)?)?;
                Ok(report.unreadable_total == 0)
            }
            Verb::Forget => self.forget(&repository, &index(PLACE)?),
            Verb::Sync | Verb::SyncFrom => {
                let mut repositories = [repository, self.repository(self.other.clone())];
                if self.verb == Verb::Sync {
                    repositories.reverse();
                }
                let [from, to] = repositories;
                let replica = |name: &str, repository| -> Result<Replica, OpsError> {
                    Ok(Replica {
                        name: name.to_owned(),
                        repository,
                        index: index(name)?,
                    })
                };
                let (from, to) = (replica(PLACE, from)?, replica(SECOND, to)?);
                Ok(level(&from, &to, &LevelOptions::default(), &Silent)?.is_level())
            }
            Verb::Rebuild => {
                let report = rebuild_index(&repository, &index(PLACE)?, &Silent)?;
                Ok(report.packs_unreadable == 0 && report.damaged_segments == 0)
            }
        }
    }

    pub fn restore(&self, opened: &Opened, id: &ObjectId, target: &Path) -> Result<bool, OpsError> {
        let found = opened.snapshot(&id.to_string(), &SnapshotFilter::default())?;
        let options = RestoreOptions {
            target: target.to_path_buf(),
            files: true,
            database: true,
            ..RestoreOptions::default()
        };
        let (repository, index) = (&opened.repository, &opened.index);
        let report = restore(repository, index, &found.record, &options, &Silent)?;
        Ok(report.problems_total == 0)
    }

    pub fn prune(&self, repository: &Repository, index: &Index) -> Result<PruneReport, OpsError> {
        let open = || Trust::open(&self.state().join("trust.sqlite"));
        let trust = open().map_err(RepositoryError::from)?;
        let seen = trust.seen(PLACE).map_err(RepositoryError::from)?;
        let seen = seen.into_iter();
        let missed = seen.filter(|one| one.presence != Presence::Forgotten);
        let mut options = PruneOptions {
            host: "nas".to_owned(),
            known_snapshots: missed.map(|one| one.id).collect(),
            ..PruneOptions::default()
        };
        if self.clock.is_none() {
            // The time of a folder is that of the machine: only who is alone need not wait.
            (options.exclusive, options.grace) = (true, Duration::ZERO);
        }
        prune(repository, index, &trust, &options, &Silent)
    }

    fn forget(&self, repository: &Repository, index: &Index) -> Result<bool, OpsError> {
        let trust = Trust::open(&self.state().join("trust.sqlite"));
        let place = ForgetPlace {
            repository,
            index,
            trust: &trust.map_err(RepositoryError::from)?,
            key: PLACE,
        };
        let options = ForgetOptions {
            policy: Policy {
                last: NonZeroU32::new(1),
                ..Policy::default()
            },
            group_by: GroupBy::HostAndSource,
            filter: SnapshotFilter::default(),
            named: Vec::new(),
            even_protected: false,
            dry_run: false,
            host: "nas".to_owned(),
            zone: TimeZone::UTC,
        };
        ops::forget(&place, &options, &Silent).map(|_| true)
    }
}

/// How a verb ended while something failed.
pub struct Attempt {
    pub ended: Result<bool, OpsError>,
    /// Whether there were so many calls.
    pub was_reached: bool,
    pub hits: u64,
}

/// More calls than any of the verbs makes.
const MANY: u64 = 500;

/// What stood in the target before the restore.
pub const OLDER: &[u8] = b"an older content";

fn in_memory(objects: &Objects, clock: &Arc<Hands>) -> Arc<Memory> {
    let store = Memory::new(clock.clone());
    for (name, (bytes, modified)) in objects {
        store.put(name, bytes.clone()).unwrap();
        store.set_modified(name, *modified);
    }
    Arc::new(store)
}

fn lay_out(objects: &Objects, folder: &Path) {
    for (name, (bytes, modified)) in objects {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let time = std::time::UNIX_EPOCH + modified.since(Default::default());
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
    }
}
