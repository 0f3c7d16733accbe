//! Makes the SDK's client: credentials and region from where AWS users keep them, TLS by rustls
//! with the system's root certificates, and none of the SDK's own resilience, which `store::retry`
//! and `exchange` replace.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use super::options::S3Options;
use crate::store::{ErrorKind, Result, StoreError};

/// Name lookup, TCP and TLS together; a server round the globe needs well under 2 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What servers that are not Amazon's expect when nobody says otherwise.
const REGION_OF_OTHERS: Region = Region::from_static("us-east-1");

pub(super) async fn connect(options: &S3Options) -> Result<Client> {
    let http: SharedHttpClient = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    // Only a bound on connecting: how long an exchange may take depends on its size (`exchange`).
    // The SDK's read timeout would also count the time that an upload takes.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .disable_read_timeout()
        .disable_operation_timeout()
        .disable_operation_attempt_timeout()
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // `exchange` watches for standstill in both directions, with the patience of a home line.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // The SDK's newer default, a checksum with everything, broke R2 and B2.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // A clock that is wrong is told, not papered over: pruning needs to know.
        .disable_clock_skew_correction(true);
    if let Some(endpoint) = &options.endpoint {
        check_endpoint(endpoint)?;
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = &options.profile {
        // By itself the SDK would let AWS_ACCESS_KEY_ID win over the profile that was asked for.
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&ProviderConfig::without_region().with_http_client(http))
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(provider);
    }
    if let Some(keys) = &options.credentials {
        loader = loader.credentials_provider(Credentials::new(
            keys.access_key_id.clone(),
            keys.secret_access_key.clone(),
            keys.session_token.clone(),
            None,
            "offsite",
        ));
    }
    if let Some(region) = region(options).await {
        loader = loader.region(region);
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(StoreError::new(ErrorKind::Invalid, "open", "")
            .because("neither a region nor an endpoint is set; name the region of the bucket"));
    }
    let is_custom = shared.endpoint_url().is_some();
    let config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(options.path_style.unwrap_or(is_custom))
        .build();
    Ok(Client::from_conf(config))
}

/// The region asked for, else that of variables and profiles, else where a custom endpoint is
/// given the one such servers expect; else nothing, and the SDK asks the machine, which takes
/// seconds wherever it is not Amazon's.
async fn region(options: &S3Options) -> Option<Region> {
    if let Some(region) = &options.region {
        return Some(Region::new(region.clone()));
    }
    let mut of_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = &options.profile {
        of_profile = of_profile.profile_name(profile);
    }
    let told = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(of_profile.build());
    if let Some(region) = told.region().await {
        return Some(region);
    }
    if options.endpoint.is_some() {
        return Some(REGION_OF_OTHERS);
    }
    let endpoint_only = aws_config::defaults(BehaviorVersion::latest())
        .region(REGION_OF_OTHERS)
        .no_credentials();
    let has_endpoint = endpoint_only.load().await.endpoint_url().is_some();
    has_endpoint.then_some(REGION_OF_OTHERS)
}

fn check_endpoint(endpoint: &str) -> Result<()> {
    let invalid =
        |reason: &str| Err(StoreError::new(ErrorKind::Invalid, "open", "").because(reason));
    let Some((scheme, rest)) = endpoint.split_once("://") else {
        return invalid("the endpoint must begin with https:// or http://");
    };
    if !matches!(scheme, "https" | "http") {
        return invalid("the endpoint must begin with https:// or http://");
    }
    if rest.contains('@') {
        return invalid("credentials do not belong into the endpoint");
    }
    if rest.is_empty() || rest.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return invalid("the endpoint is not a URL");
    }
    Ok(())
}
