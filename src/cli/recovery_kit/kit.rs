//! What the recovery kit says, whatever it is written on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::{EcLevel, QrCode};

use crate::cli::show::harmless_sentence;

/// Where the source of offsite is published; empty where the build does not say.
pub(super) const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where one copy is, and what has to be known to get there.
pub struct Address {
    pub url: String,
    /// The S3 server, where it is known and not Amazon's.
    pub endpoint: Option<String>,
    pub region: Option<String>,
}

impl Address {
    fn in_cloud(&self) -> bool {
        self.url.starts_with("s3://")
    }

    /// In one line: `s3://bucket/prefix at https://s3.example.org`.
    pub(super) fn line(&self) -> String {
        let mut line = self.url.clone();
        if let Some(endpoint) = &self.endpoint {
            line.push_str(&format!(" at {endpoint}"));
        }
        if let Some(region) = &self.region {
            line.push_str(&format!(", region {region}"));
        }
        harmless_sentence(&line)
    }
}

/// What the page tells. No `Debug`: the words open everything.
pub struct Kit<'a> {
    /// The 24 words, separated by white space.
    pub words: &'a str,
    pub repository_id: String,
    pub format_version: u16,
    /// Of the copy that is farthest from home: the page is for the day on which the house is gone.
    pub place: Address,
    /// Where the other copies are.
    pub others: Vec<Address>,
    /// The bytes of the `repository` object, under 1 KiB.
    pub repository_object: &'a [u8],
    /// When the page was made, as it is to be read.
    pub created: String,
}

impl Kit<'_> {
    pub(super) fn word_list(&self) -> Vec<&str> {
        self.words.split_whitespace().collect()
    }

    pub(super) fn in_cloud(&self) -> bool {
        self.place.in_cloud()
    }

    /// Endpoint or region are to be written in by hand.
    pub(super) fn lacks_server(&self) -> bool {
        self.in_cloud() && self.place.endpoint.is_none() && self.place.region.is_none()
    }

    pub(super) fn object_text(&self) -> String {
        STANDARD.encode(self.repository_object)
    }

    /// A command line for this repository.
    fn command(&self, verb: &str, rest: &str) -> String {
        let Address {
            url,
            endpoint,
            region,
        } = &self.place;
        let quoted = |text: &str| shell_quoted(&harmless_sentence(text));
        let mut command = format!("offsite {verb} --repo {}", quoted(url));
        for (flag, value) in [("endpoint", endpoint), ("region", region)] {
            if let Some(value) = value {
                command.push_str(&format!(" --{flag} {}", quoted(value)));
            }
        }
        format!("{command} --words-file words.txt{rest}")
    }

    /// What to do on the worst day: what it says, and the command if there is one.
    pub(super) fn steps(&self) -> Vec<(String, Option<String>)> {
        let mut login = "Give the login of the storage account in the environment, as \
            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            .to_owned();
        if self.lacks_server() {
            login.push_str(
                " Add the endpoint from above to the commands below as --endpoint URL; with \
                 Amazon, add --region instead.",
            );
        }
        let mut steps = vec![
            (
                format!(
                    "Take a computer with room for the whole library and install offsite, version {VERSION} or newer."
                ),
                None,
            ),
            (
                "Type the 24 words into a text file named words.txt, in their order, small letters, \
                 a space between them. Or scan the square beside them."
                    .to_owned(),
                None,
            ),
        ];
        if self.in_cloud() {
            steps.push((login, None));
        }
        steps.extend([
            ("See what there is:".to_owned(), Some(self.command("snapshots", ""))),
            (
                "Restore the newest snapshot into a new folder. If it is interrupted, run it again; \
                 it goes on where it stopped."
                    .to_owned(),
                Some(self.command("restore", " --target restored")),
            ),
            (
                "The folder restored now holds the photos, and database.sql, the database of Immich. \
                 Immich's own documentation, under Backup and Restore, tells how to put both back."
                    .to_owned(),
                None,
            ),
            ("Delete words.txt.".to_owned(), None),
        ]);
        steps
    }
}

/// Why this page must be kept well.
pub(super) const WARNING: [&str; 2] = [
    "Whoever holds this page can read everything in this backup, today and later.",
    "It cannot be revoked. If it falls into wrong hands, only a new repository helps.",
];

pub(super) const KEEPING: [&str; 4] = [
    "Keep it in two places, for example at home and with someone you trust in another house.",
    "Not on the machine that is backed up, not in a photo, not in a cloud folder: this page is for \
     the day those are gone. Once it is printed, delete the file.",
    "The login of the storage account is not on this page. Make sure it outlives your computer too.",
    "Once a year, restore something with nothing but this page, and note it below.",
];

pub(super) const OBJECT_USE: &str = "The storage holds a small file named repository. Should it ever be missing \
    or damaged, this is its content in base64: scan or type it into repository.txt, turn it back with \
    the command below, and put it into its place.";

pub(super) const OBJECT_COMMAND: &str = "base64 -d repository.txt > repository";

pub(super) fn without_offsite() -> String {
    let place = if SOURCE.is_empty() {
        String::new()
    } else {
        format!(" ({SOURCE})")
    };
    format!(
        "The storage format is open. The source of offsite{place} holds docs/format.md, which \
         describes every stored byte, and a short decoder in Python that was written from that page \
         alone. With them and the 24 words, anyone who can program can restore this backup. Keep a \
         copy of both with this page or beside the backup."
    )
}

/// A QR code with this level of error correction, or the lowest where it does not fit; `None`
/// beyond 2,953 bytes.
pub(super) fn square(text: &str, level: EcLevel) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, level)
        .or_else(|_| QrCode::with_error_correction_level(text, EcLevel::L))
        .ok()
}

/// An argument for a shell, in single quotes where it needs any.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
