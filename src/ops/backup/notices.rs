//! What one replica has to say, under its name where there are several.

use crate::progress::Progress;

/// The progress of the run as one replica may report to it: where several are looked at at once,
/// notices only, with its name, and no stages.
#[derive(Clone, Copy)]
pub struct Notices<'p> {
    /// `None`: it is the only one.
    name: Option<&'p str>,
    progress: &'p dyn Progress,
}

impl<'p> Notices<'p> {
    pub fn of_the_only_one(progress: &'p dyn Progress) -> Self {
        let name = None;
        Self { name, progress }
    }

    pub fn of(name: &'p str, progress: &'p dyn Progress) -> Self {
        let name = Some(name);
        Self { name, progress }
    }
}

impl Notices<'_> {
    pub fn is_of_the_only_one(&self) -> bool {
        self.name.is_none()
    }
}

impl Progress for Notices<'_> {
    fn stage(&self, name: &str, bytes_total: Option<u64>) {
        if self.name.is_none() {
            self.progress.stage(name, bytes_total);
        }
    }
    fn expect(&self, bytes: u64) {
        if self.name.is_none() {
            self.progress.expect(bytes);
        }
    }
    fn advance(&self, bytes: u64) {
        if self.name.is_none() {
            self.progress.advance(bytes);
        }
    }
    fn item(&self, path: &[u8]) {
        if self.name.is_none() {
            self.progress.item(path);
        }
    }
    fn notice(&self, text: &str) {
        match self.name {
            Some(name) => self.progress.notice(&format!("{name}: {text}")),
            None => self.progress.notice(text),
        }
    }
    fn finish(&self) {
        if self.name.is_none() {
            self.progress.finish();
        }
    }
}
