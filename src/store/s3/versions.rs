//! Versions, locks and kept checksums: `Retaining` for a bucket. That there are any shows in the
//! headers of ordinary answers, so that a bucket without them costs no request more.
//!
//! Of a lock it is the HEAD of a version that tells, at Amazon's to those with the right
//! s3:GetObjectRetention. A refused deletion does not say why ("Access Denied.").

use std::sync::atomic::Ordering;

use aws_sdk_s3::types::{
    ChecksumMode, ObjectAttributes, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
};
use bytes::Bytes;

use super::bucket::S3;
use super::calls::{ANSWER_BYTES_MAX, IfTaken, info, whole_seconds};
use super::version_list::Pages;
use crate::seams::Timestamp;
use crate::store::retention::{
    LockMode, PutTerms, Retaining, Retention, Seen, Shown, VERSIONS_MAX, Version,
};
use crate::store::{Result, Window, name};

/// Values of `versions_shown`.
const NOT_YET: u8 = 0;
const NONE: u8 = 1;
const SOME: u8 = 2;

impl S3 {
    /// What an answer shows of the bucket. Where versions were never kept there is no header, where
    /// they are no longer kept it says `null`.
    pub(super) fn note_shown(&self, version: Option<&str>, is_locked: bool) {
        let has_versions = version.is_some_and(|id| id != "null");
        if has_versions {
            self.versions_shown.store(SOME, Ordering::Relaxed);
        } else if self.versions_shown.load(Ordering::Relaxed) == NOT_YET {
            self.versions_shown.store(NONE, Ordering::Relaxed);
        }
        if is_locked {
            self.locks_shown.store(true, Ordering::Relaxed);
        }
    }

    pub(super) async fn kept_checksum(&self, name: &str) -> Result<Option<u64>> {
        let answer = self.ask_head(name, None, Some(ChecksumMode::Enabled));
        let answer = answer.await?;
        let told = answer.checksum_crc64_nvme().and_then(crc_of);
        if told.is_some() || self.lacks_attributes.load(Ordering::Relaxed) {
            return Ok(told);
        }
        let told = self.checksum_attribute(name).await;
        if told.is_none() {
            // One question too many for each object is enough for the first.
            self.lacks_attributes.store(true, Ordering::Relaxed);
        }
        Ok(told)
    }

    /// Many a store does not know the question: then there is no answer, which is no failure.
    async fn checksum_attribute(&self, name: &str) -> Option<u64> {
        let exchange = self.exchange(Bytes::new(), ANSWER_BYTES_MAX);
        let request = self
            .client
            .get_object_attributes()
            .bucket(&self.bucket)
            .key(self.key(name))
            .object_attributes(ObjectAttributes::Checksum);
        let sent = request.customize().interceptor(exchange.clone()).send();
        let answer = self.answered(&exchange, 0, sent).await.ok()?;
        answer.checksum()?.checksum_crc64_nvme().and_then(crc_of)
    }

    async fn ask_retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        let answer = self.ask_head(name, version, None).await?;
        let mode = match answer.object_lock_mode() {
            Some(ObjectLockMode::Compliance) => LockMode::Compliance,
            Some(_) => LockMode::Governance,
            None => return Ok(None),
        };
        let until = answer.object_lock_retain_until_date();
        Ok(until.map(|until| Retention {
            mode,
            until: Timestamp::from_seconds(until.secs()),
        }))
    }

    async fn put_retention(
        &self,
        name: &str,
        version: Option<&str>,
        retention: Retention,
    ) -> Result<()> {
        let mode = match retention.mode {
            LockMode::Governance => ObjectLockRetentionMode::Governance,
            LockMode::Compliance => ObjectLockRetentionMode::Compliance,
        };
        let wanted = ObjectLockRetention::builder()
            .mode(mode)
            .retain_until_date(whole_seconds(retention.until))
            .build();
        let exchange = self.exchange(Bytes::new(), ANSWER_BYTES_MAX);
        let request = self
            .client
            .put_object_retention()
            .bucket(&self.bucket)
            .key(self.key(name))
            .set_version_id(version.map(str::to_owned))
            .retention(wanted);
        let sent = request.customize().interceptor(exchange.clone()).send();
        let answer = self.answered(&exchange, 0, sent).await;
        answer.map_err(|failure| failure.of("extend the lock of", name))?;
        Ok(())
    }
}

impl Retaining for S3 {
    fn put_on_terms(&self, name: &str, body: Bytes, terms: &PutTerms) -> Result<()> {
        name::check(name, "store")?;
        let if_taken = if terms.if_absent {
            IfTaken::Refuse
        } else {
            IfTaken::Replace
        };
        self.block_on(self.put_object(name, body, if_taken, terms))
    }

    fn retain(&self, name: &str, version: Option<&str>, retention: Retention) -> Result<()> {
        name::check(name, "extend the lock of")?;
        self.block_on(self.put_retention(name, version, retention))
    }

    fn retention(&self, name: &str, version: Option<&str>) -> Result<Option<Retention>> {
        name::check(name, "look at")?;
        self.block_on(self.ask_retention(name, version))
    }

    fn versions(&self, name: &str) -> Result<Vec<Version>> {
        name::check(name, "look at")?;
        let mut versions = Vec::new();
        let mut pages = Pages::of(name);
        while !pages.is_done() {
            for row in self.block_on(self.page_of(name, &mut pages))? {
                if !row.is_marker {
                    let info = info(name, row.bytes, row.modified.as_ref())
                        .map_err(|failure| failure.of("look at", name))?;
                    versions.push(Version {
                        id: row.version,
                        bytes: info.bytes,
                        modified: info.modified,
                    });
                }
            }
            // Newest first: what is at the end is what is looked for.
            let surplus = versions.len().saturating_sub(VERSIONS_MAX);
            versions.drain(..surplus);
        }
        versions.reverse();
        Ok(versions)
    }

    fn marks(&self, name: &str) -> Result<Vec<String>> {
        name::check(name, "look at")?;
        let mut marks = Vec::new();
        let mut pages = Pages::of(name);
        while !pages.is_done() && marks.len() < VERSIONS_MAX {
            let rows = self.block_on(self.page_of(name, &mut pages))?;
            let rows = rows.into_iter().filter(|row| row.is_marker);
            marks.extend(rows.map(|row| row.version));
        }
        marks.truncate(VERSIONS_MAX);
        Ok(marks)
    }

    fn get_version(&self, name: &str, version: &str, window: Window) -> Result<Bytes> {
        name::check(name, "fetch")?;
        if matches!(window, Window::Range { bytes: 0, .. }) {
            return Ok(Bytes::new());
        }
        self.block_on(self.get_object(name, Some(version), window))
    }

    fn delete_version(&self, name: &str, version: &str) -> Result<()> {
        name::check(name, "delete")?;
        self.block_on(self.delete_object(name, Some(version), false))
    }

    fn delete_in_spite_of_governance(&self, name: &str, version: &str) -> Result<()> {
        name::check(name, "delete")?;
        self.block_on(self.delete_object(name, Some(version), true))
    }

    fn list_all(&self, prefix: &str, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        if prefix.split('/').rev().skip(1).any(str::is_empty) {
            return Ok(());
        }
        self.each_seen(prefix, visit)
    }

    fn shown(&self) -> Shown {
        Shown {
            versions: match self.versions_shown.load(Ordering::Relaxed) {
                NOT_YET => None,
                shown => Some(shown == SOME),
            },
            locks: self.locks_shown.load(Ordering::Relaxed),
        }
    }
}

/// The value of a header, unless it is odd.
fn crc_of(text: &str) -> Option<u64> {
    let bytes = aws_smithy_types::base64::decode(text).ok()?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}
