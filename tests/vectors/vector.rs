//! A vector: a file of JSON whose first field says what it shows.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A vector as the code of today would write it.
pub struct Vector {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Vector {
    pub fn new(name: &'static str, shows: &str) -> Self {
        Self {
            name,
            fields: vec![("shows", shows.into())],
        }
    }

    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    /// A byte string, in hex.
    pub fn bytes(self, field: &'static str, bytes: &[u8]) -> Self {
        self.with(field, hex(bytes))
    }

    /// Compares with what is committed, byte for byte, and gives that. A vector that is not there
    /// yet is written if `OFFSITE_WRITE_VECTORS` is set; one that is there never is.
    pub fn settle(self) -> Committed {
        let text = self.render();
        let Some(committed) = Committed::find(self.name) else {
            assert!(
                std::env::var_os("OFFSITE_WRITE_VECTORS").is_some(),
                "{} is missing; OFFSITE_WRITE_VECTORS=1 writes it",
                self.name
            );
            fs::write(path_of(self.name), &text).unwrap();
            return Committed::find(self.name).unwrap();
        };
        for (field, value) in &self.fields {
            assert_eq!(
                committed.value.get(field),
                Some(value),
                "the field {field} of {} is no longer what was committed",
                self.name
            );
        }
        assert_eq!(text, committed.text, "{} differs", self.name);
        committed
    }

    fn render(&self) -> String {
        let lines: Vec<_> = self
            .fields
            .iter()
            .map(|(field, value)| {
                let value = serde_json::to_string_pretty(value).unwrap();
                format!("  \"{field}\": {}", value.replace('\n', "\n  "))
            })
            .collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

/// A vector as it is committed.
pub struct Committed {
    value: Value,
    text: String,
}

impl Committed {
    pub fn find(name: &str) -> Option<Self> {
        let text = fs::read_to_string(path_of(name)).ok()?;
        let value = serde_json::from_str(&text).unwrap();
        Some(Self { value, text })
    }

    pub fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(self.value[field].as_str().unwrap())
    }

    pub fn value(&self, field: &str) -> &Value {
        &self.value[field]
    }
}

fn path_of(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(format!("{name}.json"))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hex has pairs of digits");
    (0..text.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&text[place..place + 2], 16).unwrap())
        .collect()
}

/// The names of all vectors that are committed.
pub fn all_names() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let names = fs::read_dir(folder).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".json").map(str::to_owned)
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
