//! What an answer of an S3 server, or the lack of one, means: its code where it has one, else its
//! HTTP status. Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> and
//! what other servers were seen to say.

use std::error::Error;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ConnectorError, ProvideErrorMetadata, SdkError};

use crate::seams::Timestamp;
use crate::store::{ErrorKind, StoreError};

/// Characters of a server's words that are shown.
const DETAIL_CHARS_MAX: usize = 300;

/// Why an object of an archive class is not handed out.
const IN_AN_ARCHIVE: &str =
    "it lies in an archive, from which the provider has to bring it back first";

/// A failed exchange, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) detail: String,
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, detail: impl AsRef<str>) -> Self {
        Self {
            kind,
            detail: clean(detail.as_ref()),
        }
    }

    pub(super) fn of(self, operation: &'static str, name: &str) -> StoreError {
        StoreError::new(self.kind, operation, name).because(self.detail)
    }

    /// Says by how much the clocks differ, where that is the trouble.
    pub(super) fn with_clocks(mut self, ours: Timestamp, theirs: Option<Timestamp>) -> Self {
        if let (ErrorKind::ClockSkew, Some(theirs)) = (self.kind, theirs) {
            let (ahead, behind) = (ours.since(theirs), theirs.since(ours));
            let (seconds, side) = if ahead > behind {
                (ahead.as_secs(), "ahead of")
            } else {
                (behind.as_secs(), "behind")
            };
            // People set clocks by the minute, and stores forgive less than fifteen of them.
            let by = match seconds {
                0..120 => format!("{seconds} s"),
                _ => format!("{} minutes", seconds.saturating_add(30) / 60),
            };
            let clocks = format!("this machine is {by} {side} the store");
            self.detail = clean(&format!("{clocks}; {}", self.detail));
        }
        self
    }
}

/// What the SDK's error means.
pub(super) fn failure<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            of_answer(status, error.code(), error.message())
        }
        SdkError::ResponseError(answer) => of_answer(answer.raw().status().as_u16(), None, None),
        SdkError::TimeoutError(_) => Failure::new(ErrorKind::Transient, "it took too long"),
        _ => of_sending(error),
    }
}

fn of_answer(status: u16, code: Option<&str>, message: Option<&str>) -> Failure {
    let (code, message) = (code.unwrap_or(""), message.unwrap_or(""));
    let kind = of_code(code, message).unwrap_or_else(|| of_status(status));
    let detail = match (code, message) {
        _ if kind == ErrorKind::Incomplete && status < 300 => {
            "the answer could not be read".to_owned()
        }
        ("", "") => format!("HTTP status {status}"),
        // The words are left out: some servers repeat what they were sent.
        (code, _) if kind == ErrorKind::Credentials && !code.is_empty() => code.to_owned(),
        (_, _) if kind == ErrorKind::Credentials => format!("HTTP status {status}"),
        ("InvalidObjectState", _) => format!("{IN_AN_ARCHIVE}; {code}"),
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    Failure::new(kind, detail)
}

fn of_code(code: &str, message: &str) -> Option<ErrorKind> {
    let kind = match code {
        "NoSuchKey" | "NotFound" | "NoSuchVersion" => ErrorKind::NotFound,
        "NoSuchBucket" => ErrorKind::NoContainer,
        "PreconditionFailed" => ErrorKind::AlreadyExists,
        "AccessDenied" if is_about_a_lock(message) => ErrorKind::Retained,
        "ObjectLocked" => ErrorKind::Retained,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden"
        | "MethodNotAllowed" | "InvalidObjectState" => ErrorKind::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSecurity"
        | "NotSignedUp"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException" => ErrorKind::Credentials,
        "RequestTimeTooSkewed" | "RequestExpired" => ErrorKind::ClockSkew,
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "BandwidthLimitExceeded"
        | "Busy"
        | "ServerBusy" => ErrorKind::Throttled,
        "QuotaExceeded"
        | "XMinioStorageFull"
        | "XMinioAdminBucketQuotaExceeded"
        | "InsufficientStorage"
        | "StorageFull" => ErrorKind::Full,
        // A body that arrived otherwise than it was sent, a connection that went quiet, a
        // conditional PUT that met another one.
        "BadDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "IncompleteBody"
        | "InternalError"
        | "OperationAborted"
        | "ConditionalRequestConflict" => ErrorKind::Transient,
        "InvalidRange" => ErrorKind::Incomplete,
        "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "TemporaryRedirect"
        | "IllegalLocationConstraintException"
        | "InvalidBucketName"
        | "KeyTooLongError"
        | "EntityTooLarge" => ErrorKind::Invalid,
        _ => return None,
    };
    Some(kind)
}

/// Servers have no code of its own for "locked until".
fn is_about_a_lock(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["object lock", "retention", "retained", "worm", "legal hold"]
        .iter()
        .any(|word| message.contains(word))
}

fn of_status(status: u16) -> ErrorKind {
    match status {
        // An answer of success that cannot be read: cut short, or not from an S3 server.
        200..=299 => ErrorKind::Incomplete,
        401 => ErrorKind::Credentials,
        403 | 405 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        412 => ErrorKind::AlreadyExists,
        416 => ErrorKind::Incomplete,
        429 | 503 => ErrorKind::Throttled,
        507 => ErrorKind::Full,
        // Not implemented stays so.
        501 => ErrorKind::Other,
        408 | 409 | 425 | 500..=599 => ErrorKind::Transient,
        300..=399 => ErrorKind::Invalid,
        _ => ErrorKind::Other,
    }
}

/// There is no answer: no credentials to ask with, or nobody who answers.
fn of_sending(error: &(dyn Error + 'static)) -> Failure {
    let chain = || std::iter::successors(Some(error), |&error| error.source());
    if let Some(error) = chain().find_map(|error| error.downcast_ref::<CredentialsError>()) {
        return of_credentials(error);
    }
    let reason = innermost(error);
    let connector = chain().find_map(|error| error.downcast_ref::<ConnectorError>());
    let kind = match connector {
        // Whoever answers is not who was meant, or its authority is unknown here: stays so.
        Some(_) if reason.contains("certificate") => ErrorKind::Other,
        Some(error) if error.is_user() => ErrorKind::Invalid,
        Some(_) => ErrorKind::Transient,
        None => ErrorKind::Other,
    };
    Failure::new(kind, reason)
}

/// In words of our own: those of a program that hands out credentials could hold some.
fn of_credentials(error: &CredentialsError) -> Failure {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            Failure::new(ErrorKind::Credentials, "no credentials were found")
        }
        // Where nobody set any the SDK asks a service of Amazon's machines, and at home what answers
        // at its address, if anything does, is not that service.
        _ if is_of_amazons_machines(error) => {
            Failure::new(ErrorKind::Credentials, "no credentials were found")
        }
        CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
            Failure::new(ErrorKind::Transient, "the source of the credentials failed")
        }
        _ => {
            let reason = "the source of the credentials is not set up rightly";
            Failure::new(ErrorKind::Credentials, reason)
        }
    }
}

fn is_of_amazons_machines(error: &CredentialsError) -> bool {
    let chain = std::iter::successors(error.source(), |&error| error.source());
    chain.into_iter().any(|error| error.is::<ImdsError>())
}

/// The last error of a chain says it in the fewest words: "Connection refused".
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Fit for a terminal and a log: short, on one line, without control characters.
fn clean(text: &str) -> String {
    let is_shown = |c: &char| !c.is_control();
    text.chars()
        .filter(is_shown)
        .take(DETAIL_CHARS_MAX)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_win_over_statuses_and_statuses_over_nothing() {
        let kind = |status, code, message| of_answer(status, code, message).kind;
        assert_eq!(
            kind(404, Some("NoSuchBucket"), None),
            ErrorKind::NoContainer
        );
        assert_eq!(kind(404, None, None), ErrorKind::NotFound);
        assert_eq!(
            kind(403, Some("RequestTimeTooSkewed"), None),
            ErrorKind::ClockSkew
        );
        assert_eq!(
            kind(403, Some("SignatureDoesNotMatch"), None),
            ErrorKind::Credentials
        );
        assert_eq!(
            kind(400, Some("ExpiredToken"), None),
            ErrorKind::Credentials
        );
        assert_eq!(
            kind(400, Some("RequestTimeout"), None),
            ErrorKind::Transient
        );
        assert_eq!(kind(403, Some("Whatever"), None), ErrorKind::Denied);
        assert_eq!(kind(502, None, Some("<html>")), ErrorKind::Transient);
        assert_eq!(kind(501, Some("NotImplemented"), None), ErrorKind::Other);
        assert_eq!(kind(507, None, None), ErrorKind::Full);
        let archived = of_answer(403, Some("InvalidObjectState"), Some("of its class"));
        assert_eq!(archived.kind, ErrorKind::Denied);
        assert!(archived.detail.contains("an archive"), "{archived:?}");
        let locked = "Access Denied because object protected by object lock.";
        assert_eq!(
            kind(403, Some("AccessDenied"), Some(locked)),
            ErrorKind::Retained
        );
    }

    #[test]
    fn a_hostile_answer_stays_short_harmless_and_without_secrets() {
        let long = "\x1b[2Jx".repeat(1000);
        let detail = of_answer(400, Some("Odd"), Some(&long)).detail;
        assert!(detail.chars().count() <= 300 && !detail.contains('\x1b'));
        let echo = of_answer(403, Some("InvalidToken"), Some("your token hunter2 is bad"));
        assert_eq!(echo.detail, "InvalidToken");
        assert_eq!(
            of_answer(401, None, Some("hunter2")).detail,
            "HTTP status 401"
        );
    }

    #[test]
    fn clocks_that_differ_say_by_how_much() {
        let failure = || Failure::new(ErrorKind::ClockSkew, "RequestTimeTooSkewed");
        let (early, late) = (Timestamp::from_seconds(1000), Timestamp::from_seconds(4600));
        let ahead = failure().with_clocks(late, Some(early)).detail;
        assert_eq!(
            ahead,
            "this machine is 60 minutes ahead of the store; RequestTimeTooSkewed"
        );
        let behind = failure().with_clocks(early, Some(late)).detail;
        assert!(
            behind.starts_with("this machine is 60 minutes behind the store"),
            "{behind}"
        );
        assert_eq!(failure().with_clocks(late, None), failure());
    }
}
