//! "I tagged all my photos in another program, which wrote the tags into the files."
//!
//! A rewritten header has another length, so everything after it lies elsewhere in the file.

use serde_json::Value;

use crate::tree::{assert_same, noise};
use crate::user::User;

const PHOTOS: usize = 50;

/// A header, then what the camera saw, which nobody can compress.
fn photo(number: usize, tags: &str, tags_bytes: usize) -> Vec<u8> {
    let mut photo = b"\xff\xd8\xff\xe1".to_vec();
    photo.extend_from_slice(&(tags_bytes as u16 + 2).to_be_bytes());
    photo.extend_from_slice(b"Exif\0\0");
    let block = format!("<rdf:li>{tags} {number}</rdf:li>\n");
    photo.extend(block.bytes().cycle().take(tags_bytes - 6));
    // From 3 to 8 MB, of a length that is no multiple of anything.
    let pixels = 3_000_000 + number * 5_000_000 / PHOTOS + number % 7;
    photo.extend(noise(&format!("what camera saw {number}"), pixels));
    photo.extend_from_slice(b"\xff\xd9");
    photo
}

fn back_up(user: &User, folders: &[&str]) -> Value {
    let arguments = [&["backup", "--json"], folders].concat();
    user.offsite(&arguments).done().json()
}

#[test]
fn new_headers_send_a_part_of_each_photo_and_copies_send_none() {
    let user = User::with_folder();
    user.init();
    let path = |folder: &str, number: usize| format!("{folder}/IMG_{number:04}.jpg");
    for number in 0..PHOTOS {
        let bytes = 2_000 + number * 531 % 30_000;
        user.write(path("photos", number), photo(number, "holiday", bytes));
    }
    let first = back_up(&user, &["photos"]);
    let total = first["bytes_total"].as_u64().expect("a number");
    assert!(total > 250_000_000, "{total}");
    assert_eq!(first["bytes_added"], total);

    for number in 0..PHOTOS {
        std::fs::create_dir_all(user.path("copies")).expect("a folder");
        let (from, to) = (path("photos", number), path("copies", number));
        std::fs::copy(user.path(from), user.path(to)).expect("a copy");
    }
    let copied = back_up(&user, &["photos", "copies"]);
    assert_eq!(copied["files_total"], 2 * PHOTOS);
    assert_eq!(copied["bytes_added"], 0);

    for number in 0..PHOTOS {
        let bytes = 5_000 + number * 977 % 50_000;
        user.write(
            path("photos", number),
            photo(number, "Grandma, beach", bytes),
        );
    }
    let tagged = back_up(&user, &["photos"]);
    assert_eq!(tagged["files_changed"], PHOTOS);
    let total = tagged["bytes_total"].as_u64().expect("a number");
    let added = tagged["bytes_added"].as_u64().expect("a number");
    let share = 100 * added / total;
    assert!(
        added > 0 && share < 60,
        "{share} % of {total} bytes are new"
    );

    user.offsite(&["restore", "--target", "back"]).done();
    assert_same(&user.path("photos"), &user.restored("back", "photos"));
}
