//! What must stand on the page, and what must never happen to it.

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const WORDS: &str = "abandon ability able about above absent absorb abstract absurd abuse access \
    accident account accuse achieve acid acoustic acquire across act action actor actress actual";

fn at(url: &str, endpoint: Option<&str>) -> Address {
    Address {
        url: url.to_owned(),
        endpoint: endpoint.map(str::to_owned),
        region: None,
    }
}

fn kit<'a>(url: &str, object: &'a [u8]) -> Kit<'a> {
    Kit {
        words: WORDS,
        repository_id: "00017f80ff05060708090a0b0c0d0e0f".to_owned(),
        format_version: 1,
        place: at(url, None),
        others: Vec::new(),
        repository_object: object,
        created: "2026-11-21".to_owned(),
    }
}

#[test]
fn both_pages_say_all_that_is_needed() {
    let object: Vec<u8> = (0..200).collect();
    let kit = kit("s3://photos/offsite", &object);
    let base64 = STANDARD.encode(&object);
    for text in [page(&kit), text_page(&kit)] {
        for word in WORDS.split_whitespace() {
            assert!(text.contains(word), "{word}");
        }
        let needed = [
            "offsite snapshots --repo s3://photos/offsite --words-file words.txt",
            "offsite restore --repo s3://photos/offsite --words-file words.txt --target",
            "00017f80ff05060708090a0b0c0d0e0f",
            "2026-11-21",
            "docs/format.md",
            "cannot be revoked",
            "AWS_SECRET_ACCESS_KEY",
        ];
        let shown = text.replace("<span>", "").replace("</span>", "");
        for part in needed {
            assert!(shown.contains(part), "{part}");
        }
        assert!(text.replace("\n   ", "").contains(&base64));
    }
}

/// With copies on a NAS and in a bucket the page named the NAS, which burns with the house, and left
/// the server of the bucket to be written in by hand, though it was known.
#[test]
fn all_copies_stand_on_it_and_the_commands_name_a_server_that_is_known() {
    let kit = Kit {
        place: at("s3://photos/offsite", Some("https://s3.example.org")),
        others: vec![
            at("/mnt/nas/offsite", None),
            at("s3://more/x", Some("https://two.example")),
        ],
        ..kit("", b"x")
    };
    for text in [page(&kit), text_page(&kit)] {
        let shown = text.replace("<span>", "").replace("</span>", "");
        for part in [
            "--repo s3://photos/offsite --endpoint https://s3.example.org --words-file words.txt",
            "s3://photos/offsite at https://s3.example.org",
            "/mnt/nas/offsite",
            "s3://more/x at https://two.example",
            "Its login is kept",
        ] {
            assert!(shown.contains(part), "{part}");
        }
        assert!(!shown.contains("Endpoint, region") && !shown.contains("Add the endpoint"));
    }
}

#[test]
fn the_html_page_fetches_nothing() {
    let html = page(&kit("/mnt/backup", b"x"));
    let addresses = html.matches("http").count();
    assert_eq!(
        addresses,
        html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
    for tag in ["<script", "<link", "<img", "@import", "url(", "src="] {
        assert!(!html.contains(tag), "{tag}");
    }
    assert_eq!(html.matches("<svg").count(), 2);
    assert!(!html.contains("AWS_"), "a folder needs no login");
}

#[test]
fn a_hostile_address_breaks_neither_page_nor_command() {
    let url = "/mnt/it's <b>\"my\" & $(rm -rf ~)\x1b[2J";
    let html = page(&kit(url, b"x"));
    assert!(html.contains("it&#39;s &lt;b&gt;&quot;my&quot; &amp; $(rm"));
    assert!(!html.contains("<b>\""));
    let text = text_page(&kit(url, b"x"));
    assert!(text.contains(r#"--repo '/mnt/it'\''s <b>"my" & $(rm -rf ~)\x1b[2J' --words-file"#));
    assert!(!text.contains('\x1b'));
}

#[test]
fn the_largest_object_still_has_its_square() {
    let object = [0xa5; 1023];
    let html = page(&kit("/mnt/backup", &object));
    assert_eq!(html.matches("<svg").count(), 2);
    let absurd = vec![0; 9000];
    assert_eq!(
        page(&kit("/mnt/backup", &absurd)).matches("<svg").count(),
        1
    );
}

#[test]
fn text_lines_fit_a_page() {
    let object: Vec<u8> = (0..160).collect();
    let text = text_page(&kit("/mnt/backup", &object));
    for line in text
        .lines()
        .filter(|line| !line.contains("offsite restore"))
    {
        assert!(
            line.chars().count() <= 80,
            "{} {line}",
            line.chars().count()
        );
    }
    let words = text.find(" 1  abandon").unwrap();
    assert!(words < text.find(" 9  absurd").unwrap());
    let row = text.lines().find(|line| line.contains("abandon")).unwrap();
    let row: Vec<_> = row.split_whitespace().collect();
    assert_eq!(row, ["1", "abandon", "9", "absurd", "17", "acoustic"]);
}

#[test]
fn the_file_is_private_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kit.html");
    write(&path, "first").unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        write(&path, "second").unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    let link = folder.path().join("link.html");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
    assert!(
        write(&link, "x").is_err(),
        "a link that waits there is not followed"
    );
    assert!(!folder.path().join("elsewhere").exists());
}
