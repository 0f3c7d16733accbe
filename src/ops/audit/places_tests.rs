//! Paths of every era of Immich, and where they lead.

use super::super::keys::place_of;
use super::*;

fn places(mounts: &[(&str, &str)], media: Option<&str>) -> Places {
    let root = |number, folder: &str, stored_as: &str| Root {
        number,
        folder: folder.into(),
        stored_as: stored_as.as_bytes().to_vec(),
    };
    let roots = [
        root(1, "/srv/immich/library", "library"),
        root(3, "/srv/immich/upload", "upload"),
        root(11, "/mnt/nas/photos", "mnt/nas/photos"),
    ];
    let mounts: Vec<_> = mounts
        .iter()
        .map(|(container, host)| (container.as_bytes().to_vec(), host.as_bytes().to_vec()))
        .collect();
    let mut places = Places::new(&roots, Path::new("/srv/immich"), &mounts);
    places.learn(media.map(|media| media.as_bytes().to_vec()), false);
    places
}

fn shown(place: &Place) -> String {
    match place {
        Place::Archived { key, root, stale } => {
            let (number, path) = place_of(key);
            assert_eq!(number, *root);
            let path = String::from_utf8_lossy(&path).into_owned();
            format!("{root}:{path}{}", if *stale { " stale" } else { "" })
        }
        Place::Outside { host, derived } => {
            let host = String::from_utf8_lossy(host).into_owned();
            format!("{host}{}", if *derived { " derived" } else { "" })
        }
        Place::Nowhere => "nowhere".to_owned(),
    }
}

#[test]
fn exactly_one_prefix_is_stripped() {
    let places = places(&[], Some("/data"));
    for (path, expected) in [
        ("/data/upload/u/a.jpg", "3:upload/u/a.jpg"),
        ("/data/upload/upload/a.jpg", "3:upload/upload/a.jpg"),
        ("/usr/src/app/upload/upload/a.jpg", "3:upload/a.jpg stale"),
        ("upload/library/admin/a.jpg", "1:library/admin/a.jpg stale"),
        ("/data/encoded-video/u/9b-MP.mp4", "/srv/immich/encoded-video/u/9b-MP.mp4 derived"),
        ("/data/encoded-video/u/9b.mp4", "/srv/immich/encoded-video/u/9b.mp4"),
        ("/data/upload/../../etc/passwd", "/srv/immich/upload/../../etc/passwd"),
        ("/database/upload/a.jpg", "nowhere"),
        ("/data", "nowhere"),
    ] {
        assert_eq!(shown(&places.find(path.as_bytes(), false)), expected, "{path}");
    }
}

#[test]
fn without_a_media_location_the_oldest_form_is_told_by_its_paths() {
    let mut places = places(&[], None);
    let relative = b"upload/upload/u/a.jpg";
    assert_eq!(shown(&places.find(relative, false)), "3:upload/u/a.jpg stale");
    places.learn(None, true);
    assert_eq!(shown(&places.find(relative, false)), "3:upload/u/a.jpg");
}

#[test]
fn mounts_lead_elsewhere_and_the_longest_wins() {
    let mounts = [
        ("/data", "/srv/immich"),
        ("/data/library", "/mnt/nas/photos/immich/"),
        ("/external", "/mnt/nas/photos"),
    ];
    let places = places(&mounts, Some("/data/"));
    for (path, external, expected) in [
        ("/data/library/a.jpg", false, "11:mnt/nas/photos/immich/a.jpg"),
        ("/data/upload/a.jpg", false, "3:upload/a.jpg"),
        ("/photos/library/a.jpg", false, "11:mnt/nas/photos/immich/a.jpg stale"),
        ("/external/2011/b.jpg", true, "11:mnt/nas/photos/2011/b.jpg"),
        ("/mnt/nas/photos/2011/b.jpg", true, "11:mnt/nas/photos/2011/b.jpg"),
        ("/elsewhere/b.jpg", true, "/elsewhere/b.jpg"),
        ("elsewhere/b.jpg", true, "nowhere"),
    ] {
        assert_eq!(shown(&places.find(path.as_bytes(), external)), expected, "{path}");
    }
}
