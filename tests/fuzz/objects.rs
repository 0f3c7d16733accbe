//! Records and packs behind their seals.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use offsite::crypto::{ReadKey, Secret, WriterKey};
use offsite::format::frame::{Codec, Shape};
use offsite::format::pack::{ENTRY_BYTES, TRAILER_BYTES, decode_entries, encode_entries};
use offsite::format::{Kind, TAG_BYTES, name};
use offsite::id::ObjectId;
use offsite::repository::{check_whole_pack, open_record, read_contents};
use offsite::seams::SystemClock;
use offsite::store::Store;
use offsite::store::memory::Memory;

use super::sealed;

static WRITER: LazyLock<WriterKey> = LazyLock::new(|| {
    let reader = ReadKey::from_master(Secret::new(&[7; 32]));
    reader.writer().clone()
});

/// A record: kind, codec and promised length are the fuzzer's, and what is sealed.
pub fn record(bytes: &[u8]) -> bool {
    let Some(([kind, codec, plain @ ..], content)) = bytes.split_first_chunk::<6>() else {
        return false;
    };
    let kinds = [Kind::Segment, Kind::Snapshot, Kind::Plan, Kind::Proof];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let shape = Shape {
        stored: content.len() as u32 + TAG_BYTES,
        // Beyond every bound, or of a length that costs little.
        plain: match u32::from_le_bytes(*plain) {
            short @ 0..=0xffff => short,
            long => long | 1 << 31,
        },
        codec: Codec::from_number(*codec).unwrap_or(Codec::Plain),
    };
    let object = sealed::record(&WRITER, kind, shape, content);
    let opened = open_record(&WRITER, kind, &object);
    if let Ok(payload) = &opened {
        assert_eq!(payload.len(), shape.plain as usize);
        assert!(shape.plain <= kind.plain_bytes_max());
    }
    opened.is_ok()
}

/// A pack: trailer and footer are the fuzzer's. With an even first byte they agree in their lengths.
pub fn pack(bytes: &[u8]) -> bool {
    let (choice, rest) = super::choice(bytes);
    let Some((trailer, footer)) = rest.split_first_chunk::<{ TRAILER_BYTES as usize }>() else {
        return false;
    };
    if let Ok(entries) = decode_entries(footer) {
        let again = encode_entries(&entries);
        assert_eq!(decode_entries(&again), Ok(entries));
    }
    let mut trailer = *trailer;
    let body = u64::from_le_bytes(*trailer.first_chunk().expect("eight of 24 bytes"));
    if choice.is_multiple_of(2) {
        let chunks = (footer.len() / ENTRY_BYTES) as u32;
        trailer[8..12].copy_from_slice(&(footer.len() as u32 + TAG_BYTES).to_le_bytes());
        trailer[12..16].copy_from_slice(&chunks.to_le_bytes());
    }
    let kind = match choice & 2 {
        0 => Kind::DataPack,
        _ => Kind::ListingPack,
    };
    // What is no pack for its size is not made that large either.
    let body = vec![0; body.min(1 << 16) as usize];
    let object: Bytes = sealed::pack(&WRITER, kind, &body, footer, &trailer).into();
    let (id, length) = (ObjectId::of(&object), object.len() as u64);
    let store = Memory::new(Arc::new(SystemClock));
    let put = store.put(&name::of(kind, &id), object.clone());
    put.expect("memory takes it");
    let contents = read_contents(&store, &WRITER, kind, &id, length);
    let checked = check_whole_pack(&WRITER, kind, &id, &object);
    assert_eq!(contents.is_ok(), checked.is_ok());
    let Ok(contents) = contents else {
        return false;
    };
    let row = contents.row(id, length, None);
    assert_eq!(row.entries().as_ref(), Ok(&contents.entries));
    let indexed = contents.indexed(id, length, None);
    let mut chunks = indexed.chunks.iter();
    assert!(chunks.all(|it| it.start + u64::from(it.stored) <= length));
    true
}
