//! Servers that lie, break off, go round in circles or fall silent.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::*;

const RANGE: Window = Window::Range { start: 2, bytes: 4 };

#[test]
fn a_range_that_was_not_asked_for_is_not_taken() {
    let get = |status: &'static str, header: &'static str, body: &'static str| {
        let (wire, store) = scene(move |_, stream| answer(stream, status, header, body));
        let result = store.get("a", RANGE);
        assert_eq!(wire.requests()[0].header("range"), Some("bytes=2-5"));
        result
    };
    let partial = "206 Partial Content";
    let right = "Content-Range: bytes 2-5/10\r\n";
    assert_eq!(get(partial, right, "2345").unwrap(), "2345");
    assert_eq!(
        kind(get("200 OK", "", "0123456789")),
        ErrorKind::Other,
        "range ignored"
    );
    assert_eq!(
        kind(get("200 OK", "", "0123")),
        ErrorKind::Other,
        "range ignored, same length"
    );
    let other = "Content-Range: bytes 3-6/10\r\n";
    assert_eq!(kind(get(partial, other, "3456")), ErrorKind::Other);
    assert_eq!(
        kind(get(partial, right, "23456")),
        ErrorKind::Other,
        "too long"
    );
    let short = "Content-Range: bytes 2-3/4\r\n";
    assert_eq!(kind(get(partial, short, "23")), ErrorKind::Incomplete);
    assert_eq!(kind(get("416 x", "", "")), ErrorKind::Incomplete);
}

#[test]
fn an_object_beyond_the_limit_is_refused_before_it_is_read() {
    let (_, store) = scene(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 900000000000\r\n\r\nsome";
        stream.write_all(head).unwrap();
        // Neither more nor an end comes.
        std::thread::sleep(Duration::from_secs(3));
    });
    // Had it waited for the body, it would be a body that broke off.
    assert_eq!(kind(store.get("a", LIMIT)), ErrorKind::TooLarge);
}

#[test]
fn an_answer_without_a_length_is_bounded_while_it_is_read() {
    let (_, store) = scene(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head).unwrap();
        let piece = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
        while stream.write_all(piece.as_bytes()).is_ok() {}
    });
    assert_eq!(kind(store.get("a", LIMIT)), ErrorKind::TooLarge);
    // A listing has a bound as well.
    assert_eq!(kind(store.list("", &mut |_| Ok(()))), ErrorKind::Incomplete);
}

/// What a server sent before it was hung up on.
fn taken(head: &'static str, piece: Vec<u8>, ask: fn(&S3)) -> u64 {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let (_wire, store) = scene(move |_, stream| {
        let mut going_on = stream.write_all(head.as_bytes());
        while going_on.is_ok() && counted.load(Ordering::SeqCst) < 10_000_000_000 {
            going_on = stream.write_all(&piece);
            counted.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
    });
    ask(&store);
    sent.load(Ordering::SeqCst)
}

#[test]
fn an_error_of_ten_gigabytes_is_not_read_to_its_end() {
    let asked: [fn(&S3); 6] = [
        |store| assert!(store.get("a", LIMIT).is_err()),
        |store| assert!(store.get("a", RANGE).is_err()),
        |store| assert!(store.list("", &mut |_| Ok(())).is_err()),
        |store| assert!(store.put("a", BODY).is_err()),
        |store| assert!(store.put_if_absent("a", BODY).is_err()),
        |store| drop(store.delete("a")),
    ];
    for ask in asked {
        for head in [
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 10000000000\r\n\r\n<Error>",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 10000000000\r\n\r\n<Error>",
            "HTTP/1.1 500 Oh\r\nContent-Length: 10000000000\r\n\r\n<Error><Code>",
        ] {
            let bytes = taken(head, vec![b'x'; 1 << 16], ask);
            // What a page of a listing may have, and what lies in the buffers of both ends.
            assert!(bytes < 24 << 20, "{bytes} bytes were taken");
        }
    }
}

#[test]
fn headers_without_end_are_not_read_for_ever() {
    let head = "HTTP/1.1 200 OK\r\n";
    let bytes = taken(head, b"X-More: and more\r\n".repeat(1000), |store| {
        assert!(store.get("a", LIMIT).is_err());
    });
    assert!(bytes < 24 << 20, "{bytes} bytes were taken");
}

/// A server that always has one more name took all time and all memory there was.
#[test]
fn a_listing_that_always_goes_on_is_an_error() {
    let number = AtomicU32::new(0);
    let (wire, mut store) = scene(move |_, stream| {
        let number = number.fetch_add(1, Ordering::SeqCst);
        let page = page(&[&format!("{number:09}")], Some(&number.to_string()));
        answer(stream, "200 OK", "Content-Type: application/xml\r\n", &page);
    });
    store.pages_max = 50;
    let error = store.list("", &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.detail, "the listing has no end");
    assert_eq!(wire.requests().len(), 50);
}

#[test]
fn an_answer_that_breaks_off_is_no_object() {
    let (_, store) = scene(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nonly a part";
        stream.write_all(head).unwrap();
    });
    let error = store.get("a", LIMIT).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
}

#[test]
fn silence_is_not_waited_for_for_ever() {
    let (_, mut store) = scene(|_, _| std::thread::sleep(Duration::from_secs(30)));
    store.answer_time = Duration::from_millis(500);
    for error in [store.head("a").map(drop), store.put("a", BODY)] {
        let error = error.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
        // Not "the connection closed", which it does in the end.
        assert_eq!(error.detail, "no more bytes came or went");
    }
}

#[test]
fn a_slow_answer_that_moves_is_waited_for() {
    let (_, mut store) = scene(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";
        stream.write_all(head).unwrap();
        for byte in b"slowbody" {
            // Each wait is shorter than the patience, all together are longer.
            std::thread::sleep(Duration::from_millis(300));
            stream.write_all(&[*byte]).unwrap();
        }
    });
    store.answer_time = Duration::from_millis(1500);
    let whole = Window::Whole { bytes_max: 1 << 20 };
    assert_eq!(store.get("a", whole).unwrap(), "slowbody");
}

fn page(names: &[&str], next: Option<&str>) -> String {
    let mut xml = "<ListBucketResult>".to_owned();
    for name in names {
        xml += &format!(
            "<Contents><Key>pre/fix/{name}</Key><Size>1</Size>\
             <LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>"
        );
    }
    match next {
        Some(next) => {
            xml += "<IsTruncated>true</IsTruncated>";
            xml += &format!("<NextContinuationToken>{next}</NextContinuationToken>");
        }
        None => xml += "<IsTruncated>false</IsTruncated>",
    }
    xml + "</ListBucketResult>"
}

/// Lists with a server that answers the n-th request with the n-th page.
fn list(pages: impl Fn(u32) -> String + Send + Sync + 'static) -> Result<Vec<String>> {
    let number = AtomicU32::new(0);
    let (_wire, store) = scene(move |_, stream| {
        let page = pages(number.fetch_add(1, Ordering::SeqCst));
        answer(stream, "200 OK", "Content-Type: application/xml\r\n", &page);
    });
    let mut names = Vec::new();
    store.list("", &mut |object| {
        names.push(object.name);
        Ok(())
    })?;
    Ok(names)
}

#[test]
fn a_listing_goes_on_until_its_last_page() {
    let names = list(|number| match number {
        // The folder's own mark is no object; a page may be empty.
        0 => page(&["", "a", "b/c"], Some("1")),
        1 => page(&[], Some("2")),
        _ => page(&["b/d"], None),
    });
    assert_eq!(names.unwrap(), ["a", "b/c", "b/d"]);
}

#[test]
fn a_listing_out_of_order_or_in_circles_is_an_error() {
    for error in [
        list(|_| page(&["b", "a"], None)),
        list(|_| page(&["a", "a"], None)),
        list(|_| page(&["a"], Some("next"))),
        list(|_| page(&[], Some("same"))),
        list(|number| page(&[], Some(&number.to_string()))),
        list(|number| page(&["b"], Some(&number.to_string()))),
        list(|_| page(&["../../elsewhere/a"], None).replace("pre/fix/", "")),
        list(|_| page(&["a"], None).replace("<IsTruncated>false", "<IsTruncated>true")),
        list(|_| page(&["a"], None).replace("<Size>1</Size>", "")),
    ] {
        assert_eq!(kind(error), ErrorKind::Other);
    }
}

/// XML has no control characters, so servers put another in their place, and then the name is out
/// of order. Whoever can put an object can choose such a name, and must not end all listings.
#[test]
fn names_that_xml_has_no_characters_for_are_passed_over() {
    for odd in ["a/\u{fffd}", "a/&#x1;", "a/x\u{fffd}/y"] {
        let names = ["a/0", odd, "a/1", "a/2"];
        assert_eq!(
            list(move |_| page(&names, None)).unwrap(),
            ["a/0", "a/1", "a/2"]
        );
    }
}

#[test]
fn a_page_that_is_no_listing_is_tried_again_a_little() {
    let error = list(|_| "<html>Welcome to the hotel's network".to_owned());
    assert_eq!(kind(error), ErrorKind::Incomplete);
}
