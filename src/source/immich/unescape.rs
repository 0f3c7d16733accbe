//! The texts of Postgres' types as they stand in a data block, turned into what they mean.
//!
//! Two layers: COPY's own escapes (PostgreSQL manual, "COPY", text format), and below them the text
//! form of the type (`bytea`, `uuid`, `text[]`). Anything can stand in a file, so that every
//! function has an answer for nonsense: `None`.

use std::borrow::Cow;

use memchr::memchr;

use super::rows::Uuid;

/// An array has at most so many elements taken from it; a bound, far above any import paths.
const ELEMENTS_MAX: usize = 10_000;

/// Undoes the escapes of COPY. A field without a backslash is given as it is.
pub(super) fn copy_text(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'\\', field) else {
        return Cow::Borrowed(field);
    };
    let (plain, mut rest) = field.split_at(first);
    let mut text = Vec::with_capacity(field.len());
    text.extend_from_slice(plain);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            // A backslash at the end stands for itself.
            text.push(b'\\');
            break;
        };
        rest = after;
        match letter {
            b'b' => text.push(0x08),
            b'f' => text.push(0x0c),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'v' => text.push(0x0b),
            b'0'..=b'7' => {
                let (byte, after) = digits(letter - b'0', rest, 8, 2);
                text.push(byte);
                rest = after;
            }
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
                let (byte, after) = digits(0, rest, 16, 2);
                text.push(byte);
                rest = after;
            }
            // Any other letter stands for itself.
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

/// Up to `count` more digits of a byte in base `base`; what does not fit is lost, as in Postgres.
fn digits(start: u8, text: &[u8], base: u8, count: usize) -> (u8, &[u8]) {
    let mut value = start;
    let mut rest = text;
    for _ in 0..count {
        let digit = rest
            .first()
            .and_then(|byte| char::from(*byte).to_digit(base.into()));
        let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else {
            break;
        };
        value = value.wrapping_mul(base).wrapping_add(digit);
        rest = rest.get(1..).unwrap_or_default();
    }
    (value, rest)
}

/// The bytes of a `bytea` field that still has COPY's escapes: hex (`\\x…`, two backslashes in the
/// file) or the older escape format.
pub(super) fn bytea(field: &[u8]) -> Option<Vec<u8>> {
    let text = copy_text(field);
    if let Some(hex) = text.strip_prefix(br"\x") {
        if hex.len() % 2 != 0 {
            return None;
        }
        return hex
            .chunks_exact(2)
            .map(|pair| match pair {
                [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
                _ => None,
            })
            .collect();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest: &[u8] = &text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    after @ ..,
                ],
            ) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return None,
            (byte, after) => {
                bytes.push(byte);
                after
            }
        };
    }
    Some(bytes)
}

/// The form in which every checksum comes, without an allocation: `\\x` and 40 digits.
pub(super) fn hex_sha1(field: &[u8]) -> Option<[u8; 20]> {
    let hex = field.strip_prefix(br"\\x")?;
    let mut bytes = [0; 20];
    if hex.len() != 40 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

/// A UUID with dashes in any place, or none.
pub(super) fn uuid(field: &[u8]) -> Option<Uuid> {
    let mut uuid = [0_u8; 16];
    let mut count = 0_usize;
    for byte in field.iter().filter(|byte| **byte != b'-') {
        let half = nibble(*byte)?;
        let place = uuid.get_mut(count / 2)?;
        *place = *place << 4 | half;
        count += 1;
    }
    (count == 32 && field.len() <= 36).then_some(uuid)
}

/// `t` or `f`.
pub(super) fn boolean(field: &[u8]) -> Option<bool> {
    match field {
        b"t" => Some(true),
        b"f" => Some(false),
        _ => None,
    }
}

/// The elements of a one-dimensional `text[]`, after COPY's escapes are undone: `{a,"b, c"}`. An
/// element that is NULL is left out.
pub(super) fn text_array(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = text.strip_prefix(b"{")?;
    let mut elements = Vec::new();
    if rest == b"}" {
        return Some(elements);
    }
    loop {
        if elements.len() >= ELEMENTS_MAX {
            return None;
        }
        let quoted = rest.first() == Some(&b'"');
        let (element, after) = array_element(rest.get(usize::from(quoted)..)?, quoted)?;
        if quoted || !element.eq_ignore_ascii_case(b"null") {
            elements.push(element);
        }
        match after.split_first()? {
            (b',', after) => rest = after,
            (b'}', []) => return Some(elements),
            _ => return None,
        }
    }
}

/// One element up to its closing quote, or to the comma or brace after it.
fn array_element(text: &[u8], quoted: bool) -> Option<(Vec<u8>, &[u8])> {
    let mut element = Vec::new();
    let mut rest = text;
    loop {
        let (&byte, after) = rest.split_first()?;
        match byte {
            b'\\' => {
                let (&escaped, after) = after.split_first()?;
                element.push(escaped);
                rest = after;
            }
            b'"' if quoted => return Some((element, after)),
            b',' | b'}' if !quoted => return (!element.is_empty()).then_some((element, rest)),
            b'"' | b'{' if !quoted => return None,
            byte => {
                element.push(byte);
                rest = after;
            }
        }
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_escapes_of_copy_are_undone_as_the_manual_says() {
        let cases: [(&[u8], &[u8]); 10] = [
            (br"plain", b"plain"),
            (br"a\\b\tc\nd\re\bf\fg\vh", b"a\\b\tc\nd\re\x08f\x0cg\x0bh"),
            (br"\101\1018\7", b"AA8\x07"),
            (br"\x41\x4g\xA", b"A\x04g\x0a"),
            (br"\x", b"x"),
            (br"\xz", b"xz"),
            (br"\.\q", b".q"),
            (br"\777", b"\xff"),
            (b"end\\", b"end\\"),
            (b"\\\xff\xfe", b"\xff\xfe"),
        ];
        for (field, text) in cases {
            assert_eq!(
                copy_text(field).as_ref(),
                text,
                "{:?}",
                field.escape_ascii()
            );
        }
    }

    #[test]
    fn bytes_come_in_both_forms() {
        assert_eq!(bytea(br"\\x00fFa1").unwrap(), [0, 0xff, 0xa1]);
        assert_eq!(bytea(br"\\x").unwrap(), b"");
        assert_eq!(bytea(br"a\\\\b\\000\\377\t").unwrap(), b"a\\b\x00\xff\t");
        for nonsense in [&br"\\xabc"[..], br"\\xzz", br"\\400", br"\\1"] {
            assert_eq!(bytea(nonsense), None, "{:?}", nonsense.escape_ascii());
        }
        let field = [br"\\x".as_slice(), &b"Ab".repeat(20)].concat();
        assert_eq!(hex_sha1(&field), Some([0xab; 20]));
        assert_eq!(hex_sha1(field.split_last().unwrap().1), None);
        assert_eq!(hex_sha1(&[&field, &b"00"[..]].concat()), None);
    }

    #[test]
    fn a_uuid_is_thirty_two_digits() {
        let bytes = Some([0x11; 16]);
        assert_eq!(uuid(b"11111111-1111-1111-1111-111111111111"), bytes);
        assert_eq!(uuid(&b"1".repeat(32)), bytes);
        for nonsense in [
            &b"11111111-1111-1111-1111-11111111111"[..],
            b"11111111-1111-1111-1111-1111111111111",
            b"1111111g-1111-1111-1111-111111111111",
            b"11111111-1111-1111-1111-111111111111-----",
            b"",
            br"\N",
        ] {
            assert_eq!(uuid(nonsense), None, "{:?}", nonsense.escape_ascii());
        }
    }

    #[test]
    fn arrays_lose_their_quotes() {
        let array = |text: &str| {
            text_array(text.as_bytes()).map(|elements| {
                let text = |element| String::from_utf8(element).unwrap();
                elements.into_iter().map(text).collect::<Vec<_>>()
            })
        };
        assert_eq!(array("{}").unwrap(), [""; 0]);
        assert_eq!(array("{/mnt/nas,/b}").unwrap(), ["/mnt/nas", "/b"]);
        assert_eq!(
            array(r#"{"/a, b","/c\"d\\e",NULL,"NULL","",/f}"#).unwrap(),
            ["/a, b", r#"/c"d\e"#, "NULL", "", "/f"]
        );
        for nonsense in [
            "", "{", "{a", "{a,}", "{,a}", "a", "{a}b", "{\"a}", "{{a}}", "{a\\",
        ] {
            assert_eq!(array(nonsense), None, "{nonsense}");
        }
    }
}
