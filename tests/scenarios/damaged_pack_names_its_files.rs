//! "A disk at the provider's went bad. Which photos did I lose?"

use std::collections::BTreeSet;

use crate::tree::{noise, tree};
use crate::user::{User, both};

const FILES: usize = 30;

#[test]
fn one_wrong_byte_costs_the_files_it_is_in_and_no_other() {
    for user in both() {
        for number in 0..FILES {
            let path = format!("photos/{number}.jpg");
            user.write(&path, noise(&path, 200_000));
        }
        user.offsite(&["init", "--pack-size", "1"]).done();
        user.offsite(&["backup", "--quiet", "photos"]).done();
        flip_one_byte(&user);

        let outcome = user
            .offsite(&["restore", "--json", "--target", "back"])
            .ended(4);
        let report = outcome.json();
        let root = user.path("photos").display().to_string();
        let lost: BTreeSet<Vec<u8>> = report["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| {
                let path = format!("/{}", problem["path"].as_str().unwrap());
                let error = problem["error"].as_str().unwrap();
                assert!(error.contains("damaged"), "{error}");
                let inside = path.strip_prefix(&root).expect("a photo");
                inside.trim_start_matches('/').as_bytes().to_vec()
            })
            .collect();
        assert!((1..FILES / 2).contains(&lost.len()), "{outcome}");
        assert_eq!(report["files_restored"], FILES - lost.len());

        // All others are right, and those are not there, not even in part.
        let mut expected = tree(&user.path("photos"));
        expected.retain(|path, _| !lost.contains(path));
        assert_eq!(tree(&user.restored("back", "photos")), expected);

        let outcome = user.offsite(&["restore", "--target", "back"]).ended(4);
        for path in &lost {
            let path = String::from_utf8_lossy(path);
            assert!(outcome.text().contains(&format!("/{path}: ")), "{outcome}");
        }
        assert!(outcome.text().contains("not complete"), "{outcome}");
    }
}

/// In the middle of the largest pack, where only contents are.
fn flip_one_byte(user: &User) {
    let packs = user.objects.list("packs/");
    let (name, _) = packs
        .iter()
        .max_by_key(|(_, bytes)| **bytes)
        .expect("a pack");
    let mut bytes = user.objects.read(name);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    user.objects.put(name, bytes);
}
