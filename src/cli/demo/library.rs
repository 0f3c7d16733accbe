//! A small Immich upload location drawn by code: for `offsite demo` and for tests.
//!
//! The same seed and size give the same files, to the byte. [`draw`] makes the library,
//! [`month::change`](super::month::change) lets a month pass, and
//! [`dump::write_dump`](super::dump::write_dump) writes the database that belongs to it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sha1::{Digest, Sha1};

use super::dice::Dice;
use super::photo::{exif, photo};
use super::plan::{Plan, first_roll};

/// The moment the library is first drawn: 2024-09-01T02:00:00Z, in seconds since 1970.
pub const DRAWN_AT: i64 = 1_725_156_000;

/// What wrote the EXIF block of a photo that came straight from the camera.
pub(super) const CAMERA_SOFTWARE: &str = "7.1.0";

/// How much is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// At least 6, so that every oddity is there.
    pub photos: u32,
    /// The widest a photo gets, in pixels; at least 64. Heights are three quarters of widths.
    pub width_max: u16,
    pub video_bytes: usize,
    /// Rows of 512 numbers for each photo in the dump, 6.3 kB of text each.
    pub faces_per_photo: u32,
}

impl Size {
    /// About 110 MB of files and a dump of 4 MB; drawn in a few seconds.
    pub const DEMO: Self = Self {
        photos: 40,
        width_max: 2800,
        video_bytes: 40_000_000,
        faces_per_photo: 14,
    };

    /// About 60 kB, for tests.
    pub const TINY: Self = Self {
        photos: 8,
        width_max: 96,
        video_bytes: 20_000,
        faces_per_photo: 1,
    };
}

/// Who owns photos.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub name: &'static str,
    pub email: &'static str,
    /// With a label, the storage template is on and photos lie in `library/<label>/`; without, in
    /// `upload/<id>/`.
    pub label: Option<&'static str>,
    /// Below the upload location.
    pub avatar: Option<String>,
}

/// What an asset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Photo,
    Video,
}

/// What Immich keeps beside an original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// Below the upload location.
    pub path: String,
    pub title: String,
}

/// One original, as it lies on disk and stands in the database.
#[derive(Debug, Clone)]
pub struct Asset {
    pub id: String,
    /// An index into [`Library::users`].
    pub owner: usize,
    pub kind: Kind,
    /// Below the upload location, such as `library/anna/2024/2024-07-14/IMG_0042.jpg`.
    pub path: String,
    /// As the person named it.
    pub name: String,
    /// Seconds since 1970.
    pub taken: i64,
    /// When Immich received it, in seconds since 1970.
    pub added: i64,
    pub sha1: [u8; 20],
    pub size: u64,
    pub width: u16,
    pub height: u16,
    pub duration_milliseconds: Option<u32>,
    pub sidecar: Option<Sidecar>,
    /// A generated file: type in the database and path below the upload location.
    pub generated: Option<(&'static str, String)>,
}

impl Asset {
    /// The path as Immich's container knows it.
    pub fn stored_path(&self) -> String {
        format!("/data/{}", self.path)
    }
}

/// A drawn library: everything that its database would know.
#[derive(Debug, Clone)]
pub struct Library {
    /// The upload location.
    pub folder: PathBuf,
    pub seed: u64,
    pub size: Size,
    pub users: Vec<User>,
    pub assets: Vec<Asset>,
    /// Months that passed since it was drawn.
    pub months: u32,
    /// Photos thrown so far; the number of the next one.
    pub(super) thrown: u64,
}

impl Library {
    /// The moment its database would be dumped, in seconds since 1970.
    pub fn now(&self) -> i64 {
        DRAWN_AT + i64::from(self.months) * 30 * 86_400
    }

    /// Bytes of all originals and their number.
    pub fn originals(&self) -> (u64, usize) {
        (
            self.assets.iter().map(|asset| asset.size).sum(),
            self.assets.len(),
        )
    }

    pub(super) fn dice(&self, purpose: &str, number: u64) -> Dice {
        Dice::new(self.seed, purpose, number)
    }
}

/// Draws a library into `folder`, which must be empty or absent.
///
/// # Errors
/// `AlreadyExists` when the folder holds something; otherwise what the file system says.
pub fn draw(folder: &Path, seed: u64, size: Size) -> io::Result<Library> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        let text = "the folder for the demo library is not empty";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let mut library = Library {
        folder: folder.to_owned(),
        seed,
        size,
        users: users(seed),
        assets: Vec::new(),
        months: 0,
        thrown: 0,
    };
    write_markers(&library)?;
    let plans = first_roll(&mut library);
    library.assets = make_all(&library, &plans)?;
    write_avatars(&library)?;
    write_generated(&mut library)?;
    Ok(library)
}

fn users(seed: u64) -> Vec<User> {
    let mut dice = Dice::new(seed, "users", 0);
    let (anna, ben, avatar) = (dice.uuid(), dice.uuid(), dice.uuid());
    let avatar = Some(format!("profile/{anna}/{avatar}.jpg"));
    vec![
        User {
            id: anna,
            name: "Anna",
            email: "anna@example.org",
            label: Some("anna"),
            avatar,
        },
        User {
            id: ben,
            name: "Ben",
            email: "ben@example.org",
            label: None,
            avatar: None,
        },
    ]
}

/// The six folders with the files by which Immich knows that they are mounted.
fn write_markers(library: &Library) -> io::Result<()> {
    for folder in [
        "upload",
        "library",
        "thumbs",
        "encoded-video",
        "profile",
        "backups",
    ] {
        let marker = format!("{folder}/.immich");
        let started = format!("{}", library.now() * 1000);
        write_file(library, &marker, started.as_bytes(), library.now())?;
    }
    Ok(())
}

fn write_avatars(library: &Library) -> io::Result<()> {
    for (number, user) in library.users.iter().enumerate() {
        let Some(path) = &user.avatar else { continue };
        let side = library.size.width_max.min(256);
        let jpeg = photo(&mut library.dice("avatar", number as u64), side, side, &[])?;
        write_file(library, path, &jpeg, library.now())?;
    }
    Ok(())
}

/// What Immich can make again: a preview for the first photo of each user, a transcoded video, and
/// a nightly dump.
fn write_generated(library: &mut Library) -> io::Result<()> {
    let mut written = Vec::new();
    for (place, asset) in library.assets.iter().enumerate() {
        let mut photos = library
            .assets
            .iter()
            .filter(|other| other.kind == Kind::Photo);
        let first = photos
            .find(|photo| photo.owner == asset.owner)
            .map(|photo| &photo.id);
        let (kind, folder, end) = match asset.kind {
            Kind::Video => ("encoded_video", "encoded-video", ".mp4"),
            Kind::Photo if first == Some(&asset.id) => ("preview", "thumbs", "_preview.jpeg"),
            Kind::Photo => continue,
        };
        let owner = &library.users[asset.owner].id;
        let path = format!(
            "{folder}/{owner}/{}/{}{end}",
            two_folders(&asset.id),
            asset.id
        );
        let mut dice = library.dice("generated", place as u64);
        let bytes = match asset.kind {
            Kind::Video => video(&mut dice, library.size.video_bytes / 100),
            Kind::Photo => photo(
                &mut dice,
                library.size.width_max / 8,
                library.size.width_max / 8,
                &[],
            )?,
        };
        write_file(library, &path, &bytes, library.now())?;
        written.push((place, (kind, path)));
    }
    for (place, generated) in written {
        library.assets[place].generated = Some(generated);
    }
    let mut dump = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    dump.write_all(b"--\n-- PostgreSQL database dump\n--\n")?;
    let dump = dump.finish()?;
    let name = "backups/immich-db-backup-20240831T020000-v3.0.3-pg14.19.sql.gz";
    write_file(library, name, &dump, library.now() - 86_400)
}

/// The two levels of folders that Immich puts between a user and a file.
pub(super) fn two_folders(uuid: &str) -> String {
    format!(
        "{}/{}",
        uuid.get(..2).unwrap_or("00"),
        uuid.get(2..4).unwrap_or("00")
    )
}

/// Draws, writes and hashes everything planned, on all processors.
pub(super) fn make_all(library: &Library, plans: &[Plan]) -> io::Result<Vec<Asset>> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::with_capacity(plans.len()));
    let work = || -> io::Result<()> {
        while let Some((place, plan)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            plans.get(place).map(|plan| (place, plan))
        } {
            let asset = make(library, plan)?;
            made.lock()
                .unwrap_or_else(|poison| poison.into_inner())
                .push((place, asset));
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(8);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<io::Result<()>>()
    })?;
    let mut made = made
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    made.sort_by_key(|(place, _)| *place);
    Ok(made.into_iter().map(|(_, asset)| asset).collect())
}

fn make(library: &Library, plan: &Plan) -> io::Result<Asset> {
    let mut dice = library.dice("original", plan.picture);
    let width_max = f32::from(library.size.width_max);
    let width = dice.between(width_max * 0.7, width_max) as u16;
    let (width, height) = (width, width / 4 * 3);
    let bytes = match plan.kind {
        Kind::Photo => {
            let block = exif(&moment(plan.taken, "%Y:%m:%d %H:%M:%S"), CAMERA_SOFTWARE);
            photo(&mut dice, width, height, &block)?
        }
        Kind::Video => video(&mut dice, library.size.video_bytes),
    };
    write_file(library, &plan.path, &bytes, plan.taken)?;
    if let Some(sidecar) = &plan.sidecar {
        write_file(
            library,
            &sidecar.path,
            xmp(&sidecar.title).as_bytes(),
            plan.taken,
        )?;
    }
    Ok(Asset {
        id: plan.id.clone(),
        owner: plan.owner,
        kind: plan.kind,
        path: plan.path.clone(),
        name: plan.name.clone(),
        taken: plan.taken,
        added: plan.added,
        sha1: Sha1::digest(&bytes).into(),
        size: bytes.len() as u64,
        width,
        height,
        duration_milliseconds: (plan.kind == Kind::Video).then_some(32_480),
        sidecar: plan.sidecar.clone(),
        generated: None,
    })
}

/// An MP4 by its boxes (ISO 14496-12), with noise where the pictures would be.
fn video(dice: &mut Dice, bytes: usize) -> Vec<u8> {
    let mut file = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
    let noise_start = file.len() + 8;
    // Cannot overflow: a box of 32 bits is far larger than any demo video.
    file.extend((bytes.saturating_sub(file.len()) as u32).to_be_bytes());
    file.extend(b"mdat");
    file.resize(bytes.max(noise_start), 0);
    if let Some(noise) = file.get_mut(noise_start..) {
        dice.fill(noise);
    }
    file
}

pub(super) fn xmp(title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Image::ExifTool 13.00">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:description>
 </rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"#,
        bom = '\u{feff}'
    )
}

/// Writes a file below the upload location and dates it, in seconds since 1970.
pub(super) fn write_file(
    library: &Library,
    path: &str,
    bytes: &[u8],
    modified: i64,
) -> io::Result<()> {
    let path = library.folder.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(u64::try_from(modified).unwrap_or(0)))
}

/// A moment in UTC, in seconds since 1970, as strftime writes it.
pub(super) fn moment(seconds: i64, format: &str) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime(format).to_string()
}

#[cfg(test)]
#[path = "library_tests.rs"]
mod tests;
