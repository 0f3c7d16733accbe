//! The checksums that a store keeps of its objects, held against those in the index segments: a look
//! at every pack that fetches none. It is the store's own word of what it keeps, worth less than a
//! reading; where the two differ, the pack is fetched and held against its name.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::Result;
use super::catalog::Catalog;
use super::fetch::{each_object, fetch};
use super::findings::Findings;
use super::part::Selection;
use super::report::Compared;
use crate::format::{Kind, PACK_BYTES_MAX, name};
use crate::id::ObjectId;
use crate::ops::OpsError;
use crate::progress::Progress;
use crate::repository::{ObjectProblem, Repository};
use crate::store::ObjectInfo;

/// So many packs without an answer, and none with one: such a store has none to give.
const UNANSWERED_MAX: u64 = 16;

/// Compares the packs that the selection has.
///
/// # Errors
/// `Store`, `Index`.
pub fn compare(
    repository: &Repository,
    catalog: &Catalog,
    selection: &Selection,
    findings: &Findings,
    progress: &dyn Progress,
) -> Result<Compared> {
    progress.stage("Asking for checksums", None);
    // 131,000 names for 2 TB: some 20 MB.
    let mut packs = Vec::new();
    each_object(repository, &mut |info| {
        if let Some((kind @ (Kind::DataPack | Kind::ListingPack), Some(id))) =
            name::parse(&info.name)
            && selection.has(kind, Some(&id))
        {
            packs.push((id, info));
        }
        Ok(())
    })?;
    let asking = Asking {
        repository,
        catalog,
        findings,
        progress,
        agreeing: AtomicU64::new(0),
        unknown: AtomicU64::new(0),
        is_given_up: AtomicBool::new(false),
        next: AtomicU64::new(0),
        failure: Mutex::default(),
    };
    match repository.seams.threads.workers {
        None => asking.work(&packs),
        Some(_) => std::thread::scope(|scope| {
            for _ in 0..repository.seams.threads.transfers.get() {
                scope.spawn(|| asking.work(&packs));
            }
        }),
    }
    progress.finish();
    let compared = Compared {
        agreeing: asking.agreeing.load(Ordering::Relaxed),
        unknown: asking.unknown.load(Ordering::Relaxed),
        is_given_up: asking.is_given_up.load(Ordering::Relaxed),
    };
    let failure = asking.failure.into_inner();
    let failure = failure.unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(compared), Err)
}

struct Asking<'a> {
    repository: &'a Repository,
    catalog: &'a Catalog,
    findings: &'a Findings,
    progress: &'a dyn Progress,
    agreeing: AtomicU64,
    unknown: AtomicU64,
    is_given_up: AtomicBool,
    next: AtomicU64,
    failure: Mutex<Option<OpsError>>,
}

impl Asking<'_> {
    fn work(&self, packs: &[(ObjectId, ObjectInfo)]) {
        while !self.is_given_up.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let pack = usize::try_from(next).ok().and_then(|next| packs.get(next));
            let Some((id, info)) = pack else { return };
            if let Err(error) = self.ask(id, info) {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(error);
                self.is_given_up.store(true, Ordering::Relaxed);
            }
        }
    }

    fn ask(&self, id: &ObjectId, info: &ObjectInfo) -> Result<()> {
        self.progress.item(info.name.as_bytes());
        let claims = self.catalog.claims.claims_of(id)?;
        let claimed: Vec<u64> = claims.iter().filter_map(|claim| claim.crc).collect();
        if claimed.is_empty() {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        match self.repository.store.stored_checksum(&info.name) {
            Ok(Some(stored)) if claimed.contains(&stored) => {
                self.agreeing.fetch_add(1, Ordering::Relaxed);
            }
            // Either the pack was altered, or somebody claims a false checksum: its name tells.
            Ok(Some(_)) => match fetch(self.repository, &info.name, Some(id), PACK_BYTES_MAX)? {
                Ok(_) => {
                    self.agreeing.fetch_add(1, Ordering::Relaxed);
                }
                Err(problem) => self.findings.damaged(&info.name, &problem),
            },
            Ok(None) => {
                let unknown = self.unknown.fetch_add(1, Ordering::Relaxed) + 1;
                if unknown >= UNANSWERED_MAX && self.agreeing.load(Ordering::Relaxed) == 0 {
                    self.is_given_up.store(true, Ordering::Relaxed);
                }
            }
            Err(error) => {
                let problem = ObjectProblem::of_failed_fetch(error)?;
                self.findings.damaged(&info.name, &problem);
            }
        }
        Ok(())
    }
}
