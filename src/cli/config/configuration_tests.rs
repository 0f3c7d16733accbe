//! Tests of the whole file: what is right, and what is wrong and where.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::cli::config::{DumpFrom, GroupBy, PasswordFrom, shown};
use crate::cli::places::{LockMode, Medium};

const FILE: &str = "/etc/offsite/offsite.toml";
const HOUR: u64 = 3600;

const ALL: &str = r#"
        [source]
        immich = "library"
        folders = ["/home/anna", "docs"]
        exclude = ["@eaDir/"]
        map = ["/mnt/nas=/volume1/photos"]
        tags = ["night"]
        [database]
        url = "postgresql://immich@localhost/immich"
        password = "hunter2"
        timeout = "90m"
        [[repository]]
        name = "nas"
        url = "backup"
        medium = "nas"
        [[repository]]
        name = "b2"
        url = "s3://photos/immich"
        endpoint = "https://s3.b2.example/"
        object_lock = { mode = "compliance", days = 30 }
        upload_limit = "2M"
        [retention]
        keep_daily = 7
        keep_within = "6mo"
        group_by = ["host"]
        [prune]
        grace = "24h"
        [status]
        drill_age_max = "never"
        [prices]
        stored_per_gb_month = 0.006
        egress_per_gb = 1
        [hooks]
        before = "docker stop immich_server"
        before_timeout = "30s"
    "#;

/// A text, where its mistake is (or it may be either of two), and what is said of it.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "[sauce]",
        "line 1, column 2",
        "\"sauce\" is not known in the file; there are source, database",
    ),
    (
        "[source]\nimich = \"/x\"",
        "line 2, column 1",
        "\"imich\" is not known in [source]; there are immich",
    ),
    (
        "[source]\nfolders = \"x\"",
        "line 2, column 11",
        "`folders` in [source]: a list",
    ),
    (
        "[source]\nfolders = [\"/x\", 3]",
        "line 2, column 18",
        "a list of texts",
    ),
    ("[source]\nimmich = \"~/x\"", "line 2, column 10", "~"),
    (
        "[source]\nexclude = [\"ok\", \"[a\"]",
        "line 2, column 18",
        "\"[a\" cannot work",
    ),
    (
        "[source]\nmap = [\"/data\"]",
        "line 2, column 8",
        "CONTAINER=HOST",
    ),
    (
        "[source]\none_file_system = 1",
        "line 2, column 19",
        "true or false",
    ),
    (
        "[source]\ninclude_config = true",
        "line 2, column 18",
        "immich",
    ),
    (
        "[database]\ntimeout = \"soon\"",
        "line 2, column 11",
        "\"soon\" is no length of time",
    ),
    (
        "[database]\nurl = \"mysql://x\"",
        "line 2, column 7",
        "postgresql://USER@HOST",
    ),
    (
        "[database]\nfile = \"/x\"\ncommand = \"y\"",
        "line 3, column 11|line 2, column 8",
        "is set as well; a dump comes from one of",
    ),
    (
        "[database]\npassword = \"x\"",
        "line 2, column 12",
        "goes with url",
    ),
    (
        "[[repository]]\nurl = \"/x\"",
        "line 1, column 1",
        "needs a name",
    ),
    (
        "[[repository]]\nname = \"a\"",
        "line 1, column 1",
        "`url` in [[repository]] \"a\"",
    ),
    (
        "[[repository]]\nname = \"a/b\"\nurl = \"/x\"",
        "line 2, column 8",
        "letters, digits",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"sftp://x\"",
        "line 3, column 7",
        "only paths",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"/x\"\nmedium = \"tape\"",
        "line 4, column 10",
        "\"tape\" is none of disk, nas, cloud",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"/x\"\nregion = \"eu\"",
        "line 4, column 10",
        "is a folder",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"s3://x\"\nendpoint = \"x\"",
        "line 4, column 12",
        "https://s3.example.org",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"s3://x\"\nobject_lock = { mode = \"strict\", days = 0 }",
        "line 4, column 24",
        "governance, compliance",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"s3://x\"\nstorage_class = \"GLACIER\"",
        "line 4, column 17",
        "hands nothing out for hours",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"s3://x\"\nupload_limit = \"fast\"",
        "line 4, column 16",
        "2M",
    ),
    (
        "[[repository]]\nname = \"a\"\nurl = \"s3://x\"\naccess_key_id_variable = \"A\"",
        "line 1, column 1",
        "secret_access_key_variable",
    ),
    (
        "[repository]\nname = \"a\"",
        "line 1, column 1",
        "[[repository]]",
    ),
    (
        "[retention]\nkeep_daily = -1",
        "line 2, column 14",
        "whole number",
    ),
    (
        "[retention]\nkeep_daily = \"7\"",
        "line 2, column 14",
        "without quotes",
    ),
    (
        "[retention]\ngroup_by = [\"tag\"]",
        "line 2, column 13",
        "host, source",
    ),
    (
        "[prune]\ngrace = \"1h\"",
        "line 2, column 9",
        "at least 24h",
    ),
    (
        "[prune]\nrepack_above_percent = 101",
        "line 2, column 24",
        "from 1 to 100",
    ),
    (
        "[status]\nverify_age_max = \"\"",
        "line 2, column 18",
        "or never",
    ),
    (
        "[prices]\nput_per_1000 = -0.1",
        "line 2, column 16",
        "number such as 0.006",
    ),
    ("[hooks]\nbefore = \"\"", "line 2, column 10", "a command"),
    (
        "[hooks]\nafter_timeout = \"8d\"",
        "line 2, column 17",
        "week",
    ),
    (
        "[prune]\ngrace = \"3d\"\ngrace = \"4d\"",
        "line 3, column 1",
        "`grace` stands twice",
    ),
    ("[prune\ngrace = 1", "line 1, column 7", "not TOML"),
    ("hooks = 1", "line 1, column 9", "a table belongs here"),
];

fn parse(text: &str) -> Result<Configuration, ConfigError> {
    Configuration::parse(text, Path::new(FILE), None)
}

/// What is said of a text that is wrong: the error and its causes, a line each.
fn told(text: &str) -> String {
    let error = parse(text).expect_err(text);
    let mut lines = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        lines.push(next.to_string());
        cause = next.source();
    }
    lines.join("\n")
}

/// Without the secrets, as text.
fn shown(configuration: &Configuration) -> String {
    shown::lines(&shown::sections(configuration, &configuration.repositories)).join("\n")
}

#[test]
fn everything_can_be_said() {
    let all = parse(ALL).unwrap();
    let folders = ["/home/anna", "/etc/offsite/docs"].map(std::path::PathBuf::from);
    assert_eq!(all.source.folders, folders);
    assert_eq!(
        all.source.immich.as_deref(),
        Some(Path::new("/etc/offsite/library"))
    );
    assert_eq!(all.source.map[0].container, b"/mnt/nas");
    assert!(matches!(&all.database.from, Some(DumpFrom::Server(_))));
    let Some(PasswordFrom::Text(password)) = &all.database.password else {
        panic!("a password");
    };
    assert_eq!(password.as_str(), "hunter2");
    let [nas, b2] = all.repositories.as_slice() else {
        panic!("two repositories");
    };
    assert_eq!((nas.medium, nas.offsite), (Medium::Nas, false));
    assert_eq!(nas.url.to_string(), "/etc/offsite/backup");
    assert_eq!((b2.medium, b2.offsite), (Medium::Cloud, true));
    assert_eq!(b2.endpoint.as_deref(), Some("https://s3.b2.example"));
    let lock = b2.object_lock.unwrap();
    assert_eq!((lock.mode, lock.days), (LockMode::Compliance, 30));
    assert_eq!(
        all.retention.keep_within,
        Some(Duration::from_secs(186 * 24 * HOUR))
    );
    assert_eq!(all.retention.group_by, [GroupBy::Host]);
    assert!(all.retention.has_rules());
    assert_eq!(all.prune.grace, Duration::from_secs(24 * HOUR));
    assert_eq!(
        (all.status.drill_age_max, all.prices.egress_per_gb),
        (None, Some(1.0))
    );
    let before = all.hooks.before.as_ref().unwrap();
    assert_eq!(before.timeout, Duration::from_secs(30));
    for shown in [format!("{all:?}"), shown(&all)] {
        assert!(
            !shown.contains("hunter2") && !shown.contains("docker"),
            "{shown}"
        );
    }
}

#[test]
fn nothing_said_is_all_defaults() {
    let none = parse("").unwrap();
    assert_eq!(shown(&none), shown(&Configuration::default()));
    assert!(!none.retention.has_rules());
    assert!(none.source.immich.is_none() && none.database.from.is_none());
}

#[test]
fn a_mistake_names_line_column_key_and_what_is_allowed() {
    for (text, place, words) in MISTAKES {
        let told = told(text);
        assert!(
            place.split('|').any(|place| told.contains(place)),
            "{text}\n{place}\n{told}"
        );
        assert!(told.contains(words), "{text}\n{words}\n{told}");
        assert!(told.starts_with(FILE), "{told}");
    }
}

#[test]
fn copies_have_names_and_places_of_their_own() {
    let two = |second: &str| {
        format!("[[repository]]\nname = 'a'\nurl = 's3://x/y'\n[[repository]]\n{second}")
    };
    let same_name = told(&two("name = 'a'\nurl = 's3://z'"));
    assert!(
        same_name.contains("line 5, column 8: `name`"),
        "{same_name}"
    );
    let same_place = told(&two("name = 'b'\nurl = 's3://x/y/'"));
    assert!(
        same_place.contains("line 6, column 7: `url`"),
        "{same_place}"
    );
    assert!(same_place.contains("not two copies"), "{same_place}");
    let elsewhere = two("name = 'b'\nurl = 's3://x/y'\nendpoint = 'https://other.example'");
    assert_eq!(parse(&elsewhere).unwrap().repositories.len(), 2);
}

#[test]
fn all_mistakes_come_at_once() {
    let told = told("[prune]\ngrace = 1\n[status]\nx = 2\n[hooks]\nafter = \"\"\n");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(
        lines[0].contains("3 mistakes") && lines[3].contains("line 6"),
        "{told}"
    );
}

#[test]
fn a_password_is_never_repeated() {
    let url = |url: &str| format!("[database]\nurl = \"{url}\"\n");
    for text in [
        url("postgresql://immich:hunter2@localhost/immich"),
        url("mysql://immich:hunter2@localhost/immich"),
        "[database]\npassword = \"hunter2\n".to_owned(),
        "[database]\npassword = hunter2\n".to_owned(),
        "[database]\npassword = [\"hunter2\"]\n".to_owned(),
        "[[repository]]\nname = \"a\"\nurl = \"s3://key:hunter2@bucket\"\n".to_owned(),
        "[[repository]]\nname = \"a\"\nurl = \"s3://b\"\nendpoint = \"https://key:hunter2@x\"\n"
            .to_owned(),
        "[[repository]]\nname = \"a\"\nurl = \"s3://b\"\naccess_key_id_variable = \"hunter2!\"\n"
            .to_owned(),
    ] {
        let told = told(&text);
        assert!(!told.contains("hunter2"), "{told}");
    }
    let address = told(&url("postgresql://immich:hunter2@localhost/immich"));
    assert!(address.contains("write it as password"), "{address}");
    let open = url("postgresql://immich@localhost/immich") + "password = \"hunter2\"\n";
    let file = Path::new(FILE);
    let error = Configuration::parse(&open, file, Some("all may read this file")).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("line 3, column 12") && error.contains("chmod 600"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}
