//! The keys of the packs that chunks are read from: derived once for as long as a pack is read, not
//! anew for every chunk of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pack_reader::{body_key, session_of};
use super::{ObjectProblem, Repository};
use crate::crypto::{ObjectKey, Secret};
use crate::format::header::{Header, sealed_session};
use crate::format::{FormatError, Kind};

/// More packs than these are not read side by side.
const REMEMBERED: usize = 16;

/// Shared by threads.
#[derive(Default)]
pub(super) struct BodyKeys {
    sessions: Mutex<HashMap<[u8; 80], Arc<Secret>>>,
    /// The one used last stands last.
    lately: Mutex<Vec<Known>>,
}

struct Known {
    kind: Kind,
    header: Vec<u8>,
    key: Arc<ObjectKey>,
}

impl BodyKeys {
    /// The key of the body of a pack with that header.
    ///
    /// # Errors
    /// `Format`, `Crypto`: the header is none, or commits to another key.
    pub fn of(
        &self,
        repository: &Repository,
        kind: Kind,
        header: &[u8],
    ) -> Result<Arc<ObjectKey>, ObjectProblem> {
        if let Some(key) = self.find(kind, header) {
            return Ok(key);
        }
        let key = Arc::new(self.derive(repository, kind, header)?);
        let mut lately = lock(&self.lately);
        if lately.len() >= REMEMBERED {
            lately.remove(0);
        }
        lately.push(Known {
            kind,
            header: header.to_vec(),
            key: Arc::clone(&key),
        });
        Ok(key)
    }

    fn find(&self, kind: Kind, header: &[u8]) -> Option<Arc<ObjectKey>> {
        let mut lately = lock(&self.lately);
        let is_it = |known: &Known| known.kind == kind && known.header == header;
        let place = lately.iter().rposition(is_it)?;
        let known = lately.remove(place);
        let key = Arc::clone(&known.key);
        lately.push(known);
        Some(key)
    }

    fn derive(
        &self,
        repository: &Repository,
        kind: Kind,
        header: &[u8],
    ) -> Result<ObjectKey, ObjectProblem> {
        let writer = &repository.writer;
        let header = Header::decode(header, kind, Some(writer.repository()))?;
        let session = match &repository.reader {
            Some(reader) if kind == Kind::DataPack => {
                let sealed = sealed_session(header.extension()).ok_or(FormatError::TooShort)?;
                let known = lock(&self.sessions).get(&sealed).cloned();
                let session = match known {
                    Some(session) => session,
                    None => Arc::new(session_of(reader, &header)?),
                };
                lock(&self.sessions).insert(sealed, Arc::clone(&session));
                Some(session)
            }
            _ => None,
        };
        body_key(writer, &header, session.as_deref())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
