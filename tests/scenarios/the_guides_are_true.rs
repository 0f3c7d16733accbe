//! "I did what the guide says, line by line."
//!
//! Blocks of shell in `docs/guides/` that stand beneath `<!-- tested -->` are run in their order, in
//! one shell as a reader would, against a small library with a real Postgres behind it; only
//! `docker` is a stand-in. `<!-- tested, ends with 5 -->` names the exit code of a block's last
//! line, and `<!-- tested after: COMMAND -->` a command that is run before it, in the place of what
//! the reader types at a prompt; a `; ends with 7` may follow. A block beneath `<!-- file: PATH -->`
//! is what the reader writes into that file. Examples in `docs/scripting.md` beneath `<!-- prints: COMMAND -->`
//! must have the fields that the command prints.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::harness::postgres::Postgres;
use crate::harness::seaweedfs::SeaweedFs;
use crate::immich_database::{Era, make};
use crate::user::{Outcome, User, outcome_of};

/// The picture of the guides.
const PHOTO: &str = "srv/immich/library/anna/2024/IMG_0042.jpg";
const FIRST_NIGHT: &str = "offsite init --recovery-kit kit.txt >&2\noffsite backup --quiet --immich \
    /srv/immich --database-command 'docker exec immich_postgres pg_dump --clean --if-exists -U \
    postgres immich'";

fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fenced blocks beneath a comment that begins with `mark`: the rest of the comment, and the block.
fn blocks<'p>(page: &'p str, mark: &str, language: &str) -> Vec<(&'p str, &'p str)> {
    let parts = page.split(mark).skip(1);
    let blocks: Vec<_> = parts
        .map(|part| {
            let (rest, after) = part.split_once("-->").expect("the comment ends");
            let fence = format!("\n```{language}\n");
            let body = after.strip_prefix(fence.as_str());
            let body = body.unwrap_or_else(|| panic!("no {language} beneath {mark}{rest}"));
            (rest.trim(), body.split_once("\n```").expect("it ends").0)
        })
        .collect();
    assert!(!blocks.is_empty(), "nothing is marked with {mark}");
    blocks
}

/// A reader: a library, its database, and a shell with `offsite` and `docker` in it.
struct Reader {
    user: User,
    /// The database that `docker exec` reaches.
    server: Postgres,
    /// What guides name, and what it is here.
    names: Vec<(&'static str, String)>,
}

impl Reader {
    fn new() -> Self {
        let mut user = User::with_folder();
        let server = Postgres::start();
        let mut originals = Vec::new();
        for number in 40..46 {
            let path = format!("library/anna/2024/IMG_00{number}.jpg");
            let content = format!("photo {number}").repeat(1000).into_bytes();
            user.write(format!("srv/immich/{path}"), &content);
            originals.push((path, content));
        }
        for folder in ["library", "upload", "profile"] {
            user.write(format!("srv/immich/{folder}/.immich"), "1760000000000");
        }
        make(&server, Era::Now, &originals);
        fs::create_dir_all(user.path("mnt/backup")).unwrap();
        let stand_in = format!(
            "#!/bin/sh\n[ \"$1\" = exec ] || exit 0\nshift\n[ \"$1\" != -i ] || shift\nprogram=$2\n\
             shift 2\n{} exec '{}'/\"$program\" \"$@\"\n",
            server
                .environment()
                .iter()
                .map(|(name, value)| format!("export {name}='{}';", value.display()))
                .collect::<String>(),
            server.bin("").display(),
        );
        user.write("bin/docker", stand_in);
        user.write("bin/sleep", "#!/bin/sh\n");
        for program in ["docker", "sleep"] {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(user.path("bin").join(program), mode).unwrap();
        }
        user.repository = user.path("mnt/backup/photos").display().to_string();
        let here = |path: &str| user.path(path).display().to_string();
        let names = ["/srv/", "/mnt/", "/etc/offsite/"].map(|name| (name, here(&name[1..])));
        let names = names.to_vec();
        Self {
            user,
            server,
            names,
        }
    }

    /// With two disks, and a bucket that can lock.
    fn with_a_configuration() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut reader = Self::new();
        let storage = SeaweedFs::shared();
        let bucket = format!("guides-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        storage.create_locking_bucket(&bucket);
        reader.names.extend([
            ("s3://my-photos", format!("s3://{bucket}")),
            ("https://s3.example.org", storage.endpoint()),
        ]);
        for disk in ["mnt/usb", "mnt/nas"] {
            fs::create_dir_all(reader.user.path(disk)).unwrap();
        }
        let file = reader.user.path("etc/offsite/offsite.toml");
        reader.user.set("OFFSITE_CONFIG", file);
        reader.user.repository = String::new();
        for (name, value) in storage.environment() {
            if name != "AWS_ENDPOINT_URL" {
                reader.user.set(name, value);
            }
        }
        reader
    }

    /// As it is here.
    fn translated(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_owned(), |text, (name, here)| {
            text.replace(name, here)
        })
    }

    /// Writes a file that a guide shows.
    fn write(&self, path: &str, content: &str) {
        let path = path.trim_start_matches('/');
        self.user.write(path, self.translated(content));
    }

    /// Runs a script in the reader's folder; the places that guides name are in there.
    fn shell(&self, script: &str) -> Outcome {
        let here = |path: &str| self.user.path(path).display().to_string();
        let script = self.translated(script);
        let offsite = Path::new(env!("CARGO_BIN_EXE_offsite"));
        let folder = offsite.parent().expect("a folder").display();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-euc", &script])
            .env_clear()
            .env("PATH", format!("{}:{folder}:{path}", here("bin")))
            .env("HOME", self.user.path(""))
            .env("OFFSITE_STATE_DIR", &self.user.state)
            .env("OFFSITE_REPOSITORY", &self.user.repository)
            .envs(
                self.user
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(self.user.path(""));
        outcome_of(&mut command)
    }

    /// Does what a guide says, from beginning to end.
    fn follow(&self, guide: &str) {
        let text = page(&format!("guides/{guide}"));
        if text.contains("<!-- file: ") {
            for (path, content) in blocks(&text, "<!-- file: ", "toml") {
                self.write(path, content);
            }
        }
        let mut script = String::new();
        for (remark, block) in blocks(&text, "<!-- tested", "sh") {
            let block = block.replace(" ID", " \"$ID\"");
            let (remark, code) = match remark.split_once("ends with ") {
                Some((remark, code)) => (remark.trim_end_matches([',', ';', ' ']), Some(code)),
                None => (remark, None),
            };
            if let Some(before) = remark.strip_prefix("after: ") {
                script += &format!("{before}\n");
            }
            script += &format!("printf '%s\\n' {} >&2\n", quoted(&block));
            match code {
                Some(code) => {
                    script += &format!("code=0\n{block} || code=$?\n[ $code = {code} ]\n")
                }
                None => script += &format!("{block}\n"),
            }
        }
        self.shell(&script).done();
    }
}

fn quoted(text: &str) -> String {
    format!("'$ {}'", text.replace('\'', "'\\''"))
}

#[test]
fn the_first_backup_is_made_and_proven() {
    Reader::new().follow("first-backup.md");
}

#[test]
fn one_photo_comes_back() {
    let reader = Reader::new();
    reader.shell(FIRST_NIGHT).done();
    fs::remove_file(reader.user.path(PHOTO)).unwrap();
    let (_, second_night) = FIRST_NIGHT.split_once('\n').unwrap();
    reader.shell(second_night).done();
    reader.follow("restore-one-photo.md");
    let back = reader.user.path("found/library/anna/2024/IMG_0042.jpg");
    assert_eq!(fs::read(back).unwrap(), b"photo 42".repeat(1000));
    let looked_at = fs::read(reader.user.path("look.jpg")).unwrap();
    assert_eq!(looked_at, b"photo 42".repeat(1000));
}

#[test]
fn all_comes_back_with_the_words_alone() {
    let mut reader = Reader::new();
    reader.shell(FIRST_NIGHT).done();
    let kit = fs::read_to_string(reader.user.path("kit.txt")).unwrap();
    let (_, words) = kit.split_once("The 24 words").unwrap();
    let is_line = |line: &&str| {
        line.trim()
            .starts_with(|first: char| first.is_ascii_digit())
    };
    let words: Vec<&str> = words.lines().filter(is_line).take(8).collect();
    reader.user.write("words.txt", words.join("\n"));
    let original = fs::read(reader.user.path(PHOTO)).unwrap();
    // The machine that knew the passphrase is gone.
    reader.user.unset("OFFSITE_PASSPHRASE");
    reader.user.state = reader.user.path("another-machine");
    fs::remove_dir_all(reader.user.path("srv/immich")).unwrap();
    reader.follow("everything-is-lost.md");
    let back = reader
        .user
        .path("srv/restored/library/anna/2024/IMG_0042.jpg");
    assert_eq!(fs::read(back).unwrap(), original);
}

#[test]
fn immich_has_its_files_and_its_rows_again() {
    let reader = Reader::new();
    reader.shell(FIRST_NIGHT).done();
    fs::remove_dir_all(reader.user.path("srv/immich")).unwrap();
    let rows = "SELECT count(*) FROM asset WHERE \"originalPath\" LIKE '%IMG_00%'";
    reader.server.psql("immich", "DELETE FROM asset");
    reader.follow("restore-immich.md");
    assert_eq!(reader.server.psql("immich", rows), "6");
    let back = fs::read(reader.user.path(PHOTO)).unwrap();
    assert_eq!(back, b"photo 42".repeat(1000));
    let dumps = fs::read_dir(reader.user.path("srv/immich/backups")).unwrap();
    let names: Vec<_> = dumps.map(|one| one.unwrap().file_name()).collect();
    let is_dump = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".sql.gz");
    assert!(names.iter().any(is_dump), "{names:?}");
}

#[test]
fn keys_come_and_go() {
    let reader = Reader::new();
    reader.shell(FIRST_NIGHT).done();
    reader.follow("keep-your-key-safe.md");
    let listed = reader
        .user
        .offsite(&["key", "list", "--json"])
        .done()
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:#}");
}

#[test]
fn three_copies_are_made_lost_and_found() {
    let reader = Reader::with_a_configuration();
    reader.follow("several-copies.md");
    let back = reader
        .user
        .path("srv/restored/library/anna/2024/IMG_0042.jpg");
    assert_eq!(fs::read(back).unwrap(), b"photo 42".repeat(1000));
}

#[test]
fn old_snapshots_are_let_go_of() {
    Reader::with_a_configuration().follow("let-go-of-old-snapshots.md");
}

#[test]
fn what_is_locked_is_there_when_it_is_needed() {
    let reader = Reader::with_a_configuration();
    reader.follow("object-lock.md");
    let policy = fs::read_to_string(reader.user.path("backup-policy.json")).unwrap();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let mut allowed = statements.filter(|one| one["Effect"] == "Allow");
    assert!(
        allowed.all(|one| !one["Action"].to_string().contains("s3:Delete")),
        "{policy:#}"
    );
}

#[test]
fn every_night_is_set_up_once() {
    Reader::with_a_configuration().follow("every-night.md");
}

#[test]
fn what_was_rolled_back_is_put_right() {
    let reader = Reader::with_a_configuration();
    let copies = "[[repository]]\nname = 'usb'\nurl = '/mnt/usb/offsite'\n[[repository]]\nname = \
                  'nas'\nurl = '/mnt/nas/offsite'\nmedium = 'nas'\noffsite = true\n[source]\nimmich = \
                  '/srv/immich'\n[database]\nnone = true\n";
    // What vanished came back only where the rules would have kept it; the rest was missed for ever,
    // and no forget and no prune worked there again.
    let rules = "[retention]\nkeep_last = 1\n";
    reader.write("/etc/offsite/offsite.toml", &format!("{copies}{rules}"));
    let nights = "offsite init >&2; offsite backup --quiet; offsite backup --quiet";
    reader.shell(nights).done();
    reader.follow("rolled-back.md");
}

#[test]
fn what_ends_well_is_quiet_when_asked_to_be() {
    let user = User::with_folder();
    user.write("photos/a.jpg", "a photo");
    user.init();
    for line in [
        &["backup", "photos"][..],
        &["verify"],
        &["restore", "--target", "back"],
    ] {
        let outcome = user.offsite(&[line, &["--quiet"]].concat()).done();
        assert_eq!(
            (outcome.text(), outcome.stderr.as_str()),
            (String::new(), "")
        );
    }
    user.objects.remove("packs/");
    let outcome = user.offsite(&["verify", "--quiet"]).ended(4);
    assert!(outcome.text().contains("damaged"), "{outcome}");
}

#[test]
fn scripts_find_the_fields_that_are_promised() {
    let mut reader = Reader::with_a_configuration();
    reader.user.unset("OFFSITE_CONFIG");
    reader.user.repository = reader.user.path("mnt/backup/photos").display().to_string();
    let example = include_str!("../../docs/offsite.toml");
    reader.user.write("etc/offsite/offsite.toml", example);
    let page = page("scripting.md");
    let mut examples = blocks(&page, "<!-- prints", "json");
    // In the order of a life: a repository first, then two nights.
    let made = |(remark, _): &(&str, &str)| {
        remark.starts_with(": init") as u8 * 2 + remark.starts_with(": backup") as u8
    };
    examples.sort_by_key(|example| std::cmp::Reverse(made(example)));
    for (remark, example) in examples {
        let (ending, line) = remark.split_once(": ").expect("a command");
        let code = ending.strip_prefix(", ends with ");
        let code = code.map_or(0, |code| code.parse().expect("a number"));
        let printed = reader.shell(&format!("offsite {line} --json")).ended(code);
        let example: Value = serde_json::from_str(example)
            .unwrap_or_else(|error| panic!("the example of {line} is no JSON: {error}"));
        assert_same_fields(line, &example, &printed.json());
        if line.starts_with("backup") {
            let _ = fs::remove_file(reader.user.path(PHOTO));
            reader.shell(&format!("offsite {line} --quiet")).done();
        }
    }
}

/// Objects have the same fields, at any depth; of lists the elements are compared that stand for
/// the same thing. Numbers of verdicts are no fields.
#[track_caller]
fn assert_same_fields(what: &str, example: &Value, printed: &Value) {
    match (example, printed) {
        (Value::Object(example), Value::Object(printed)) => {
            let fields = |object: &serde_json::Map<String, Value>| {
                object
                    .keys()
                    .cloned()
                    .collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(fields(example), fields(printed), "{what}");
            for (name, value) in example {
                if !["audit", "counts"].contains(&name.as_str()) {
                    assert_same_fields(&format!("{what}: {name}"), value, &printed[name]);
                }
            }
        }
        (Value::Array(example), Value::Array(printed)) => {
            let key = |value: &Value| {
                let names = ["path", "verdict"];
                names.map(|name| value[name].as_str().map(str::to_owned))
            };
            for one in example.iter().filter(|one| one.is_object()) {
                let same = printed.iter().find(|other| key(other) == key(one));
                if !printed.is_empty() {
                    let same = same.unwrap_or_else(|| panic!("{what}: no {one} in {printed:#?}"));
                    assert_same_fields(what, one, same);
                }
            }
        }
        _ => {}
    }
}

/// The unit and cron's line cannot be run here as they are; what they run was run above. Without a
/// login.env, which only a bucket needs, cron's line did nothing at all.
#[test]
fn the_unit_and_cron_run_what_was_tested() {
    let page = page("guides/every-night.md");
    let night = blocks(&page, "<!-- tested", "sh").pop().unwrap().1;
    let night: Vec<&str> = night.lines().collect();
    let unit = page
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="));
    let unit = unit.map(|line| line.trim_start_matches('-').replace("/usr/local/bin/", ""));
    assert_eq!(unit.collect::<Vec<_>>(), night);
    let cron = page.lines().find_map(|line| line.strip_prefix("0 3 * * *"));
    let user = User::with_folder();
    let script = cron
        .unwrap()
        .replace("/usr/local/bin/offsite", "'echo offsite'")
        .replace("/etc/offsite/login.env", "./login.env");
    let run = || {
        let mut sh = Command::new("sh");
        sh.args(["-c", script.trim()]).env_clear();
        let said = outcome_of(sh.current_dir(user.path(""))).done().text();
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(run(), night);
    user.write("login.env", "export AWS_ACCESS_KEY_ID=x; echo read");
    assert_eq!(run(), [&["read"], night.as_slice()].concat());
}
