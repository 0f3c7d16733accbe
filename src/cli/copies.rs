//! Several copies of one repository: the first that can be used is home, the others are asked for
//! what it lacks; or each is opened for itself, by verbs that work on all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::{Access, Context};
use super::exit::Failure;
use super::places::{PATIENCE, Place};
use super::profile;
use super::reach::{AT_WORK, reach};
use super::show;
use crate::ops::{Opened, Replica};
use crate::progress::Progress;
use crate::repository::{Opens, Others, Repository, RepositoryError, identify, open_with};
use crate::store::open::StoreUrl;
use crate::store::{ErrorKind, Store, StoreError};

/// A copy that cannot be reached, by name, and why.
pub type Absent = (String, Failure);

/// A further copy, or why it cannot be had.
pub struct Further {
    pub name: String,
    pub repository: Result<Repository, Failure>,
}

impl Context {
    /// The named places, each once.
    pub fn distinct_places(&self) -> Result<Vec<Place>, Failure> {
        let mut seen = BTreeSet::new();
        let mut places = self.places()?;
        places.retain(|place| seen.insert(place.key()));
        Ok(places)
    }

    /// The same for one of the places, with all other copies that are known behind it to help it:
    /// named ones and those of the configuration.
    pub fn helped(&self, place: &Place) -> Result<Self, Failure> {
        let mut context = self.at(place);
        let mut keys = BTreeSet::from([place.key()]);
        let mut names = BTreeSet::from([place.name.clone()]);
        let configured = self.configuration()?.repositories.iter().cloned();
        for other in self.places()?.into_iter().chain(configured) {
            // What the environment adds, such as an endpoint, makes another key of the same place.
            if keys.insert(other.key()) && names.insert(other.name.clone()) {
                context.global.repo.push(other.name);
            }
        }
        Ok(context)
    }

    /// See [`Context::look`].
    pub fn look_anywhere(&self, access: Access) -> Result<Opened, Failure> {
        let places = self.distinct_places()?;
        let mut first = None;
        for (number, place) in places.iter().enumerate() {
            let failure = match self.look_at(place, others(self, &places, number), access) {
                Ok(opened) => {
                    if number > 0 {
                        let name = show::harmless_sentence(&place.name);
                        let text = format!("reading from {name} instead");
                        self.progress.notice(&text);
                    }
                    return Ok(opened);
                }
                Err(failure) => failure,
            };
            self.progress.finish();
            if places.len() == 1 || !may_be_elsewhere(&failure) {
                return Err(failure);
            }
            let name = show::harmless_sentence(&place.name);
            let error = show::harmless_sentence(&failure.error.to_string());
            self.progress
                .notice(&format!("{name} cannot be used: {error}"));
            first.get_or_insert(failure);
        }
        // There is at least one place, and each that failed is noted.
        Err(first.unwrap_or_else(no_place))
    }

    fn look_at(&self, place: &Place, others: Others, access: Access) -> Result<Opened, Failure> {
        let store = self.existing(place)?;
        let (mut repository, state) = self.repository_in(place, store, access)?;
        repository.others = others.clone();
        let progress = self.progress.as_ref();
        let index = state.open_index(&place.key());
        let looked = index.and_then(|index| Opened::look(repository.clone(), index, progress));
        let opened = match looked {
            // Who reads is in need: a full disk of the state folder must not stand in the way.
            Err(error) if error.is_about_state() => {
                let error = show::harmless_sentence(&Failure::from(error).in_one_line());
                progress.notice(&format!(
                    "{error}; a temporary index is used instead, which takes longer"
                ));
                Opened::look(repository, state.stopgap_index(&place.key())?, progress)?
            }
            looked => looked?,
        };
        // Each command looks once.
        let _ = self.others.set(others);
        Ok(opened)
    }

    /// The store at a place where a repository should be.
    pub fn existing(&self, place: &Place) -> Result<Arc<dyn Store>, Failure> {
        if self.has_others()? {
            let mut reached = reach(self, std::slice::from_ref(place), AT_WORK);
            return reached.swap_remove(0);
        }
        let opened = self.store_at(place, false);
        opened.map_err(|failure| {
            self.known_to_be_there(place, failure.with_address(&place.url.to_string()))
        })
    }

    /// The same with the first place in front that can be used, for verbs that work on one and tell
    /// the others. That others cannot be used is said.
    pub fn at_the_first_that_answers(&self) -> Result<Self, Failure> {
        let places = self.distinct_places()?;
        let mut context = self.at(places.first().ok_or_else(no_place)?);
        if places.len() == 1 {
            return Ok(context);
        }
        let stores = reach(self, &places, AT_WORK);
        let mut all = places.iter().zip(stores);
        let mut absent = Vec::new();
        let home = all.find_map(|(place, store)| match store {
            Ok(_) => Some(place),
            Err(failure) => {
                absent.push((place, failure));
                None
            }
        });
        let Some(home) = home else {
            return Err(absent.swap_remove(0).1);
        };
        for (place, failure) in &absent {
            let name = show::harmless_sentence(&place.name);
            let error = show::harmless_sentence(&failure.error.to_string());
            let text = format!("{name} cannot be used: {error}");
            self.progress.notice(&text);
        }
        let others = places.iter().filter(|place| place.key() != home.key());
        let order = std::iter::once(home).chain(others);
        context.global.repo = order.map(|place| place.name.clone()).collect();
        Ok(context)
    }

    /// Copies beside the first place.
    pub fn others_of_the_first(&self) -> Result<Others, Failure> {
        Ok(others(self, &self.distinct_places()?, 0))
    }

    /// At the end of a command: what did not come from home.
    pub fn tell_who_helped(&self) {
        let Some((objects @ 1.., names)) = self.others.get().map(Others::helped) else {
            return;
        };
        let what = show::counted(objects, "object", "objects");
        let names = show::harmless_sentence(&names.join(" and "));
        self.progress.notice(&format!(
            "{what} came from {names}, because the first copy lacks them or has them damaged: \
             offsite verify --data --heal mends it"
        ));
    }

    /// The copies beside `home`, each opened with its keys.
    pub fn further(&self, home: &Repository) -> Result<Vec<Further>, Failure> {
        let places = self.distinct_places()?;
        let further = places.iter().skip(1).map(|place| Further {
            name: place.name.clone(),
            repository: self.open_as(place, home),
        });
        Ok(further.collect())
    }

    /// The copy at a place, which must share the keys of `home`.
    pub fn open_as(&self, place: &Place, home: &Repository) -> Result<Repository, Failure> {
        self.open_in(place, self.existing(place)?, home)
    }

    /// The same in the store of a place, which was opened.
    pub fn open_in(
        &self,
        place: &Place,
        store: Arc<dyn Store>,
        home: &Repository,
    ) -> Result<Repository, Failure> {
        let found = self.identify(store.as_ref(), place)?;
        if found.id != home.id() {
            let name = show::harmless_sentence(&place.name);
            return Err(Failure::key(
                format!("{name} holds another repository than the copies named before it"),
                "copies are made with offsite init --replica-of, in an empty place; two repositories \
                 are worked on one by one, with --repo",
            ));
        }
        profile::heed(place, &self.state(home.id())?, store.as_ref());
        let (writer, reader) = (home.writer.clone(), home.reader.clone());
        let repository = open_with(store, self.seams.clone(), writer, reader, &found.head)?;
        self.remember(&repository, place, &found.head);
        Ok(repository)
    }

    /// All named copies with their indexes, and those that are out of reach.
    pub fn replicas(&self) -> Result<(Vec<Replica>, Vec<Absent>), Failure> {
        let places = self.distinct_places()?;
        if places.len() < 2 {
            return Err(Failure::usage(
                "only one copy of the repository was named",
                "name each with --repo URL; offsite init --repo URL --replica-of URL makes a \
                 further one",
            ));
        }
        let (mut replicas, mut absent) = (Vec::new(), Vec::new());
        let mut home: Option<Repository> = None;
        for place in &places {
            let opened = match &home {
                Some(home) => self.open_as(place, home),
                None => self
                    .existing(place)
                    .and_then(|store| self.repository_in(place, store, Access::Writer))
                    .map(|(repository, _)| repository),
            };
            match opened {
                Ok(repository) => {
                    home.get_or_insert_with(|| repository.clone());
                    let state = self.state(repository.id())?;
                    replicas.push(Replica {
                        name: place.name.clone(),
                        index: state.open_index(&place.key())?,
                        repository,
                    });
                }
                Err(failure) if may_be_elsewhere(&failure) => {
                    absent.push((place.name.clone(), failure));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok((replicas, absent))
    }

    /// Which of the replicas a person means.
    pub fn which(&self, replicas: &[Replica], name: &str) -> Result<usize, Failure> {
        let by_name = replicas.iter().position(|one| one.name == name);
        let found = match by_name {
            Some(found) => Some(found),
            None => self.by_address(replicas, name)?,
        };
        found.ok_or_else(|| {
            let names: Vec<_> = replicas.iter().map(|one| one.name.as_str()).collect();
            Failure::usage(
                &format!("no copy that can be reached is called {name}"),
                &format!("there are {}", names.join(" and ")),
            )
        })
    }

    /// The same address, typed in another way.
    fn by_address(&self, replicas: &[Replica], name: &str) -> Result<Option<usize>, Failure> {
        if name.parse::<StoreUrl>().is_err() {
            return Ok(None);
        }
        let key = self.place_named(name)?.key();
        let mut places = self.distinct_places()?.into_iter();
        let place = places.find(|place| place.key() == key);
        Ok(place.and_then(|place| replicas.iter().position(|one| one.name == place.name)))
    }
}

fn no_place() -> Failure {
    Failure::usage("no repository was named", "give --repo URL")
}

/// The copies beside one of the places, opened when they are needed.
fn others(context: &Context, places: &[Place], home: usize) -> Others {
    let others = places
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != home);
    Others::new(others.map(|(_, place)| {
        let (copy, seams) = (place.clone(), context.seams.clone());
        let progress = Arc::clone(&context.progress);
        let opens: Opens = Box::new(move || {
            let opened = copy.open_among_others(PATIENCE, &seams, progress.clone());
            opened.map_err(|failure| {
                let kind = failure.store_kind().unwrap_or(ErrorKind::Other);
                StoreError::new(kind, "open", "").because(failure.error.to_string())
            })
        });
        (place.name.clone(), opens)
    }))
}

/// Whether another copy may be of help: this one is out of reach, or lost what it needs to be opened.
pub fn may_be_elsewhere(failure: &Failure) -> bool {
    if let Some(error) = failure.error.downcast_ref::<RepositoryError>() {
        return matches!(
            error,
            RepositoryError::NoRepository { .. }
                | RepositoryError::NoPlace { .. }
                | RepositoryError::Away { .. }
                | RepositoryError::HeadLost { .. }
                | RepositoryError::NoSlots
                | RepositoryError::Object { .. }
        );
    }
    let is_invalid = |kind| matches!(kind, ErrorKind::Invalid | ErrorKind::ClockSkew);
    failure.store_kind().is_some_and(|kind| !is_invalid(kind))
}

/// The repository at the first place, also where its `repository` object is lost: then the key of
/// this host and the other copies tell what it must be, and it is put back.
pub fn with_its_head(
    context: &Context,
    access: Access,
) -> Result<(Repository, crate::ops::StateFolder, bool), Failure> {
    let failure = match context.repository(access) {
        Ok((repository, state)) => return Ok((repository, state, false)),
        Err(failure) => failure,
    };
    let is_lost = match failure.error.downcast_ref::<RepositoryError>() {
        Some(RepositoryError::HeadLost { .. }) => true,
        Some(RepositoryError::Object { name, .. }) => name == crate::format::name::REPOSITORY,
        _ => false,
    };
    if !is_lost {
        return Err(failure);
    }
    let home = context.store(false)?;
    let places = context.distinct_places()?;
    for place in places.iter().skip(1) {
        let Ok(store) = context.store_at(place, false) else {
            continue;
        };
        if identify(store.as_ref()).is_err() {
            continue;
        }
        let (other, state) = context.repository_in(place, store, access)?;
        let bytes = crate::repository::repository_object(&other)?;
        if crate::ops::heal_head(home.as_ref(), &other.writer, [bytes])? {
            let (repository, _) = context.repository(access)?;
            return Ok((repository, state, true));
        }
    }
    Err(failure)
}
