//! `offsite demo`

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::compare::{self, Fingerprints};
use super::proof::{self, Proof};
use super::quieter::Quieter;
use super::rehearsal::{self, Rehearsal};
use super::teller::Teller;
use super::{dump, library, month};
use crate::cli::context::{Context, host_name};
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::output;
use crate::cli::show::{self, Align, Table};
use crate::crypto::KdfCost;
use crate::format::parameters::Parameters;
use crate::index::Index;
use crate::ops::{
    self, BackupOptions, BackupReport, CheckpointRule, InitOptions, Opened, OpsError,
    RestoreOptions, RestoreReport, SourceChoice,
};
use crate::progress::{Progress, Silent};
use crate::repository::{Repository, SnapshotFilter, StoredSnapshot};
use crate::source::database::DatabaseSource;
use crate::store::local::Local;

const PASSPHRASE: &str = "demo of a small photo library";
const NEW_PHOTOS: u32 = 6;
/// Files younger than this are read again at the next backup; the demo shows that unchanged ones
/// are not.
const SETTLING: Duration = Duration::from_millis(3_200);

/// Try it: back up a small made-up photo library, damage it, find the damage, restore, compare
///
/// Takes less than a minute and needs nothing but this program. Everything happens in a temporary
/// folder, which is removed at the end.
#[derive(ClapArgs, Debug)]
pub struct Args {
    /// Keep library, repository and restored files in this new folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    // An interrupt ends it between two steps, so that no folder stays behind.
    let _heeding = context.seams.interrupt.heed();
    let temporary = match &args.keep {
        Some(folder) => {
            fs::create_dir(folder).map_err(|error| cannot("make the folder", folder, error))?;
            None
        }
        None => Some(
            tempfile::Builder::new()
                .prefix("offsite-demo-")
                .tempdir()
                .map_err(|error| cannot("make a folder in", &std::env::temp_dir(), error))?,
        ),
    };
    let folder = match (&temporary, &args.keep) {
        (Some(temporary), _) => temporary.path(),
        (None, Some(kept)) => kept.as_path(),
        (None, None) => Path::new("."),
    };
    let folder = &std::path::absolute(folder).map_err(|error| cannot("find", folder, error))?;
    let teller = Teller::new(context);
    let outcome = Story {
        context,
        teller: &teller,
        folder,
    }
    .tell()?;
    let is_well = outcome.is_well();
    if context.global.json {
        output::json(&outcome.document(args.keep.as_deref().map(|_| folder.as_path())))?;
    }
    let next = [
        "",
        "Next, for your own library:",
        "  offsite init --repo /mnt/backup/photos --recovery-kit recovery-kit.html",
        "  offsite backup --repo /mnt/backup/photos --immich /srv/immich --database-command \
         'docker exec immich_postgres pg_dump --clean --if-exists -U postgres immich'",
        "  offsite restore --repo /mnt/backup/photos --target /tmp/restored",
    ];
    teller.lines(&next.map(str::to_owned))?;
    Ok(if is_well {
        Status::Done
    } else {
        Status::Damage
    })
}

fn cannot(what: &str, path: &Path, error: io::Error) -> Failure {
    let sentence = format!("could not {what} {}: {error}", path.display());
    Failure::failed(
        sentence,
        "give another folder with --keep DIR, or set TMPDIR",
    )
}

/// What came of it.
struct Outcome {
    snapshots: [BackupReport; 2],
    restored: RestoreReport,
    is_same: bool,
    /// The photo that was damaged.
    planted: String,
    proof: Proof,
    rehearsal: Rehearsal,
}

impl Outcome {
    fn is_well(&self) -> bool {
        self.is_same && self.proof.found && self.rehearsal.ok
    }

    fn document(&self, kept: Option<&Path>) -> Value {
        let snapshots = self.snapshots.iter().map(|report| {
            json!({
                "snapshot": report.snapshot.to_string(),
                "time": show::rfc3339(report.time),
                "files_total": report.statistics.files,
                "files_new": report.statistics.files_new,
                "bytes_total": report.statistics.bytes,
                "bytes_added": report.statistics.bytes_added,
                "bytes_uploaded": report.bytes_uploaded,
                "duration_seconds": report.duration.as_secs_f64(),
            })
        });
        json!({
            "ok": self.is_well(),
            "snapshots": snapshots.collect::<Vec<_>>(),
            "audit": {
                "counts": self.proof.counts,
                "planted": self.planted,
                "found": self.proof.found,
            },
            "restore": {
                "files_restored": self.restored.files_restored,
                "bytes_restored": self.restored.bytes_restored,
                "same": self.is_same,
            },
            "drill": {
                "held": self.rehearsal.held,
                "ok": self.rehearsal.ok,
            },
            "kept": kept.map(|folder| show::harmless(folder.as_os_str().as_encoded_bytes())),
        })
    }
}

/// The demo from beginning to end.
struct Story<'d> {
    context: &'d Context,
    teller: &'d Teller<'d>,
    folder: &'d Path,
}

impl Story<'_> {
    fn tell(&self) -> std::result::Result<Outcome, Failure> {
        let place = self.folder.join("immich");
        let dump = self.folder.join("immich.sql");
        let teller = self.teller;
        teller.step("Drawing a small photo library and its database dump")?;
        fs::create_dir(&place).map_err(|error| cannot("make", &place, error))?;
        let draw = |error| cannot("draw the library in", &place, error);
        let mut library = library::draw(&place, 1, library::Size::DEMO).map_err(draw)?;
        self.write_dump(&library)?;
        let (bytes, files) = library.originals();
        teller.line(&format!(
            "{}, {}",
            show::counted(files as u64, "original", "originals"),
            show::bytes(bytes)
        ))?;

        teller.step("Making an encrypted repository in a folder")?;
        let repository = self.init()?;
        let index = Index::in_memory().map_err(OpsError::from)?;
        let id = repository.id();
        teller.line(&format!("{id} (passphrase for this demo: {PASSPHRASE})"))?;

        teller.step("First backup")?;
        self.context.seams.clock.sleep(SETTLING);
        let before = compare::of_library(&place, &dump);
        let before = before.map_err(|error| cannot("read", &place, error))?;
        let first = self.backup(&repository, &index, &place)?;

        teller.step(
            "A month passes: new photos, one moved, one edited, one deleted, and the disk \
             damages one",
        )?;
        let change = month::change(&mut library, NEW_PHOTOS).map_err(draw)?;
        let planted = month::decay(&library, &change).map_err(draw)?;
        self.write_dump(&library)?;
        let second = self.backup(&repository, &index, &place)?;
        self.table(&[&first, &second])?;

        teller.step("The audit: every photo of the database held against the second snapshot")?;
        let opened = Opened::look(repository, index, &Silent)?;
        let proof = proof::audit(teller, &opened, &planted, first.snapshot)?;

        teller.step("Restoring the first snapshot, as of its time")?;
        let filter = SnapshotFilter {
            at: Some(first.time),
            ..SnapshotFilter::default()
        };
        let snapshot = opened.snapshot("latest", &filter)?;
        let target = self.folder.join("restored");
        let restored = self.restore(&opened, snapshot, &target)?;
        let is_same = self.compare(&before, &target)?;

        teller.step("Rehearsing its restore into a throw-away Postgres")?;
        let rehearsal = rehearsal::rehearse(&opened, snapshot)?;
        teller.line(&rehearsal.line)?;
        Ok(Outcome {
            snapshots: [first, second],
            restored,
            is_same,
            planted,
            proof,
            rehearsal,
        })
    }

    fn write_dump(&self, library: &library::Library) -> std::result::Result<(), Failure> {
        let path = self.folder.join("immich.sql");
        let write = || -> io::Result<()> {
            let mut out = BufWriter::new(File::create(&path)?);
            dump::write_dump(library, &mut out)?;
            out.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()
        };
        write().map_err(|error| cannot("write", &path, error))
    }

    fn init(&self) -> std::result::Result<Repository, Failure> {
        let seams = &self.context.seams;
        let store = Local::create(&self.folder.join("repository"), seams.clone())?;
        let options = InitOptions {
            passphrase: PASSPHRASE,
            cost: KdfCost::DEFAULT,
            host: host_name(),
            pack_bytes: Parameters::PACK_BYTES,
        };
        Ok(ops::init(Arc::new(store), seams, &options)?.repository)
    }

    fn backup(
        &self,
        repository: &Repository,
        index: &Index,
        place: &Path,
    ) -> std::result::Result<BackupReport, Failure> {
        let source = SourceChoice {
            immich: Some(place.to_path_buf()),
            database: Some(DatabaseSource::File(self.folder.join("immich.sql"))),
            ..SourceChoice::default()
        };
        let options = BackupOptions {
            source,
            current: self.folder.to_path_buf(),
            host: host_name(),
            tags: vec!["demo".to_owned()],
            accept_shrunk: false,
            checkpoint: CheckpointRule::default(),
        };
        let progress = self.context.progress.as_ref();
        let report = ops::backup(repository, index, &options, &Quieter(progress));
        progress.finish();
        let report = report?;
        let figures = &report.statistics;
        self.teller.line(&format!(
            "{} new, {} changed, {} not read again; {} of {} were new; {} stored in {}",
            show::count(figures.files_new),
            show::count(figures.files_changed),
            show::count(figures.files_unmodified),
            show::bytes(figures.bytes_added),
            show::bytes(figures.bytes),
            show::bytes(report.bytes_uploaded),
            show::duration(report.duration)
        ))?;
        Ok(report)
    }

    fn table(&self, reports: &[&BackupReport]) -> std::result::Result<(), Failure> {
        let mut table = Table::new([
            ("   Snapshot", Align::Left),
            ("Time", Align::Left),
            ("Files", Align::Right),
            ("Contents", Align::Right),
            ("Stored", Align::Right),
            ("Saved", Align::Right),
        ]);
        for report in reports {
            let figures = &report.statistics;
            let saved = figures.bytes.saturating_sub(report.bytes_uploaded);
            let id: String = report.snapshot.to_string().chars().take(12).collect();
            table.row([
                format!("   {id}"),
                show::time(report.time),
                show::count(figures.files),
                show::bytes(figures.bytes),
                show::bytes(report.bytes_uploaded),
                show::bytes(saved),
            ]);
        }
        self.teller.lines(&table.lines())
    }

    fn restore(
        &self,
        opened: &Opened,
        snapshot: &StoredSnapshot,
        target: &Path,
    ) -> std::result::Result<RestoreReport, Failure> {
        let options = RestoreOptions {
            target: target.to_path_buf(),
            files: true,
            database: true,
            ..RestoreOptions::default()
        };
        let progress = self.context.progress.as_ref();
        let (repository, index) = (&opened.repository, &opened.index);
        let restored = ops::restore(repository, index, &snapshot.record, &options, progress);
        progress.finish();
        let restored = restored?;
        self.teller.line(&format!(
            "{} back, {}",
            show::counted(restored.files_restored, "file", "files"),
            show::bytes(restored.bytes_restored)
        ))?;
        for (path, error) in &restored.problems {
            self.teller
                .line(&format!("{}: {error}", show::harmless(path)))?;
        }
        Ok(restored)
    }

    fn compare(
        &self,
        before: &Fingerprints,
        restored: &Path,
    ) -> std::result::Result<bool, Failure> {
        let after = compare::of_restored(restored, before)
            .map_err(|error| cannot("read", restored, error))?;
        let ink = show::ink_for_stdout();
        let number = show::counted(before.len() as u64, "file", "files");
        if *before == after {
            let verdict = ink.good("the same, bit for bit");
            self.teller.line(&format!(
                "{number} compared with the library of then: {verdict}"
            ))?;
            return Ok(true);
        }
        let differ = before
            .iter()
            .filter(|(path, hash)| after.get(*path) != Some(hash));
        for (path, _) in differ {
            let path = show::harmless(path.as_os_str().as_encoded_bytes());
            self.teller
                .line(&format!("{}: {path}", ink.bad("differs")))?;
        }
        let verdict = "the restored library is not the one that was backed up";
        self.teller.line(&ink.bad(verdict))?;
        Ok(false)
    }
}
