//! What differs from run to run, replaced by its name: `[FOLDER]`, `[REPOSITORY]`, `[ID]`, `[TIME]`,
//! `[DURATION]` and, in lines about stored bytes, which depend on inodes and chance, `[SIZE]`.

/// Hex digits from this many on are an id.
const ID_DIGITS_MIN: usize = 8;

/// What the words of one run are held against.
pub struct Variables {
    /// The user's own folder.
    pub folder: String,
    /// The address of the repository, where it is a bucket.
    pub repository: String,
    pub samples: String,
    /// The name of this machine.
    pub host: String,
}

impl Variables {
    pub fn replace(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if self.repository.starts_with("s3:") {
            text = text.replace(&self.repository, "[REPOSITORY]");
        }
        text = text.replace(&self.samples, "[SAMPLES]");
        text = text.replace(&self.folder, "[FOLDER]");
        // As entries are stored, without the leading slash.
        text = text.replace(self.folder.trim_start_matches('/'), "[FOLDER]");
        // After "on": the name may be a word that stands elsewhere too.
        text = text.replace(&format!("  on {}  ", self.host), "  on [HOST]  ");
        text = text.replace(&format!("reported by {}", self.host), "reported by [HOST]");
        let lines: Vec<String> = text.lines().map(line).collect();
        lines.join("\n")
    }
}

fn line(line: &str) -> String {
    let is_of_stored_bytes = [
        "sent ",
        "by compression",
        "Checked",
        "together",
        "new in 30 days",
        "free ",
        // In the table of snapshots: a dump is cut at places that depend on the key.
        "  complete",
    ]
    .iter()
    .any(|word| line.contains(word));
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let found = match before.is_alphanumeric() || matches!(before, '.' | '-') {
            true => None,
            false => time(rest)
                .or_else(|| id(rest))
                .or_else(|| duration(rest))
                .or_else(|| size(rest).filter(|_| is_of_stored_bytes)),
        };
        let (shown, length) = match found {
            Some((name, length)) => (name.to_owned(), length),
            None => (first.to_string(), first.len_utf8()),
        };
        out.push_str(&shown);
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    // The folder of a pack is the beginning of its name.
    match out
        .find("/[ID]")
        .and_then(|at| at.checked_sub(3).map(|from| (from, at)))
    {
        Some((from, at)) if out.get(from..at).is_some_and(|it| it.starts_with('/')) => {
            format!("{}/..{}", &out[..from], &out[at..])
        }
        _ => out,
    }
}

fn ends_word(rest: &str) -> bool {
    !rest
        .chars()
        .next()
        .is_some_and(|it| it.is_alphanumeric() || it == '-')
}

/// `2026-11-01 03:00:12`, `2026-11-01T03:00:12.5Z`.
fn time(text: &str) -> Option<(&'static str, usize)> {
    const FORM: &str = "dddd-dd-ddxdd:dd:dd";
    let fits = |(form, byte): (u8, u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'x' => byte == b' ' || byte == b'T',
        other => byte == other,
    };
    let head = text.as_bytes().get(..FORM.len())?;
    FORM.bytes()
        .zip(head.iter().copied())
        .all(fits)
        .then_some(())?;
    let tail = &text[FORM.len()..];
    let more = tail
        .find(|it: char| !(it.is_ascii_digit() || it == '.'))
        .unwrap_or(tail.len());
    match tail[more..].starts_with('Z') {
        true => Some(("[TIME]", FORM.len() + more + 1)),
        false => Some(("[TIME]", FORM.len())),
    }
}

fn id(text: &str) -> Option<(&'static str, usize)> {
    let is_hex = |it: char| it.is_ascii_digit() || ('a'..='f').contains(&it);
    let length = text.find(|it: char| !is_hex(it)).unwrap_or(text.len());
    (length >= ID_DIGITS_MIN && ends_word(&text[length..])).then_some(("[ID]", length))
}

/// A number, a space and one of the units.
fn measure(text: &str, units: &[&str]) -> Option<usize> {
    let is_number = |it: char| it.is_ascii_digit() || it == '.';
    let digits = text
        .find(|it: char| !is_number(it))
        .filter(|length| *length > 0)?;
    let rest = text[digits..].strip_prefix(' ')?;
    let unit = units
        .iter()
        .find(|unit| rest.strip_prefix(**unit).is_some_and(ends_word))?;
    Some(digits + 1 + unit.len())
}

fn duration(text: &str) -> Option<(&'static str, usize)> {
    measure(text, &["s", "ms"]).map(|length| ("[DURATION]", length))
}

fn size(text: &str) -> Option<(&'static str, usize)> {
    measure(text, &["B", "kB", "MB", "GB"]).map(|length| ("[SIZE]", length))
}

#[test]
fn only_what_varies_is_taken_out() {
    assert_eq!(
        line("at 2026-11-01 03:00:12 in 0.4 s"),
        "at [TIME] in [DURATION]"
    );
    assert_eq!(line("2026-11-01T03:00:12.123456789Z"), "[TIME]");
    assert_eq!(
        line("Checked 12 B of packs/3f/3f09aabbccdd: 4 kB"),
        "Checked [SIZE] of packs/../[ID]: [SIZE]"
    );
    assert_eq!(
        line("12 B in 3 files, defaced 1,234 times"),
        "12 B in 3 files, defaced 1,234 times"
    );
    let uuid = "d29f2c1a-6a55-4b1e-9c35-3f0f6f1f0a11.jpg";
    assert_eq!(line(uuid), uuid);
    assert_eq!(
        line("5 snapshots, 2 s3 buckets"),
        "5 snapshots, 2 s3 buckets"
    );
}
