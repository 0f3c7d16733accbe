//! Paths of every generation, of odd installations, and of nobody's.

use proptest::prelude::*;

use super::*;

fn root(number: u32, folder: &str, stored_as: &str) -> Root {
    Root {
        number,
        folder: PathBuf::from(folder),
        stored_as: stored_as.as_bytes().to_vec(),
    }
}

/// What `--immich /srv/immich /nas/photos` backs up.
fn roots() -> Vec<Root> {
    vec![
        root(1, "/srv/immich/library", "library"),
        root(2, "/srv/immich/profile", "profile"),
        root(3, "/srv/immich/upload", "upload"),
        root(11, "/nas/photos", "nas/photos"),
    ]
}

fn mount(container: &str, host: &str) -> Mount {
    Mount {
        container: container.as_bytes().to_vec(),
        host: PathBuf::from(host),
    }
}

fn map(media: &str, mounts: &[Mount]) -> PathMap {
    let location = Some(Path::new("/srv/immich"));
    PathMap::new(media.as_bytes(), location, mounts, &roots(), &[])
}

fn place(root: impl Into<Option<u32>>, stored: &str, part: Part) -> Place {
    Place {
        root: root.into(),
        stored: stored.as_bytes().to_vec(),
        part,
    }
}

fn managed(root: u32, stored: &str) -> Mapped {
    Mapped::Managed(place(root, stored, Part::Original))
}

fn stale(root: u32, stored: &str) -> Mapped {
    Mapped::Stale(place(root, stored, Part::Original))
}

#[test]
fn one_prefix_is_taken_off_in_every_generation() {
    for (media, path) in [
        ("upload", "upload/upload/a/b.jpg"),
        ("./upload/", "./upload/upload/a/b.jpg"),
        ("/usr/src/app/upload", "/usr/src/app/upload/upload/a/b.jpg"),
        ("/data", "/data/upload/a/b.jpg"),
        ("/data/", "/data//upload/./a/b.jpg"),
        ("/volume1/my photos", "/volume1/my photos/upload/a/b.jpg"),
    ] {
        assert_eq!(
            map(media, &[]).map(path.as_bytes(), false),
            managed(3, "upload/a/b.jpg")
        );
    }
    let data = map("/data", &[]);
    assert_eq!(data.map(b"/data/library/x", false), managed(1, "library/x"));
    let part = |path: &str| match data.map(path.as_bytes(), false) {
        Mapped::Managed(place) => (place.root, place.part),
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(part("/data/profile/u/a.png"), (Some(2), Part::Profile));
    assert_eq!(part("/data/thumbs/u/a.webp"), (None, Part::Generated));
    assert_eq!(part("/data/encoded-video/u/a.mp4"), (None, Part::Generated));
    assert_eq!(
        part("/data/encoded-video/u/9b/44/x-MP.mp4"),
        (None, Part::Motion)
    );
    assert_eq!(part("/data/library/u/x-MP.mp4"), (Some(1), Part::Original));
    assert_eq!(part("/data/else/x"), (None, Part::Other));
}

#[test]
fn what_the_database_does_not_tell_is_as_immich_assumes() {
    assert_eq!(media_location(Some(b"/x"), true), b"/x");
    assert_eq!(media_location(None, true), b"upload");
    assert_eq!(media_location(None, false), b"/usr/src/app/upload");
}

#[test]
fn prefixes_of_other_times_are_stale() {
    let data = map("/data", &[]);
    for path in [
        "/usr/src/app/upload/upload/x",
        "upload/upload/x",
        "./upload/upload/x",
        "/photos/upload/x",
    ] {
        assert_eq!(
            data.map(path.as_bytes(), false),
            stale(3, "upload/x"),
            "{path}"
        );
    }
    let custom = map("/volume1/photos", &[]);
    assert_eq!(custom.map(b"/data/library/x", false), stale(1, "library/x"));
    // The one that counts goes first, so that nothing is stripped twice.
    let old = map("upload", &[]);
    assert_eq!(
        old.map(b"upload/upload/upload/x", false),
        managed(3, "upload/upload/x")
    );
    assert_eq!(old.map(b"/data/upload/x", false), stale(3, "upload/x"));
    // Names that only begin alike.
    for path in [
        "/database/x",
        "/data",
        "/data/",
        "uploads/x",
        "/photos2/x",
        "data/x",
        "",
    ] {
        assert_eq!(
            map("/vol", &[]).map(path.as_bytes(), false),
            Mapped::Outside,
            "{path}"
        );
    }
}

#[test]
fn the_longest_mount_wins() {
    let mounts = [
        mount("/data", "/srv/immich"),
        mount("/data/library", "/nas/photos/library"),
        mount("/mnt/nas", "/nas/photos"),
        mount("/mnt/nas/private", "/home/anna/private"),
    ];
    let map = map("/data", &mounts);
    assert_eq!(map.map(b"/data/upload/x", false), managed(3, "upload/x"));
    assert_eq!(
        map.map(b"/data/library/x", false),
        managed(11, "nas/photos/library/x")
    );
    let external = |host: &str, place| Mapped::External {
        host: Some(PathBuf::from(host)),
        place,
    };
    let stored = Some(place(11, "nas/photos/2011/x", Part::Other));
    assert_eq!(
        map.map(b"/mnt/nas/2011/x", true),
        external("/nas/photos/2011/x", stored)
    );
    assert_eq!(
        map.map(b"/mnt/nas/private/x", true),
        external("/home/anna/private/x", None)
    );
    let unknown = Mapped::External {
        host: None,
        place: None,
    };
    // Mounts are known, and this is none of them.
    assert_eq!(map.map(b"/nas/photos/x", true), unknown);
    assert_eq!(map.map(b"/photos/x", true), unknown, "not stale");
}

#[test]
fn without_mounts_an_external_library_is_looked_for_under_its_own_path() {
    let map = map("/data", &[]);
    let stored = Some(place(11, "nas/photos/x", Part::Other));
    let host = Some(PathBuf::from("/nas/photos/x"));
    assert_eq!(
        map.map(b"/nas/photos/x", true),
        Mapped::External {
            host,
            place: stored
        }
    );
    let nothing = Mapped::External {
        host: None,
        place: None,
    };
    assert_eq!(map.map(b"/mnt/x", true), nothing);
    // A sidecar beside an external photo is known by the library's import path.
    let imports = [b"/photos/".to_vec()];
    let imported = PathMap::new(b"/data", None, &[], &roots(), &imports);
    assert_eq!(imported.map(b"/photos/2011/x.xmp", false), nothing);
    assert_eq!(
        map.map(b"/photos/2011/x.xmp", false),
        Mapped::Stale(place(None, "2011/x.xmp", Part::Other))
    );
}

#[test]
fn folders_that_this_host_calls_otherwise_are_known_by_immichs_names() {
    let mounts = [
        mount("/data", "/volume1/docker/immich"),
        mount("/data/library", "/volume2/library"),
    ];
    let map = map("/data", &mounts);
    assert_eq!(map.map(b"/data/upload/x", false), managed(3, "upload/x"));
    assert_eq!(map.map(b"/data/library/x", false), managed(1, "library/x"));
    // A whole upload location as a plain folder, found by its mount alone.
    let roots = [root(11, "/srv/immich", "srv/immich")];
    let plain = PathMap::new(
        b"upload",
        None,
        &[mount("/usr/src/app/upload", "/srv/immich")],
        &roots,
        &[],
    );
    assert_eq!(
        plain.map(b"upload/library/x", false),
        managed(11, "srv/immich/library/x")
    );
    // The root of the file system has no name of its own.
    let all = PathMap::new(
        b"/data",
        Some(Path::new("/srv/immich")),
        &[],
        &[root(11, "/", "")],
        &[],
    );
    assert_eq!(
        all.map(b"/data/library/x", false),
        managed(11, "srv/immich/library/x")
    );
}

#[test]
fn links_on_the_host_are_seen_through() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    fs::create_dir_all(dir.join("disk/immich/upload")).unwrap();
    std::os::unix::fs::symlink(dir.join("disk/immich"), dir.join("immich")).unwrap();
    let roots = [Root {
        number: 11,
        folder: dir.join("disk"),
        stored_as: b"disk".to_vec(),
    }];
    let mounts = [Mount {
        container: b"/data".to_vec(),
        host: dir.join("immich"),
    }];
    let map = PathMap::new(b"/data", None, &mounts, &roots, &[]);
    assert_eq!(
        map.map(b"/data/upload/x", false),
        managed(11, "disk/immich/upload/x")
    );
}

#[test]
fn nothing_leads_out() {
    let map = map("/data", &[mount("/mnt", "/nas/photos")]);
    for path in [
        &b"/data/../etc/passwd"[..],
        b"/data/upload/..",
        b"..",
        b"/mnt/../x",
        b"/data/upload/a\0b",
        b"/",
        b"//",
        b".",
        b"",
    ] {
        for is_external in [false, true] {
            let mapped = map.map(path, is_external);
            let leads_nowhere = matches!(
                mapped,
                Mapped::Outside
                    | Mapped::External {
                        host: None,
                        place: None
                    }
            );
            assert!(leads_nowhere, "{}: {mapped:?}", path.escape_ascii());
        }
    }
    // A media location that is none.
    let odd = PathMap::new(b"/", None, &[], &roots(), &[]);
    assert_eq!(
        odd.map(b"/etc/passwd", false),
        Mapped::Managed(place(None, "etc/passwd", Part::Other))
    );
}

#[test]
fn other_forms_of_a_name_are_those_that_differ() {
    let (composed, decomposed) = ("Fête/é".as_bytes(), "Fe\u{302}te/e\u{301}".as_bytes());
    assert_eq!(other_forms(composed), [decomposed]);
    assert_eq!(other_forms(decomposed), [composed]);
    let mixed = "é e\u{301}".as_bytes();
    assert_eq!(other_forms(mixed).len(), 2);
    assert!(other_forms(b"plain").is_empty() && other_forms(b"\xff\xe9").is_empty());
    assert!(other_forms("中".as_bytes()).is_empty());
}

proptest! {
    /// A stored path is one that a listing can hold, and lies beneath its root.
    #[test]
    fn stored_paths_are_clean_and_in_their_root(
        path in "(/|\\.|\\.\\.|upload|data|mnt|library|x| |\u{e9}){0,12}",
        is_external: bool,
    ) {
        let map = map("/data", &[mount("/mnt", "/nas/photos")]);
        let place = match map.map(path.as_bytes(), is_external) {
            Mapped::Managed(place) | Mapped::Stale(place) => Some(place),
            Mapped::External { place, .. } => place,
            Mapped::Outside => None,
        };
        if let Some(place) = place {
            let parts: Vec<&[u8]> = place.stored.split(|byte| *byte == b'/').collect();
            prop_assert!(parts.iter().all(|part| !part.is_empty() && *part != b"." && *part != b".."));
            if let Some(number) = place.root {
                let all = roots();
                let root = all.iter().find(|root| root.number == number).unwrap();
                prop_assert!(below(&place.stored, &root.stored_as).is_some());
            }
        }
    }
}
