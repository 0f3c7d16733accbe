//! Locks, versions and kept checksums as they stand on the wire.

use super::wire::{answer, refuse};
use super::*;
use crate::seams::Timestamp;
use crate::store::retention::{LockMode, Retention, Seen, Shown, VERSIONS_MAX};

const XML: &str = "Content-Type: application/xml\r\n";

fn version(key: &str, id: &str, is_latest: bool, day: u32, size: u32) -> String {
    format!(
        "<Version><Key>pre/fix/{key}</Key><VersionId>{id}</VersionId><IsLatest>{is_latest}</IsLatest>\
         <LastModified>2026-11-{day:02}T00:00:00.000Z</LastModified><Size>{size}</Size></Version>"
    )
}

fn marker(key: &str, id: &str) -> String {
    format!(
        "<DeleteMarker><Key>pre/fix/{key}</Key><VersionId>{id}</VersionId><IsLatest>true</IsLatest>\
         <LastModified>2026-11-20T00:00:00.000Z</LastModified></DeleteMarker>"
    )
}

fn page(rows: &[String], next: Option<(&str, &str)>) -> String {
    let next = next.map_or(
        "<IsTruncated>false</IsTruncated>".to_owned(),
        |(key, id)| {
            format!(
                "<IsTruncated>true</IsTruncated><NextKeyMarker>pre/fix/{key}</NextKeyMarker>\
             <NextVersionIdMarker>{id}</NextVersionIdMarker>"
            )
        },
    );
    let rows = rows.concat();
    format!("<ListVersionsResult>{next}{rows}</ListVersionsResult>")
}

fn seen(store: &S3) -> Result<Vec<Seen>> {
    let mut found = Vec::new();
    store.list_all("", &mut |seen| {
        found.push(seen);
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn what_is_locked_says_mode_date_and_checksum_and_what_is_not_says_nothing() {
    let (wire, store) = scene(|_, stream| answer(stream, "200 OK", "", ""));
    let retention = Retention {
        mode: LockMode::Compliance,
        until: Timestamp::from_nanoseconds(1_800_000_000_000_000_001),
    };
    let terms = PutTerms {
        retention: Some(retention),
        ..PutTerms::default()
    };
    store.put_on_terms("a", BODY, &terms).unwrap();
    store.put("b", BODY).unwrap();
    let requests = wire.requests();
    assert_eq!(requests.len(), 2);
    let locked = |name: &str| requests[0].header(name);
    assert_eq!(locked("x-amz-object-lock-mode"), Some("COMPLIANCE"));
    let date = locked("x-amz-object-lock-retain-until-date");
    assert_eq!(date, Some("2027-01-15T08:00:01Z"), "rounded up");
    assert_eq!(locked("x-amz-checksum-crc32"), Some("26gLsg=="));
    let names = requests[1].headers.iter().map(|(name, _)| name.as_str());
    assert!(
        !names
            .into_iter()
            .any(|name| name.contains("lock") || name.contains("checksum"))
    );
}

#[test]
fn a_crc_64_is_sent_where_the_store_is_known_to_take_it() {
    let (wire, store) = scene(|_, stream| answer(stream, "200 OK", "", ""));
    store.send_checksums(true);
    store.put("a", Bytes::from_static(b"123456789")).unwrap();
    let requests = wire.requests();
    // The check value of CRC-64/NVME, 0xae8b14860a799888.
    assert_eq!(
        requests[0].header("x-amz-checksum-crc64nvme"),
        Some("rosUhgp5mIg=")
    );
    assert_eq!(requests[0].header("content-encoding"), None);
}

#[test]
fn a_kept_checksum_is_asked_for_by_head_and_in_vain_only_once() {
    let header = "x-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n";
    let (wire, store) = scene(move |_, stream| answer(stream, "200 OK", header, ""));
    assert_eq!(
        store.stored_checksum("a").unwrap(),
        Some(0xae8b_1486_0a79_9888)
    );
    assert_eq!(
        wire.requests()[0].header("x-amz-checksum-mode"),
        Some("ENABLED")
    );
    assert_eq!(wire.requests().len(), 1);

    let (wire, store) = scene(|request, stream| match request.method() {
        "HEAD" => answer(stream, "200 OK", "", ""),
        _ => refuse(stream, "501 Not Implemented", "NotImplemented", ""),
    });
    for _ in 0..3 {
        assert_eq!(store.stored_checksum("a").unwrap(), None);
    }
    let requests = wire.requests();
    let methods: Vec<_> = requests.iter().map(Request::method).collect();
    assert_eq!(methods, ["HEAD", "GET", "HEAD", "HEAD"]);
}

#[test]
fn a_listing_of_versions_sees_through_marks_and_over_the_edges_of_pages() {
    let (_, store) = scene(|request, stream| {
        let body = if request.line.contains("key-marker=") {
            page(
                &[
                    version("b", "1", false, 1, 10),
                    version("c", "9", true, 3, 5),
                ],
                None,
            )
        } else {
            let rows = [
                version("a", "3", true, 4, 7),
                version("b", "2", false, 2, 99),
                marker("b", "m"),
                marker("aa", "m"),
            ];
            page(&rows, Some(("b", "2")))
        };
        answer(stream, "200 OK", XML, &body);
    });
    let found = seen(&store).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.info.name.as_str(), it.info.bytes, it.is_troubled))
        .collect();
    assert_eq!(found, [("a", 7, false), ("b", 10, true), ("c", 5, false)]);
}

#[test]
fn a_listing_of_versions_that_is_none_is_an_error() {
    let broken = |body: String| {
        let (_, store) = scene(move |_, stream| answer(stream, "200 OK", XML, &body));
        kind(seen(&store))
    };
    let row = || [version("a", "1", true, 1, 1)];
    assert_eq!(
        broken(page(&row(), Some(("a", "1")))),
        ErrorKind::Other,
        "in circles"
    );
    let stranger = [version("a", "1", true, 1, 1).replace("pre/fix/", "else/")];
    assert_eq!(broken(page(&stranger, None)), ErrorKind::Other);
    let pages = std::sync::atomic::AtomicUsize::new(0);
    let (_, store) = scene(move |_, stream| {
        let rows = match pages.fetch_add(1, Ordering::Relaxed) {
            0 => page(&[version("b", "1", true, 1, 1)], Some(("b", "1"))),
            _ => page(&[version("a", "1", true, 1, 1)], None),
        };
        answer(stream, "200 OK", XML, &rows);
    });
    assert_eq!(kind(seen(&store)), ErrorKind::Other, "out of order");
}

#[test]
fn what_answers_say_of_versions_and_locks_is_remembered() {
    let shown = |headers: &'static str| {
        let (_, store) = scene(move |_, stream| answer(stream, "200 OK", headers, ""));
        assert_eq!(store.shown(), Shown::default());
        store.get("a", LIMIT).unwrap();
        (store.shown().versions, store.shown().locks)
    };
    assert_eq!(shown(""), (Some(false), false));
    // Versions were kept once, and no more are.
    assert_eq!(shown("x-amz-version-id: null\r\n"), (Some(false), false));
    assert_eq!(shown("x-amz-version-id: v1\r\n"), (Some(true), false));
    // A bucket that locks everything by itself: nobody had to say so.
    let by_default = "x-amz-version-id: v1\r\nx-amz-object-lock-mode: COMPLIANCE\r\n\
                      x-amz-object-lock-retain-until-date: 2027-01-15T08:00:01Z\r\n";
    assert_eq!(shown(by_default), (Some(true), true));
}

#[test]
fn of_a_flood_of_versions_the_oldest_count_however_many_pages_it_fills() {
    let (wire, store) = scene(|request, stream| {
        let marker = request.line.split("version-id-marker=").nth(1);
        let marker = marker.map_or(60, |rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap()
        });
        let rows: Vec<_> = (0..20)
            .map(|row| marker - 1 - row)
            .map(|number| version("a", &number.to_string(), number == 59, 1, 4))
            .collect();
        let last = marker - 20;
        let next = last.to_string();
        let body = page(&rows, (last > 0).then_some(("a", next.as_str())));
        answer(stream, "200 OK", XML, &body);
    });
    let found = store.versions("a").unwrap();
    let ids: Vec<_> = found.into_iter().map(|version| version.id).collect();
    let oldest: Vec<_> = (0..VERSIONS_MAX).map(|id| id.to_string()).collect();
    assert_eq!(ids, oldest);
    assert_eq!(wire.requests().len(), 3);
}

#[test]
fn a_storage_class_is_that_of_packs_and_of_nothing_that_is_read_each_night() {
    let wire = Wire::start(|request, stream| match request.line.contains("/packs/no") {
        true => refuse(stream, "400 x", "InvalidStorageClass", "not valid"),
        false => answer(stream, "200 OK", "", ""),
    });
    let options = S3Options {
        storage_class: Some(StorageClass {
            class: "STANDARD_IA".to_owned(),
            beneath: "packs/",
        }),
        ..options_of(&wire)
    };
    let store = S3::open(&options, &Seams::real()).unwrap();
    let others = ["listings/aa", "index/aa", "snapshots/aa", "repository"];
    for name in [&["packs/aa"][..], &others].concat() {
        store.put(name, BODY).unwrap();
        let retention = Retention {
            mode: LockMode::Governance,
            until: Timestamp::from_seconds(1_900_000_000),
        };
        let terms = PutTerms {
            retention: Some(retention),
            ..PutTerms::default()
        };
        store.put_on_terms(name, BODY, &terms).unwrap();
    }
    for request in wire.requests() {
        let class = request.header("x-amz-storage-class");
        let is_pack = request.line.contains("/packs/");
        assert_eq!(class, is_pack.then_some("STANDARD_IA"), "{}", request.line);
        let signed = request.header("authorization").unwrap();
        assert_eq!(signed.contains("x-amz-storage-class"), is_pack);
    }
    assert_eq!(wire.requests().len(), 10);
    let error = store.put("packs/no", BODY).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.to_string().contains("storage class"), "{error}");
}

#[test]
fn only_who_tries_out_a_credential_asks_to_lift_a_lock() {
    let (wire, store) = scene(|_, stream| answer(stream, "204 No Content", "", ""));
    store.delete("a").unwrap();
    store.delete_version("a", "1").unwrap();
    store.delete_in_spite_of_governance("a", "1").unwrap();
    let requests = wire.requests();
    let lifts = |request: &Request| {
        request
            .header("x-amz-bypass-governance-retention")
            .is_some()
    };
    let lifting: Vec<_> = requests.iter().map(lifts).collect();
    assert_eq!(lifting, [false, false, true]);
    let names_one: Vec<_> = requests
        .iter()
        .map(|request| request.line.contains("versionId=1"))
        .collect();
    assert_eq!(names_one, [false, true, true]);
}

/// Whoever may put can put a million names that begin like that of a pack: each look at its versions
/// went through them all.
#[test]
fn names_that_begin_alike_are_not_gone_through_to_find_the_versions_of_one() {
    let (wire, store) = scene(|_, stream| {
        let rows = [
            version("a", "2", true, 2, 4),
            version("a", "1", false, 1, 4),
            version("a-flood", "3", true, 3, 9),
        ];
        let body = page(&rows, Some(("a-flood", "3")));
        answer(stream, "200 OK", XML, &body);
    });
    let found = store.versions("a").unwrap();
    let ids: Vec<_> = found.iter().map(|version| version.id.as_str()).collect();
    assert_eq!(ids, ["1", "2"], "oldest first");
    assert_eq!(store.marks("a").unwrap(), [""; 0]);
    assert_eq!(wire.requests().len(), 2);
}
