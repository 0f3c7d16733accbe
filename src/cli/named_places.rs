//! Which places a command works on: those that flags name, by address or by a name of the
//! configuration, or else all of the configuration. What a flag says of a place goes before what the
//! configuration says of it.

use std::collections::BTreeSet;
use std::env;

use super::config::Configuration;
use super::exit::Failure;
use super::global::Global;
use super::places::Place;
use crate::store::open::StoreUrl;

/// The places, in the order of the flags or of the configuration; at least one, none twice.
///
/// # Errors
/// Usage: none was named, a name is not known, or an address cannot work.
pub fn named(global: &Global, configuration: &Configuration) -> Result<Vec<Place>, Failure> {
    let known = &configuration.repositories;
    // An empty variable is none: that is how compose files leave one out.
    let named: Vec<&String> = global.repo.iter().filter(|it| !it.is_empty()).collect();
    let mut places = match named.is_empty() {
        true => known.clone(),
        false => {
            let places = named.iter().map(|name| find(name, global, known));
            places.collect::<Result<_, _>>()?
        }
    };
    for place in &mut places {
        apply(global, place);
    }
    if places.is_empty() {
        return Err(Failure::usage(
            "no repository was named",
            "give --repo URL, or set OFFSITE_REPOSITORY, or name it in offsite.toml",
        ));
    }
    let mut keys = BTreeSet::new();
    match places.iter().find(|place| !keys.insert(place.key())) {
        Some(twice) => Err(Failure::usage(
            &format!("the repository {} was named twice", twice.name),
            "name each copy once",
        )),
        None => Ok(places),
    }
}

/// One place, by its name or its address.
///
/// # Errors
/// Usage: the name is not known, or the address cannot work.
pub fn one(name: &str, global: &Global, configuration: &Configuration) -> Result<Place, Failure> {
    let mut place = find(name, global, &configuration.repositories)?;
    apply(global, &mut place);
    Ok(place)
}

/// By its name, else by its address, which the configuration may know more of.
fn find(name: &str, global: &Global, known: &[Place]) -> Result<Place, Failure> {
    if let Some(place) = known.iter().find(|place| place.name == name) {
        return Ok(place.clone());
    }
    let url = name.parse::<StoreUrl>()?;
    let mut place = Place::at(url);
    refuse_unknown_name(name, &place, known)?;
    apply(global, &mut place);
    let is_same = |other: &&Place| match typed_endpoint(global) {
        None if !place.is_folder() => other.url == place.url,
        _ => other.key() == place.key(),
    };
    let same: Vec<&Place> = known.iter().filter(is_same).collect();
    match same.as_slice() {
        [] => Ok(place),
        [one] => Ok((*one).clone()),
        several => Err(Failure::usage(
            "the configuration knows that bucket at more than one server",
            &format!("name one of them: {}", names(several.iter().copied())),
        )),
    }
}

/// A bare word is hardly a folder, where repositories have names and no such folder is there.
fn refuse_unknown_name(name: &str, place: &Place, known: &[Place]) -> Result<(), Failure> {
    let StoreUrl::Folder(path) = &place.url else {
        return Ok(());
    };
    if known.is_empty() || name.contains('/') || path.exists() {
        return Ok(());
    }
    Err(Failure::usage(
        &format!("the configuration has no repository named {name:?}, and no such folder is here"),
        &format!("it has {}; ./{name} would be a folder", names(known)),
    ))
}

fn names<'p>(places: impl IntoIterator<Item = &'p Place>) -> String {
    let names: Vec<&str> = places
        .into_iter()
        .map(|place| place.name.as_str())
        .collect();
    names.join(", ")
}

/// What flags say of every place.
fn apply(global: &Global, place: &mut Place) {
    place.limits.upload = global.upload_limit.or(place.limits.upload);
    place.limits.download = global.download_limit.or(place.limits.download);
    if place.is_folder() {
        return;
    }
    place.object_lock = global.object_lock.or(place.object_lock);
    if let Some(region) = &global.region {
        place.region = Some(region.clone());
    }
    // One variable cannot be right for several servers: it fills in only where nobody says more.
    let endpoint = typed_endpoint(global);
    place.endpoint = endpoint
        .map(str::to_owned)
        .or_else(|| place.endpoint.take())
        .or_else(|| global.endpoint.clone().filter(|it| !it.is_empty()));
}

/// `--endpoint`, where it is not just what the variable says.
fn typed_endpoint(global: &Global) -> Option<&str> {
    let of_environment = env::var("AWS_ENDPOINT_URL").ok();
    let endpoint = global.endpoint.as_deref();
    endpoint.filter(|endpoint| of_environment.as_deref() != Some(endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::places::Medium;

    fn configuration() -> Configuration {
        let text = "
            [[repository]]
            name = 'nas'
            url = '/mnt/nas/offsite'
            medium = 'nas'
            upload_limit = '5M'
            [[repository]]
            name = 'b2'
            url = 's3://photos/immich'
            endpoint = 'https://s3.b2.example/'
            [[repository]]
            name = 'r2'
            url = 's3://photos/immich'
            endpoint = 'https://r2.example'";
        Configuration::parse(text, "/etc/offsite.toml".as_ref(), None).unwrap()
    }

    fn with(repo: &[&str], change: impl FnOnce(&mut Global)) -> Result<Vec<Place>, Failure> {
        let mut global = Global {
            repo: repo.iter().map(|&it| it.to_owned()).collect(),
            ..Global::default()
        };
        change(&mut global);
        named(&global, &configuration())
    }

    fn one(repo: &str) -> Place {
        with(&[repo], |_| {}).unwrap().swap_remove(0)
    }

    #[test]
    fn without_a_flag_all_of_the_configuration_are_meant() {
        let places = with(&[""], |_| {}).unwrap();
        let names: Vec<&str> = places.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["nas", "b2", "r2"]);
        let none = named(&Global::default(), &Configuration::default());
        assert_eq!(none.unwrap_err().code, 2);
    }

    #[test]
    fn a_name_and_its_address_are_one_place() {
        for repo in ["nas", "/mnt/nas/offsite", "file:///mnt/nas/../nas/offsite"] {
            let Ok(places) = with(&[repo], |_| {}) else {
                panic!("{repo}");
            };
            // Only what is there can be told to be the same in spite of `..`.
            if !repo.contains("..") {
                assert_eq!(
                    (places[0].name.as_str(), places[0].medium),
                    ("nas", Medium::Nas)
                );
            }
        }
        let failure = with(&["nas", "/mnt/nas/offsite"], |_| {}).unwrap_err();
        assert!(failure.error.to_string().contains("twice"));
        let failure = with(&["nass"], |_| {}).unwrap_err();
        assert!(failure.hint.contains("nas, b2, r2"), "{}", failure.hint);
        assert_eq!(one("./nass").name, "./nass");
        assert_eq!(one("s3://other").medium, Medium::Cloud);
    }

    #[test]
    fn a_bucket_of_several_servers_needs_its_name() {
        let failure = with(&["s3://photos/immich"], |_| {}).unwrap_err();
        assert!(failure.hint.contains("b2, r2"), "{}", failure.hint);
        let endpoint =
            |global: &mut Global| global.endpoint = Some("https://r2.example".to_owned());
        let place = with(&["s3://photos/immich"], endpoint)
            .unwrap()
            .swap_remove(0);
        assert_eq!(place.name, "r2");
    }

    #[test]
    fn flags_go_first_key_by_key() {
        let limit = std::num::NonZeroU64::new(7);
        let places = with(&[], |global| {
            global.download_limit = limit;
            global.region = Some("eu".to_owned());
        });
        let places = places.unwrap();
        assert_eq!(places[0].limits.download, limit);
        assert_eq!(places[0].limits.upload.unwrap().get(), 5_000_000);
        assert_eq!(places[0].region, None, "a folder has no region");
        assert_eq!(places[1].region.as_deref(), Some("eu"));
        assert_eq!(places[1].endpoint.as_deref(), Some("https://s3.b2.example"));
    }
}
