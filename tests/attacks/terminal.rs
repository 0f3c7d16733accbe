//! Names, labels and sentences that give orders to a terminal, or make it show another name than there
//! is: wherever the program shows what the store holds, it shows them as harmless text.

use std::os::unix::ffi::OsStrExt;

use offsite::format::Kind;
use offsite::format::cbor::{self, Counts, Joined};
use offsite::format::entry::{Entry, EntryType};
use offsite::format::finding::{Finding, Findings, append_finding, begin_finding_list};
use offsite::format::housekeeping::{Finding as Held, Forget};
use offsite::format::listing::{append_entry, begin_leaf};
use offsite::format::pack::Class;
use offsite::format::slot::Label;
use offsite::format::snapshot::{Database, Root, Snapshot};
use offsite::id::{ChunkId, ObjectId};
use offsite::repository::{add_slot, store_proof};
use offsite::seams::Timestamp;

use crate::program::{Ended, Machine};
use crate::world::{PASSPHRASE, QUICK, World};

/// Clears the screen, names the window, rings, goes back, runs backwards, hides.
const ORDERS: &str =
    "\x1b[2J\x1b]0;owned\x07\x08\r\u{9b}31m\x7f\u{202e}gpj.exe\u{2066}\u{200b}\nsecond";

fn path(number: u8) -> Vec<u8> {
    [
        format!("p{number}/").as_bytes(),
        ORDERS.as_bytes(),
        b"\xff\xc2.jpg",
    ]
    .concat()
}

fn file(number: u8, chunk: ChunkId) -> Entry {
    let mut entry = Entry::new(11, path(number), EntryType::File);
    (entry.size, entry.chunks) = (Some(7), Some(Joined(vec![chunk])));
    entry.owner_name = Some(ORDERS.as_bytes().to_vec().into());
    entry.modified = Some(Timestamp::from_seconds(1_700_000_000 + i64::from(number)));
    entry
}

/// A snapshot in which every text gives orders.
fn forge(world: &World, honest: &Snapshot, which: u8) -> ObjectId {
    let good = world.put_chunks(Class::Files, &[b"crafted"]).0[0];
    let mut link = Entry::new(11, path(3), EntryType::Link);
    link.target = Some(ORDERS.as_bytes().to_vec().into());
    let mut leaf = begin_leaf();
    // One that comes, one whose content nobody has, a link, a kind that cannot be, one beneath a file.
    let mut beneath = file(1, good);
    beneath.path.extend(b"/x");
    for entry in [
        file(1, good),
        beneath,
        file(2, ChunkId::new([which; 32])),
        link,
        Entry::new(11, path(4), EntryType::Unknown(9)),
        file(5 + which, good),
    ] {
        append_entry(&mut leaf, &entry);
    }
    let mut findings = begin_finding_list();
    for verdict in ["missing", "untracked", ORDERS] {
        let finding = Finding {
            verdict: verdict.to_owned(),
            owner_name: Some(ORDERS.to_owned()),
            path: path(6),
            detail: ORDERS.to_owned(),
            ..Finding::default()
        };
        append_finding(&mut findings, &finding);
    }
    let listing = world.put_chunks(Class::Metadata, &[&leaf]).0[0];
    let findings = world.put_chunks(Class::Metadata, &[&findings]).0;
    world.put_snapshot(&Snapshot {
        host: format!("mallory{ORDERS}"),
        tags: vec![ORDERS.to_owned()],
        tool: ORDERS.to_owned(),
        profile: "immich".to_owned(),
        roots: vec![Root {
            number: 11,
            kind: "path".to_owned(),
            source: path(0),
        }],
        listing: (0, listing),
        database: Some(Database {
            kind: ORDERS.to_owned(),
            server_version: Some(ORDERS.to_owned()),
            immich_version: Some(ORDERS.to_owned()),
            bytes: 5,
            began: honest.time,
            ended: honest.time,
            rows: Counts([(ORDERS.to_owned(), 3)].into()),
        }),
        audit: Counts([("missing".to_owned(), 1), (ORDERS.to_owned(), 2)].into()),
        findings: Some(Findings {
            count: 3,
            chunks: Joined(findings),
        }),
        suspect: Some(ORDERS.to_owned()),
        ..honest.clone()
    })
}

fn put_records(world: &World) {
    let repository = &world.repository;
    let label = Label {
        label: ORDERS.to_owned(),
        created: Timestamp::default(),
        host: ORDERS.to_owned(),
    };
    let (random, reader) = (repository.seams.random.as_ref(), repository.reader.as_ref());
    add_slot(
        world.store.as_ref(),
        random,
        reader.unwrap(),
        PASSPHRASE,
        QUICK,
        &label,
    )
    .unwrap();
    for kind in ["verify", "drill", ORDERS] {
        let held = Held {
            kind: kind.to_owned(),
            host: ORDERS.to_owned(),
            began: Timestamp::from_seconds(1_700_000_000),
            ended: Timestamp::from_seconds(1_700_000_000),
            snapshot: None,
            ok: false,
            figures: Counts([(ORDERS.to_owned(), 1)].into()),
            summary: ORDERS.to_owned(),
        };
        store_proof(repository, held).unwrap();
    }
    let forget = Forget {
        host: ORDERS.to_owned(),
        created: Timestamp::from_seconds(1_700_000_000),
        snapshots: vec![ObjectId::new([1; 32])].into(),
        reason: ORDERS.to_owned(),
        sessions: Vec::new().into(),
    };
    world.put(&world.seal(Kind::Forget, &cbor::encode(&forget)));
}

/// The first character that a terminal would obey or a person not see.
fn order_in(said: &[u8], is_json: bool) -> Option<char> {
    let text = String::from_utf8_lossy(said);
    text.chars().find(|it| match it {
        '\n' => false,
        '\0'..='\x1f' => true,
        // Programs read JSON, and get what there is.
        _ if is_json => false,
        '\u{7f}'..='\u{9f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        _ => false,
    })
}

#[test]
fn what_gives_orders_to_a_terminal_is_shown_as_text() {
    let world = World::new();
    let honest = world.backup().unwrap();
    let record = world.record(&honest);
    let [one, two] = [1, 2].map(|which| forge(&world, &record, which).to_string());
    put_records(&world);
    let machine = Machine::with_folder(&world);
    // What is no object at all, by a name that somebody chose who can write there.
    let odd = [b"no-object", ORDERS.as_bytes()].concat();
    let stray = std::path::Path::new(&machine.repository).join("snapshots");
    std::fs::write(stray.join(std::ffi::OsStr::from_bytes(&odd)), b"x").unwrap();
    let honest = honest.to_string();
    let target = machine.path("back");
    let target = target.to_str().unwrap();
    let (mut verbs, mut shown, mut orders) = (0, 0, Vec::new());
    for verb in [
        &["snapshots"][..],
        &["ls", "--recursive", &one],
        &["ls", "--recursive", "--long", &one],
        &["find", "*.jpg"],
        &["diff", &one, &two],
        &["diff", &honest, &one],
        &["stats", &one],
        &["audit", &one],
        &["restore", &one, "--dry-run", "--target", target],
        &["restore", &one, "--target", target],
        &[
            "restore",
            &one,
            "--files-only",
            "--delete",
            "--target",
            target,
        ],
        &["cat", &one, ORDERS],
        &["database", &one],
        &["verify"],
        &["verify", "--data"],
        &["status"],
        &["forget", "--keep-last", "1", "--dry-run"],
        &["prune", "--dry-run"],
        &["key", "list"],
        &["doctor"],
        &["ls", ORDERS],
        &["restore", "latest", "--path", ORDERS, "--target", target],
    ] {
        for is_json in [false, true] {
            let more: &[&str] = if is_json { &["--json"] } else { &[] };
            let Ended { stdout, stderr, .. } = machine.run(&[verb, more].concat());
            for said in [&stdout, &stderr] {
                let found = order_in(said, is_json);
                if found.is_some() {
                    let text = String::from_utf8_lossy(said);
                    orders.push(format!("{verb:?} shows {found:?}: {text:?}"));
                }
            }
            let text = [stdout, stderr].concat();
            shown += usize::from(String::from_utf8_lossy(&text).contains("owned"));
            verbs += 1;
        }
    }
    println!("counted: crafted: {verbs} runs that show names, {shown} of them hostile ones");
    println!("counted: crafted: {} orders to a terminal", orders.len());
    assert!(orders.is_empty(), "{}", orders.join("\n"));
    // Or nothing was shown of all that.
    assert!(shown > 20, "{shown}");
}
