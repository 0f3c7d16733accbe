//! "The USB disk was not plugged in. Is my copy gone? And did it write the photos into the empty folder
//! beneath, until the system's disk was full?"

use std::fs;

use crate::user::{Outcome, User};

const CONFIGURATION: &str = "
[source]
folders = ['photos']
[[repository]]
name = 'nas'
url = 'nas/offsite'
[[repository]]
name = 'usb'
url = 'usb/offsite'
";

fn asks_for_the_disk(outcome: Outcome) {
    let said = format!("{}{}", outcome.text(), outcome.stderr);
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    assert!(said.contains("its disk may not be mounted"), "{outcome}");
    assert!(!said.contains("or make one there"), "{outcome}");
}

#[test]
fn it_is_asked_for_and_nothing_is_made_in_its_place() {
    let mut user = User::with_folder();
    user.repository.clear();
    user.write("offsite.toml", CONFIGURATION);
    user.write("photos/a.jpg", b"a");
    fs::create_dir(user.path("nas")).unwrap();
    fs::create_dir(user.path("usb")).unwrap();
    user.init();
    user.offsite(&["backup"]).done();
    fs::rename(user.path("usb/offsite"), user.path("unplugged")).unwrap();
    // The disk holds the folder, or is the folder.
    for is_mount_point in [false, true] {
        if is_mount_point {
            fs::create_dir(user.path("usb/offsite")).unwrap();
        }
        user.write("photos/b.jpg", format!("{is_mount_point}"));
        asks_for_the_disk(user.offsite(&["backup"]).ended(7));
        asks_for_the_disk(user.offsite(&["status"]).ended(6));
        asks_for_the_disk(user.offsite(&["verify"]).ended(7));
        asks_for_the_disk(user.offsite(&["estimate", "verify"]).ended(7));
        asks_for_the_disk(user.offsite(&["snapshots", "--repo", "usb"]).ended(10));
        user.offsite(&["init"]).ended(1);
        let mut beneath = fs::read_dir(user.path("usb")).unwrap();
        match is_mount_point {
            false => assert!(beneath.next().is_none()),
            true => assert!(
                fs::read_dir(user.path("usb/offsite"))
                    .unwrap()
                    .next()
                    .is_none()
            ),
        }
    }
    fs::remove_dir(user.path("usb/offsite")).unwrap();
    fs::rename(user.path("unplugged"), user.path("usb/offsite")).unwrap();
    user.offsite(&["sync"]).done();
    user.offsite(&["verify"]).done();
}
