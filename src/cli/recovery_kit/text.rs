//! The recovery kit as plain text, for printers and people that prefer it.

use std::fmt::Write as _;

use qrcode::EcLevel;
use qrcode::render::unicode::Dense1x2;

use super::kit::{
    KEEPING, Kit, OBJECT_COMMAND, OBJECT_USE, VERSION, WARNING, square, without_offsite,
};
use crate::cli::show::harmless_sentence;

/// The page as plain text, 78 columns wide.
pub fn text_page(kit: &Kit<'_>) -> String {
    let words = kit.word_list();
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
    page.push_str(&format!("Address         {}\n", kit.place.line()));
    for other in &kit.others {
        page.push_str(&format!("Another copy    {}\n", other.line()));
    }
    page.push_str(&format!(
        "Repository      {}\n",
        harmless_sentence(&kit.repository_id)
    ));
    page.push_str(&format!("Format version  {}\n", kit.format_version));
    if kit.lacks_server() {
        page.push_str("Endpoint, region   ______________________________\n");
    }
    if kit.in_cloud() {
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
