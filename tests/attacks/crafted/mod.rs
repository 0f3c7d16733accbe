//! Listings that nobody honest would write, restored beside something that must not change: nothing
//! is written, read, changed or removed outside of the target; what is refused is named; what lies
//! beside it in the same listing comes back; nothing panics. As root, and as an ordinary user.
//!
//! The short form restores into memory, `OFFSITE_TEST_CRAFTED=all` onto the disk.
//!
//! `case` is what a case is; `paths`, `links`, `kinds`, `sizes` and `clashes` are the cases;
//! `surroundings` looks at what is outside; `swaps` changes the target while a restore is at work.

mod case;
mod clashes;
mod kinds;
mod links;
mod paths;
mod sizes;
mod surroundings;
mod swaps;

use std::collections::BTreeSet;
use std::process::Command;

use case::{CONTENT, Case, Crafted, Maker, Must, come};
use offsite::format::entry::{Entry, Key, check_path};
use offsite::format::listing::{Child, append_child, append_entry, begin_leaf, begin_node};
use offsite::format::pack::Class;
use offsite::format::snapshot::Snapshot;
use offsite::id::ChunkId;
use offsite::ops::{self, Opened, RestoreOptions, RestoreReport};
use offsite::progress::Silent;
use surroundings::{Surroundings, differences, stands};

use crate::world::World;

const NOBODY: u32 = 65_534;

/// A repository with what crafted listings are made of.
struct Forge {
    world: World,
    honest: Snapshot,
    content: ChunkId,
}

impl Forge {
    fn new() -> Self {
        let world = World::new();
        let honest = world.backup().unwrap();
        let content = world.put_chunks(Class::Files, &[CONTENT]).0[0];
        Self {
            honest: world.record(&honest),
            world,
            content,
        }
    }

    /// Makes entries under root 11.
    fn maker(&self, surroundings: &Surroundings) -> Maker {
        Maker {
            outer: surroundings.place().outer,
            content: self.content,
            root: 11,
        }
    }

    fn leaf(&self, entries: &[Crafted]) -> ChunkId {
        let mut leaf = begin_leaf();
        entries
            .iter()
            .for_each(|it| append_entry(&mut leaf, &it.entry));
        self.world.put_chunks(Class::Metadata, &[&leaf]).0[0]
    }

    /// The crafted entries in a leaf of their own, between two honest ones.
    fn snapshot(&self, case: &Case, honest: &[Crafted; 2]) -> Snapshot {
        let crafted = case.entries.first().map(|it| &it.entry).unwrap();
        let path = match check_path(&crafted.path) {
            Ok(()) => crafted.path.clone(),
            // A node that says so would be refused with all beneath it.
            Err(_) => b"a".to_vec(),
        };
        let [first, last] = honest.each_ref().map(|it| {
            let Key { root, path } = it.entry.key().into();
            let id = self.leaf(&[come(it.entry.clone())]);
            Child {
                key: Key { root, path },
                id,
            }
        });
        let root = crafted.root;
        let key = Key { root, path };
        let id = self.leaf(&case.entries);
        let mut node = begin_node(1);
        for child in [first, Child { key, id }, last] {
            append_child(&mut node, &child);
        }
        let top = self.world.put_chunks(Class::Metadata, &[&node]).0[0];
        Snapshot {
            listing: (1, top),
            profile: if case.is_immich { "immich" } else { "" }.to_owned(),
            ..self.honest.clone()
        }
    }
}

fn honest(make: &Maker) -> [Crafted; 2] {
    [
        make.in_root(10).file("first/a.txt"),
        make.in_root(32).file("last/z.txt"),
    ]
}

fn restore(opened: &Opened, record: &Snapshot, options: RestoreOptions) -> RestoreReport {
    let options = RestoreOptions {
        files: true,
        database: true,
        ..options
    };
    let (repository, index) = (&opened.repository, &opened.index);
    ops::restore(repository, index, record, &options, &Silent).unwrap()
}

/// What is wrong with how a case came out.
fn complaints(
    case: &Case,
    honest: &[Crafted; 2],
    around: &Surroundings,
    report: &RestoreReport,
) -> Vec<String> {
    let target = around.place().target();
    let mut complaints = Vec::new();
    let mut expected = case.problems_more;
    let shown = |path: &[u8]| String::from_utf8_lossy(&path[..path.len().min(60)]).into_owned();
    for Crafted { entry, must } in case.entries.iter().chain(honest) {
        let named = report.problems.iter().any(|(path, _)| *path == entry.path);
        let there = check_path(&entry.path)
            .ok()
            .and_then(|()| stands(&target, entry));
        expected += usize::from(*must == Must::Refused);
        let complaint = match (must, there) {
            (Must::Come, Some(Ok(()))) if !named || is_twice(case, entry) => continue,
            (Must::Come, Some(Err(how))) => how,
            (Must::Come, None) => "did not come".to_owned(),
            (Must::Come, _) => "came, and is named as a problem".to_owned(),
            (Must::Refused, Some(Ok(()))) if !is_twice(case, entry) => "came".to_owned(),
            (Must::Refused, _) if !named => "is not named".to_owned(),
            (Must::Lost, Some(_)) => "came".to_owned(),
            _ => continue,
        };
        complaints.push(format!("{}: {complaint}", shown(&entry.path)));
    }
    let lost = case.entries.iter().any(|it| it.must == Must::Lost);
    if lost
        && !report
            .problems
            .iter()
            .any(|(_, said)| said.contains("list"))
    {
        complaints.push("that a part of the listing is lost is not said".to_owned());
    }
    expected += usize::from(lost);
    // A folder that cannot be made cannot be given its time either.
    let named: BTreeSet<_> = report.problems.iter().map(|(path, _)| path).collect();
    if named.len() != expected {
        let all = report.problems.iter();
        let all: Vec<_> = all
            .map(|(path, said)| format!("{}: {said}", shown(path)))
            .collect();
        complaints.push(format!("{expected} problems were expected: {all:?}"));
    }
    complaints
}

/// Another entry of the same path comes, or is refused.
fn is_twice(case: &Case, entry: &Entry) -> bool {
    let same = case.entries.iter().filter(|it| it.entry.path == entry.path);
    same.count() > 1 || entry.path.starts_with(b"last/")
}

/// What was seen of all cases.
#[derive(Default)]
struct Totals {
    cases: usize,
    restores: usize,
    /// Entries that a restore refused or lost, and named.
    named: usize,
    /// What changed outside of the target, and what has powers within.
    escapes: usize,
    wrong: Vec<String>,
}

fn run(
    opened: &Opened,
    case: &Case,
    record: &Snapshot,
    honest: &[Crafted; 2],
    around: &Surroundings,
    totals: &mut Totals,
) {
    let mut wrong = Vec::new();
    if let Some(before) = case.before {
        before(&around.place());
    }
    let before = around.seen();
    // The second finds what the first left, and removes what is too much.
    for delete in [false, true] {
        let options = RestoreOptions {
            target: around.place().target(),
            delete,
            ..RestoreOptions::default()
        };
        let report = restore(opened, record, options);
        wrong.extend(complaints(case, honest, around, &report));
        let changed = differences(&before, &around.seen());
        totals.restores += 1;
        totals.named += report.problems.len();
        totals.escapes += changed.len();
        wrong.extend(changed);
        let powerful = around.powerful();
        if !powerful.is_empty() {
            totals.escapes += 1;
            wrong.push(format!("has powers: {powerful}"));
        }
    }
    let wrong = wrong.into_iter().map(|it| format!("{}: {it}", case.name));
    totals.wrong.extend(wrong);
}

fn run_all() -> Totals {
    let forge = Forge::new();
    let around = Surroundings::new();
    let make = forge.maker(&around);
    let honest = honest(&make);
    let all = cases(&forge, &make).into_iter();
    let all: Vec<_> = all
        .map(|case| (forge.snapshot(&case, &honest), case))
        .collect();
    let opened = forge.world.open();
    let mut totals = Totals::default();
    for (record, case) in &all {
        around.empty_target();
        run(&opened, case, record, &honest, &around, &mut totals);
        totals.cases += 1;
    }
    totals
}

fn cases(forge: &Forge, make: &Maker) -> Vec<Case> {
    [
        paths::cases(make),
        links::cases(make),
        kinds::cases(make),
        clashes::cases(make),
        sizes::cases(&forge.world, make),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn crafted_listings_change_nothing_outside_and_keep_nothing_from_coming_back() {
    let Totals {
        cases,
        restores,
        named,
        escapes,
        wrong,
    } = run_all();
    let who = if is_root() {
        "root"
    } else {
        "an ordinary user"
    };
    println!("counted: crafted: {cases} crafted listings, restored {restores} times as {who}");
    println!("counted: crafted: {named} refusals named by these restores as {who}");
    println!("counted: crafted: {escapes} escapes as {who}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 80);
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The same without the rights of root, where the tests run as root.
#[test]
fn crafted_listings_as_an_ordinary_user() {
    use std::os::unix::process::CommandExt;
    if !is_root() {
        return;
    }
    let name = "crafted::crafted_listings_change_nothing_outside_and_keep_nothing_from_coming_back";
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    for line in said.lines().filter(|line| line.starts_with("counted: ")) {
        println!("{line}");
    }
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success() && said.contains("1 passed"),
        "{said}{complained}"
    );
}
