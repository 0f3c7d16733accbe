//! Which originals there will be: whose, from when, under which name. Nothing is drawn here.

use super::catalogue::{Kind, Library, Sidecar, moment, two_folders};

/// An original that is still to be drawn.
#[derive(Debug, Clone)]
pub struct Plan {
    pub id: String,
    /// An index into the users of the library.
    pub owner: usize,
    pub kind: Kind,
    /// Which dice draw it; two plans with the same number and time give the same bytes.
    pub picture: u64,
    pub path: String,
    pub name: String,
    pub taken: i64,
    pub added: i64,
    pub sidecar: Option<Sidecar>,
}

/// Names as people and strange programs give them. The last holds a backslash and a tab, which a
/// dump escapes.
const ODD_NAMES: [&str; 3] = [
    "Fête à la mer.jpg",
    "Summer at the lake (3).jpg",
    "odd\\name\t№ 2.jpg",
];

const TITLES: [&str; 6] = [
    "The lake before breakfast",
    "Nur wir und der Nebel",
    "Première neige",
    "Above the tree line",
    "Last light & first stars",
    "The long way home",
];

/// The library on its first day: photos of two people, one that both have, and a video.
pub(super) fn first_roll(library: &mut Library) -> Vec<Plan> {
    let photos = library.size.photos.saturating_sub(1);
    let mut plans: Vec<Plan> = (0..photos).map(|_| next_photo(library)).collect();
    if let Some(first) = plans.first().cloned() {
        plans.push(shared(library, first));
    }
    // First, because it takes longest to write.
    plans.insert(0, video(library));
    plans
}

/// One more photo, taken in the 90 days before now.
pub(super) fn next_photo(library: &mut Library) -> Plan {
    let number = library.thrown;
    library.thrown += 1;
    let mut dice = library.dice("plan", number);
    let days = if library.months == 0 { 90 } else { 28 };
    let taken = library.now() - 3600 - i64::from(dice.below(days * 86_400));
    let added = taken + 1800;
    let odd = ODD_NAMES.get(usize::try_from(number).unwrap_or(usize::MAX));
    let owner = if odd.is_some() || number % 5 < 3 {
        0
    } else {
        1
    };
    let name = match odd {
        Some(odd) => (*odd).to_owned(),
        None if owner == 0 => format!("IMG_{:04}.jpg", 42 + number),
        None => format!("PXL_{}.jpg", moment(taken, "%Y%m%d_%H%M%S")),
    };
    let id = dice.uuid();
    let path = path(library, owner, taken, &name, &dice.uuid());
    let title = TITLES[dice.below(TITLES.len() as u32) as usize];
    let sidecar = number.is_multiple_of(4).then(|| Sidecar {
        path: format!("{path}.xmp"),
        title: title.to_owned(),
    });
    Plan {
        id,
        owner,
        kind: Kind::Photo,
        picture: number,
        path,
        name,
        taken,
        added,
        sidecar,
    }
}

/// Ben uploads a photo that Anna has: the same bytes a second time.
fn shared(library: &Library, first: Plan) -> Plan {
    let mut dice = library.dice("shared", 0);
    let (id, file) = (dice.uuid(), dice.uuid());
    let path = path(library, 1, first.taken, &first.name, &file);
    Plan {
        id,
        owner: 1,
        path,
        sidecar: None,
        added: first.added + 86_400,
        ..first
    }
}

fn video(library: &Library) -> Plan {
    let mut dice = library.dice("video", 0);
    let taken = library.now() - 20 * 86_400;
    let name = "First steps.mp4".to_owned();
    let id = dice.uuid();
    let path = path(library, 0, taken, &name, &id);
    let added = taken + 3600;
    let picture = u64::MAX;
    Plan {
        id,
        owner: 0,
        kind: Kind::Video,
        picture,
        path,
        name,
        taken,
        added,
        sidecar: None,
    }
}

/// Where Immich would put it: by the storage template, or by the file's own UUID.
fn path(library: &Library, owner: usize, taken: i64, name: &str, file: &str) -> String {
    let user = &library.users[owner];
    match user.label {
        Some(label) => {
            format!("library/{label}/{}/{name}", moment(taken, "%Y/%Y-%m-%d"))
        }
        None => format!("upload/{}/{}/{file}.jpg", user.id, two_folders(file)),
    }
}
