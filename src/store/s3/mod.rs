//! A store in a bucket that speaks the S3 protocol. The only place with async code: a small tokio
//! runtime lives here, and every call of the synchronous trait blocks on it.
//!
//! `options` says where, `client` makes the SDK's client, `bucket` holds both and the runtime,
//! `calls`, `listing` and `versions` make one request each, `exchange` watches over one exchange on the wire,
//! `errors` says what an answer means. Nothing is tried again here: that is `store::retry`, which
//! sees all stores alike.

mod bucket;
mod calls;
mod client;
mod errors;
mod exchange;
mod listing;
mod options;
mod version_list;
mod versions;

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::retention::{PutTerms, Retaining};
use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window, name};
use crate::seams::Timestamp;
pub use bucket::S3;
use calls::IfTaken;
use listing::Page;
pub use options::{S3Options, StaticCredentials, StorageClass};

impl Store for S3 {
    fn url(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        name::check(name, "store")?;
        self.block_on(self.put_object(name, body, IfTaken::Replace, &PutTerms::default()))
    }

    /// Looks first, always: some stores ignore the condition of a PUT without a word. Where the
    /// condition is known, it decides; where it is not, two writers at one instant can both win.
    fn put_if_absent(&self, name: &str, body: Bytes) -> Result<()> {
        name::check(name, "store")?;
        match self.head(name) {
            Ok(_) => return Err(StoreError::new(ErrorKind::AlreadyExists, "store", name)),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(mut error) => {
                error.operation = "store";
                return Err(error);
            }
        }
        self.block_on(self.put_object(name, body, IfTaken::Refuse, &PutTerms::default()))
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        name::check(name, "fetch")?;
        if matches!(window, Window::Range { bytes: 0, .. }) {
            return Ok(Bytes::new());
        }
        self.block_on(self.get_object(name, None, window))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        if prefix.split('/').rev().skip(1).any(str::is_empty) {
            // No name begins like that; and some servers read `a//` as `a/`.
            return Ok(());
        }
        let mut page = Page::default();
        loop {
            page = self.block_on(self.list_page(prefix, page))?;
            for object in std::mem::take(&mut page.objects) {
                visit(object)?;
            }
            if page.is_last() {
                return Ok(());
            }
        }
    }

    fn head(&self, name: &str) -> Result<ObjectInfo> {
        name::check(name, "look at")?;
        self.block_on(self.head_object(name))
    }

    fn delete(&self, name: &str) -> Result<()> {
        name::check(name, "delete")?;
        self.block_on(self.delete_object(name, None, false))
    }

    fn now(&self) -> Result<Timestamp> {
        self.block_on(self.ask_time())
    }

    fn stored_checksum(&self, name: &str) -> Result<Option<u64>> {
        name::check(name, "look at")?;
        self.block_on(self.kept_checksum(name))
    }

    fn send_checksums(&self, on: bool) {
        self.sends_crc64.store(on, Ordering::Relaxed);
    }

    fn retaining(&self) -> Option<&dyn Retaining> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
