//! The requests on one object, one each for PUT, GET, HEAD and DELETE; `listing` has LIST.
//!
//! **Signing of bodies.** Over plain http a body is hashed with SHA-256 and signed: the only thing
//! that shows a bit flipped, or changed by somebody, on the way. Over TLS that hash would do what
//! TLS does already and cost, so the payload is declared unsigned there. Which of the two it
//! is, is read off the exchanges themselves; until one was seen, bodies are signed. Measured with
//! 16 MiB bodies on loopback: 0.70 ms of CPU a MB signed over http, 0.45 unsigned over TLS with its
//! encryption, on a processor that has instructions for SHA-256; many a NAS has none.
//!
//! **Checksums.** None is sent unless the store demands one, as Amazon does for buckets with a
//! default retention; then the request is repeated once with a CRC-32, and from then on all have
//! it. Stores that know no `x-amz-checksum-…` refuse it, so it cannot be sent to all; where the
//! caller knows that this store takes one (`doctor` has tried), it is a CRC-64/NVME, which the store
//! keeps and shows again. What is to be locked always has one, for Amazon demands it.

use std::error::Error;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumMode, ObjectLockMode};
use bytes::Bytes;

use super::bucket::S3;
use super::errors::{Failure, failure, innermost};
use super::exchange::{Exchange, Stalled};
use crate::seams::Timestamp;
use crate::store::retention::{LockMode, PutTerms};
use crate::store::{ErrorKind, ObjectInfo, Result, Window};

/// Answers that carry no object: a few lines of XML.
pub(super) const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Memory taken for an answer before its bytes arrive: the largest pack.
const CAPACITY_BYTES_MAX: u64 = 64 << 20;

/// The name whose HEAD asks for the time. It need not exist: every answer has a date.
const TIME_NAME: &str = "now";

/// What to do when there is an object of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfTaken {
    Replace,
    Refuse,
}

impl S3 {
    pub(super) async fn put_object(
        &self,
        name: &str,
        body: Bytes,
        if_taken: IfTaken,
        terms: &PutTerms,
    ) -> Result<()> {
        let failed = |failure: Failure| failure.of("store", name);
        // At most one repetition for each of the two things that are learnt of a store.
        for _ in 0..2 {
            let error = match self.put_once(name, body.clone(), if_taken, terms).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if demands_checksum(&error) && !self.wants_checksum.swap(true, Ordering::Relaxed) {
                continue;
            }
            let lacks_conditions = if_taken == IfTaken::Refuse
                && error.kind == ErrorKind::Other
                && (error.detail.contains("NotImplemented") || error.detail.contains("501"));
            if lacks_conditions && !self.lacks_conditions.swap(true, Ordering::Relaxed) {
                continue;
            }
            return Err(failed(put_failure(error, if_taken, terms)));
        }
        let last = self.put_once(name, body, if_taken, terms).await;
        last.map_err(|error| failed(put_failure(error, if_taken, terms)))
    }

    async fn put_once(
        &self,
        name: &str,
        body: Bytes,
        if_taken: IfTaken,
        terms: &PutTerms,
    ) -> Result<(), Failure> {
        let bytes = body.len() as u64;
        let mut request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(self.key(name));
        if if_taken == IfTaken::Refuse && !self.lacks_conditions.load(Ordering::Relaxed) {
            request = request.if_none_match("*");
        }
        let sends_crc64 = self.sends_crc64.load(Ordering::Relaxed);
        if let Some(crc) = terms.crc64.or_else(|| sends_crc64.then(|| crc64(&body))) {
            request = request.checksum_crc64_nvme(base64_of(crc));
        } else if terms.retention.is_some() || self.wants_checksum.load(Ordering::Relaxed) {
            request = request.checksum_crc32(crc32(&body));
        }
        let class = self.storage_class.as_ref();
        if let Some(kind) = class.filter(|kind| name.starts_with(kind.beneath)) {
            request = request.storage_class(kind.class.as_str().into());
        }
        if let Some(retention) = &terms.retention {
            request = request
                .object_lock_mode(lock_mode(retention.mode))
                .object_lock_retain_until_date(whole_seconds(retention.until));
        }
        let exchange = self.exchange(body.clone(), ANSWER_BYTES_MAX);
        let mut request = request
            .body(ByteStream::from(body))
            .customize()
            .interceptor(exchange.clone());
        if self.is_tls.load(Ordering::Relaxed) {
            request = request.disable_payload_signing();
        }
        let answer = self.answered(&exchange, bytes, request.send()).await?;
        self.note_shown(answer.version_id(), false);
        Ok(())
    }

    /// `version`: `None` is the current one.
    pub(super) async fn get_object(
        &self,
        name: &str,
        version: Option<&str>,
        window: Window,
    ) -> Result<Bytes> {
        let bytes_max = match window {
            Window::Whole { bytes_max } => bytes_max,
            Window::Range { bytes, .. } => bytes,
        };
        // The bound of the exchange is for hostile answers; an object that is merely too large is
        // recognised by `receive`, so it must be let through that far.
        let exchange = self.exchange(Bytes::new(), bytes_max.saturating_add(ANSWER_BYTES_MAX));
        let fetched = exchange
            .watch(bytes_max, self.fetch(name, version, window, &exchange))
            .await;
        fetched
            .unwrap_or_else(|Stalled| Err(stalled()))
            .map_err(|failure| failure.of("fetch", name))
    }

    async fn fetch(
        &self,
        name: &str,
        version: Option<&str>,
        window: Window,
        exchange: &Exchange,
    ) -> Result<Bytes, Failure> {
        let mut request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .set_version_id(version.map(str::to_owned))
            .key(self.key(name));
        if let Window::Range { start, bytes } = window {
            let last = start
                .checked_add(bytes)
                .and_then(|end| end.checked_sub(1))
                .ok_or_else(|| Failure::new(ErrorKind::Invalid, "the range has no end"))?;
            request = request.range(format!("bytes={start}-{last}"));
        }
        let sent = request
            .customize()
            .interceptor(exchange.clone())
            .send()
            .await;
        let answer = sent.map_err(|error| self.explain(failure(&error), exchange))?;
        self.note_shown(answer.version_id(), answer.object_lock_mode().is_some());
        let promised = answer
            .content_length()
            .and_then(|bytes| u64::try_from(bytes).ok());
        match window {
            Window::Whole { bytes_max } => self.receive(answer.body, promised, bytes_max).await,
            Window::Range { start, bytes } => {
                check_range(answer.content_range(), promised, start, bytes)?;
                let body = self.receive(answer.body, promised, bytes).await?;
                match body.len() as u64 == bytes {
                    true => Ok(body),
                    false => Err(Failure::new(ErrorKind::Incomplete, "")),
                }
            }
        }
    }

    /// Reads a body of at most `bytes_max` bytes, and of exactly as many as were promised.
    async fn receive(
        &self,
        mut body: ByteStream,
        promised: Option<u64>,
        bytes_max: u64,
    ) -> Result<Bytes, Failure> {
        let too_large = || {
            Failure::new(
                ErrorKind::TooLarge,
                format!("the limit is {bytes_max} bytes"),
            )
        };
        if promised.is_some_and(|promised| promised > bytes_max) {
            return Err(too_large());
        }
        // A promise is not yet a reason to set a fortune aside.
        let capacity = promised.unwrap_or(0).min(CAPACITY_BYTES_MAX);
        let mut received = self.buffers.take(usize::try_from(capacity).unwrap_or(0));
        while let Some(piece) = body.next().await {
            let piece =
                piece.map_err(|error| Failure::new(ErrorKind::Transient, innermost(&error)))?;
            if received.len() as u64 + piece.len() as u64 > bytes_max {
                return Err(too_large());
            }
            received.extend_from_slice(&piece);
        }
        if promised.is_some_and(|promised| promised != received.len() as u64) {
            return Err(Failure::new(ErrorKind::Incomplete, ""));
        }
        Ok(Bytes::from_owner(received))
    }

    /// The answer to a HEAD; `version`: `None` is the current one.
    pub(super) async fn ask_head(
        &self,
        name: &str,
        version: Option<&str>,
        checksum: Option<ChecksumMode>,
    ) -> Result<HeadObjectOutput> {
        let exchange = self.exchange(Bytes::new(), ANSWER_BYTES_MAX);
        let request = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(self.key(name))
            .set_version_id(version.map(str::to_owned))
            .set_checksum_mode(checksum);
        let sent = request.customize().interceptor(exchange.clone()).send();
        let answer = self.answered(&exchange, 0, sent).await;
        let answer = answer.map_err(|failure| failure.of("look at", name))?;
        self.note_shown(answer.version_id(), answer.object_lock_mode().is_some());
        Ok(answer)
    }

    pub(super) async fn head_object(&self, name: &str) -> Result<ObjectInfo> {
        let answer = self.ask_head(name, None, None).await?;
        info(name, answer.content_length(), answer.last_modified())
            .map_err(|failure| failure.of("look at", name))
    }

    /// Removes a version for good; without one, marks the object as deleted where versions are kept.
    /// `lifts`: a lock of mode governance is to be lifted with it.
    pub(super) async fn delete_object(
        &self,
        name: &str,
        version: Option<&str>,
        lifts: bool,
    ) -> Result<()> {
        let exchange = self.exchange(Bytes::new(), ANSWER_BYTES_MAX);
        let request = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(self.key(name))
            .set_bypass_governance_retention(lifts.then_some(true))
            .set_version_id(version.map(str::to_owned));
        let sent = request.customize().interceptor(exchange.clone()).send();
        match self.answered(&exchange, 0, sent).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(()),
            Err(failure) => Err(failure.of("delete", name)),
        }
    }

    /// The date of a HEAD, the cheapest request there is. It serves whether the object exists, is
    /// absent or may not be looked at: in each case the store itself answered.
    pub(super) async fn ask_time(&self) -> Result<Timestamp> {
        let exchange = self.exchange(Bytes::new(), ANSWER_BYTES_MAX);
        let request = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(self.key(TIME_NAME));
        let sent = request.customize().interceptor(exchange.clone()).send();
        let failed = |failure: Failure| failure.of("ask the time of", "");
        match self.answered(&exchange, 0, sent).await {
            Err(failure) if !matches!(failure.kind, ErrorKind::NotFound | ErrorKind::Denied) => {
                return Err(failed(failure));
            }
            _ => {}
        }
        let no_date = || failed(Failure::new(ErrorKind::Other, "the answer has no date"));
        exchange.date().ok_or_else(no_date)
    }

    pub(super) fn exchange(&self, body: Bytes, answer_bytes_max: u64) -> Exchange {
        Exchange::new(
            body,
            answer_bytes_max,
            self.answer_time,
            self.clock.clone(),
            self.is_tls.clone(),
        )
    }

    /// Waits for the answer to a request that sends or fetches so many bytes.
    pub(super) async fn answered<T, E>(
        &self,
        exchange: &Exchange,
        bytes: u64,
        sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match exchange.watch(bytes, sent).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explain(failure(&error), exchange)),
            Err(Stalled) => Err(stalled()),
        }
    }

    fn explain(&self, failure: Failure, exchange: &Exchange) -> Failure {
        failure.with_clocks(self.clock.now(), exchange.date())
    }
}

fn stalled() -> Failure {
    Failure::new(ErrorKind::Transient, "no more bytes came or went")
}

/// `AlreadyExists` is an answer to a condition only.
fn put_failure(failure: Failure, if_taken: IfTaken, terms: &PutTerms) -> Failure {
    match (failure.kind, if_taken) {
        // "Bucket is missing Object Lock Configuration", as Amazon puts it.
        (ErrorKind::Other, _)
            if terms.retention.is_some() && failure.detail.contains("InvalidRequest") =>
        {
            let reason = "the bucket seems to have no Object Lock, which it can only be made with";
            Failure::new(ErrorKind::Invalid, format!("{reason}; {}", failure.detail))
        }
        (ErrorKind::Denied, _) if terms.retention.is_some() => {
            let reason = "what is locked as it is stored needs the right s3:PutObjectRetention";
            Failure::new(ErrorKind::Denied, format!("{reason}; {}", failure.detail))
        }
        (ErrorKind::Other, _) if failure.detail.contains("InvalidStorageClass") => {
            let reason = "the store does not have the storage class that the configuration names";
            Failure::new(ErrorKind::Invalid, format!("{reason}; {}", failure.detail))
        }
        (ErrorKind::AlreadyExists, IfTaken::Replace) => Failure {
            kind: ErrorKind::Other,
            ..failure
        },
        // A 404 to a PUT can only mean the bucket.
        (ErrorKind::NotFound, _) => Failure {
            kind: ErrorKind::NoContainer,
            ..failure
        },
        _ => failure,
    }
}

/// "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object
/// Lock parameters", as Amazon and those who copy it put it.
fn demands_checksum(failure: &Failure) -> bool {
    failure.detail.contains("Content-MD5") && failure.detail.contains("required")
}

fn crc32(body: &[u8]) -> String {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, body);
    // A CRC-32 stands in the low half of what is returned for CRCs of every width.
    aws_smithy_types::base64::encode((crc as u32).to_be_bytes())
}

pub(super) fn crc64(body: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, body)
}

/// As S3 writes a CRC-64 in a header.
fn base64_of(crc: u64) -> String {
    aws_smithy_types::base64::encode(crc.to_be_bytes())
}

pub(super) fn lock_mode(mode: LockMode) -> ObjectLockMode {
    match mode {
        LockMode::Governance => ObjectLockMode::Governance,
        LockMode::Compliance => ObjectLockMode::Compliance,
    }
}

/// Rounded up: nothing is free before its date.
pub(super) fn whole_seconds(until: Timestamp) -> DateTime {
    DateTime::from_secs(until.plus(Duration::from_nanos(999_999_999)).seconds())
}

pub(super) fn info(
    name: &str,
    bytes: Option<i64>,
    modified: Option<&DateTime>,
) -> Result<ObjectInfo, Failure> {
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    let modified = modified.and_then(|time| i64::try_from(time.as_nanos()).ok());
    match (bytes, modified) {
        (Some(bytes), Some(modified)) => Ok(ObjectInfo {
            name: name.to_owned(),
            bytes,
            modified: Timestamp::from_nanoseconds(modified),
        }),
        _ => Err(Failure::new(
            ErrorKind::Other,
            "the answer lacks the length or the time",
        )),
    }
}

/// A store that ignores ranges, or answers another one, must not pass for one that obeyed.
fn check_range(
    answered: Option<&str>,
    promised: Option<u64>,
    start: u64,
    bytes: u64,
) -> Result<(), Failure> {
    let other = |reason| Err(Failure::new(ErrorKind::Other, reason));
    match (answered, promised) {
        (None, promised) if start > 0 || promised != Some(bytes) => {
            return other("the store ignores ranges");
        }
        (Some(range), _) if !range.starts_with(&format!("bytes {start}-")) => {
            return other("the store answered another range");
        }
        _ => {}
    }
    match promised {
        Some(promised) if promised < bytes => Err(Failure::new(
            ErrorKind::Incomplete,
            "the object ends before the range does",
        )),
        Some(promised) if promised > bytes => other("the store answered a longer range"),
        _ => Ok(()),
    }
}
