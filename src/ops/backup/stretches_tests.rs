//! Many small files: however they are handed over, the snapshot is the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use crate::id::ChunkId;
use crate::index::Index;
use crate::ops::backup::crew::tests::{Setting, setting};
use crate::ops::backup::tests::LaterClock;
use crate::ops::look::look;
use crate::progress::Silent;
use crate::seams::Threads;

const FILES: usize = 1200;

/// Small files in many folders, some with long attributes, some with two names, and one larger than
/// what is handed over at once.
fn tree(setting: &Setting) {
    for number in 0..FILES {
        let folder = setting
            .photos()
            .join(format!("{:02}/{}", number % 7, number % 31));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{number}.jpg"));
        fs::write(&file, number.to_string().repeat(number % 300)).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        // Where there are none, the rest is tested.
        let _ = rustix::fs::setxattr(&file, "user.note", &[b'x'; 3000], flags);
        match number % 50 {
            0 => fs::hard_link(&file, setting.photos().join(format!("{number}"))).unwrap(),
            1 => symlink(&file, folder.join("link")).unwrap(),
            _ => {}
        }
    }
    let video = fs::File::create(setting.photos().join("03/video.mov")).unwrap();
    video.set_len(33 << 20).unwrap();
}

fn listing(setting: &Setting) -> (u8, ChunkId) {
    let snapshots = look(&setting.repository, &Index::in_memory().unwrap(), &Silent);
    snapshots.unwrap().last().unwrap().record.listing
}

#[test]
fn a_listing_is_the_same_whoever_took_the_files_in() {
    let mut setting = setting(0, 0);
    setting.repository.seams.clock = Arc::new(LaterClock);
    tree(&setting);
    let index = Index::in_memory().unwrap();
    let first = setting.run(&index, &Silent).unwrap();
    assert_eq!(first.problems_total, 0);
    let of_many_threads = listing(&setting);
    // What is handed over has the same lengths again, and nothing is read.
    let again = setting.run(&index, &Silent).unwrap();
    assert_eq!(again.statistics.bytes_read, 0);
    assert_eq!(again.statistics.files_unmodified, first.statistics.files);
    assert_eq!(listing(&setting), of_many_threads);
    setting.repository.seams.threads = Threads::SINGLE;
    let alone = setting.run(&Index::in_memory().unwrap(), &Silent).unwrap();
    assert_eq!(alone.statistics.files, first.statistics.files);
    assert_eq!(listing(&setting), of_many_threads);
}
