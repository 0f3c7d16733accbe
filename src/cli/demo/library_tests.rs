//! A drawn library is what it says it is, and the same each time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha1::{Digest, Sha1};

use super::*;
use crate::cli::demo::month::change;

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

fn assert_true_to_disk(library: &Library) {
    for asset in &library.assets {
        let bytes = fs::read(library.folder.join(&asset.path)).unwrap();
        assert_eq!(bytes.len() as u64, asset.size, "{}", asset.path);
        assert_eq!(
            <[u8; 20]>::from(Sha1::digest(&bytes)),
            asset.sha1,
            "{}",
            asset.path
        );
        if let Some(sidecar) = &asset.sidecar {
            assert!(library.folder.join(&sidecar.path).exists());
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_files_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
    let mut first = draw(&a, 7, Size::TINY).unwrap();
    let mut second = draw(&b, 7, Size::TINY).unwrap();
    draw(&c, 8, Size::TINY).unwrap();
    assert!(files(&a) == files(&b));
    let photos = |folder| {
        files(folder)
            .into_values()
            .filter(|f| f.starts_with(b"\xff\xd8"))
            .collect::<Vec<_>>()
    };
    assert!(photos(&a).iter().all(|photo| !photos(&c).contains(photo)));
    assert_eq!(
        change(&mut first, 2).unwrap(),
        change(&mut second, 2).unwrap()
    );
    assert!(files(&a) == files(&b));
}

#[test]
fn every_asset_is_on_disk_with_its_size_and_sum_and_the_odd_ones_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let library = draw(folder.path(), 1, Size::TINY).unwrap();
    assert_true_to_disk(&library);
    assert_eq!(library.assets.len(), Size::TINY.photos as usize + 1);
    assert!(
        library
            .assets
            .iter()
            .any(|asset| asset.path.contains("\\name\t"))
    );
    assert!(library.assets.iter().any(|asset| asset.path.contains(' ')));
    assert!(
        library
            .assets
            .iter()
            .any(|asset| asset.path.starts_with("upload/"))
    );
    let mut sums: Vec<_> = library.assets.iter().map(|asset| asset.sha1).collect();
    sums.sort();
    sums.dedup();
    assert_eq!(
        sums.len(),
        library.assets.len() - 1,
        "one photo has two owners, the others differ"
    );
    for name in [
        "upload",
        "library",
        "thumbs",
        "encoded-video",
        "profile",
        "backups",
    ] {
        let marker = fs::read_to_string(folder.path().join(name).join(".immich")).unwrap();
        assert!(
            marker.len() == 13 && marker.parse::<u64>().is_ok(),
            "{marker}"
        );
        let beside = files(&folder.path().join(name)).len();
        assert!(beside >= 2, "{name} holds {beside}");
    }
}

#[test]
fn a_month_leaves_exactly_the_changes_it_tells() {
    let folder = tempfile::tempdir().unwrap();
    let mut library = draw(folder.path(), 3, Size::TINY).unwrap();
    let before = files(folder.path());
    let change = change(&mut library, 3).unwrap();
    let mut after = files(folder.path());
    assert_true_to_disk(&library);

    for path in &change.added {
        assert!(after.remove(Path::new(path)).is_some());
    }
    let (from, to) = change.moved;
    assert_eq!(
        before.get(Path::new(&from)),
        after.remove(Path::new(&to)).as_ref()
    );
    let old = &before[Path::new(&change.rewritten)];
    let new = after.remove(Path::new(&change.rewritten)).unwrap();
    assert_ne!(old.len(), new.len());
    let scan = |jpeg: &[u8]| {
        jpeg.windows(2)
            .position(|pair| pair == [0xff, 0xdb])
            .unwrap()
    };
    assert_eq!(
        old[scan(old)..],
        new[scan(&new)..],
        "the image data is the same"
    );
    assert_ne!(
        before[Path::new(&change.retitled)],
        after[Path::new(&change.retitled)]
    );
    after.remove(Path::new(&change.retitled));

    let touched = [from, change.rewritten, change.retitled, change.deleted];
    let mut untouched = before;
    untouched.retain(|path, _| !touched.iter().any(|other| Path::new(other) == path));
    assert!(
        untouched.keys().eq(after.keys()),
        "{:?}\n{:?}",
        untouched.keys(),
        after.keys()
    );
    assert!(untouched == after, "a file changed that should not have");
}

#[test]
fn months_pass_until_too_few_photos_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut library = draw(folder.path(), 3, Size::TINY).unwrap();
    let error = (0..20).find_map(|_| change(&mut library, 0).err()).unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_true_to_disk(&library);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    let error = draw(folder.path(), 1, Size::TINY).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(files(folder.path()).len(), 1);
}
