//! The bucket itself: its client, what was learnt of the store, and the runtime that serves its
//! connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::time::Duration;

use aws_sdk_s3::Client;
use tokio::runtime::Runtime;

use super::client::connect;
use super::exchange::ANSWER_TIME;
use super::options::{S3Options, StorageClass};
use crate::buffers::Buffers;
use crate::seams::{Clock, Seams};
use crate::store::{ErrorKind, Result, StoreError, name};

/// Pages of one listing: twenty million names where a page has the usual thousand. A server that goes
/// on for ever, a name a page, is told from one with many objects.
const PAGES_MAX: u32 = 20_000;

/// Memory that is kept for the next object: as much as two packs take.
const IDLE_BYTES_MAX: usize = 40 * 1024 * 1024;

/// Keeps objects in a bucket.
pub struct S3 {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) storage_class: Option<StorageClass>,
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    /// An exchange was seen to be encrypted: bodies need no signature of their own (`calls`).
    pub(super) is_tls: Arc<AtomicBool>,
    /// The store was seen to refuse a body without a checksum (`calls`).
    pub(super) wants_checksum: AtomicBool,
    /// The store was seen not to know conditional puts (`calls`).
    pub(super) lacks_conditions: AtomicBool,
    /// Whoever opened it knows that the store takes and keeps a CRC-64 (`calls`).
    pub(super) sends_crc64: AtomicBool,
    /// What answers showed of versions and locks (`versions`).
    pub(super) versions_shown: AtomicU8,
    pub(super) locks_shown: AtomicBool,
    /// The store was seen to tell no checksum but by HEAD, or not even so (`versions`).
    pub(super) lacks_attributes: AtomicBool,
    /// How long the server may take to say anything (`exchange`).
    pub(super) answer_time: Duration,
    /// How many pages a listing may have (`listing`).
    pub(super) pages_max: u32,
    /// Where objects are read into.
    pub(super) buffers: Buffers,
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
            // As a part of a name: `tmp` is refused at the top of a repository only.
            name::check(&format!("in/{prefix}"), "open")?;
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
        let client = runtime.block_on(connect(options))?;
        Ok(Self {
            bucket: options.bucket.clone(),
            prefix,
            storage_class: options.storage_class.clone(),
            client,
            clock: seams.clock.clone(),
            is_tls: Arc::default(),
            wants_checksum: AtomicBool::new(false),
            lacks_conditions: AtomicBool::new(false),
            sends_crc64: AtomicBool::new(false),
            versions_shown: AtomicU8::new(0),
            locks_shown: AtomicBool::new(false),
            lacks_attributes: AtomicBool::new(false),
            answer_time: ANSWER_TIME,
            pages_max: PAGES_MAX,
            buffers: Buffers::new(IDLE_BYTES_MAX),
            runtime: Some(runtime),
        })
    }

    /// Waits on the calling thread; connections are served by the runtime's own.
    pub(super) fn block_on<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(call),
            // Nobody holds a reference while it is being dropped.
            None => Err(StoreError::new(ErrorKind::Other, "reach", "")),
        }
    }

    pub(super) fn key(&self, name: &str) -> String {
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
