//! Names of objects (format.md §1).

use super::Kind;
use crate::id::ObjectId;

/// The one object with a fixed name.
pub const REPOSITORY: &str = "repository";

/// Under which objects of a kind lie; ends in `/`, except for `repository` itself.
pub const fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Repository => REPOSITORY,
        Kind::KeySlot => "keys/",
        Kind::DataPack => "packs/",
        Kind::ListingPack => "listings/",
        Kind::Segment => "index/",
        Kind::Snapshot => "snapshots/",
        Kind::Plan => "plans/",
        Kind::Forget => "forgets/",
        Kind::Proof => "proofs/",
    }
}

/// The name of an object whose stored bytes hash to `id`.
pub fn of(kind: Kind, id: &ObjectId) -> String {
    match kind {
        Kind::Repository => REPOSITORY.to_owned(),
        Kind::DataPack | Kind::ListingPack => {
            let hex = id.to_string();
            let folder: String = hex.chars().take(2).collect();
            format!("{}{folder}/{hex}", prefix(kind))
        }
        _ => format!("{}{id}", prefix(kind)),
    }
}

/// What a name says: kind and hash (`None` for `repository`). `None` for names of no known form.
pub fn parse(name: &str) -> Option<(Kind, Option<ObjectId>)> {
    if name == REPOSITORY {
        return Some((Kind::Repository, None));
    }
    let hash = name.rsplit('/').next()?;
    let id = hash.parse::<ObjectId>().ok()?;
    let kinds = Kind::ALL
        .into_iter()
        .filter(|kind| *kind != Kind::Repository);
    let kind = kinds.into_iter().find(|kind| of(*kind, &id) == name)?;
    Some((kind, Some(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        let id = ObjectId::new([0xab; 32]);
        for kind in Kind::ALL {
            let expected = (kind != Kind::Repository).then_some(id);
            assert_eq!(parse(&of(kind, &id)), Some((kind, expected)));
        }
        assert_eq!(of(Kind::DataPack, &id), format!("packs/ab/{id}"));
    }

    #[test]
    fn other_names_are_nothing() {
        let id = ObjectId::new([0xab; 32]);
        for name in [
            "",
            "keys/",
            "tmp/x",
            &format!("packs/cd/{id}"),
            &format!("packs/{id}"),
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
        assert_eq!(parse(&format!("keys/{id}").to_uppercase()), None);
    }
}
