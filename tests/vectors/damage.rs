//! Every committed object, cut short at every length and altered in every byte, is refused, and
//! nothing panics. Objects over 8 KiB are sampled where their parts lie.

use offsite::format::Kind;
use offsite::format::housekeeping::{Finding, Forget, Plan, Proof};
use offsite::format::listing::{decode_id_list, decode_leaf, decode_node, decode_problem_list};
use offsite::format::parameters::Parameters;
use offsite::format::segment::Segment;
use offsite::format::snapshot::Snapshot;
use offsite::id::RepositoryId;
use offsite::repository::{open_record, unlock};

use crate::keys::reader;
use crate::packs::open_pack;
use crate::page::Keys;
use crate::slots::{PASSPHRASE, label_opens, store_of};
use crate::vector::{Committed, all_names};

const WHOLE_BYTES_MAX: usize = 8 * 1024;

/// Whether a reader takes the object, whatever it is named: the hash in the name would hide what
/// the parsers do.
fn is_taken(kind: Kind, object: &[u8]) -> bool {
    match kind {
        Kind::KeySlot => {
            // What opens the secret is known to open when it is what was committed: a passphrase
            // is slow to try, as it should be.
            let slot = Committed::find("slot").unwrap().bytes("object");
            let parts = |slot: &[u8]| Some([slot.get(..112)?, slot.get(144..192)?].concat());
            let id = RepositoryId::new(Keys::of_the_vectors().repository_id);
            let opens = || unlock(&store_of(object), id, PASSPHRASE).is_ok();
            (parts(object) == parts(&slot) || opens()) && label_opens(object).is_some()
        }
        Kind::DataPack | Kind::ListingPack => open_pack(kind, object).is_ok(),
        _ => open_record(reader().writer(), kind, object).is_ok(),
    }
}

/// Places to alter and lengths to cut to: all, or for a pack its parts and every 509th byte.
fn places(object: &[u8]) -> Vec<usize> {
    let is_near_an_end = |place: usize| place < 2000 || object.len() - place < 500;
    let is_chosen = |place: &usize| {
        object.len() <= WHOLE_BYTES_MAX || is_near_an_end(*place) || place.is_multiple_of(509)
    };
    (0..object.len()).filter(is_chosen).collect()
}

fn objects() -> impl Iterator<Item = (String, Kind, Vec<u8>)> {
    all_names().into_iter().filter_map(|name| {
        let committed = Committed::find(&name)?;
        let kind = Kind::from_number(committed.value("kind").as_u64()? as u8)?;
        let object = committed.bytes("object");
        Some((name, kind, object))
    })
}

#[test]
fn objects_that_were_cut_short_are_refused() {
    let mut whole = 0;
    for (name, kind, object) in objects() {
        whole += usize::from(is_taken(kind, &object));
        for length in places(&object) {
            assert!(!is_taken(kind, &object[..length]), "{name} cut to {length}");
        }
        let longer = [object.as_slice(), &[0]].concat();
        assert!(
            !is_taken(kind, &longer),
            "{name} with a byte behind its end"
        );
    }
    assert_eq!(whole, 9, "nine objects are whole, the others have a defect");
}

#[test]
fn objects_that_were_altered_are_refused() {
    for (name, kind, object) in objects() {
        if !is_taken(kind, &object) {
            continue; // it has its defect already
        }
        for place in places(&object) {
            let mut altered = object.clone();
            altered[place] ^= 1 << (place % 8);
            // A label that was altered makes a slot no less usable, but is not believed.
            assert!(!is_taken(kind, &altered), "{name} altered at {place}");
        }
    }
}

/// Plaintexts have no tag that would stop them before the parsers.
fn parse(bytes: &[u8]) {
    let _ = decode_leaf(bytes);
    let _ = decode_problem_list(bytes);
    for level in [1, 2, 9] {
        let _ = decode_node(bytes, level);
        let _ = decode_id_list(bytes, level);
    }
    let _ = minicbor::decode::<Parameters>(bytes);
    let _ = minicbor::decode::<Segment>(bytes).map(|segment| {
        segment
            .packs
            .iter()
            .map(|pack| pack.entries().is_ok())
            .collect::<Vec<_>>()
    });
    let _ = minicbor::decode::<Snapshot>(bytes);
    let _ = minicbor::decode::<Plan>(bytes);
    let _ = minicbor::decode::<Forget>(bytes);
    let _ = minicbor::decode::<Proof>(bytes);
    let _ = minicbor::decode::<Finding>(bytes);
}

#[test]
fn plaintexts_that_were_altered_make_no_parser_panic() {
    let mut tried = 0;
    for name in all_names() {
        let committed = Committed::find(&name).unwrap();
        for field in ["payload", "chunk"] {
            if committed.value(field).is_null() {
                continue;
            }
            let plain = committed.bytes(field);
            for place in 0..plain.len() {
                parse(&plain[..place]);
                for bits in [1 << (place % 8), 0xff, plain[place]] {
                    let mut altered = plain.clone();
                    altered[place] ^= bits;
                    parse(&altered);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 5000, "only {tried} were tried");
}
