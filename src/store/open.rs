//! From what a person types to a store: [`StoreUrl`] reads it, [`open`] opens it and wraps it with
//! patience and, where asked for, a rate.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::local::Local;
use super::retention::ObjectLock;
use super::retry::{Retry, RetryOptions};
use super::s3::{S3, S3Options, StaticCredentials, StorageClass};
use super::throttle::{Limits, Throttle};
use super::versioned::Versioned;
use super::{ErrorKind, Result, Store, StoreError};
use crate::seams::Seams;

/// Where a repository is: a folder, or a place in a bucket. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StoreUrl {
    Folder(PathBuf),
    S3 {
        bucket: String,
        /// Without `/` at either end; may be empty.
        prefix: String,
    },
}

/// What the URL does not say.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// See [`S3Options`].
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub path_style: Option<bool>,
    pub profile: Option<String>,
    pub credentials: Option<StaticCredentials>,
    pub limits: Limits,
    pub retry: RetryOptions,
    /// Makes a folder that is missing. Buckets are never made.
    pub create: bool,
    /// What is put is kept so long. Buckets only.
    pub object_lock: Option<ObjectLock>,
    /// How the names begin that are put without a lock all the same.
    pub unlocked_beneath: Option<&'static str>,
    /// See [`S3Options`].
    pub storage_class: Option<StorageClass>,
}

/// Opens the store at `url`. Of S3 nothing is asked yet; a wrong key shows with the first call.
///
/// # Errors
/// `NoContainer` for a folder that is missing, `Invalid` for settings that cannot work, `Denied`
/// or `Full` where a folder cannot be made.
pub fn open(url: &StoreUrl, options: &OpenOptions, seams: &Seams) -> Result<Arc<dyn Store>> {
    let mut store = open_bare(url, options, seams)?;
    // The rate inside, so that what is sent again counts again.
    if options.limits.is_any() {
        store = Arc::new(Throttle::new(store, seams.clock.clone(), options.limits));
    }
    store = Arc::new(Retry::new(store, seams.clone(), options.retry.clone()));
    if store.retaining().is_some() {
        let progress = options.retry.progress.clone();
        let clock = seams.clock.clone();
        let versioned = Versioned::new(store, clock, options.object_lock, progress);
        store = Arc::new(versioned.leaving(options.unlocked_beneath));
    } else if options.object_lock.is_some() {
        return invalid("a folder has no Object Lock; buckets can have one");
    }
    Ok(store)
}

/// The store alone, without patience and without a rate: for whoever wants to see what it does.
///
/// # Errors
/// As [`open`].
pub fn open_bare(url: &StoreUrl, options: &OpenOptions, seams: &Seams) -> Result<Arc<dyn Store>> {
    Ok(match url {
        StoreUrl::Folder(path) if options.create => Arc::new(Local::create(path, seams.clone())?),
        StoreUrl::Folder(path) => Arc::new(Local::open(path, seams.clone())?),
        StoreUrl::S3 { bucket, prefix } => {
            let options = S3Options {
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                endpoint: options.endpoint.clone(),
                region: options.region.clone(),
                path_style: options.path_style,
                profile: options.profile.clone(),
                credentials: options.credentials.clone(),
                storage_class: options.storage_class.clone(),
            };
            Arc::new(S3::open(&options, seams)?)
        }
    })
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    /// The text is not repeated in errors: it may hold a password that should not be in it.
    fn from_str(text: &str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return folder_from(text);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => match percent_decoded(rest) {
                Some(path) if path.starts_with('/') => Ok(Self::Folder(PathBuf::from(path))),
                _ => invalid("a file URL has three slashes: file:///path/to/folder"),
            },
            "s3" => bucket_from(rest),
            "s3:https" | "s3:http" => {
                invalid("write s3://bucket/prefix and give the server with --endpoint")
            }
            _ => invalid(
                "only paths, file:///path and s3://bucket/prefix are known; mount a network drive \
                 and give its folder",
            ),
        }
    }
}

fn invalid<T>(reason: &str) -> Result<T> {
    Err(StoreError::new(ErrorKind::Invalid, "open", "").because(reason))
}

fn folder_from(text: &str) -> Result<StoreUrl> {
    if text.is_empty() {
        return invalid("the path is empty");
    }
    let scheme = text.get(..3).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("s3:") {
        return invalid("write s3://bucket/prefix");
    }
    if text.starts_with('~') {
        return invalid(
            "the ~ reached offsite as it is, since no shell put the home folder in its place; \
             write the whole path, or ./~ for a folder of that name",
        );
    }
    if text.starts_with(r"\\") {
        return invalid("that is the name of a network share; mount it and give its folder");
    }
    let first = text.split('/').next().unwrap_or_default();
    if first.contains(':') {
        return invalid(
            "that looks like another program's address; paths and s3://bucket/prefix are known, \
             and ./ in front makes it a folder of that name",
        );
    }
    if text.contains('\0') {
        return invalid("the path has a zero byte in it");
    }
    Ok(StoreUrl::Folder(PathBuf::from(text)))
}

fn bucket_from(rest: &str) -> Result<StoreUrl> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return invalid(
            "credentials do not belong into a URL, which ends up in logs and process lists; \
             use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
        );
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || !bucket.chars().all(is_allowed) {
        return invalid("the name of the bucket has letters, digits, dots and dashes only");
    }
    let prefix = prefix.trim_end_matches('/');
    if prefix.contains(|c: char| c.is_control() || matches!(c, '?' | '#' | '\\')) {
        return invalid("the prefix has characters in it that a URL gives another meaning");
    }
    if !prefix.is_empty()
        && prefix
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
    {
        return invalid("a part of the prefix is empty, `.` or `..`");
    }
    Ok(StoreUrl::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// `None` when an escape is not two hexadecimal digits or the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, plain) = part.split_at_checked(2)?;
        let value = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))?;
        bytes.push(value);
        bytes.extend_from_slice(plain.as_bytes());
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|path| !path.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<StoreUrl> {
        text.parse()
    }

    #[test]
    fn urls_are_read_and_written() {
        for (text, shown) in [
            ("/srv/backup", "/srv/backup"),
            ("backup", "backup"),
            ("file:///srv/my%20backup", "/srv/my backup"),
            ("s3://photos", "s3://photos"),
            ("s3://photos/", "s3://photos"),
            ("s3://photos/immich/home/", "s3://photos/immich/home"),
            ("S3://photos/a", "s3://photos/a"),
            ("./~/backup", "./~/backup"),
            ("./nas:/backup", "./nas:/backup"),
            ("/srv/a:b", "/srv/a:b"),
            ("photos~", "photos~"),
        ] {
            assert_eq!(url(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn urls_that_cannot_work_are_refused_without_being_repeated() {
        for text in [
            "",
            "s3://",
            "s3:photos",
            "S3:photos",
            "~",
            "~/backup",
            "~anna/backup",
            r"\\nas\share",
            r"C:\backup",
            "nas:/backup",
            "sftp:me@nas:/backup",
            "smb://nas/share",
            "s3:https://server/bucket",
            "s3://a//b",
            "s3://a/../b",
            "s3://key:hunter2@bucket/prefix",
            "s3://bucket/prefix?password=hunter2",
            "file://host/path",
            "file:///a%zz",
            "file:///a%+1",
            "sftp://me:hunter2@host/path",
        ] {
            let error = url(text).expect_err(text);
            assert_eq!(error.kind, ErrorKind::Invalid, "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let with_key = url("s3://key:hunter2@bucket").unwrap_err().to_string();
        assert!(
            with_key.contains("credentials do not belong into a URL"),
            "{with_key}"
        );
    }
}
