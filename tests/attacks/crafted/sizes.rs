//! Sizes that lie, contents that are none, chunk lists without an end.

use offsite::format::cbor::Joined;
use offsite::format::entry::Entry;
use offsite::format::listing::encode_id_list;
use offsite::format::pack::Class;
use offsite::id::ChunkId;

use super::case::{CONTENT, Case, Maker, case};
use crate::world::World;

pub fn cases(world: &World, make: &Maker) -> Vec<Case> {
    [lies(make), contents(world, make), lists(world, make)]
        .into_iter()
        .flatten()
        .collect()
}

/// A file that is not as it says, beside one that is.
fn wrong(make: &Maker, name: &'static str, change: impl FnOnce(&mut Entry)) -> Case {
    let file = make.file("f").with(change).refused();
    case(name, vec![make.file("beside"), file])
}

fn lies(make: &Maker) -> Vec<Case> {
    let sized = |name, size| wrong(make, name, |entry| entry.size = Some(size));
    let empty = |name, size| {
        wrong(make, name, |entry| {
            (entry.size, entry.chunks) = (Some(size), Some(Joined(Vec::new())));
        })
    };
    vec![
        sized("a byte less than it has", CONTENT.len() as u64 - 1),
        sized("a byte more than it has", CONTENT.len() as u64 + 1),
        sized("no bytes, and it has some", 0),
        sized("eight exbibytes", 1 << 63),
        sized("all bytes there are", u64::MAX),
        empty("eight exbibytes of nothing", 1 << 63),
        empty("one byte of nothing", 1),
        wrong(make, "no size", |entry| entry.size = None),
        wrong(make, "another SHA-1", |entry| {
            entry.sha1 = Some([3; 20].into())
        }),
    ]
}

fn contents(world: &World, make: &Maker) -> Vec<Case> {
    let metadata = world.put_chunks(Class::Metadata, &[&[1][..]]).0;
    let chunks =
        |name, ids: Vec<ChunkId>| wrong(make, name, |entry| entry.chunks = Some(Joined(ids)));
    let nothing = |entry: &mut Entry| (entry.size, entry.chunks) = (Some(0), None);
    vec![
        chunks("a chunk that nobody has", vec![ChunkId::new([0xee; 32])]),
        chunks("a chunk of a listing", metadata),
        chunks("its chunk ten thousand times", vec![make.content; 10_000]),
        case("a file of nothing", vec![make.file("f").with(nothing)]),
        wrong(make, "no contents at all", |entry| entry.chunks = None),
        case(
            "a file that names a folder's mode",
            vec![make.file("f").with(|it| it.mode = Some(0o040_755))],
        ),
    ]
}

fn lists(world: &World, make: &Maker) -> Vec<Case> {
    let list = |level: u8, ids: &[ChunkId]| {
        let list = encode_id_list(level, ids);
        world.put_chunks(Class::Metadata, &[&list]).0[0]
    };
    let good = list(1, &[make.content]);
    let endless = (1..=4).fold(make.content, |id, level| list(level, &[id; 20_000]));
    let zeros = world.put_chunks(Class::Files, &[&vec![0; 1 << 19]]).0[0];
    let hollow = (1..=4).fold(zeros, |id, level| list(level, &[id; 20_000]));
    let of = |name, size, level, ids: Vec<ChunkId>| {
        wrong(make, name, |entry| {
            (entry.size, entry.chunks) = (Some(size), None);
            entry.lists = Some((level, Joined(ids)));
        })
    };
    let size = CONTENT.len() as u64;
    let both = |entry: &mut Entry| entry.lists = Some((1, Joined(vec![good; 2])));
    vec![
        of("a list of level 0", size, 0, vec![make.content]),
        of("a list of level 9", size, 9, vec![good]),
        of("a list of another level", size, 2, vec![good]),
        of("a list that is a content", size, 1, vec![make.content]),
        of(
            "a list that nobody has",
            size,
            1,
            vec![ChunkId::new([0xee; 32])],
        ),
        of("lists of lists without end", 1 << 17, 4, vec![endless; 512]),
        of("lists of zeros without end", 1 << 26, 4, vec![hollow; 512]),
        case("chunks and lists at once", vec![make.file("f").with(both)]),
    ]
}
