//! A target in which somebody else swaps folders and files for links while a restore is at work: at
//! each single step that it takes.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offsite::ops::RestoreOptions;
use offsite::repository::Repository;
use offsite::seams::{Disk, DiskOperation, Seams};

use super::case::{Case, Place, case};
use super::surroundings::{Surroundings, differences};
use super::{Forge, complaints, honest, restore};

/// Does it before the n-th change to the file system.
struct Swapper {
    step: usize,
    steps: AtomicUsize,
    swap: fn(&Place),
    place: Place,
}

impl Disk for Swapper {
    fn before(&self, _: DiskOperation, _: &Path) -> io::Result<()> {
        if self.steps.fetch_add(1, Ordering::SeqCst) == self.step {
            (self.swap)(&self.place);
        }
        Ok(())
    }
}

/// Puts a link to something outside in the place of what stands there, if anything does.
fn swap(place: &Place, name: &str, outside: &str) {
    let (there, aside) = (place.target().join(name), place.target().join("aside"));
    if fs::symlink_metadata(&there).is_ok() {
        let _ = fs::remove_dir_all(&aside);
        fs::rename(&there, aside).unwrap();
    }
    // The folder above may not be there yet.
    let _ = symlink(place.canary().join(outside), there);
}

const SWAPS: [fn(&Place); 6] = [
    |place| swap(place, "d", ""),
    |place| swap(place, "d/dir", "dir"),
    |place| swap(place, "d/secret.txt", "secret.txt"),
    |place| swap(place, "d/g", "same.txt"),
    |place| swap(place, "d/link", "secret.txt"),
    |place| {
        swap(place, "d", "");
        let aside = place.target().join("aside");
        let _ = fs::remove_file(place.target().join("d"));
        let _ = fs::rename(aside, place.target().join("d"));
    },
];

/// Its names are those of what lies outside.
fn listing(make: &super::Maker) -> Case {
    case(
        "",
        vec![
            make.folder("d"),
            make.folder("d/dir"),
            make.file("d/dir/inner.txt"),
            make.name_of("d/g", "d/secret.txt"),
            make.link("d/link", "elsewhere"),
            make.file("d/same.txt"),
            make.file("d/secret.txt"),
        ],
    )
}

/// A folder, a file, a second name, a link: swapped for a link to its like outside, before each single
/// change that the restore makes. (Racing it with a thread met few of these moments.)
#[test]
fn what_is_swapped_for_a_link_at_any_step_leads_nowhere() {
    let forge = Forge::new();
    let around = Surroundings::new();
    let make = forge.maker(&around);
    let (case, honest) = (listing(&make), honest(&make));
    let record = forge.snapshot(&case, &honest);
    let mut opened = forge.world.open();
    let plain = opened.repository.clone();
    let options = |delete| RestoreOptions {
        target: around.place().target(),
        delete,
        ..RestoreOptions::default()
    };
    let (mut runs, mut escapes) = (0, Vec::new());
    for (swap, is_second) in SWAPS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
        for step in 0.. {
            around.empty_target();
            opened.repository = plain.clone();
            if is_second {
                // It is all there already, but the files are others.
                restore(&opened, &record, options(false));
                fs::write(around.place().target().join("d/same.txt"), b"other").unwrap();
                fs::remove_file(around.place().target().join("d/g")).unwrap();
                fs::write(around.place().target().join("d/too-much"), b"").unwrap();
            }
            let before = around.seen();
            let swapper = Arc::new(Swapper {
                step,
                steps: AtomicUsize::new(0),
                swap,
                place: around.place(),
            });
            opened.repository = Repository {
                seams: Seams {
                    disk: swapper.clone(),
                    ..plain.seams.clone()
                },
                ..plain.clone()
            };
            restore(&opened, &record, options(is_second));
            escapes.extend(differences(&before, &around.seen()));
            runs += 1;
            // Once nobody interferes it comes as if nobody had.
            opened.repository = plain.clone();
            let report = restore(&opened, &record, options(false));
            let wrong = complaints(&case, &honest, &around, &report);
            assert!(wrong.is_empty(), "after step {step}: {wrong:?}");
            escapes.extend(differences(&before, &around.seen()));
            if swapper.steps.load(Ordering::SeqCst) <= step {
                break;
            }
        }
    }
    println!(
        "counted: crafted: {runs} steps of a restore at which something was swapped for a link"
    );
    println!("counted: crafted: {} escapes by such a link", escapes.len());
    assert!(escapes.is_empty(), "{}", escapes.join("\n"));
    assert!(runs > 100, "{runs}");
}
