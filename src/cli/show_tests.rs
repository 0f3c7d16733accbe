//! What [`super`] writes, and that a path it wrote can be told back.

use super::*;

#[test]
fn bytes_have_three_digits_at_most_and_round_into_the_next_unit() {
    let cases = [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (3_240_000_000, "3.2 GB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (u64::MAX, "18.4 EB"),
    ];
    for (number, text) in cases {
        assert_eq!(bytes(number), text, "{number}");
    }
}

#[test]
fn counts_and_durations_read_well() {
    assert_eq!(count(0), "0");
    assert_eq!(count(999), "999");
    assert_eq!(count(1_234_567), "1,234,567");
    assert_eq!(counted(1, "file", "files"), "1 file");
    assert_eq!(counted(2000, "file", "files"), "2,000 files");
    let cases = [
        (0, "0.0 s"),
        (420, "0.4 s"),
        (9_960, "9.9 s"),
        (59_999, "59 s"),
        (185_000, "3 min 5 s"),
        (7_800_000, "2 h 10 min"),
        (86_400_000, "1 day"),
        (4 * 86_400_000 + 3 * 3_600_000, "4 days 3 h"),
    ];
    for (milliseconds, text) in cases {
        assert_eq!(duration(Duration::from_millis(milliseconds)), text);
    }
}

#[test]
fn times_are_local_and_exact() {
    let moment = Timestamp::from_nanoseconds(1_793_502_012_500_000_000);
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(time_in(moment, &zone), "2026-11-01 04:00:12");
    assert_eq!(rfc3339(moment), "2026-11-01T03:00:12.5Z");
    assert!(rfc3339(Timestamp::from_nanoseconds(i64::MIN)).starts_with("1677-"));
    assert!(rfc3339(Timestamp::from_nanoseconds(i64::MAX)).starts_with("2262-"));
}

/// The bytes that [`harmless`] was given.
fn told_back(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend(character.to_string().bytes());
            continue;
        }
        match rest.next().unwrap() {
            '\\' => bytes.push(b'\\'),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            'u' => {
                let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(&digits, 16).unwrap();
                bytes.extend(char::from_u32(code).unwrap().to_string().bytes());
            }
            other => panic!("unknown escape {other}"),
        }
    }
    bytes
}

#[test]
fn hostile_paths_become_one_plain_line_and_can_be_told_back() {
    let paths: [&[u8]; 9] = [
        "plain/Fête à la mer 👨‍👩‍👧.jpg".as_bytes(),
        b"two\nlines\r\tand a tab",
        b"\x1b]0;title\x07\x1b[2J",
        "gpj.\u{202e}exe \u{2066}x\u{2069}\u{200b}".as_bytes(),
        b"cut \xe2\x82 short \xff\xfe",
        b"c1 \xc2\x9b31m",
        br"back\slash \n \x1b \u{41}",
        b"\0\x7f",
        b"",
    ];
    for path in paths {
        let shown = harmless(path);
        assert!(
            !shown.chars().any(|c| c.is_control() || misleads(c)),
            "{shown}"
        );
        assert_eq!(told_back(&shown), path, "{shown}");
    }
    assert_eq!(harmless(b"\x1b[2J\xff"), r"\x1b[2J\xff");
    assert_eq!(harmless("a\u{202e}b".as_bytes()), r"a\u{202e}b");
    let every_byte: Vec<u8> = (0..=255).collect();
    assert_eq!(told_back(&harmless(&every_byte)), every_byte);
}

#[test]
fn a_sentence_keeps_the_escapes_of_the_path_in_it() {
    let path = harmless(b"a\x1b[2J.jpg");
    let sentence = format!("cannot read {path}\x1b[0m");
    assert_eq!(
        harmless_sentence(&sentence),
        r"cannot read a\x1b[2J.jpg\x1b[0m"
    );
}

#[test]
fn tables_line_up_whatever_the_script() {
    let mut table = Table::new([
        ("Name", Align::Left),
        ("Size", Align::Right),
        ("", Align::Left),
    ]);
    table.row(["Fête".into(), "1.0 kB".into(), "x".into()]);
    table.row(["写真".into(), "12 B".into()]);
    table.row(["e\u{301}".into()]);
    assert_eq!(
        table.lines(),
        [
            "Name    Size",
            "Fête  1.0 kB  x",
            "写真    12 B",
            "e\u{301}"
        ]
    );
}

#[test]
fn plain_ink_leaves_no_escapes() {
    assert_eq!(Ink::PLAIN.bad("no"), "no");
    assert_eq!(Ink::COLOURED.bad("no"), "\x1b[31mno\x1b[0m");
}

#[test]
fn system_errors_lose_their_numbers_and_names_keep_theirs() {
    let error = std::io::Error::from_raw_os_error(13).to_string();
    assert_eq!(without_number(&error), "Permission denied");
    for other in ["it is missing", "x (os error 2).jpg", "x (os error two)"] {
        assert_eq!(without_number(other), other);
    }
}
