//! The recovery kit on paper: one page of HTML, or plain text, with everything that is needed on
//! the worst day when only the storage is left.
//!
//! It holds the master secret as 24 words. Nothing on it is fetched from elsewhere, so it can be
//! opened and printed on a computer without a network.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, EcLevel, QrCode};

use crate::cli::show::harmless_sentence;

/// Where the source of offsite is published; empty where the build does not say.
const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the page tells. No `Debug`: the words open everything.
pub struct Kit<'a> {
    /// The 24 words, separated by white space.
    pub words: &'a str,
    pub repository_id: String,
    pub format_version: u16,
    pub url: String,
    /// The bytes of the `repository` object, under 1 KiB.
    pub repository_object: &'a [u8],
    /// When the page was made, as it is to be read.
    pub created: String,
}

impl Kit<'_> {
    fn words(&self) -> Vec<&str> {
        self.words.split_whitespace().collect()
    }

    fn in_cloud(&self) -> bool {
        self.url.starts_with("s3://")
    }

    fn object_text(&self) -> String {
        STANDARD.encode(self.repository_object)
    }

    /// A command line for this repository.
    fn command(&self, verb: &str, rest: &str) -> String {
        let url = shell_quoted(&harmless_sentence(&self.url));
        format!("offsite {verb} --repo {url} --words-file words.txt{rest}")
    }

    /// What to do on the worst day: what it says, and the command if there is one.
    fn steps(&self) -> Vec<(String, Option<String>)> {
        let login = "Give the login of the storage account in the environment, as AWS_ACCESS_KEY_ID \
            and AWS_SECRET_ACCESS_KEY. For a service other than Amazon's, add --endpoint with its \
            address to the commands below.";
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
            steps.push((login.to_owned(), None));
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
const WARNING: [&str; 2] = [
    "Whoever holds this page can read everything in this backup, today and later.",
    "It cannot be revoked. If it falls into wrong hands, only a new repository helps.",
];

const KEEPING: [&str; 4] = [
    "Keep it in two places, for example at home and with someone you trust in another house.",
    "Not on the machine that is backed up, not in a photo, not in a cloud folder: this page is for \
     the day those are gone. Once it is printed, delete the file.",
    "The login of the storage account is not on this page. Make sure it outlives your computer too.",
    "Once a year, restore something with nothing but this page, and note it below.",
];

const OBJECT_USE: &str = "The storage holds a small file named repository. Should it ever be missing \
    or damaged, this is its content in base64: scan or type it into repository.txt, turn it back with \
    the command below, and put it into its place.";

const OBJECT_COMMAND: &str = "base64 -d repository.txt > repository";

fn without_offsite() -> String {
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

/// The page as HTML for A4 or Letter, complete in itself.
pub fn page(kit: &Kit<'_>) -> String {
    let style = include_str!("recovery_kit.css");
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>offsite recovery page</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
    );
    for section in [
        heading(kit),
        words_section(kit),
        place_section(kit),
        steps_section(kit),
        object_section(kit),
        keeping_section(),
        notes_section(),
    ] {
        page.push_str(&section);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn heading(kit: &Kit<'_>) -> String {
    let [who, revoke] = WARNING;
    format!(
        "<header>\n<h1>offsite <span>recovery page</span></h1>\n<p>Made on {}<br>by offsite {VERSION}</p>\n\
         </header>\n<section class=\"warning\">\n<p><strong>{who}</strong> {revoke}</p>\n</section>\n",
        html(&kit.created)
    )
}

fn words_section(kit: &Kit<'_>) -> String {
    let words = kit.words();
    let mut list = String::new();
    for (place, word) in words.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(list, "<li><b>{}</b>{}</li>", place + 1, html(word));
    }
    let square = figure(&words.join(" "), EcLevel::M, "", "The 24 words as one line");
    format!(
        "<section>\n<h2>The {} words</h2>\n<div class=\"beside\">\n<ol class=\"words\">\n{list}</ol>\n\
         {square}</div>\n</section>\n",
        words.len()
    )
}

fn place_section(kit: &Kit<'_>) -> String {
    let by_hand = if kit.in_cloud() {
        "<dt>Endpoint, region</dt><dd class=\"write\"></dd>\n\
         <dt>Its login is kept</dt><dd class=\"write\"></dd>\n"
    } else {
        "<dt>Which disk or machine</dt><dd class=\"write\"></dd>\n"
    };
    format!(
        "<section>\n<h2>Where the backup is</h2>\n<dl>\n\
         <dt>Address</dt><dd><code>{}</code></dd>\n\
         <dt>Repository</dt><dd><code>{}</code></dd>\n\
         <dt>Format version</dt><dd>{}</dd>\n{by_hand}</dl>\n</section>\n",
        html(&kit.url),
        html(&kit.repository_id),
        kit.format_version
    )
}

fn steps_section(kit: &Kit<'_>) -> String {
    let mut list = String::new();
    for (text, command) in kit.steps() {
        let command =
            command.map(|command| format!("<pre><code>{}</code></pre>", command_html(&command)));
        let _ = writeln!(
            list,
            "<li>{}{}</li>",
            html(&text),
            command.unwrap_or_default()
        );
    }
    let without = html(&without_offsite());
    format!(
        "<section class=\"flows\">\n<h2>On the worst day</h2>\n<ol class=\"steps\">\n{list}</ol>\n</section>\n\
         <section>\n<h2>If offsite itself is gone</h2>\n<p>{without}</p>\n</section>\n"
    )
}

fn object_section(kit: &Kit<'_>) -> String {
    let text = kit.object_text();
    let square = figure(&text, EcLevel::M, "large", "The file repository in base64");
    format!(
        "<section>\n<h2>If the file <code>repository</code> is gone</h2>\n<div class=\"beside\">\n<div>\n\
         <p>{}</p>\n<pre><code>{}</code></pre>\n<p></p>\n<p class=\"bytes\">{text}</p>\n</div>\n\
         {square}</div>\n</section>\n",
        html(OBJECT_USE),
        html(OBJECT_COMMAND)
    )
}

fn keeping_section() -> String {
    let items: String = KEEPING
        .iter()
        .map(|item| format!("<li>{}</li>\n", html(item)))
        .collect();
    format!("<section>\n<h2>How to keep this page</h2>\n<ul>\n{items}</ul>\n</section>\n")
}

fn notes_section() -> String {
    let row = "<tr><td></td><td></td><td></td></tr>\n";
    format!(
        "<section>\n<h2>Notes by hand</h2>\n<table>\n\
         <tr><th style=\"width: 45%\">Where a copy lies, or what was restored</th>\
         <th style=\"width: 32%\">By whom</th><th>When</th></tr>\n{}</table>\n</section>\n",
        row.repeat(7)
    )
}

/// A QR code with what it holds written beneath; only the sentence where the text is too long.
fn figure(text: &str, level: EcLevel, class: &str, caption: &str) -> String {
    let svg = square(text, level).map_or_else(String::new, |code| svg(&code, caption));
    format!(
        "<figure class=\"{class}\">{svg}<figcaption>{}</figcaption></figure>\n",
        html(caption)
    )
}

/// A QR code with this level of error correction, or the lowest where it does not fit; `None`
/// beyond 2,953 bytes.
fn square(text: &str, level: EcLevel) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, level)
        .or_else(|_| QrCode::with_error_correction_level(text, EcLevel::L))
        .ok()
}

/// Drawn as one path of black runs, with the quiet zone of four modules that readers need.
fn svg(code: &QrCode, label: &str) -> String {
    const QUIET: usize = 4;
    let side = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(side).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                let length = run.len();
                let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
            }
            x += run.len();
        }
    }
    let side = side + 2 * QUIET;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
         aria-label=\"{}\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path d=\"{path}\"/></svg>",
        html(label)
    )
}

/// The page as plain text, 78 columns wide.
pub fn text_page(kit: &Kit<'_>) -> String {
    let words = kit.words();
    let mut page = String::new();
    let [who, revoke] = WARNING;
    page.push_str(&title("offsite recovery page", '='));
    page.push_str(&format!(
        "Made on {} by offsite {VERSION}\n\n",
        harmless_sentence(&kit.created)
    ));
    page.push_str(&wrapped(who, "  ! ", "  ! "));
    page.push_str(&wrapped(revoke, "  ! ", "  ! "));

    page.push_str(&title(&format!("The {} words", words.len()), '-'));
    page.push_str(&word_columns(&words));
    page.push('\n');
    page.push_str(&blocks(&words.join(" "), EcLevel::L));

    page.push_str(&title("Where the backup is", '-'));
    let url = harmless_sentence(&kit.url);
    page.push_str(&format!("Address         {url}\n"));
    page.push_str(&format!(
        "Repository      {}\n",
        harmless_sentence(&kit.repository_id)
    ));
    page.push_str(&format!("Format version  {}\n", kit.format_version));
    if kit.in_cloud() {
        page.push_str("Endpoint, region   ______________________________\n");
        page.push_str("Its login is kept  ______________________________\n");
    }

    page.push_str(&title("On the worst day", '-'));
    for (place, (text, command)) in kit.steps().into_iter().enumerate() {
        page.push_str(&wrapped(&text, &format!("{}. ", place + 1), "   "));
        if let Some(command) = command {
            page.push_str(&format!("\n       {command}\n\n"));
        }
    }

    page.push_str(&title("If offsite itself is gone", '-'));
    page.push_str(&wrapped(&without_offsite(), "", ""));

    page.push_str(&title("If the file \"repository\" is gone", '-'));
    page.push_str(&wrapped(OBJECT_USE, "", ""));
    page.push_str(&format!("\n       {OBJECT_COMMAND}\n\n"));
    let text = kit.object_text();
    for line in text.as_bytes().chunks(72) {
        page.push_str(&format!("   {}\n", String::from_utf8_lossy(line)));
    }
    page.push('\n');
    page.push_str(&blocks(&text, EcLevel::L));

    page.push_str(&title("How to keep this page", '-'));
    KEEPING
        .iter()
        .for_each(|item| page.push_str(&wrapped(item, "- ", "  ")));
    page.push_str(&title(
        "Notes by hand: where a copy lies, what was restored, by whom, when",
        '-',
    ));
    page.push_str(&format!("{}\n\n", "_".repeat(78)).repeat(4));
    page
}

fn title(text: &str, line: char) -> String {
    let space = if line == '=' { "" } else { "\n\n" };
    format!(
        "{space}{text}\n{}\n\n",
        line.to_string().repeat(text.chars().count())
    )
}

/// Numbered words in three columns, to be read down each column.
fn word_columns(words: &[&str]) -> String {
    let rows = words.len().div_ceil(3).max(1);
    let mut text = String::new();
    for row in 0..rows {
        let mut line = String::new();
        for (place, word) in words.iter().enumerate().skip(row).step_by(rows) {
            let _ = write!(line, "   {:>2}  {word:<16}", place + 1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A QR code of half blocks. Readers want black on white: print it, or use a light background.
fn blocks(text: &str, level: EcLevel) -> String {
    let Some(code) = square(text, level) else {
        return String::new();
    };
    let picture = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Dark)
        .light_color(Dense1x2::Light)
        .quiet_zone(true)
        .build();
    let lines = picture.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// Text in lines of at most 78 columns, words longer than that left whole.
fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > 78 {
            lines.push_str(&line);
            lines.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    format!("{lines}{line}\n")
}

/// Writes the page to a new file that only its owner can read.
///
/// # Errors
/// `AlreadyExists` when there is a file of that name, which is left as it is; otherwise what the
/// file system says, and then no half-written file stays behind.
pub fn write(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(content.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(path);
        return written;
    }
    // So that the name too outlives a power cut; some file systems cannot, and the page is there.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

fn html(text: &str) -> String {
    let text = harmless_sentence(text);
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// A command line that is never broken inside the name of a flag.
fn command_html(command: &str) -> String {
    let whole = |word: &str| match word.starts_with("--") {
        true => format!("<span>{}</span>", html(word)),
        false => html(word),
    };
    command.split(' ').map(whole).collect::<Vec<_>>().join(" ")
}

/// An argument for a shell, in single quotes where it needs any.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
#[path = "recovery_kit_tests.rs"]
mod tests;
