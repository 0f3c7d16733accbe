//! What only a directory has: a file system with room, locks of files, and ways of its own.

use std::fs::{self, File};
use std::path::Path;

use bytes::Bytes;

use super::report::Verdict;
use super::scratch::Scratch;
use crate::seams::{DiskOperation, Seams};

/// Less is soon full.
const ROOM_BYTES_MIN: u64 = 1 << 30;

/// File systems on other machines, by the numbers of Linux (statfs(2)).
#[cfg(target_os = "linux")]
const NETWORK: [(u64, &str); 5] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x6573_5546, "FUSE"),
];

pub fn look(scratch: &mut Scratch<'_>, path: &Path) {
    room(scratch, path);
    kind(scratch, path);
    locks(scratch, path);
    case(scratch);
}

/// Removes the scratch folder; what cannot be removed was named already.
pub fn remove(seams: &Seams, path: &Path) {
    if seams.disk.before(DiskOperation::Remove, path).is_ok() {
        // Empty folders at worst.
        let _ = fs::remove_dir_all(path);
    }
}

fn room(scratch: &mut Scratch<'_>, path: &Path) {
    let means = "a backup that finds no room fails, and keeps what is there";
    let Ok(told) = rustix::fs::statvfs(path) else {
        let found = "the file system does not say";
        return scratch.say("free_space", Verdict::Unknown, found, means);
    };
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    let verdict = if free < ROOM_BYTES_MIN {
        Verdict::Lacking
    } else {
        Verdict::Good
    };
    let found = format!("{:.1} GB are free", free as f64 / 1e9);
    scratch.say("free_space", verdict, found, means);
}

#[cfg(target_os = "linux")]
fn kind(scratch: &mut Scratch<'_>, path: &Path) {
    let Ok(told) = rustix::fs::statfs(path) else {
        return;
    };
    let number = u64::try_from(told.f_type).unwrap_or(0);
    let name = NETWORK
        .iter()
        .find(|(known, _)| *known == number & 0xffff_ffff);
    let means = "a copy on another machine is a medium of its own; if that machine loses power, \
                 what it has not written yet is gone";
    if let Some((_, name)) = name {
        let found = format!("it is mounted by way of {name}");
        scratch.say("file_system", Verdict::Good, found, means);
    }
}

#[cfg(not(target_os = "linux"))]
fn kind(_: &mut Scratch<'_>, _: &Path) {}

fn locks(scratch: &mut Scratch<'_>, path: &Path) {
    let probe = "file_lock";
    let file = path.join("doctor.lock");
    let before = scratch.seams.disk.before(DiskOperation::Create, &file);
    let tried = before.and_then(|()| Ok((File::create(&file)?, File::open(&file)?)));
    let means_good = "prune waits for writers on this directory";
    let means = "prune cannot know of writers here: let one machine alone write and prune";
    match tried {
        Err(error) => {
            let found = format!("could not be tried: {error}");
            scratch.say(probe, Verdict::Unknown, found, means);
        }
        Ok((first, second)) => match (first.try_lock(), second.try_lock()) {
            (Ok(()), Err(fs::TryLockError::WouldBlock)) => {
                scratch.say(
                    probe,
                    Verdict::Good,
                    "a file that is locked stays locked",
                    means_good,
                );
            }
            (Ok(()), Ok(())) => {
                scratch.say(
                    probe,
                    Verdict::Lacking,
                    "a locked file can be locked again",
                    means,
                );
            }
            _ => scratch.say(probe, Verdict::Lacking, "files cannot be locked", means),
        },
    }
    // It is in the scratch folder, which goes.
    let _ = fs::remove_file(&file);
}

fn case(scratch: &mut Scratch<'_>) {
    let probe = "letter_case";
    if let Err(error) = scratch.put("case/a", Bytes::from_static(b"lower")) {
        return scratch.cannot_say(probe, &error);
    }
    let is_same = scratch.store.head("case/A").is_ok();
    let found = if is_same {
        "upper and lower case are one name"
    } else {
        "upper and lower case are different names"
    };
    scratch.say(
        probe,
        Verdict::Good,
        found,
        "all names of offsite are in lower case",
    );
}
