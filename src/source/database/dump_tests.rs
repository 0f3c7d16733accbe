//! Dumps from real files, real compressors' output and real child processes.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;

use super::*;
use crate::source::database::{Compression, DumpFault, DumpKind};
use crate::source::error::CommandStatus;

const SAMPLE: &[u8] = include_bytes!("../../../tests/samples/v3.0-pg_dump.sql");

fn read(source: &DatabaseSource) -> Result<(Vec<u8>, DumpFacts), SourceError> {
    let mut dump = Dump::open(source)?;
    let mut bytes = Vec::new();
    // An error here is told by `finish`.
    let _ = dump.read_to_end(&mut bytes);
    dump.finish().map(|facts| (bytes, facts))
}

fn run(command: &str) -> Result<(Vec<u8>, DumpFacts), SourceError> {
    read(&DatabaseSource::Command(command.to_owned()))
}

fn read_bytes(bytes: &[u8]) -> Result<(Vec<u8>, DumpFacts), SourceError> {
    let file = written(bytes);
    read(&DatabaseSource::File(file.path().into()))
}

fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn causes(error: &SourceError) -> String {
    let source = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    format!("{error}: {source}")
}

#[test]
fn plain_gzip_and_zstd_give_the_same_bytes_from_anywhere() {
    let (front, back) = SAMPLE.split_at(5000);
    let members = [gzip(front), gzip(b""), gzip(back)].concat();
    let zstd = zstd::encode_all(SAMPLE, 3).unwrap();
    for bytes in [SAMPLE.to_vec(), gzip(SAMPLE), members, zstd] {
        let file = written(&bytes);
        let (plain, facts) = read(&DatabaseSource::File(file.path().into())).unwrap();
        assert_eq!(plain, SAMPLE);
        let (plain, same) = run(&format!("cat '{}'", file.path().display())).unwrap();
        assert_eq!((plain.as_slice(), &same), (SAMPLE, &facts));
        assert_eq!(
            (facts.kind, facts.bytes),
            (DumpKind::PgDump, SAMPLE.len() as u64)
        );
    }
}

#[test]
fn a_compressed_dump_cut_anywhere_is_refused() {
    for (whole, compression) in [
        (gzip(SAMPLE), Compression::Gzip),
        (zstd::encode_all(SAMPLE, 3).unwrap(), Compression::Zstd),
    ] {
        for cut in 0..whole.len() {
            let error = read_bytes(whole.get(..cut).unwrap()).unwrap_err();
            if cut > 20 {
                assert!(
                    matches!(error, SourceError::DumpCutShort { compression: c, .. } if c == compression),
                    "cut at {cut}: {error}"
                );
            }
        }
    }
}

#[test]
fn damaged_compressed_dumps_are_refused() {
    let whole = gzip(SAMPLE);
    // The CRC stands in the last eight bytes (RFC 1952), the length in the last four.
    for place in [whole.len() - 8, whole.len() - 1, whole.len() / 2] {
        let mut damaged = whole.clone();
        *damaged.get_mut(place).unwrap() ^= 0x10;
        let error = read_bytes(&damaged).unwrap_err();
        assert!(
            matches!(error, SourceError::DumpDamaged { .. }),
            "at {place}: {error}"
        );
        assert!(error.to_string().contains("gzip"));
    }
    let trailing = [whole.as_slice(), b"more"].concat();
    assert!(read_bytes(&trailing).is_err());
    let error = read_bytes(&gzip(&whole)).unwrap_err().to_string();
    assert!(error.contains("still compressed (gzip)"), "{error}");
}

#[test]
fn a_command_that_fails_after_a_whole_dump_is_refused() {
    let file = written(SAMPLE);
    let error = run(&format!(
        "cat '{}'; printf 'pg_dump: error: \\033[31mlost\\n\\nserver gone\\n' >&2; exit 1",
        file.path().display()
    ))
    .unwrap_err();
    assert!(matches!(
        error,
        SourceError::CommandFailed {
            status: CommandStatus::Exit(1),
            ..
        }
    ));
    assert!(
        causes(&error).ends_with("the command said: pg_dump: error: \u{fffd}[31mlost; server gone"),
        "{}",
        causes(&error)
    );
}

#[test]
fn a_command_that_is_killed_midway_or_does_not_exist_is_refused() {
    let error = run("printf -- '--\\n-- PostgreSQL database dump\\n'; kill -9 $$").unwrap_err();
    assert!(matches!(
        error,
        SourceError::CommandFailed {
            status: CommandStatus::Signal(9),
            ..
        }
    ));
    let error = run("no-such-program --at-all").unwrap_err();
    assert!(matches!(
        error,
        SourceError::CommandFailed {
            status: CommandStatus::Exit(127),
            ..
        }
    ));
    assert!(error.to_string().contains("not found") && causes(&error).contains("no-such-program"));
}

#[test]
fn a_pipe_that_hides_the_failure_is_seen_through() {
    // The shell gives the status of the last program: 0.
    let error =
        run("(echo '-- PostgreSQL database dump'; echo lost >&2; exit 1) | cat").unwrap_err();
    assert!(
        matches!(
            error,
            SourceError::Dump {
                fault: DumpFault::NoTrailer { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(causes(&error).ends_with("the command said: lost"));
    let error = run("true").unwrap_err();
    assert!(
        matches!(
            error,
            SourceError::Dump {
                fault: DumpFault::Empty,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn only_the_end_of_much_talk_is_kept() {
    let error = run("yes chatter | head -c 200000 >&2; echo the end >&2; exit 3").unwrap_err();
    let text = causes(&error);
    assert!(
        text.ends_with("; the end") && text.len() < 8000,
        "{}",
        text.len()
    );
}

#[test]
fn a_dropped_dump_leaves_no_process_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let command = format!(
        "trap '' TERM; sleep 1000 & echo $! > '{0}'; echo $$ >> '{0}'; \
         echo '-- PostgreSQL database dump'; wait; sleep 1000",
        pids.display()
    );
    let dump = Dump::open(&DatabaseSource::Command(command)).unwrap();
    let pids = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    drop(dump);
    // The child of the child is reaped by another process, some time after it was killed.
    let deadline = Instant::now() + Duration::from_secs(5);
    let alive = |pid: &str| {
        std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    while pids.lines().any(alive) {
        assert!(Instant::now() < deadline, "still running: {pids}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_command_that_goes_on_after_a_fault_is_stopped() {
    // Were it not stopped, `yes` would hold this up for ever.
    let error = run("printf PGDMP; yes").unwrap_err();
    assert!(
        matches!(
            error,
            SourceError::Dump {
                fault: DumpFault::CustomFormat,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_is_no_readable_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = DatabaseSource::File(dir.path().into());
    assert!(matches!(
        read(&folder),
        Err(SourceError::NoDumpInFolder { .. })
    ));
    let missing = DatabaseSource::File(dir.path().join("dump.sql"));
    assert!(matches!(read(&missing), Err(SourceError::DumpFile { .. })));
    assert!(matches!(
        read_bytes(b""),
        Err(SourceError::Dump {
            fault: DumpFault::Empty,
            ..
        })
    ));
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_is_refused() {
    let (front, back) = SAMPLE.split_at(SAMPLE.len() / 2);
    for (before, meanwhile) in [(SAMPLE, &b"-- more\n"[..]), (front, b"-- "), (front, back)] {
        let mut file = written(before);
        let mut dump = Dump::open(&DatabaseSource::File(file.path().into())).unwrap();
        dump.read_exact(&mut [0; 100]).unwrap();
        file.write_all(meanwhile).unwrap();
        let _ = io::copy(&mut dump, &mut io::sink());
        let error = dump.finish().unwrap_err();
        assert!(matches!(error, SourceError::DumpChanged { .. }), "{error}");
    }
    // Rotation may take it away, or put another in its place, which does this one no harm.
    for another in [None, Some("another")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dump.sql");
        std::fs::write(&path, SAMPLE).unwrap();
        let mut dump = Dump::open(&DatabaseSource::File(path.clone())).unwrap();
        std::fs::remove_file(&path).unwrap();
        if let Some(another) = another {
            std::fs::write(&path, another).unwrap();
        }
        io::copy(&mut dump, &mut io::sink()).unwrap();
        assert!(dump.finish().is_ok());
    }
}

#[test]
fn a_named_pipe_is_read_like_a_file_and_has_no_age() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let place = path.clone();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        std::fs::write(place, gzip(SAMPLE)).unwrap();
    });
    let mut dump = Dump::open(&DatabaseSource::File(path)).unwrap();
    let mut bytes = Vec::new();
    dump.read_to_end(&mut bytes).unwrap();
    writer.join().unwrap();
    assert_eq!((bytes.as_slice(), dump.origin().made), (SAMPLE, None));
    assert!(dump.finish().is_ok());
}

#[test]
fn a_dump_that_was_not_read_is_not_judged() {
    let file = written(SAMPLE);
    let mut dump = Dump::open(&DatabaseSource::File(file.path().into())).unwrap();
    let mut some = [0; 100];
    dump.read_exact(&mut some).unwrap();
    assert!(matches!(dump.finish(), Err(SourceError::DumpNotRead)));
}

#[test]
fn a_dump_and_a_walk_can_move_to_another_thread() {
    fn movable<T: Send>() {}
    movable::<Dump>();
    movable::<crate::source::Walk>();
}
