//! Places in a snapshot as bytes that compare as the listing is ordered: the root's number, then the
//! path with its slashes turned into zero bytes, which no path holds.

/// The bytes of a place.
pub fn key_of(root: u32, path: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + path.len());
    key.extend_from_slice(&root.to_be_bytes());
    key.extend(
        path.iter()
            .map(|byte| if *byte == b'/' { 0 } else { *byte }),
    );
    key
}

/// Root and path of a key.
pub fn place_of(key: &[u8]) -> (u32, Vec<u8>) {
    let (root, path) = key.split_first_chunk().unwrap_or((&[0; 4], &[]));
    let slashes = path
        .iter()
        .map(|byte| if *byte == 0 { b'/' } else { *byte });
    (u32::from_be_bytes(*root), slashes.collect())
}

/// The keys of the folders above a place, the nearest first, and the place itself before them.
pub fn upwards(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(key);
    std::iter::from_fn(move || {
        let here = rest?;
        let above = here
            .get(4..)
            .and_then(|path| path.iter().rposition(|byte| *byte == 0));
        rest = above.and_then(|end| here.get(..4 + end));
        Some(here)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::entry::key_order;

    #[test]
    fn a_key_leads_to_its_folders() {
        let key = key_of(1, b"library/a/b.jpg");
        let above: Vec<_> = upwards(&key).map(|key| place_of(key).1).collect();
        assert_eq!(above, [&b"library/a/b.jpg"[..], b"library/a", b"library"]);
    }

    proptest! {
        #[test]
        fn keys_compare_as_the_listing_is_ordered(
            one in (0u32..3, "[a.-9/\u{1}\u{e9}]{1,6}"), two in (0u32..3, "[a.-9/\u{1}\u{e9}]{1,6}"),
        ) {
            let keys = [&one, &two].map(|(root, path)| key_of(*root, path.as_bytes()));
            let order = key_order((one.0, one.1.as_bytes()), (two.0, two.1.as_bytes()));
            prop_assert_eq!(keys[0].cmp(&keys[1]), order);
            prop_assert_eq!(place_of(&keys[0]), (one.0, one.1.into_bytes()));
        }
    }
}
