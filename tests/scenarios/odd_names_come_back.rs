//! "My folders are twenty years old, and what is in them is called all sorts of things."

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::tree::{assert_same, name, noise, set_mode, set_modified, tree};
use crate::user::both;

/// More than any chunk, so that it comes in several.
const LARGE: usize = 9_000_000;

/// Seconds since 1970 and nanoseconds: before it, at it, when 31 bits are not enough, and when 32
/// are not.
const MOMENTS: [(i64, u32); 6] = [
    (-1, 999_999_999),
    (-31_000_000, 5),
    (0, 0),
    (1_700_000_000, 123_456_789),
    (2_147_483_648, 1),
    (4_294_967_296, 999_999_999),
];

const MODES: [u32; 3] = [0o600, 0o755, 0o444];

#[test]
fn whatever_it_is_called_it_comes_back_as_it_was() {
    for user in both() {
        make(&user.path("photos"));
        let count = tree(&user.path("photos"));
        assert!(count.len() > 150, "{}", count.len());
        user.init();
        let figures = user.offsite(&["backup", "--json", "photos"]).done().json();
        let files = count.values().filter(|node| node.kind == "file").count();
        assert_eq!(figures["files_total"], files);
        assert_eq!(figures["problems"], serde_json::json!([]));
        let outcome = user.offsite(&["restore", "--target", "back"]).done();
        assert_eq!(outcome.stderr, "");
        assert_same(&user.path("photos"), &user.restored("back", "photos"));
    }
}

fn make(root: &Path) {
    let mut names = odd_names();
    names.extend((0..100).map(|number| format!("{number}.jpg").into_bytes()));
    for folder in ["", "plain", "fol der", "-r", "..x/\u{1f4f7}/e\u{301}"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (number, bytes) in names.iter().enumerate() {
        let path = root.join(name(bytes));
        fs::write(&path, noise("photo", number * 7)).unwrap();
        set_modified(&path, MOMENTS[number % MOMENTS.len()]);
        set_mode(&path, MODES[number % MODES.len()]);
        // Every third in folders with names of their own as well.
        if number % 3 == 0 {
            let folder = root.join(name(
                &[b"folder of ".as_slice(), &bytes[..bytes.len().min(200)]].concat(),
            ));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name(bytes)), bytes).unwrap();
            set_modified(&folder, MOMENTS[number % MOMENTS.len()]);
        }
    }
    fs::write(root.join("large"), noise("large", LARGE)).unwrap();
    fs::write(root.join("zeros"), vec![0; LARGE]).unwrap();
    fs::create_dir(root.join("empty folder")).unwrap();
    set_mode(&root.join("empty folder"), 0o750);
    set_modified(&root.join("empty folder"), MOMENTS[0]);
    let links: [(&[u8], &[u8]); 6] = [
        (b"to a file", b"large"),
        (b"to a folder", b"plain"),
        (b"to nowhere", b"no such thing"),
        (b"out", b"/etc/hostname"),
        (b"to itself", b"to itself"),
        (b"to odd bytes", b"\xff\n\x1b[2J"),
    ];
    for (link, target) in links {
        symlink(std::ffi::OsStr::from_bytes(target), root.join(name(link))).unwrap();
    }
    fs::hard_link(root.join("large"), root.join("plain/large again")).unwrap();
    set_modified(root, MOMENTS[3]);
}

fn odd_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        " ",
        "  leading",
        "trailing ",
        "-rf",
        "--",
        "..y",
        "...",
        ".hidden",
        "~",
        "*",
        "?",
        "[a]",
        "a\\b",
        "\\",
        "new\nline",
        "\n",
        "tab\there",
        "\r",
        "\u{1b}[31mred",
        "\u{7f}",
        "\"",
        "'",
        "$(reboot)",
        "`id`",
        "a;b",
        "a|b",
        "a&b",
        "#",
        "%00",
        "%",
        ":",
        "C:",
        "nul",
        "con.jpg",
        "\u{e9}",
        "e\u{301}",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{202e}gpj.exe",
        "\u{feff}bom",
        "\u{6f22}\u{5b57}",
        "database.sq",
        "@eaDir",
        "._a.jpg",
        "Thumbs.db",
        "a.tmp",
    ]
    .map(|name| name.as_bytes().to_vec())
    .to_vec();
    names.extend([
        vec![b'n'; 250],
        vec![0xff; 255],
        "\u{e4}".repeat(125).into_bytes(),
        b"\xff\xfe".to_vec(),
        b"latin1 \xe9t\xe9.jpg".to_vec(),
        b"\xc3".to_vec(),
        b"\xed\xa0\x80 surrogate".to_vec(),
    ]);
    // Every byte that a name may have.
    names.extend(
        (1..=255)
            .filter(|byte| *byte != b'/')
            .map(|byte| vec![b'b', byte]),
    );
    names
}

#[test]
fn a_name_can_be_typed_back_as_ls_prints_it() {
    let user = crate::user::User::with_folder();
    // The second is literally what the first is printed as.
    let names: [&[u8]; 5] = [
        b"a\nb",
        br"a\nb",
        b"caf\xe9.jpg",
        b"back\\slash",
        b"\x1b[2J",
    ];
    for bytes in names {
        let path = Path::new("photos").join(name(bytes));
        user.write(path, bytes);
    }
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let folder = user.path("photos").display().to_string();
    let text = user.offsite(&["ls", "latest", &folder]).done().text();
    let mut printed: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(printed.len(), names.len(), "{text}");
    // What is there literally comes first: it is printed with one more backslash.
    let taken = printed.iter().position(|line| line.ends_with(r"a\nb"));
    printed.remove(taken.expect("the name with a line end"));
    for line in printed {
        let bytes = user.offsite(&["cat", "latest", line]).done().stdout;
        assert!(names.contains(&bytes.as_slice()), "{line}");
        let listed = user.offsite(&["ls", "--json", "latest", line]).done();
        let listed = listed.json();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{line}");
        let is_text = std::str::from_utf8(&bytes).is_ok();
        assert_eq!(listed[0].get("path_bytes").is_none(), is_text, "{listed}");
        user.offsite(&["restore", "--target", "back", "--path", line])
            .done();
    }
    let literal = format!(r"{folder}/a\nb");
    assert_eq!(
        user.offsite(&["cat", "latest", &literal]).done().stdout,
        br"a\nb"
    );
}
