//! The reader behind the gate: on both samples row by row, and on generations between them.

use super::super::rows::{Checksum, Uuid};
use super::*;
use crate::source::database::Gate;

const OLD: &str = include_str!("../../../tests/samples/v1.135-pg_dumpall.sql");
const NEW: &str = include_str!("../../../tests/samples/v3.0-pg_dump.sql");

/// Keeps rows as text; remembers and goes back, unless it cannot.
#[derive(Debug, Default, Clone, PartialEq)]
struct Kept {
    rows: Vec<String>,
    remembered: Option<Vec<String>>,
    forgetful: bool,
}

impl RowSink for Kept {
    fn row(&mut self, row: Row<'_>) -> io::Result<()> {
        self.rows.push(said(row));
        Ok(())
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.rows.clear();
        Ok(())
    }

    fn remember(&mut self) -> io::Result<bool> {
        if !self.forgetful {
            self.remembered = Some(self.rows.clone());
        }
        Ok(!self.forgetful)
    }

    fn go_back(&mut self) -> io::Result<()> {
        self.rows = self.remembered.take().unwrap();
        Ok(())
    }
}

/// A row in short: identifiers by their last two digits.
fn said(row: Row<'_>) -> String {
    let id = |id: Uuid| format!("{:02x}", id[15]);
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match row {
        Row::Asset(asset) => {
            let checksum = match asset.checksum {
                Checksum::Content(sha1) => format!("{:02x}{:02x}", sha1[0], sha1[19]),
                Checksum::Path => "of path".to_owned(),
                Checksum::Unknown(bytes) => format!("unknown {}", text(bytes)),
            };
            let (external, offline) = (asset.is_external, asset.is_offline);
            format!(
                "asset {} of {} in {:?} at {} checksum {checksum}{}{} {:?}",
                id(asset.id),
                id(asset.owner),
                asset.library.map(id),
                text(asset.path),
                if external { " external" } else { "" },
                if offline { " offline" } else { "" },
                asset.status,
            )
        }
        Row::File(file) => format!(
            "{:?} of {} at {}",
            file.kind,
            id(file.asset),
            text(file.path)
        ),
        Row::Size { asset, bytes } => format!("{} has {bytes} bytes", id(asset)),
        Row::User(user) => {
            let (name, image) = (text(user.name), text(user.profile_image));
            format!("user {} {name} '{image}'", id(user.id))
        }
        Row::ImportPath { library, path } => format!("library {} {}", id(library), text(path)),
        Row::MediaLocation(location) => format!("media at {}", text(location)),
        Row::Move { old, new } => format!("move {} to {}", text(old), text(new)),
    }
}

fn read_into(kept: Kept, dump: &[u8], piece_bytes: usize) -> (Kept, Summary) {
    let mut reader = Reader::new(kept);
    let mut gate = Gate::observed(Some(Box::new(&mut reader)));
    for piece in dump.chunks(piece_bytes) {
        gate.feed(piece).unwrap();
    }
    gate.finish().unwrap();
    let summary = reader.summary();
    (reader.into_sink(), summary)
}

fn read(dump: &str) -> (Vec<String>, Summary) {
    let (kept, summary) = read_into(Kept::default(), dump.as_bytes(), dump.len());
    (kept.rows, summary)
}

/// A dump of one database with these data blocks.
fn dump(blocks: &str) -> String {
    format!("-- PostgreSQL database dump\n{blocks}-- PostgreSQL database dump complete\n")
}

fn block(table: &str, columns: &str, rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    format!("COPY public.{table} ({columns}) FROM stdin;\n{rows}\\.\n\n")
}

/// Assets with nothing but what must be, with these numbers.
fn assets(table: &str, numbers: std::ops::Range<u32>) -> String {
    let rows: Vec<String> = numbers
        .map(|n| format!("{n:032x}\t{n:032x}\t/data/upload/{n}.jpg\t\\\\x{n:040x}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    block(table, r#"id, "ownerId", "originalPath", checksum"#, &rows)
}

const ALICE: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// What both samples say of their assets, under this media location.
fn sample_assets(media: &str, sidecar_follows: bool) -> Vec<String> {
    let bob = "0b5d2f31-9a1c-4a77-8a5e-5f1d3c2b4a60";
    let alices = |id: &str, path: &str, checksum: &str| {
        format!("asset {id} of e7 in None at {media}/{path} checksum {checksum} Active")
    };
    let day = "library/alice/2024/2024-07-14";
    let mut rows = vec![
        alices(
            "01",
            &format!("upload/{ALICE}/d2/9f/d29f2c1a-6a55-4b1e-9c35-3f0f6f1f0a11.jpg"),
            "d33c",
        ),
        alices("03", &format!("{day}/IMG_4711.MOV"), "e414"),
        alices("02", &format!("{day}/IMG_4711.HEIC"), "176b"),
        alices(
            "77",
            &format!("encoded-video/{ALICE}/9b/44/9b44aa10-2222-4333-8444-555566667777-MP.mp4"),
            "cab9",
        ),
        alices(
            "04",
            &format!("upload/{ALICE}/5a/17/5a17c0de-1111-4222-8333-444455556666.jpg"),
            "0b7c",
        ),
        format!(
            "asset 06 of 60 in None at {media}/upload/{bob}/c3/0e/\
             c30e7b6a-3333-4444-8555-666677778888.jpg checksum caeb Trashed"
        ),
        alices(
            "07",
            &format!(r"{day}/F\xc3\xaate\\\xc3\xa9t\xc3\xa9\t+1.png"),
            "ffbd",
        ),
        "asset 08 of e7 in Some(\"79\") at /mnt/nas/photos/2011/IMG_3718.JPG checksum of path \
         external Active"
            .to_owned(),
    ];
    if sidecar_follows {
        rows.insert(
            3,
            format!("Sidecar of 02 at {media}/{day}/IMG_4711.HEIC.xmp"),
        );
    }
    rows
}

fn sample_users(media: &str) -> Vec<String> {
    vec![
        format!("user e7 Alice '{media}/profile/{ALICE}/aa0c3f52-9999-4000-8000-0123456789ab.png'"),
        "user 60 Bob ''".to_owned(),
        "library 79 /mnt/nas/photos".to_owned(),
    ]
}

#[test]
fn the_dump_of_an_old_immich_row_by_row() {
    let (rows, summary) = read(OLD);
    let mut expected = sample_users("upload");
    expected.extend(sample_assets("upload", true));
    expected.push(format!(
        "Generated of 01 at upload/thumbs/{ALICE}/11/11/\
         11111111-aaaa-4aaa-8aaa-000000000001-preview.jpeg"
    ));
    assert_eq!(rows, expected);
    assert_eq!(
        summary,
        Summary {
            generation: Some(Generation::Plural),
            assets: 8,
            databases_with_assets: 1,
            has_relative_paths: true,
            import_paths: vec![b"/mnt/nas/photos".to_vec()],
            ..Summary::default()
        }
    );
}

#[test]
fn the_dump_of_a_new_immich_row_by_row() {
    let (rows, summary) = read(NEW);
    let mut expected = sample_users("/data");
    expected.extend(sample_assets("/data", false));
    expected.extend([
        format!(
            "Generated of 01 at /data/thumbs/{ALICE}/11/11/\
             11111111-aaaa-4aaa-8aaa-000000000001_preview.jpeg"
        ),
        "Sidecar of 02 at /data/library/alice/2024/2024-07-14/IMG_4711.HEIC.xmp".to_owned(),
        format!(
            "Generated of 03 at /data/encoded-video/{ALICE}/11/11/\
             11111111-aaaa-4aaa-8aaa-000000000003.mp4"
        ),
        "media at /data".to_owned(),
    ]);
    assert_eq!(rows, expected);
    assert_eq!(summary.generation, Some(Generation::Singular));
    assert_eq!((summary.assets, summary.assets_unreadable), (8, 0));
}

#[test]
fn rows_do_not_depend_on_how_the_bytes_arrive_nor_on_their_line_ends() {
    for text in [OLD, NEW] {
        let whole = read(text);
        for piece_bytes in [1, 2, 3, 7, 100, 4096] {
            let (kept, summary) = read_into(Kept::default(), text.as_bytes(), piece_bytes);
            assert_eq!(
                (&kept.rows, &summary),
                (&whole.0, &whole.1),
                "{piece_bytes}"
            );
        }
        for end in ["\r\n", "\r\r\n"] {
            let text = format!("\u{feff}{}", text.replace('\n', end));
            assert_eq!(read(&text), whole);
        }
    }
}

#[test]
fn generations_between_the_samples() {
    let id = |n: u32| format!("{n:032x}");
    let asset = format!("{}\t{}\t{}", id(1), id(2), id(3));
    // About 1.137: the new names, with the files still in columns, in another order.
    let middle = block(
        "asset",
        r#""encodedVideoPath", id, "ownerId", "libraryId", "isOffline", "deletedAt", status, checksum, "sidecarPath", "isExternal", "originalPath""#,
        &[
            &format!(
                "/data/e.mp4\t{asset}\tt\t2025-01-01 00:00:00+00\tdeleted\t\\\\xff\t/x.xmp\tt\t/nas/a"
            ),
            &format!("\t{asset}\tf\t\\N\tactive\t\\\\x{:040x}\t\t\\N\t/data/b", 5),
        ],
    );
    let more = [
        block(
            "asset_exif",
            r#""assetId", make, "fileSizeInByte""#,
            &[
                &format!("{}\tNikon\t9000000000", id(1)),
                &format!("{}\t\t\\N", id(2)),
            ],
        ),
        block(
            "move_history",
            r#"id, "entityId", "pathType", "oldPath", "newPath""#,
            &["x\ty\toriginal\t/data/upload/a b\t/data/library/a\\\\b"],
        ),
        block(
            "library",
            r#"id, "importPaths""#,
            &[&format!(
                "{}\t{{/nas,\"/with, comma\",\"a \\\\\\\\ b\"}}",
                id(3)
            )],
        ),
        block(
            "system_metadata",
            "value, key",
            &[r#"{"location": "/vol\\u00e9 \\"1\\""}	MediaLocation"#],
        ),
    ];
    let (rows, summary) = read(&dump(&[vec![middle], more.to_vec()].concat().concat()));
    assert_eq!(
        rows,
        [
            "asset 01 of 02 in Some(\"03\") at /nas/a checksum of path external offline Deleted",
            "Sidecar of 01 at /x.xmp",
            "Generated of 01 at /data/e.mp4",
            "asset 01 of 02 in Some(\"03\") at /data/b checksum 0005 Active",
            "01 has 9000000000 bytes",
            r"move /data/upload/a b to /data/library/a\\b",
            "library 03 /nas",
            "library 03 /with, comma",
            r"library 03 a \\ b",
            "media at /vol\\xc3\\xa9 \\\"1\\\"",
        ]
    );
    assert_eq!(summary.others_unreadable + summary.assets_unreadable, 0);
}

/// Before there was a status and before there were external assets.
#[test]
fn generations_before_the_samples() {
    let id = |n: u32| format!("{n:032x}");
    let early = block(
        "assets",
        r#"id, "ownerId", "originalPath", checksum, "deletedAt""#,
        &[
            &format!(
                "{}\t{}\tupload/a\tabc\\\\000\t2024-01-01 00:00:00+00",
                id(1),
                id(2)
            ),
            &format!("{}\t{}\tupload/b\t\\N\t\\N", id(3), id(4)),
        ],
    );
    assert_eq!(
        read(&dump(&early)).0,
        [
            r"asset 01 of 02 in None at upload/a checksum unknown abc\x00 Trashed",
            "asset 03 of 04 in None at upload/b checksum unknown  Active",
        ]
    );
}

#[test]
fn the_algorithm_where_it_is_told_says_more_than_the_flag() {
    let id = |n: u32| format!("{n:032x}");
    let columns =
        r#"id, "ownerId", "originalPath", checksum, "isExternal", "checksumAlgorithm", status"#;
    let late = |external: &str, algorithm: &str, status: &str| {
        let row = format!(
            "{}\t{}\t/p\t\\\\x{:040x}\t{external}\t{algorithm}\t{status}",
            id(1),
            id(2),
            7
        );
        let (rows, summary) = read(&dump(&block("asset", columns, &[&row])));
        (rows.concat(), summary.assets_of_unknown_status)
    };
    assert!(
        late("t", "sha1", "active")
            .0
            .ends_with("checksum 0007 external Active")
    );
    assert!(
        late("f", "sha1-path", "active")
            .0
            .ends_with("checksum of path Active")
    );
    assert!(late("f", "blake3", "active").0.contains("checksum unknown"));
    assert_eq!(late("f", "sha1", "active").1, 0);
    assert_eq!(late("f", "sha1", "partial").1, 1);
}

#[path = "reader_odd_tests.rs"]
mod odd;
