//! What the audit costs: a dump of 3 GB with 1,000,000 assets, stored plainly, and stored with the
//! rows read and held against the files. The real program, time and peak memory of each.
//!
//! `cargo bench --bench audit_million`; `ASSETS=100000 MEGABYTES=300` in the environment for a
//! smaller one. Needs room for about 1.5 GB in the folder for temporary files.
//!
//! Three runs, each with a repository of its own: the dump alone; with all originals there (a
//! thousand rows share each of 1,000 files, so that no time goes into making a million files); and
//! with every original missing, which is the worst day.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha1::{Digest, Sha1};

const FILES: u64 = 1_000;
/// One pool of text that looks like embeddings; the dump repeats it from changing places on.
const POOL_BYTES: usize = 64 << 20;

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("write-dump") {
        let is_there = arguments.next().as_deref() == Some("there");
        write_dump(is_there).expect("somebody reads the dump");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let location = folder.path().join("immich");
    for name in ["library", "upload", "profile"] {
        fs::create_dir_all(location.join(name)).expect("a folder");
    }
    for file in 0..FILES {
        let path = location.join(format!("library/{file}.jpg"));
        fs::write(path, content(file)).expect("a file");
    }
    let plain = run(folder.path(), "plain", "there", false);
    for (name, which) in [("all there", "there"), ("all missing", "gone")] {
        let (time, memory) = run(folder.path(), name, which, true);
        let added = time.saturating_sub(plain.0).as_secs_f64();
        println!(
            "{name}: {added:.1} s more than plain, {} MiB more",
            memory.saturating_sub(plain.1)
        );
    }
}

/// One backup into a new repository; gives its time and its peak memory in MiB.
fn run(folder: &Path, name: &str, which: &str, audits: bool) -> (Duration, u64) {
    let place = folder.join(name.replace(' ', "-"));
    let offsite = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_offsite"));
        command
            .env("OFFSITE_PASSPHRASE", "a passphrase for a benchmark")
            .env("OFFSITE_STATE_DIR", place.join("state"))
            .env("OFFSITE_REPOSITORY", place.join("repository"))
            .stdout(Stdio::null());
        command
    };
    fs::create_dir_all(&place).expect("a folder");
    let made = offsite().args(["init", "--quiet"]).status();
    assert!(made.expect("the program starts").success());
    let myself = std::env::current_exe().expect("a path");
    let dump = format!("'{}' write-dump {which}", myself.display());
    let mut command = offsite();
    command.args(["backup", "--no-progress", "--database-command", &dump]);
    if audits {
        command.arg("--immich").arg(folder.join("immich"));
    } else {
        command.arg(folder.join("immich"));
    }
    let began = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    let time = began.elapsed();
    println!("{name}: {:.1} s, peak {peak} MiB", time.as_secs_f64());
    fs::remove_dir_all(&place).expect("a folder");
    (time, peak)
}

/// In MiB; 0 where it cannot be told.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

fn content(file: u64) -> String {
    format!("photo {file}")
}

fn write_dump(is_there: bool) -> io::Result<()> {
    let (assets, bytes) = (
        number("ASSETS", 1_000_000),
        number("MEGABYTES", 3_000) * 1_000_000,
    );
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    out.write_all(b"--\n-- PostgreSQL database dump\n--\n\n")?;
    out.write_all(
        b"COPY public.asset (id, \"ownerId\", \"originalPath\", checksum, \"isOffline\", \
          \"isExternal\", status) FROM stdin;\n",
    )?;
    let sha1s: Vec<String> = (0..FILES)
        .map(|file| {
            let digest = Sha1::digest(content(file).as_bytes());
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        })
        .collect();
    let mut written = 0;
    for asset in 0..assets {
        // In no order of paths.
        let file = asset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let (path, sha1) = if is_there {
            let file = file % FILES;
            (format!("{file}"), sha1s[file as usize].clone())
        } else {
            (
                format!("gone-{file:08x}-{asset:08x}"),
                format!("{asset:040x}"),
            )
        };
        let row = format!(
            "aaaaaaaa-0000-4000-8000-{asset:012x}\tbbbbbbbb-0000-4000-8000-000000000001\t\
             /usr/src/app/upload/library/{path}.jpg\t\\\\x{sha1}\tf\tf\tactive\n"
        );
        written += row.len() as u64;
        out.write_all(row.as_bytes())?;
    }
    out.write_all(
        b"\\.\n\nCOPY public.asset_exif (\"assetId\", \"fileSizeInByte\") FROM stdin;\n",
    )?;
    for asset in 0..assets {
        let row = format!("aaaaaaaa-0000-4000-8000-{asset:012x}\t{}\n", 5 + asset % 9);
        written += row.len() as u64;
        out.write_all(row.as_bytes())?;
    }
    out.write_all(b"\\.\n\nCOPY public.smart_search (\"assetId\", embedding) FROM stdin;\n")?;
    let pool = pool();
    let mut begin = 0;
    while written < bytes {
        // A prime: no two rows are alike for long.
        begin = (begin + 7_919) % (POOL_BYTES - 6_300);
        out.write_all(pool.get(begin..begin + 6_300).unwrap_or_default())?;
        out.write_all(b"\n")?;
        written += 6_301;
    }
    out.write_all(b"\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n")?;
    out.flush()
}

/// Digits as those of floating point numbers.
fn pool() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut digit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"0123456789012345,-."[(state >> 40) as usize % 19]
    };
    (0..POOL_BYTES).map(|_| digit()).collect()
}
