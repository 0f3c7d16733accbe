//! LIST, version 2: a page at a time. What a store shows is not believed: names out of order, names
//! that nobody asked for and pages that lead nowhere are errors, for whoever is shown half of a
//! listing could prune the other half.

use aws_sdk_s3::types::Object;
use bytes::Bytes;

use super::bucket::S3;
use super::calls::info;
use super::errors::Failure;
use crate::store::{ErrorKind, ObjectInfo, Result};

/// A page of 1,000 names of 1,024 bytes, of which each could be escaped sixfold, with room.
const PAGE_BYTES_MAX: u64 = 8 << 20;

/// Pages in a row without an object (a store may skip over deleted ones) before it is an error.
const EMPTY_PAGES_MAX: u32 = 100;

/// One page of a listing, and where the next begins.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<ObjectInfo>,
    next: Option<String>,
    /// The last name so far.
    last: Option<String>,
    empty_pages: u32,
    /// Pages before it.
    number: u32,
}

impl Page {
    pub(super) fn is_last(&self) -> bool {
        self.next.is_none()
    }
}

impl S3 {
    /// The page after `before`; the first after a page that is empty.
    pub(super) async fn list_page(&self, prefix: &str, before: Page) -> Result<Page> {
        let failed = |failure: Failure| failure.of("list", prefix);
        let exchange = self.exchange(Bytes::new(), PAGE_BYTES_MAX);
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(self.key(prefix))
            .set_continuation_token(before.next.clone());
        let sent = request.customize().interceptor(exchange.clone()).send();
        let answer = self.answered(&exchange, PAGE_BYTES_MAX, sent).await;
        let answer = answer.map_err(failed)?;
        let odd = |reason: &str| failed(Failure::new(ErrorKind::Other, reason));
        let mut page = Page {
            last: before.last,
            number: before.number + 1,
            ..Page::default()
        };
        for object in answer.contents() {
            if let Some(object) = self.listed(object, prefix).map_err(failed)? {
                if page.last.as_ref().is_some_and(|last| *last >= object.name) {
                    return Err(odd("the listing is out of order or repeats itself"));
                }
                page.last = Some(object.name.clone());
                page.objects.push(object);
            }
        }
        if answer.is_truncated() == Some(true) {
            let next = answer.next_continuation_token().map(str::to_owned);
            let next = next.ok_or_else(|| odd("the listing breaks off without a next page"))?;
            if before.next.as_ref() == Some(&next) {
                return Err(odd("the listing goes round in circles"));
            }
            page.next = Some(next);
            if answer.contents().is_empty() {
                page.empty_pages = before.empty_pages + 1;
            }
            if page.number >= self.pages_max {
                return Err(odd("the listing has no end"));
            }
            if page.empty_pages > EMPTY_PAGES_MAX {
                return Err(odd("the listing does not advance"));
            }
        }
        Ok(page)
    }

    /// A listed key as an object; `None` for the mark of the repository's own folder, which some
    /// consoles make when a person clicks "new folder", and for names that no store takes: XML has
    /// no control characters, servers put another in their place, and the name is then out of order.
    /// Whoever can put an object could end all listings with one.
    fn listed(&self, object: &Object, prefix: &str) -> Result<Option<ObjectInfo>, Failure> {
        let key = object.key().unwrap_or_default();
        let name = key.strip_prefix(&self.key("")).unwrap_or_default();
        if name.is_empty() && key == self.key("") {
            return Ok(None);
        }
        if name.is_empty() || !name.starts_with(prefix) {
            let reason = "the listing shows what was not asked for";
            return Err(Failure::new(ErrorKind::Other, reason));
        }
        if name.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            return Ok(None);
        }
        info(name, object.size(), object.last_modified()).map(Some)
    }
}
