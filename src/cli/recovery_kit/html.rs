//! The recovery kit as HTML: black on white, for A4 or Letter, with its squares drawn inline.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use super::kit::{
    Address, KEEPING, Kit, OBJECT_COMMAND, OBJECT_USE, VERSION, WARNING, square, without_offsite,
};
use crate::cli::show::harmless_sentence;

/// The page as HTML for A4 or Letter, complete in itself.
pub fn page(kit: &Kit<'_>) -> String {
    let style = include_str!("page.css");
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
    let words = kit.word_list();
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
    let by_hand: &[&str] = match (kit.in_cloud(), kit.lacks_server()) {
        (true, true) => &["Endpoint, region", "Its login is kept"],
        (true, false) => &["Its login is kept"],
        (false, _) => &["Which disk or machine"],
    };
    let by_hand: String = by_hand
        .iter()
        .map(|what| format!("<dt>{what}</dt><dd class=\"write\"></dd>\n"))
        .collect();
    let other = |other: &Address| {
        let line = html(&other.line());
        format!("<dt>Another copy</dt><dd><code>{line}</code></dd>\n")
    };
    let others: String = kit.others.iter().map(other).collect();
    format!(
        "<section>\n<h2>Where the backup is</h2>\n<dl>\n\
         <dt>Address</dt><dd><code>{}</code></dd>\n{others}\
         <dt>Repository</dt><dd><code>{}</code></dd>\n\
         <dt>Format version</dt><dd>{}</dd>\n{by_hand}</dl>\n</section>\n",
        html(&kit.place.line()),
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
