//! A store in a bucket that speaks the S3 protocol. The only place with async code: a small tokio
//! runtime lives here, and every call of the synchronous trait blocks on it.
//!
//! `client` makes the SDK's client, `calls` and `listing` make one request each, `exchange` watches over one
//! exchange on the wire, `errors` says what an answer means. Nothing is tried again here: that is
//! `store::retry`, which sees all stores alike.

mod calls;
mod client;
mod errors;
mod exchange;
mod listing;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_sdk_s3::Client;
use bytes::Bytes;
use tokio::runtime::Runtime;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{ErrorKind, ObjectInfo, Result, Store, StoreError, Window, name};
use crate::seams::{Clock, Seams, Timestamp};
use listing::Page;

/// Where the bucket is and how to reach it. What is `None` comes from the standard AWS variables
/// and profiles.
#[derive(Clone, Default)]
pub struct S3Options {
    pub bucket: String,
    /// Common beginning of all keys, without a `/` at either end; may be empty.
    pub prefix: String,
    /// URL of a server that is not Amazon's.
    pub endpoint: Option<String>,
    /// Where a custom endpoint is given and no region, `us-east-1`, which such servers expect.
    pub region: Option<String>,
    /// `https://server/bucket/key` instead of `https://bucket.server/key`; by default for custom
    /// endpoints.
    pub path_style: Option<bool>,
    /// From a configuration file; `None`: the standard chain of sources.
    pub credentials: Option<StaticCredentials>,
}

/// An access key that does not change; erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StaticCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

/// Keeps objects in a bucket.
pub struct S3 {
    bucket: String,
    prefix: String,
    client: Client,
    clock: Arc<dyn Clock>,
    /// An exchange was seen to be encrypted: bodies need no signature of their own (`calls`).
    is_tls: Arc<AtomicBool>,
    /// The store was seen to refuse a body without a checksum (`calls`).
    wants_checksum: AtomicBool,
    /// The store was seen not to know conditional puts (`calls`).
    lacks_conditions: AtomicBool,
    /// How long the server may take to say anything (`exchange`).
    answer_time: Duration,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

impl S3 {
    /// Prepares the client. Makes no request to the store; the chain of credentials may ask
    /// metadata services for a region.
    ///
    /// # Errors
    /// `Invalid` for settings that cannot work.
    pub fn open(options: &S3Options, seams: &Seams) -> Result<Self> {
        let failed = |kind| StoreError::new(kind, "open", "");
        let prefix = options.prefix.trim_matches('/').to_owned();
        if !prefix.is_empty() {
            name::check(&prefix, "open")?;
        }
        if options.bucket.is_empty() {
            return Err(failed(ErrorKind::Invalid).because("no bucket is named"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("offsite-s3")
            .enable_all()
            .build()
            .map_err(|error| failed(ErrorKind::Other).caused_by(error))?;
        let client = runtime.block_on(client::connect(options))?;
        Ok(Self {
            bucket: options.bucket.clone(),
            prefix,
            client,
            clock: seams.clock.clone(),
            is_tls: Arc::default(),
            wants_checksum: AtomicBool::new(false),
            lacks_conditions: AtomicBool::new(false),
            answer_time: exchange::ANSWER_TIME,
            runtime: Some(runtime),
        })
    }

    /// Waits on the calling thread; connections are served by the runtime's own.
    fn block_on<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(call),
            // Nobody holds a reference while it is being dropped.
            None => Err(StoreError::new(ErrorKind::Other, "reach", "")),
        }
    }

    fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Without waiting for a name lookup that hangs.
            runtime.shutdown_background();
        }
    }
}

impl Store for S3 {
    fn url(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }

    fn put(&self, name: &str, body: Bytes) -> Result<()> {
        name::check(name, "store")?;
        self.block_on(self.put_object(name, body, calls::IfTaken::Replace))
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
        self.block_on(self.put_object(name, body, calls::IfTaken::Refuse))
    }

    fn get(&self, name: &str, window: Window) -> Result<Bytes> {
        name::check(name, "fetch")?;
        if matches!(window, Window::Range { bytes: 0, .. }) {
            return Ok(Bytes::new());
        }
        self.block_on(self.get_object(name, window))
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
        self.block_on(self.delete_object(name))
    }

    fn now(&self) -> Result<Timestamp> {
        self.block_on(self.ask_time())
    }
}

#[cfg(test)]
mod tests;
