//! "The index segments are gone, and this is a new machine." The packs know themselves what they hold.

use crate::tree::{assert_same, noise};
use crate::user::both;

#[test]
fn packs_alone_are_enough_to_find_everything_again() {
    for user in both() {
        for number in 0..8 {
            let path = format!("photos/{number}.jpg");
            user.write(&path, noise(&path, 400_000));
        }
        user.offsite(&["init", "--pack-size", "1"]).done();
        user.offsite(&["backup", "--quiet", "photos"]).done();
        user.write("photos/late.jpg", noise("late", 400_000));
        user.offsite(&["backup", "--quiet", "photos"]).done();
        let packs = user.objects.list("packs/").len() + user.objects.list("listings/").len();
        let rebuild = |more: &[&str]| {
            let arguments = [&["index", "rebuild", "--json"], more].concat();
            user.offsite(&arguments)
        };
        let expected = rebuild(&[]).done().json();
        assert_eq!(expected["packs"], packs);
        assert_eq!(expected["packs_from_footers"], 0);
        let forced = rebuild(&["--from-footers"]).done().json();
        assert_eq!(forced["packs_from_footers"], packs);
        assert_eq!(forced["chunks"], expected["chunks"]);

        // One of the segments is damaged, which is told; then all are gone.
        let segments: Vec<String> = user.objects.list("index/").into_keys().collect();
        let mut bytes = user.objects.read(&segments[0]);
        bytes[300] ^= 1;
        user.objects.put(&segments[0], bytes);
        let outcome = rebuild(&[]).ended(4);
        assert_eq!(outcome.json()["chunks"], expected["chunks"], "{outcome}");
        assert_eq!(outcome.json()["damaged_segments"], 1, "{outcome}");
        user.objects.remove("index/");

        let other = user.another_machine();
        let outcome = other.offsite(&["index", "rebuild", "--json"]).done();
        let alone = outcome.json();
        assert_eq!(alone["chunks"], expected["chunks"], "{outcome}");
        assert_eq!(alone["packs_from_footers"], packs, "{outcome}");
        other.offsite(&["restore", "--target", "back"]).done();
        let inside = user.path("photos");
        let inside = inside.strip_prefix("/").unwrap();
        assert_same(&user.path("photos"), &other.path("back").join(inside));

        // What was found this way need not be sent again, and the next backup says it to others.
        let again = user.offsite(&["backup", "--json", "photos"]).done().json();
        assert_eq!(again["bytes_added"], 0, "{again}");
        assert!(!user.objects.list("index/").is_empty());
        user.offsite(&["verify"]).done();
    }
}
