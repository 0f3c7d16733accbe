//! The audit's part in a run: it sees the dump and the entries go by, and says at the end whether
//! the snapshot can be trusted.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::options::BackupOptions;
use super::roots::is_immich;
use crate::compress::Compressor;
use crate::id::ChunkId;
use crate::index::Index;
use crate::ops::audit::{
    Audit, Audited, Known, KnownPlaces, LeftOut, Sink, changes_of, refuse_absent,
};
use crate::ops::error::{shown, with_causes};
use crate::ops::pipeline::Pipeline;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::repository::{Repository, StoredSnapshot};
use crate::seams::Timestamp;
use crate::source::Root;
use crate::source::immich::reader::{Reader, Summary};

/// What a run audits, if it does.
pub struct Auditing {
    /// `None` without an upload location or without a database.
    audit: Option<Audit>,
    /// The upload location on this host, if one is backed up.
    location: Option<PathBuf>,
    places: KnownPlaces,
    audited: Mutex<Audited>,
    host: String,
    accept_changes: bool,
}

impl Auditing {
    /// Before anything is read.
    ///
    /// # Errors
    /// `OriginalsAbsent`; of reading the last good listing; `Index`.
    pub fn prepare(
        repository: &Repository,
        index: &Index,
        options: &BackupOptions,
        roots: &[Root],
        snapshots: &[StoredSnapshot],
        progress: &dyn Progress,
    ) -> Result<Self> {
        let immich = options.source.immich.as_ref();
        let folder = roots.iter().find(|root| is_immich(root));
        let folder = folder.and_then(|root| root.folder.parent());
        let location = immich.and(folder).map(PathBuf::from);
        let mut auditing = Self {
            audit: None,
            places: KnownPlaces::default(),
            location,
            audited: Mutex::default(),
            host: options.host.clone(),
            accept_changes: options.source.accept_changes,
        };
        let Some(location) = &auditing.location else {
            return Ok(auditing);
        };
        if !auditing.accept_changes {
            refuse_absent(repository, index, auditing.known(snapshots), roots)?;
        }
        if options.source.database.is_some() {
            auditing.places = KnownPlaces::new(roots, location, &options.source.mounts);
            auditing.audit = Some(Audit::new()?);
        } else {
            progress.notice(
                "note: without the database nobody can say which photos are missing: there is no audit",
            );
        }
        Ok(auditing)
    }

    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// Reads the rows for the audit, if there is one.
    pub fn reader(&self) -> Option<Reader<Sink>> {
        self.audit.as_ref().map(|audit| Reader::new(audit.sink()))
    }

    fn known<'k>(&self, snapshots: &'k [StoredSnapshot]) -> Known<'k> {
        match &self.location {
            Some(location) => {
                let ours = snapshots.iter().rev();
                Known::find(ours.filter(|one| one.record.host == self.host), location)
            }
            None => Known { snapshot: None },
        }
    }

    /// The dump is whole, and no file was looked at yet.
    ///
    /// # Errors
    /// `Index`.
    pub fn dump_is_read(&self, read: Option<Summary>, progress: &dyn Progress) -> Result<()> {
        let Some(audit) = &self.audit else {
            return Ok(());
        };
        let unreadable = read.map_or(0, |read| read.assets_unreadable);
        if unreadable > 0 {
            progress.notice(&format!(
                "{unreadable} rows of the table of assets could not be read: nothing is said of \
                 their files"
            ));
        }
        progress.stage("Sorting the rows of the database", None);
        for left_out in audit.place_rows(&self.places)? {
            progress.notice(&how_to_add(&left_out));
        }
        Ok(())
    }

    /// All entries have passed: judges, and stores the findings.
    ///
    /// # Errors
    /// `Index`; of storing metadata chunks.
    pub fn settle(&self, pipeline: &Pipeline<'_>, dump_began: Timestamp) -> Result<()> {
        let Some(audit) = &self.audit else {
            return Ok(());
        };
        audit.settle(dump_began)?;
        let mut compressor = Compressor::new().map_err(|error| OpsError::Seal(error.into()))?;
        let audited = audit.store(&mut |list| pipeline.store_metadata(list, &mut compressor))?;
        *self.audited.lock().unwrap_or_else(PoisonError::into_inner) = audited;
        Ok(())
    }

    /// What the audit came to, once it is settled.
    pub fn take_audited(&self) -> Audited {
        let audited = self.audited.lock();
        std::mem::take(&mut *audited.unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything is stored, the listing too: gives why the snapshot is suspect, if it is.
    ///
    /// # Errors
    /// `Store`, `Index`.
    pub fn suspicion(
        &self,
        repository: &Repository,
        index: &Index,
        snapshots: &[StoredSnapshot],
        listing: (u8, ChunkId),
        progress: &dyn Progress,
    ) -> Result<Option<String>> {
        if self.accept_changes {
            return Ok(None);
        }
        let known = self.known(snapshots);
        match changes_of(repository, index, known, listing, self.audit()) {
            // The older one is damaged: no reason to doubt this one.
            Err(OpsError::Repository(error)) if error.is_damage() => {
                let cause = with_causes(&error);
                progress.notice(&format!(
                    "the last good snapshot is damaged, and this one could not be compared with \
                     it: {cause}; run offsite verify"
                ));
                Ok(None)
            }
            compared => compared,
        }
    }
}

/// What to say of a folder that Immich shows and this backup does not hold, with what would add it to
/// the command, to be used as it stands.
fn how_to_add(left_out: &LeftOut) -> String {
    let named = word(&left_out.path);
    let same = || is_folder(&left_out.path).then(|| named.clone());
    let told = left_out
        .host
        .as_deref()
        .map(|host| word(host.as_os_str().as_bytes()));
    let (where_it_is, arguments) = match (told, same()) {
        (Some(host), _) => ("", host),
        (None, Some(host)) => ("", format!("--map {named}={host} {host}")),
        (None, None) => (
            ", with FOLDER as its place on this host",
            format!("--map {named}=FOLDER FOLDER"),
        ),
    };
    format!(
        "note: the external library {} is not part of this backup; to add it{where_it_is}: {arguments}",
        shown(&left_out.path)
    )
}

fn is_folder(path: &[u8]) -> bool {
    Path::new(OsStr::from_bytes(path)).is_dir()
}

/// As a shell takes it, as long as it can be shown as it is.
fn word(path: &[u8]) -> String {
    let text = shown(path);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@:,".contains(byte);
    if text.as_bytes().iter().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
