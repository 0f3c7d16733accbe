//! ListObjectVersions, a page at a time: every version, and the marks that say that an object was
//! deleted. As little is believed as of a LIST (`listing`).

use std::cmp::Ordering;

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::primitives::DateTime;
use bytes::Bytes;

use super::bucket::S3;
use super::calls::info;
use super::errors::Failure;
use crate::store::retention::{Gathered, Seen};
use crate::store::{ErrorKind, Result};

/// As of a LIST: 1,000 names, of which each could be escaped sixfold, and what is told of each.
const PAGE_BYTES_MAX: u64 = 8 << 20;

/// Pages of one name, or in a row without a row. Whoever may write can make as many versions as he
/// pays for; but a listing must end.
const PAGES_MAX: u32 = 1_000_000;
const EMPTY_PAGES_MAX: u32 = 100;

/// Where a listing stands.
pub(super) struct Pages {
    prefix: String,
    key_marker: Option<String>,
    version_marker: Option<String>,
    pages: u32,
    empty_pages: u32,
    is_done: bool,
}

impl Pages {
    pub(super) fn of(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            key_marker: None,
            version_marker: None,
            pages: 0,
            empty_pages: 0,
            is_done: false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }
}

/// A version or a mark of deletion.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) is_marker: bool,
    pub(super) is_latest: bool,
    pub(super) bytes: Option<i64>,
    pub(super) modified: Option<DateTime>,
}

impl S3 {
    /// The next page: by name, of each name versions newest first; marks stand behind the versions
    /// of their page, where they come apart from them.
    async fn version_page(&self, pages: &mut Pages) -> Result<Vec<Row>> {
        let prefix = pages.prefix.clone();
        let failed = |failure: Failure| failure.of("list", &prefix);
        let odd = |reason: &str| failed(Failure::new(ErrorKind::Other, reason));
        let exchange = self.exchange(Bytes::new(), PAGE_BYTES_MAX);
        let request = self
            .client
            .list_object_versions()
            .bucket(&self.bucket)
            .prefix(self.key(&prefix))
            .set_key_marker(pages.key_marker.clone())
            .set_version_id_marker(pages.version_marker.clone());
        let sent = request.customize().interceptor(exchange.clone()).send();
        let answer = self.answered(&exchange, PAGE_BYTES_MAX, sent).await;
        let answer = answer.map_err(failed)?;
        let mut rows = rows_of(&answer);
        pages.pages += 1;
        pages.is_done = answer.is_truncated() != Some(true);
        if !pages.is_done {
            let next = answer.next_key_marker().map(str::to_owned);
            let version = answer.next_version_id_marker().map(str::to_owned);
            let next = next.ok_or_else(|| odd("the listing breaks off without a next page"))?;
            if pages.key_marker.as_ref() == Some(&next) && pages.version_marker == version {
                return Err(odd("the listing goes round in circles"));
            }
            (pages.key_marker, pages.version_marker) = (Some(next), version);
            pages.empty_pages = if rows.is_empty() {
                pages.empty_pages + 1
            } else {
                0
            };
            if pages.empty_pages > EMPTY_PAGES_MAX || pages.pages > PAGES_MAX {
                return Err(odd("the listing does not advance"));
            }
        }
        let beginning = self.key("");
        let is_shown = |row: &Row| {
            let odd = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
            row.name != beginning && !row.name.contains(odd)
        };
        rows.retain(is_shown);
        for row in &mut rows {
            match row.name.strip_prefix(&beginning) {
                Some(name) if name.starts_with(&prefix) => row.name = name.to_owned(),
                _ => return Err(odd("the listing shows what was not asked for")),
            }
        }
        Ok(rows)
    }

    /// The next page of one name, of [`Pages::of`] it. Others that begin like it come behind it, and
    /// there is no end to how many somebody could put: they are not asked for.
    pub(super) async fn page_of(&self, name: &str, pages: &mut Pages) -> Result<Vec<Row>> {
        let mut rows = self.version_page(pages).await?;
        pages.is_done |= rows.iter().any(|row| row.name.as_str() > name);
        rows.retain(|row| row.name == name);
        Ok(rows)
    }

    pub(super) fn each_seen(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(Seen) -> Result<()>,
    ) -> Result<()> {
        let mut pages = Pages::of(prefix);
        let mut gathered: Option<Gathered> = None;
        while !pages.is_done() {
            for row in self.block_on(self.version_page(&mut pages))? {
                let failed = |failure: Failure| failure.of("list", prefix);
                match gathered.as_ref().map(|it| it.name().cmp(&row.name)) {
                    Some(Ordering::Equal) => {}
                    Some(Ordering::Greater) => {
                        let reason = "the listing is out of order or repeats itself";
                        return Err(failed(Failure::new(ErrorKind::Other, reason)));
                    }
                    _ => hand_over(gathered.replace(Gathered::new(&row.name)), visit)?,
                }
                if let (Some(gathered), false) = (&mut gathered, row.is_marker) {
                    let info = info(&row.name, row.bytes, row.modified.as_ref()).map_err(failed)?;
                    gathered.add(info.bytes, info.modified, row.is_latest);
                }
            }
        }
        hand_over(gathered, visit)
    }
}

/// What stands on a page, by name.
fn rows_of(answer: &ListObjectVersionsOutput) -> Vec<Row> {
    let mut rows = Vec::new();
    for version in answer.versions() {
        rows.push(Row {
            name: version.key().unwrap_or_default().to_owned(),
            version: version.version_id().unwrap_or_default().to_owned(),
            is_marker: false,
            is_latest: version.is_latest() == Some(true),
            bytes: version.size(),
            modified: version.last_modified().copied(),
        });
    }
    for marker in answer.delete_markers() {
        rows.push(Row {
            name: marker.key().unwrap_or_default().to_owned(),
            version: marker.version_id().unwrap_or_default().to_owned(),
            is_marker: true,
            is_latest: marker.is_latest() == Some(true),
            bytes: None,
            modified: marker.last_modified().copied(),
        });
    }
    // Stable: versions of one name keep their order, which is newest first.
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows
}

fn hand_over(gathered: Option<Gathered>, visit: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
    match gathered.and_then(Gathered::seen) {
        Some(seen) => visit(seen),
        None => Ok(()),
    }
}
