//! `offsite demo`

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::{dump, library, month, rehearsal};
use crate::cli::context::{Context, host_name};
use crate::cli::exit::{Failure, Result, Status};
use crate::cli::output;
use crate::cli::show::{self, Align, Table};
use crate::crypto::KdfCost;
use crate::format::parameters::Parameters;
use crate::index::Index;
use crate::ops::{
    self, BackupOptions, BackupReport, CheckpointRule, InitOptions, Opened, OpsError,
    RestoreOptions, SourceChoice,
};
use crate::progress::{Progress, Silent};
use crate::repository::{Repository, SnapshotFilter};
use crate::source::database::DatabaseSource;
use crate::store::local::Local;

const PASSPHRASE: &str = "demo of a small photo library";
const NEW_PHOTOS: u32 = 6;
/// Files younger than this are read again at the next backup; the demo shows that unchanged ones
/// are not.
const SETTLING: Duration = Duration::from_millis(3_200);

/// Try it: back up a small made-up photo library, change it, back up again, restore, compare
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
    let whole = Story { context, folder }.tell()?;
    let next = [
        String::new(),
        "Next, for your own library:".to_owned(),
        "  offsite init --repo /mnt/backup/photos --recovery-kit recovery-kit.html".to_owned(),
        "  offsite backup --repo /mnt/backup/photos --immich /srv/immich --database-command \
         'docker exec immich_postgres pg_dump --clean --if-exists -U postgres immich'"
            .to_owned(),
        "  offsite restore --repo /mnt/backup/photos --target /tmp/restored".to_owned(),
    ];
    output::lines(&next)?;
    Ok(if whole { Status::Done } else { Status::Damage })
}

fn cannot(what: &str, path: &Path, error: io::Error) -> Failure {
    let sentence = format!("could not {what} {}: {error}", path.display());
    Failure::failed(
        sentence,
        "give another folder with --keep DIR, or set TMPDIR",
    )
}

/// The demo from beginning to end.
struct Story<'d> {
    context: &'d Context,
    folder: &'d Path,
}

impl Story<'_> {
    /// Gives whether everything came back as it was.
    fn tell(&self) -> std::result::Result<bool, Failure> {
        let place = self.folder.join("immich");
        self.say(1, "Drawing a small photo library and its database dump")?;
        fs::create_dir(&place).map_err(|error| cannot("make", &place, error))?;
        let draw = |error| cannot("draw the library in", &place, error);
        let mut library = library::draw(&place, 1, library::Size::DEMO).map_err(draw)?;
        self.write_dump(&library)?;
        let (bytes, files) = library.originals();
        self.tell_line(&format!(
            "{}, {}",
            show::counted(files as u64, "original", "originals"),
            show::bytes(bytes)
        ))?;

        self.say(2, "Making an encrypted repository in a folder")?;
        let repository = self.init()?;
        let index = Index::in_memory().map_err(OpsError::from)?;
        self.tell_line(&format!(
            "{} (passphrase for this demo: {PASSPHRASE})",
            repository.id()
        ))?;

        self.say(3, "First backup")?;
        self.context.seams.clock.sleep(SETTLING);
        let before = fingerprints(&place, self.folder)?;
        let first = self.backup(&repository, &index, &place)?;

        self.say(
            4,
            "A month passes: new photos, one moved, one edited, one deleted; second backup",
        )?;
        month::change(&mut library, NEW_PHOTOS).map_err(draw)?;
        self.write_dump(&library)?;
        let second = self.backup(&repository, &index, &place)?;
        self.table(&[&first, &second])?;

        self.say(5, "Restoring the first snapshot, as of its time")?;
        let opened = Opened::look(repository, index, &Silent)?;
        let restored = self.restore(&opened, &first)?;
        let is_same = self.compare(&before, &restored)?;

        self.say(
            6,
            "Rehearsing a restore of the second into a throw-away Postgres",
        )?;
        let (line, is_well) = rehearsal::rehearse(&opened)?;
        self.tell_line(&line)?;
        Ok(is_same && is_well)
    }

    fn say(&self, number: u8, sentence: &str) -> std::result::Result<(), Failure> {
        let ink = show::ink_for_stdout();
        output::lines(&[format!(
            "{} {}",
            ink.strong(&format!("{number}.")),
            ink.strong(sentence)
        )])
    }

    fn tell_line(&self, line: &str) -> std::result::Result<(), Failure> {
        output::lines(&[format!("   {line}")])
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
        self.tell_line(&format!(
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
        output::lines(&table.lines())
    }

    /// Restores as of the time of `report`; gives the folder.
    fn restore(
        &self,
        opened: &Opened,
        report: &BackupReport,
    ) -> std::result::Result<PathBuf, Failure> {
        let filter = SnapshotFilter {
            at: Some(report.time),
            ..SnapshotFilter::default()
        };
        let snapshot = opened.snapshot("latest", &filter)?;
        let target = self.folder.join("restored");
        let options = RestoreOptions {
            target: target.clone(),
            files: true,
            database: true,
            ..RestoreOptions::default()
        };
        let progress = self.context.progress.as_ref();
        let (repository, index) = (&opened.repository, &opened.index);
        let restored = ops::restore(repository, index, &snapshot.record, &options, progress);
        progress.finish();
        let restored = restored?;
        self.tell_line(&format!(
            "{} back, {}",
            show::counted(restored.files_restored, "file", "files"),
            show::bytes(restored.bytes_restored)
        ))?;
        for (path, error) in &restored.problems {
            self.tell_line(&format!("{}: {error}", show::harmless(path)))?;
        }
        Ok(target)
    }

    fn compare(
        &self,
        before: &BTreeMap<PathBuf, blake3::Hash>,
        restored: &Path,
    ) -> std::result::Result<bool, Failure> {
        let mut after = BTreeMap::new();
        add_tree(restored, restored, &mut after)
            .map_err(|error| cannot("read", restored, error))?;
        // The restore adds markers to folders whose contents are not archived.
        after.retain(|path, _| before.contains_key(path) || !path.ends_with(".immich"));
        let ink = show::ink_for_stdout();
        let number = show::counted(before.len() as u64, "file", "files");
        if *before == after {
            let verdict = ink.good("the same, bit for bit");
            self.tell_line(&format!(
                "{number} compared with the library of then: {verdict}"
            ))?;
            return Ok(true);
        }
        let differ = before
            .iter()
            .filter(|(path, hash)| after.get(*path) != Some(hash));
        for (path, _) in differ {
            let path = show::harmless(path.as_os_str().as_encoded_bytes());
            self.tell_line(&format!("{}: {path}", ink.bad("differs")))?;
        }
        self.tell_line(&ink.bad("the restored library is not the one that was backed up"))?;
        Ok(false)
    }
}

/// What is archived of the library, and the dump under the name that a restore gives it.
fn fingerprints(
    place: &Path,
    folder: &Path,
) -> std::result::Result<BTreeMap<PathBuf, blake3::Hash>, Failure> {
    let mut files = BTreeMap::new();
    let mut read = || -> io::Result<()> {
        for taken in ["library", "profile", "upload"] {
            add_tree(place, &place.join(taken), &mut files)?;
        }
        files.insert(
            PathBuf::from("database.sql"),
            hash(&folder.join("immich.sql"))?,
        );
        Ok(())
    };
    read().map_err(|error| cannot("read", place, error))?;
    Ok(files)
}

fn add_tree(
    base: &Path,
    folder: &Path,
    files: &mut BTreeMap<PathBuf, blake3::Hash>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_tree(base, &path, files)?;
        } else {
            let name = path.strip_prefix(base).unwrap_or(&path).to_path_buf();
            files.insert(name, hash(&path)?);
        }
    }
    Ok(())
}

fn hash(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        };
    }
}

/// Progress without notices: the demo says everything twice otherwise.
struct Quieter<'p>(&'p dyn Progress);

impl Progress for Quieter<'_> {
    fn stage(&self, name: &str, bytes_total: Option<u64>) {
        self.0.stage(name, bytes_total);
    }
    fn wants_totals(&self) -> bool {
        self.0.wants_totals()
    }
    fn expect(&self, bytes: u64) {
        self.0.expect(bytes);
    }
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }
    fn item(&self, path: &[u8]) {
        self.0.item(path);
    }
    fn notice(&self, _text: &str) {}
    fn finish(&self) {
        self.0.finish();
    }
}
