//! Every object, fetched whole and held against its name; records and packs are opened as far as
//! the keys at hand go. Gives an index of the chunks that truly lie where it says.
//!
//! Memory: the objects under way together weigh at most two packs of the repository's size for
//! each worker (or one pack of any size), besides a chunk of each thread, what one record is when it
//! is opened, and 16 MiB of the index.

use std::sync::{Mutex, PoisonError};

use minicbor::Decode;

use super::super::queue::Queue;
use super::super::{OpsError, Result};
use super::catalog::Catalog;
use super::fetch::{each_object, fetch, oversized};
use super::findings::Findings;
use super::packs::PackCheck;
use super::part::Selection;
use crate::format::header::Header;
use crate::format::housekeeping::{Finding, Forget, Plan, Proof};
use crate::format::parameters::Parameters;
use crate::format::segment::Segment;
use crate::format::slot::{SLOT_BYTES_MAX, decode_costs};
use crate::format::snapshot::Snapshot;
use crate::format::{Kind, PACK_BYTES_MAX, cbor, name};
use crate::id::ObjectId;
use crate::index::Index;
use crate::progress::Progress;
use crate::repository::{ObjectProblem, Repository, open_record};
use crate::store::ObjectInfo;

/// `repository` is at most so long.
const REPOSITORY_BYTES_MAX: u64 = 1024;
/// What waits weighs at least so much, so that the queue is short.
const WEIGHT_MIN: u64 = 64 * 1024;

/// Checks every object of a known form that the selection has.
///
/// # Errors
/// `Store`, `Index`; `Object` for what is of a later version.
pub fn check_all(
    repository: &Repository,
    catalog: &Catalog,
    selection: &Selection,
    findings: &Findings,
    progress: &dyn Progress,
) -> Result<Index> {
    let proven = Index::temporary()?;
    if selection.is_all() {
        progress.stage("Checking every object", Some(catalog.pack_bytes));
    } else {
        progress.stage("Checking a part of the objects", Some(selection.pack_bytes));
    }
    let check = Check {
        repository,
        selection,
        findings,
        progress,
        packs: PackCheck {
            repository,
            claims: &catalog.claims,
            proven: &proven,
            findings,
        },
        opening: Mutex::default(),
    };
    check.run()?;
    progress.finish();
    Ok(proven)
}

struct Check<'c> {
    repository: &'c Repository,
    selection: &'c Selection,
    findings: &'c Findings,
    progress: &'c dyn Progress,
    packs: PackCheck<'c>,
    /// Records are opened one at a time: a few bytes can be compressed from 32 MiB.
    opening: Mutex<()>,
}

impl Check<'_> {
    /// Lists here; fetches and checks on threads, or here as well.
    fn run(&self) -> Result<()> {
        let threads = self.repository.seams.threads;
        let Some(workers) = threads.workers else {
            return each_object(self.repository, &mut |info| self.object(&info));
        };
        let pack_bytes = self.repository.parameters.pack_bytes;
        let pack_bytes = pack_bytes.clamp(1 << 20, Parameters::PACK_BYTES_MAX);
        let queue: Queue<ObjectInfo> = Queue::new(2 * workers.get() * pack_bytes as usize);
        let failure: Mutex<Option<OpsError>> = Mutex::default();
        let listed = std::thread::scope(|scope| {
            // More threads than processors, so that some wait for the store while others compute.
            for _ in 0..workers.max(threads.transfers).get() {
                scope.spawn(|| {
                    let _guard = queue.abandon_on_panic();
                    while let Some(taken) = queue.pop() {
                        let (info, _weight) = taken.into_parts();
                        if let Err(error) = self.object(&info) {
                            let mut failure =
                                failure.lock().unwrap_or_else(PoisonError::into_inner);
                            failure.get_or_insert(error);
                            queue.abandon();
                        }
                    }
                });
            }
            let _guard = queue.abandon_on_panic();
            let listed = each_object(self.repository, &mut |info| {
                let weight = usize::try_from(info.bytes.max(WEIGHT_MIN)).unwrap_or(usize::MAX);
                let weight = weight.min(PACK_BYTES_MAX as usize);
                queue.push(info, weight).map_err(|_| OpsError::Stopped)
            });
            match &listed {
                Ok(()) => queue.close(),
                Err(_) => queue.abandon(),
            }
            listed
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(listed, Err)
    }

    fn object(&self, info: &ObjectInfo) -> Result<()> {
        let Some((kind, id)) = name::parse(&info.name) else {
            return Ok(());
        };
        if !self.selection.has(kind, id.as_ref()) {
            return Ok(());
        }
        if !is_pack(kind) || kind == Kind::ListingPack && !self.selection.is_all() {
            self.progress.expect(info.bytes);
        }
        self.progress.item(info.name.as_bytes());
        self.findings.add_objects(1);
        match (kind, id) {
            (Kind::DataPack | Kind::ListingPack, Some(id)) => {
                self.packs.check(kind, &id, info)?;
                if kind == Kind::DataPack {
                    let was_sound = !self.findings.is_damaged(&info.name);
                    self.selection.note(self.repository, &id, was_sound)?;
                }
            }
            _ => {
                if let Err(problem) = self.record(kind, id.as_ref(), info)? {
                    self.findings.damaged(&info.name, &problem);
                    if let (Kind::Snapshot, Some(id)) = (kind, &id) {
                        self.findings.hurts(&info.name, id);
                    }
                }
            }
        }
        self.progress.advance(info.bytes);
        Ok(())
    }

    fn record(
        &self,
        kind: Kind,
        id: Option<&ObjectId>,
        info: &ObjectInfo,
    ) -> Result<Result<(), ObjectProblem>> {
        let bytes_max = match kind {
            Kind::Repository => REPOSITORY_BYTES_MAX,
            Kind::KeySlot => SLOT_BYTES_MAX,
            _ => kind.record_bytes_max(),
        };
        if info.bytes > bytes_max {
            return Ok(Err(oversized()));
        }
        let fetched = fetch(self.repository, &info.name, id, bytes_max)?;
        Ok(fetched.and_then(|bytes| self.decode(kind, &bytes)))
    }

    /// Opens and decodes anything but a pack. A key slot is not tried: that takes a passphrase.
    fn decode(&self, kind: Kind, bytes: &[u8]) -> Result<(), ObjectProblem> {
        let writer = &self.repository.writer;
        if kind == Kind::KeySlot {
            let header = Header::decode(bytes, kind, Some(writer.repository()))?;
            decode_costs(header.extension())?;
            return Ok(());
        }
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let payload = open_record(writer, kind, bytes)?;
        match kind {
            Kind::Repository => decodes::<Parameters>(&payload),
            Kind::Segment => {
                for pack in cbor::decode::<Segment>(&payload)?.packs {
                    pack.class()?;
                    pack.entries()?;
                }
                Ok(())
            }
            Kind::Snapshot => decodes::<Snapshot>(&payload),
            Kind::Plan => decodes::<Plan>(&payload),
            Kind::Forget => decodes::<Forget>(&payload),
            Kind::Proof => decodes::<Finding>(&cbor::decode::<Proof>(&payload)?.finding),
            Kind::KeySlot | Kind::DataPack | Kind::ListingPack => Ok(()),
        }
    }
}

/// Checks that a payload is what it should be.
fn decodes<'b, T: Decode<'b, ()>>(payload: &'b [u8]) -> Result<(), ObjectProblem> {
    cbor::decode::<T>(payload)?;
    Ok(())
}

fn is_pack(kind: Kind) -> bool {
    matches!(kind, Kind::DataPack | Kind::ListingPack)
}
