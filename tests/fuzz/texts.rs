//! Texts that people write, and names that are shown to them.

use std::path::Path;

use offsite::cli::config::Configuration;
use offsite::cli::{show, when};
use offsite::crypto::ReadKey;
use offsite::format::name;
use offsite::seams::Timestamp;
use offsite::source::database::DatabaseServer;
use offsite::source::filter::Filter;
use offsite::source::immich::mounts;

/// `offsite.toml`, and what is said of its mistakes.
pub fn config(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let file = Path::new("/etc/offsite/offsite.toml");
    match Configuration::parse(&text, file, None) {
        Ok(_) => true,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
            false
        }
    }
}

/// A compose file or an answer of `docker inspect`, behind an `.env` that ends with a zero byte.
pub fn mounts(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (environment, text) = text.split_once('\0').unwrap_or(("", &text));
    let variables = mounts::compose::environment(environment);
    match mounts::from_text(text, &variables, Path::new("/srv/immich")) {
        Ok(found) => !found.is_empty(),
        Err(error) => error.to_string().is_empty(),
    }
}

/// What is typed on a command line: times, spans, globs, addresses, mounts, words, names of objects.
pub fn typed(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let now = Timestamp::from_seconds(1_790_000_000);
    let time = when::parse(&text, now);
    let span = when::time_span(&text);
    let address = DatabaseServer::parse(&text);
    let mount = mounts::given::mount(&text);
    let words = ReadKey::from_words(&text);
    let object = name::parse(&text);
    if let Some((kind, Some(id))) = object {
        assert_eq!(name::of(kind, &id), text);
    }
    let globs: Vec<&str> = text.lines().collect();
    let filter = Filter::new(&globs);
    if let Ok(filter) = &filter {
        let _ = filter.excludes(b"upload/a/b.jpg") || filter.excludes_folder(bytes);
    }
    let others = address.is_ok() || mount.is_ok() || words.is_ok() || object.is_some();
    time.is_ok() || span.is_ok() || others || globs.len() > 1 && filter.is_ok()
}

/// Names on a terminal: one line, no order to it, nothing that hides.
pub fn shown(bytes: &[u8]) -> bool {
    let name = show::harmless(bytes);
    let sentence = show::harmless_sentence(&String::from_utf8_lossy(bytes));
    for text in [&name, &sentence] {
        let bad = |it: char| it.is_control() || reorders(it);
        assert!(!text.contains(bad), "{text:?}");
    }
    let number = bytes
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let _ = (
        show::bytes(number),
        show::count(number),
        show::fold(&name, 20),
    );
    let _ = (
        show::time(Timestamp::from_nanoseconds(number as i64)),
        show::rfc3339(Timestamp::from_nanoseconds(number as i64)),
        show::duration(std::time::Duration::from_nanos(number)),
    );
    name.as_bytes() != bytes
}

/// Characters by which a name pretends to be another (Unicode, UAX #9 and general category Cf).
fn reorders(it: char) -> bool {
    matches!(it, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
