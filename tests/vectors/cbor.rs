//! CBOR by hand: the core deterministic encoding of RFC 8949 §4.2.1, and nothing else.

/// A value of the kinds that the format uses.
#[derive(Clone)]
pub enum Cbor {
    Int(i64),
    Uint(u64),
    Bool(bool),
    Bytes(Vec<u8>),
    Text(&'static str),
    Array(Vec<Cbor>),
    /// Encoded in the order of its encoded keys, whatever order it is given in.
    Map(Vec<(Cbor, Cbor)>),
}

impl Cbor {
    /// A map whose keys are small unsigned integers.
    pub fn record(fields: Vec<(u64, Cbor)>) -> Self {
        let fields = fields.into_iter();
        Self::Map(
            fields
                .map(|(key, value)| (Self::Uint(key), value))
                .collect(),
        )
    }

    /// A map from text to unsigned integers.
    pub fn counts(counts: &[(&'static str, u64)]) -> Self {
        let counts = counts.iter();
        Self::Map(
            counts
                .map(|(name, count)| (Self::Text(name), Self::Uint(*count)))
                .collect(),
        )
    }

    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }

    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Uint(value) => head(0, *value),
            Self::Int(value) if *value < 0 => head(1, !(*value as u64)),
            Self::Int(value) => head(0, *value as u64),
            Self::Bool(value) => vec![if *value { 0xf5 } else { 0xf4 }],
            Self::Bytes(bytes) => [head(2, bytes.len() as u64), bytes.clone()].concat(),
            Self::Text(text) => [head(3, text.len() as u64), text.as_bytes().to_vec()].concat(),
            Self::Array(values) => {
                let joined: Vec<u8> = values.iter().flat_map(Self::encode).collect();
                [head(4, values.len() as u64), joined].concat()
            }
            Self::Map(fields) => {
                let mut pairs: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| (key.encode(), value.encode()))
                    .collect();
                pairs.sort();
                let joined: Vec<u8> = pairs
                    .into_iter()
                    .flat_map(|(key, value)| [key, value].concat())
                    .collect();
                [head(5, fields.len() as u64), joined].concat()
            }
        }
    }

    /// Diagnostic notation, RFC 8949 §8.
    pub fn notation(&self) -> String {
        let joined = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Uint(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Bytes(bytes) => format!("h'{}'", super::vector::hex(bytes)),
            Self::Text(text) => format!("\"{text}\""),
            Self::Array(values) => {
                format!("[{}]", joined(values.iter().map(Self::notation).collect()))
            }
            Self::Map(fields) => {
                let fields = fields.iter();
                let pair = |(key, value): &(Self, Self)| {
                    format!("{}: {}", key.notation(), value.notation())
                };
                format!("{{{}}}", joined(fields.map(pair).collect()))
            }
        }
    }
}

fn head(major: u8, value: u64) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..24 => vec![major | value as u8],
        24..=0xff => vec![major | 24, value as u8],
        0x100..=0xffff => [&[major | 25], (value as u16).to_be_bytes().as_slice()].concat(),
        0x1_0000..=0xffff_ffff => [&[major | 26], (value as u32).to_be_bytes().as_slice()].concat(),
        _ => [&[major | 27], value.to_be_bytes().as_slice()].concat(),
    }
}

/// Examples of RFC 8949, appendix A, so that the encoder is known to be right.
#[test]
fn the_examples_of_rfc_8949_encode_as_it_says() {
    let text = |value: Cbor| super::vector::hex(&value.encode());
    assert_eq!(text(Cbor::Uint(23)), "17");
    assert_eq!(text(Cbor::Uint(24)), "1818");
    assert_eq!(text(Cbor::Uint(1000)), "1903e8");
    assert_eq!(text(Cbor::Uint(1_000_000)), "1a000f4240");
    assert_eq!(text(Cbor::Uint(u64::MAX)), "1bffffffffffffffff");
    assert_eq!(text(Cbor::Int(-1000)), "3903e7");
    assert_eq!(text(Cbor::Bool(true)), "f5");
    assert_eq!(text(Cbor::Bytes(vec![1, 2, 3, 4])), "4401020304");
    assert_eq!(text(Cbor::Text("IETF")), "6449455446");
    let nested = Cbor::Array(vec![
        Cbor::Uint(1),
        Cbor::Array(vec![Cbor::Uint(2), Cbor::Uint(3)]),
    ]);
    assert_eq!(text(nested), "8201820203");
    let map = Cbor::record(vec![(3, Cbor::Uint(4)), (1, Cbor::Uint(2))]);
    assert_eq!(text(map), "a201020304");
}
