//! What a drawn library holds: its users, its originals and all that Immich's database would know
//! of them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use super::dice::Dice;

/// The moment the library is first drawn: 2024-09-01T02:00:00Z, in seconds since 1970.
pub const DRAWN_AT: i64 = 1_725_156_000;

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

/// The two levels of folders that Immich puts between a user and a file.
pub(super) fn two_folders(uuid: &str) -> String {
    format!(
        "{}/{}",
        uuid.get(..2).unwrap_or("00"),
        uuid.get(2..4).unwrap_or("00")
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
