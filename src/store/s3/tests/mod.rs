//! What stands on the wire, and what is made of answers that no well-behaved server gives.

mod hostile;
mod locks;
mod wire;

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::seams::Seams;
use wire::{Request, Wire, answer, refuse};

/// SHA-256 of "body".
const SHA256_OF_BODY: &str = "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5";
const BODY: Bytes = Bytes::from_static(b"body");
const LIMIT: Window = Window::Whole { bytes_max: 100 };

fn scene(act: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> (Wire, S3) {
    let wire = Wire::start(act);
    let store = S3::open(&options_of(&wire), &Seams::real()).unwrap();
    (wire, store)
}

fn options_of(wire: &Wire) -> S3Options {
    S3Options {
        bucket: "bucket".to_owned(),
        prefix: "pre/fix".to_owned(),
        endpoint: Some(wire.endpoint.clone()),
        credentials: Some(StaticCredentials {
            access_key_id: "key".to_owned(),
            secret_access_key: "hunter2".to_owned(),
            session_token: None,
        }),
        ..S3Options::default()
    }
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("this should have failed"),
        Err(error) => error.kind,
    }
}

#[test]
fn a_body_over_plain_http_is_signed_and_has_no_other_checksum() {
    let (wire, store) = scene(|_, stream| answer(stream, "200 OK", "", ""));
    store.put("packs/1", BODY).unwrap();
    let requests = wire.requests();
    assert_eq!(requests.len(), 1, "one request: {requests:?}");
    let request = &requests[0];
    assert!(
        request.line.starts_with("PUT /bucket/pre/fix/packs/1?"),
        "{}",
        request.line
    );
    assert_eq!(request.body, b"body");
    assert_eq!(request.header("x-amz-content-sha256"), Some(SHA256_OF_BODY));
    assert_eq!(request.header("content-length"), Some("4"));
    let authorization = request.header("authorization").unwrap();
    assert!(
        authorization.contains("/us-east-1/s3/aws4_request"),
        "{authorization}"
    );
    for name in [
        "content-encoding",
        "transfer-encoding",
        "if-none-match",
        "content-md5",
    ] {
        assert_eq!(request.header(name), None, "{name}");
    }
    let is_checksum = |name: &str| name.contains("checksum") || name.contains("trailer");
    let names = request.headers.iter().map(|(name, _)| name.as_str());
    assert_eq!(
        names.filter(|name| is_checksum(name)).count(),
        0,
        "{:?}",
        request.headers
    );
}

#[test]
fn a_body_over_tls_is_not_hashed() {
    let (wire, store) = scene(|_, stream| answer(stream, "200 OK", "", ""));
    // As after an exchange that was seen to be encrypted; this one is not, for us to look at.
    store.is_tls.store(true, Ordering::Relaxed);
    store.put("packs/1", BODY).unwrap();
    assert!(
        !store.is_tls.load(Ordering::Relaxed),
        "each exchange says what it was"
    );
    store.put("packs/1", BODY).unwrap();
    let requests = wire.requests();
    assert_eq!(
        requests[0].header("x-amz-content-sha256"),
        Some("UNSIGNED-PAYLOAD")
    );
    assert_eq!(requests[0].header("content-encoding"), None);
    assert_eq!(requests[0].body, b"body");
    assert_eq!(
        requests[1].header("x-amz-content-sha256"),
        Some(SHA256_OF_BODY)
    );
}

#[test]
fn a_large_body_goes_out_whole_in_pieces() {
    let (wire, store) = scene(|_, stream| answer(stream, "200 OK", "", ""));
    let body: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
    store.put("large", Bytes::from(body.clone())).unwrap();
    assert!(wire.requests()[0].body == body);
}

#[test]
fn a_conditional_put_looks_first_and_sends_the_condition() {
    let (wire, store) = scene(|request, stream| match request.method() {
        "HEAD" => answer(stream, "404 Not Found", "", ""),
        _ => refuse(stream, "412 Precondition Failed", "PreconditionFailed", ""),
    });
    assert_eq!(
        kind(store.put_if_absent("repository", BODY)),
        ErrorKind::AlreadyExists
    );
    let requests = wire.requests();
    let methods: Vec<_> = requests.iter().map(Request::method).collect();
    assert_eq!(methods, ["HEAD", "PUT"]);
    assert_eq!(requests[1].header("if-none-match"), Some("*"));
}

#[test]
fn a_store_without_conditions_is_asked_once() {
    let (wire, store) = scene(|request, stream| match request.header("if-none-match") {
        _ if request.method() == "HEAD" => answer(stream, "404 Not Found", "", ""),
        Some(_) => refuse(stream, "501 Not Implemented", "NotImplemented", "a header"),
        None => answer(stream, "200 OK", "", ""),
    });
    store.put_if_absent("a", BODY).unwrap();
    store.put_if_absent("b", BODY).unwrap();
    let requests = wire.requests();
    let methods: Vec<_> = requests.iter().map(Request::method).collect();
    assert_eq!(methods, ["HEAD", "PUT", "PUT", "HEAD", "PUT"]);
}

#[test]
fn a_store_that_demands_a_checksum_gets_one_from_then_on() {
    let (wire, store) = scene(
        |request, stream| match request.header("x-amz-checksum-crc32") {
            None => refuse(
                stream,
                "400 Bad Request",
                "InvalidRequest",
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with \
             Object Lock parameters",
            ),
            Some(_) => answer(stream, "200 OK", "", ""),
        },
    );
    store.put("a", BODY).unwrap();
    store.put("b", BODY).unwrap();
    let requests = wire.requests();
    let sums: Vec<_> = requests
        .iter()
        .map(|it| it.header("x-amz-checksum-crc32"))
        .collect();
    // CRC-32 of "body" (0xdba80bb2, by zlib) in base64.
    assert_eq!(sums, [None, Some("26gLsg=="), Some("26gLsg==")]);
    assert_eq!(
        requests[1].header("x-amz-content-sha256"),
        Some(SHA256_OF_BODY)
    );
    assert_eq!(
        requests[1].header("content-encoding"),
        None,
        "the body goes out as it is"
    );
}

#[test]
fn the_time_is_the_date_of_any_answer() {
    for status in ["200 OK", "404 Not Found", "403 Forbidden"] {
        let (wire, store) = scene(move |_, stream| answer(stream, status, "", ""));
        assert_eq!(store.now().unwrap().seconds(), 1_793_534_400, "{status}");
        assert_eq!(wire.requests()[0].method(), "HEAD");
    }
    let (_, store) = scene(|_, stream| refuse(stream, "500 Oops", "InternalError", ""));
    assert_eq!(kind(store.now()), ErrorKind::Transient);
}

#[test]
fn clocks_that_differ_are_told_with_the_difference() {
    let (_, store) = scene(|_, stream| {
        let message = "The difference between the request time and the current time is too large.";
        refuse(stream, "403 Forbidden", "RequestTimeTooSkewed", message);
    });
    let error = store.put("a", BODY).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ClockSkew);
    assert!(error.detail.contains("of the store") || error.detail.contains("behind the store"));
}

#[test]
fn answers_of_servers_mean_what_they_mean() {
    let kind_of = |status: &'static str, code: &'static str| {
        let (_, store) = scene(move |_, stream| refuse(stream, status, code, "words"));
        (kind(store.put("a", BODY)), kind(store.get("a", LIMIT)))
    };
    let both = |kind| (kind, kind);
    assert_eq!(
        kind_of("404 x", "NoSuchBucket"),
        both(ErrorKind::NoContainer)
    );
    assert_eq!(
        kind_of("404 x", "NoSuchKey"),
        (ErrorKind::NoContainer, ErrorKind::NotFound)
    );
    assert_eq!(kind_of("403 x", "AccessDenied"), both(ErrorKind::Denied));
    assert_eq!(
        kind_of("403 x", "SignatureDoesNotMatch"),
        both(ErrorKind::Credentials)
    );
    assert_eq!(
        kind_of("400 x", "ExpiredToken"),
        both(ErrorKind::Credentials)
    );
    assert_eq!(kind_of("503 x", "SlowDown"), both(ErrorKind::Throttled));
    assert_eq!(kind_of("429 x", "Whatever"), both(ErrorKind::Throttled));
    assert_eq!(
        kind_of("500 x", "InternalError"),
        both(ErrorKind::Transient)
    );
    assert_eq!(
        kind_of("409 x", "ConditionalRequestConflict"),
        both(ErrorKind::Transient)
    );
    assert_eq!(kind_of("507 x", "Whatever"), both(ErrorKind::Full));
    assert_eq!(
        kind_of("301 x", "PermanentRedirect"),
        both(ErrorKind::Invalid)
    );
}
