//! How an entry of a listing looks in JSON, and how long lists of them are written: as one array,
//! element by element.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::show;
use crate::format::entry::{Entry, EntryType};
use crate::ops::{OpsError, Result};

/// An array that is written as it grows. Nothing is written before its first element, so that an
/// error before that finds standard output empty.
pub struct JsonArray<'o> {
    out: &'o mut dyn Write,
    before: String,
    is_begun: bool,
}

impl<'o> JsonArray<'o> {
    /// `before` stands before the bracket, such as the beginning of an object.
    pub fn new(out: &'o mut dyn Write, before: &str) -> Self {
        Self {
            out,
            before: before.to_owned(),
            is_begun: false,
        }
    }

    /// # Errors
    /// `Output`.
    pub fn push(&mut self, element: &Value) -> Result<()> {
        let written = if self.is_begun {
            write!(self.out, ",\n  {element}")
        } else {
            write!(self.out, "{}[\n  {element}", self.before)
        };
        self.is_begun = true;
        written.map_err(OpsError::Output)
    }

    /// Lines of text in place of elements, for people.
    ///
    /// # Errors
    /// `Output`.
    pub fn write_lines(&mut self, lines: &[String]) -> Result<()> {
        let mut lines = lines.iter();
        lines
            .try_for_each(|line| writeln!(self.out, "{line}"))
            .map_err(OpsError::Output)
    }

    /// Ends the array; `after` follows the bracket.
    ///
    /// # Errors
    /// `Output`.
    pub fn end(self, after: &str) -> Result<()> {
        let written = if self.is_begun {
            writeln!(self.out, "\n]{after}")
        } else {
            writeln!(self.out, "{}[]{after}", self.before)
        };
        written.map_err(OpsError::Output)
    }
}

/// Puts a path (or another name that may be no text) into an object: as text under `name`, which is
/// exact for what is UTF-8; else escaped, with the exact bytes in base64 under `name_bytes`.
pub fn put_path(object: &mut Map<String, Value>, name: &str, path: &[u8]) {
    match std::str::from_utf8(path) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => {
            let bytes = STANDARD.encode(path).into();
            object.insert(format!("{name}_bytes"), bytes);
            object.insert(name.to_owned(), show::harmless(path).into())
        }
    };
}

/// `file`, `folder`, `link`, `hard_link` or `unknown`.
pub fn type_name(entry: &Entry) -> &'static str {
    match entry.entry_type() {
        EntryType::File => "file",
        EntryType::Folder => "folder",
        EntryType::Link => "link",
        EntryType::HardLink => "hard_link",
        EntryType::Unknown(_) => "unknown",
    }
}

/// The SHA-1 of the content in hexadecimal digits.
pub fn sha1(entry: &Entry) -> Option<String> {
    let sha1 = entry.sha1.as_ref()?;
    Some(sha1.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// All that is told of an entry.
pub fn entry(entry: &Entry) -> Value {
    let mut object = Map::new();
    put_path(&mut object, "path", &entry.path);
    if let Value::Object(rest) = json!({
        "type": type_name(entry),
        "size": entry.size,
        "mode": entry.mode,
        "owner": entry.owner,
        "group": entry.group,
        "modified": entry.modified.map(show::rfc3339),
        "sha1": sha1(entry),
        "attributes": attributes(entry),
        "target": null,
    }) {
        object.extend(rest);
    }
    for (name, text) in [
        ("owner_name", &entry.owner_name),
        ("group_name", &entry.group_name),
    ] {
        if let Some(text) = text {
            put_path(&mut object, name, text);
        }
    }
    if let Some((_, first)) = &entry.first {
        put_path(&mut object, "first", first);
    }
    if let Some(target) = &entry.target {
        put_path(&mut object, "target", target);
    }
    Value::Object(object)
}

/// Extended attributes by name; values are bytes, and so in base64.
fn attributes(entry: &Entry) -> Value {
    let all = entry.attributes.iter().flatten();
    all.map(|(name, value)| (show::harmless(name), json!(STANDARD.encode(&**value))))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_exact_as_text_or_as_bytes() {
        let one = entry(&Entry::new(1, b"a\nb\\".to_vec(), EntryType::File));
        assert_eq!(one["path"], "a\nb\\");
        assert_eq!(one.get("path_bytes"), None);
        let two = entry(&Entry::new(1, b"a\xff\\".to_vec(), EntryType::File));
        assert_eq!(two["path"], "a\\xff\\\\");
        assert_eq!(two["path_bytes"], STANDARD.encode(b"a\xff\\"));
    }

    #[test]
    fn an_array_is_one_document_however_long() {
        for number in 0..3 {
            let mut out = Vec::new();
            let mut array = JsonArray::new(&mut out, "{\"list\": ");
            (0..number).for_each(|one| array.push(&json!(one)).unwrap());
            array.end("}").unwrap();
            let read: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read["list"].as_array().unwrap().len(), number);
        }
    }
}
