//! Ways to damage an object.

use std::fmt;

use bytes::Bytes;
use offsite::format::{Kind, name};
use offsite::id::ObjectId;
use offsite::store::Store;

use super::scene::{Copy, Scene};

/// One object, and what is done to it.
pub struct Harm {
    pub object: String,
    /// Another object that may be named instead: that which takes part in a swap.
    pub also: String,
    way: Way,
}

enum Way {
    /// A bit of the byte at this place.
    Flip(usize, u8),
    Cut(usize),
    Longer(usize),
    Gone,
    /// It lies under another name of its kind as well.
    Twice(String),
    /// It holds what another object holds, and the other what it held.
    Swap(String),
    /// It holds what an object of another repository holds.
    Foreign(Bytes),
    Empty,
    Zeros,
}

impl Harm {
    pub fn what(&self) -> &'static str {
        match self.way {
            Way::Flip(..) => "a bit flipped",
            Way::Cut(_) => "cut off",
            Way::Longer(_) => "made longer",
            Way::Gone => "taken away",
            Way::Twice(_) => "under another name as well",
            Way::Swap(ref other) if kind_of(other) == kind_of(&self.object) => {
                "swapped with another of its kind"
            }
            Way::Swap(_) => "swapped with one of another kind",
            Way::Foreign(_) => "replaced by one of another repository",
            Way::Empty => "emptied",
            Way::Zeros => "zeroed",
        }
    }

    pub fn inflict(&self, copy: &Copy) {
        let store = copy.store.as_ref();
        let put = |name: &str, bytes: Bytes| store.put(name, bytes).unwrap();
        let bytes = store.peek(&self.object).unwrap();
        match &self.way {
            Way::Flip(at, bit) => {
                store.tamper(&self.object, |bytes| bytes[*at] ^= bit);
            }
            Way::Cut(length) => put(&self.object, bytes.slice(..*length)),
            Way::Longer(more) => put(&self.object, [&bytes[..], &vec![7; *more]].concat().into()),
            Way::Gone => {
                store.lose(&self.object);
            }
            Way::Twice(other) => put(other, bytes),
            Way::Swap(other) => {
                put(&self.object, store.peek(other).unwrap());
                put(other, bytes);
            }
            Way::Foreign(foreign) => put(&self.object, foreign.clone()),
            Way::Empty => put(&self.object, Bytes::new()),
            Way::Zeros => put(&self.object, vec![0; bytes.len()].into()),
        }
    }

    /// Whether it may end in an error at once: what is not there any more is not opened.
    pub fn may_refuse(&self) -> bool {
        let is_head = |it: &str| it == name::REPOSITORY;
        is_head(&self.object) || is_head(&self.also) || self.is_snapshot_gone()
    }

    /// A segment only repeats what packs say of themselves.
    pub fn is_made_up_for(&self) -> bool {
        kind_of(&self.object) == Some(Kind::Segment) && matches!(self.way, Way::Gone)
    }

    fn is_snapshot_gone(&self) -> bool {
        kind_of(&self.object) == Some(Kind::Snapshot)
    }

    /// Whether this took a snapshot away.
    pub fn is_gone(&self, id: &ObjectId) -> bool {
        let name = name::of(Kind::Snapshot, id);
        self.object == name || self.also == name
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.what())?;
        match &self.way {
            Way::Flip(at, bit) => write!(f, " (byte {at}, {bit:#x})"),
            Way::Cut(length) => write!(f, " (to {length})"),
            Way::Longer(more) => write!(f, " (by {more})"),
            Way::Twice(other) | Way::Swap(other) => write!(f, " ({other})"),
            _ => Ok(()),
        }
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    name::parse(name).map(|it| it.0)
}

/// All of them: with `is_full` each byte of the beginning and the end, else some.
pub fn harms(scene: &Scene, is_full: bool) -> Vec<Harm> {
    let mut harms = Vec::new();
    for (object, bytes) in &scene.objects {
        let mut add = |way: Way| {
            let also = match &way {
                Way::Twice(other) | Way::Swap(other) => other.clone(),
                _ => String::new(),
            };
            harms.push(Harm {
                object: object.clone(),
                also,
                way,
            });
        };
        for (number, at) in places(object, bytes.len(), is_full).into_iter().enumerate() {
            add(Way::Flip(at, 1 << (number % 8)));
        }
        for length in [
            1,
            bytes.len() / 2,
            bytes.len().saturating_sub(1),
            4095,
            4096,
            65_536,
        ] {
            if length < bytes.len() {
                add(Way::Cut(length));
            }
        }
        for more in [1, 16, 4096] {
            add(Way::Longer(more));
        }
        add(Way::Gone);
        add(Way::Empty);
        add(Way::Zeros);
        let kind = kind_of(object).expect("a known name");
        if kind != Kind::Repository {
            let other = ObjectId::of(object.as_bytes());
            add(Way::Twice(name::of(kind, &other)));
        }
        // The next of the same kind and the next of each other kind.
        for other in Kind::ALL {
            let is_it = |it: &&String| kind_of(it) == Some(other) && *it != object;
            let after = scene.objects.keys().filter(|it| *it > object).find(is_it);
            if let Some(other) = after.or_else(|| scene.objects.keys().find(is_it)) {
                add(Way::Swap(other.clone()));
            }
        }
        let of_kind = |(name, _): &(&String, &Bytes)| kind_of(name) == Some(kind);
        if let Some((_, foreign)) = scene.foreign.iter().find(of_kind) {
            add(Way::Foreign(foreign.clone()));
        }
    }
    harms
}

/// Where a bit is flipped: at the ends, and here and there between them.
fn places(object: &str, bytes: usize, is_full: bool) -> Vec<usize> {
    let (step, inside) = if is_full { (1, 64) } else { (23, 6) };
    let offset = blake3::hash(object.as_bytes()).as_bytes()[0] as usize;
    let ends = (0..256.min(bytes)).chain(bytes.saturating_sub(256).max(256.min(bytes))..bytes);
    let mut places: Vec<_> = ends.skip(offset % step).step_by(step).collect();
    let mut dice = blake3::Hasher::new();
    let mut dice = dice.update(object.as_bytes()).finalize_xof();
    for _ in 0..inside {
        let mut drawn = [0; 8];
        dice.fill(&mut drawn);
        places.push((u64::from_le_bytes(drawn) % bytes as u64) as usize);
    }
    places
}
