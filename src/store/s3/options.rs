//! What has to be known of a bucket before it can be reached.

use zeroize::{Zeroize, ZeroizeOnDrop};

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
    /// Of the AWS configuration files; `None`: what `AWS_PROFILE` says.
    pub profile: Option<String>,
    /// From a configuration file; `None`: the standard chain of sources.
    pub credentials: Option<StaticCredentials>,
    /// Stored as another kind than the bucket's own; `None`: nothing is.
    pub storage_class: Option<StorageClass>,
}

/// A kind of storage that the provider has, and what is put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageClass {
    /// As `x-amz-storage-class` says it.
    pub class: String,
    /// How the names of those objects begin; all others get the bucket's own class.
    pub beneath: &'static str,
}

/// An access key that does not change; erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StaticCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}
