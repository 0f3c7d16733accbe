//! A table of `offsite.toml`, read key by key: a value that will not do is noted with its place, and
//! reading goes on, so that all mistakes are told at once. Keys that nobody asked for are mistakes.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Mistakes as they are found: byte offset and sentence.
pub type Found = RefCell<Vec<(usize, String)>>;

/// One table, with a memory of which keys were asked for.
pub struct Table<'t> {
    /// As a person would point at it: `[source]`.
    label: String,
    is_top: bool,
    /// Where it begins.
    offset: usize,
    entries: &'t DeTable<'t>,
    asked: RefCell<Vec<&'static str>>,
    found: &'t Found,
}

impl<'t> Table<'t> {
    /// The whole file.
    pub fn top(entries: &'t DeTable<'t>, found: &'t Found) -> Self {
        Self {
            is_top: true,
            ..Self::new("the file".to_owned(), 0, entries, found)
        }
    }

    fn new(label: String, offset: usize, entries: &'t DeTable<'t>, found: &'t Found) -> Self {
        Self {
            label,
            is_top: false,
            offset,
            entries,
            asked: RefCell::default(),
            found,
        }
    }

    /// Points at this table by the name that its owner gave it.
    pub fn call(&mut self, name: &str) {
        self.label = format!("{} {name:?}", self.label);
    }

    /// Whether the key is there, whatever it says.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Notes what is wrong with a key, or with the table where the key is missing.
    pub fn wrong(&self, key: &str, sentence: &str) {
        let at = self.entries.get(key).map(|value| value.span().start);
        let label = &self.label;
        let sentence = format!("`{key}` in {label}: {sentence}");
        let found = (at.unwrap_or(self.offset), sentence);
        self.found.borrow_mut().push(found);
    }

    /// A text, as `read` understands it.
    pub fn text<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, "a text in quotes belongs here");
            return None;
        };
        self.note(key, read(text))
    }

    /// A list of texts, each as `read` understands it.
    pub fn texts<T>(
        &self,
        key: &'static str,
        mut read: impl FnMut(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.value(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, "a list belongs here, such as [\"one\", \"two\"]");
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            let read = match item.get_ref().as_str() {
                Some(text) => read(text),
                None => Err("a list of texts in quotes belongs here".to_owned()),
            };
            match read {
                Ok(text) => texts.push(text),
                Err(sentence) => {
                    let sentence = format!("`{key}` in {}: {sentence}", self.label);
                    let found = (item.span().start, sentence);
                    self.found.borrow_mut().push(found);
                }
            }
        }
        Some(texts)
    }

    /// Yes or no.
    pub fn truth(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?.get_ref().as_bool();
        self.note(key, value.ok_or("true or false belongs here".to_owned()))
    }

    /// A whole number within bounds.
    pub fn whole(&self, key: &'static str, allowed: RangeInclusive<u32>) -> Option<u32> {
        let value = self.value(key)?;
        let number = value.get_ref().as_integer().and_then(|number| {
            let digits = number.as_str().replace('_', "");
            u32::from_str_radix(&digits, number.radix()).ok()
        });
        let number = number.filter(|number| allowed.contains(number));
        let (least, most) = allowed.into_inner();
        let wrong =
            || format!("a whole number from {least} to {most} belongs here, without quotes");
        self.note(key, number.ok_or_else(wrong))
    }

    /// A number that is not negative.
    pub fn amount(&self, key: &'static str) -> Option<f64> {
        let value = self.value(key)?.get_ref();
        let float = value.as_float().map(|number| number.as_str());
        let text = float.or_else(|| value.as_integer().map(|number| number.as_str()));
        let number = text.and_then(|text| text.replace('_', "").parse().ok());
        let number = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
        let wrong = "a number such as 0.006 belongs here, without quotes".to_owned();
        self.note(key, number.ok_or(wrong))
    }

    /// A table within, where one is.
    pub fn table(&self, key: &'static str) -> Option<Table<'t>> {
        let value = self.value(key)?;
        let label = match self.is_top {
            true => format!("[{key}]"),
            false => format!("{key} in {}", self.label),
        };
        let table = self.within(label, value);
        if table.is_none() {
            self.wrong(key, "a table belongs here");
        }
        table
    }

    /// The tables of `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'t>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array();
        let items = items.map(|items| items.iter().map(|it| self.within(format!("[[{key}]]"), it)));
        let tables: Option<Vec<_>> = items.and_then(Iterator::collect);
        tables.unwrap_or_else(|| {
            self.wrong(key, &format!("write [[{key}]] above each"));
            Vec::new()
        })
    }

    fn within(&self, label: String, value: &'t Spanned<DeValue<'t>>) -> Option<Table<'t>> {
        let entries = value.get_ref().as_table()?;
        Some(Self::new(label, value.span().start, entries, self.found))
    }

    /// Notes the keys that nobody asked for.
    pub fn end(&self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if !asked.contains(&name) {
                let sentence = format!(
                    "{name:?} is not known in {}; there {} {}",
                    self.label,
                    if asked.len() == 1 { "is" } else { "are" },
                    asked.join(", ")
                );
                self.found.borrow_mut().push((key.span().start, sentence));
            }
        }
    }

    fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key)
    }

    fn note<T>(&self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|sentence| self.wrong(key, &sentence)).ok()
    }
}
