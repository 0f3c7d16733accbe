//! Makes an Immich installation: an upload location with tiny originals, and the dump of its
//! database in the words of a generation of the schema.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

/// Which releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 1.135: plural names, relative paths, a dump of the whole server.
    Plural,
    /// 1.136 to 2.5: singular names, absolute paths, sidecars in a column still.
    Between,
    /// 3.0: the media location is told, sidecars are files, checksums have an algorithm.
    Three,
}

impl Era {
    pub const ALL: [Self; 3] = [Self::Plural, Self::Between, Self::Three];

    /// What its paths begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Plural => "upload/",
            Self::Between => "/usr/src/app/upload/",
            Self::Three => "/data/",
        }
    }

    /// A prefix of other times.
    pub const fn stale_prefix(self) -> &'static str {
        match self {
            // Where no media location is told, a path beginning with upload/ tells it.
            Self::Plural | Self::Between => "/photos/",
            Self::Three => "/usr/src/app/upload/",
        }
    }
}

/// A row of the table of assets.
#[derive(Debug, Clone)]
pub struct AssetRow {
    pub number: usize,
    pub owner: usize,
    /// As the database has it.
    pub path: String,
    pub content: String,
    /// What exif says; most often the length of the content.
    pub size: Option<usize>,
    pub sidecar: Option<String>,
    pub external: bool,
    pub offline: bool,
    pub status: &'static str,
}

/// An installation in the making.
pub struct Installation {
    pub era: Era,
    /// UPLOAD_LOCATION.
    pub folder: PathBuf,
    pub assets: Vec<AssetRow>,
    pub names: Vec<(&'static str, Option<String>)>,
}

impl Installation {
    /// Empty, with markers.
    pub fn new(era: Era, folder: &Path) -> Self {
        for name in [
            "library",
            "upload",
            "profile",
            "thumbs",
            "encoded-video",
            "backups",
        ] {
            fs::create_dir_all(folder.join(name)).unwrap();
            fs::write(folder.join(name).join(".immich"), "1763755920123").unwrap();
        }
        Self {
            era,
            folder: folder.to_path_buf(),
            assets: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Writes a file of the upload location.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A row of a photo at `path` in the upload location, with the content that Immich took in. The
    /// file is not written.
    pub fn row(&mut self, path: &str) -> &mut AssetRow {
        let number = self.assets.len();
        let content = format!("photo {number} of {:?}", self.era);
        self.assets.push(AssetRow {
            number,
            owner: number % 3,
            path: format!("{}{path}", self.era.prefix()),
            size: Some(content.len()),
            content,
            sidecar: None,
            external: false,
            offline: false,
            status: "active",
        });
        self.assets.last_mut().unwrap()
    }

    /// A row and its file.
    pub fn photo(&mut self, path: &str) -> &mut AssetRow {
        let content = self.row(path).content.clone();
        self.write(path, &content);
        self.assets.last_mut().unwrap()
    }

    /// Where a photo of that number would be, in the folders of its owner.
    pub fn place(&self, number: usize) -> String {
        let owner = ["alice", "bob", "carol"][number % 3];
        if number.is_multiple_of(2) {
            format!(
                "library/{owner}/2024/2024-0{}/IMG_{number}.jpg",
                number % 9 + 1
            )
        } else {
            let ab = format!("{:02x}", number % 251);
            format!("upload/{}/{ab}/{number:032x}.jpg", user_id(number % 3))
        }
    }

    /// The dump.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        let cluster = self.era == Era::Plural;
        if cluster {
            out.push_str("--\n-- PostgreSQL database cluster dump\n--\n\n\\connect immich\n\n");
        }
        out.push_str("--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n");
        self.users(&mut out);
        self.files(&mut out);
        self.table_of_assets(&mut out);
        self.sizes(&mut out);
        if self.era == Era::Three {
            out.push_str("COPY public.system_metadata (key, value) FROM stdin;\n");
            out.push_str("MediaLocation\t{\"location\": \"/data\"}\n\\.\n\n");
        }
        out.push_str("--\n-- PostgreSQL database dump complete\n--\n\n");
        if cluster {
            out.push_str("--\n-- PostgreSQL database cluster dump complete\n--\n\n");
        }
        out
    }

    fn table(&self, plural: &'static str, singular: &'static str) -> &'static str {
        if self.era == Era::Plural {
            plural
        } else {
            singular
        }
    }

    fn users(&self, out: &mut String) {
        let table = self.table("users", "\"user\"");
        let _ = writeln!(
            out,
            "COPY public.{table} (id, name, \"profileImagePath\") FROM stdin;"
        );
        for (number, (name, picture)) in self.names.iter().enumerate() {
            let picture = picture.as_deref().map(escaped).unwrap_or_default();
            let _ = writeln!(out, "{}\t{name}\t{picture}", user_id(number));
        }
        let library = self.table("libraries", "library");
        let _ = writeln!(
            out,
            "\\.\n\nCOPY public.{library} (id, \"importPaths\") FROM stdin;"
        );
        let _ = writeln!(out, "{LIBRARY}\t{{/mnt/nas,/mnt/elsewhere}}\n\\.\n");
    }

    /// Files come before their assets here: the order of a dump promises nothing.
    fn files(&self, out: &mut String) {
        let table = self.table("asset_files", "asset_file");
        let _ = writeln!(
            out,
            "COPY public.{table} (id, \"assetId\", type, path) FROM stdin;"
        );
        for asset in &self.assets {
            let id = asset_id(asset.number);
            let prefix = self.era.prefix();
            let _ = writeln!(out, "{id}\t{id}\tpreview\t{prefix}thumbs/{id}-preview.jpeg");
            if let Some(sidecar) = asset.sidecar.as_ref().filter(|_| self.era == Era::Three) {
                let _ = writeln!(out, "{id}\t{id}\tsidecar\t{}", escaped(sidecar));
            }
        }
        out.push_str("\\.\n\n");
    }

    fn table_of_assets(&self, out: &mut String) {
        let table = self.table("assets", "asset");
        let last = match self.era {
            Era::Three => "\"checksumAlgorithm\"",
            _ => "\"sidecarPath\"",
        };
        let _ = writeln!(
            out,
            "COPY public.{table} (id, \"ownerId\", \"originalPath\", checksum, \"isOffline\", \
             \"libraryId\", \"isExternal\", status, {last}) FROM stdin;"
        );
        // In no order of paths.
        let mut rows: Vec<_> = self.assets.iter().collect();
        rows.sort_by_key(|row| *blake3::hash(&row.number.to_le_bytes()).as_bytes());
        for row in rows {
            let of_path = format!("path:{}", row.path);
            let hashed = if row.external { &of_path } else { &row.content };
            let truth = |value| if value { "t" } else { "f" };
            let last = match (self.era, row.external) {
                (Era::Three, true) => "sha1-path".to_owned(),
                (Era::Three, false) => "sha1".to_owned(),
                _ => row.sidecar.as_deref().map_or("\\N".to_owned(), escaped),
            };
            let _ = writeln!(
                out,
                "{}\t{}\t{}\t\\\\x{}\t{}\t{}\t{}\t{}\t{last}",
                asset_id(row.number),
                user_id(row.owner),
                escaped(&row.path),
                sha1(hashed),
                truth(row.offline),
                if row.external { LIBRARY } else { "\\N" },
                truth(row.external),
                row.status,
            );
        }
        out.push_str("\\.\n\n");
    }

    fn sizes(&self, out: &mut String) {
        let table = self.table("exif", "asset_exif");
        let _ = writeln!(
            out,
            "COPY public.{table} (\"assetId\", \"fileSizeInByte\") FROM stdin;"
        );
        for asset in &self.assets {
            let size = asset.size.map_or("\\N".to_owned(), |size| size.to_string());
            let _ = writeln!(out, "{}\t{size}", asset_id(asset.number));
        }
        out.push_str("\\.\n\n");
    }
}

const LIBRARY: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

pub fn asset_id(number: usize) -> String {
    format!("aaaaaaaa-0000-4000-8000-{number:012x}")
}

pub fn user_id(number: usize) -> String {
    format!("bbbbbbbb-0000-4000-8000-{number:012x}")
}

fn sha1(text: &str) -> String {
    let digest = Sha1::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As COPY writes it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}
