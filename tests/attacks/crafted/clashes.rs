//! Names that meet: in one listing, under two roots, with what restore itself makes.

use super::case::{Case, Maker, case};

pub fn cases(make: &Maker) -> Vec<Case> {
    [orders(make), roots(make), alike(make), ours(make)]
        .into_iter()
        .flatten()
        .collect()
}

fn orders(make: &Maker) -> Vec<Case> {
    vec![
        case(
            "one path twice",
            vec![make.file("a").lost(), make.file("a").lost()],
        ),
        case(
            "a file and a folder of one path",
            vec![make.file("a").lost(), make.folder("a").lost()],
        ),
        case(
            "paths out of order",
            vec![make.file("b").lost(), make.file("a").lost()],
        ),
        case(
            "files beneath a file",
            vec![
                make.file("a"),
                make.file("a/b").refused(),
                make.folder("a/c").refused(),
            ],
        ),
        case(
            "files beneath a second name",
            vec![
                make.file("a"),
                make.name_of("b", "a"),
                make.file("b/c").refused(),
            ],
        ),
    ]
}

fn roots(make: &Maker) -> Vec<Case> {
    let other = make.in_root(12);
    vec![
        case(
            "one path under two roots",
            vec![make.file("a"), other.file("a").refused()],
        ),
        case(
            "a file and a folder under two roots",
            vec![
                make.file("a"),
                other.folder("a").refused(),
                other.file("a/b").refused(),
            ],
        ),
        case(
            "a folder and a file under two roots",
            vec![
                make.folder("a"),
                make.file("a/b"),
                other.file("a").refused(),
            ],
        ),
        case(
            "a file of one root in a folder of another",
            vec![
                make.folder("a"),
                make.file("a/b"),
                other.file("a/c").refused(),
            ],
        ),
        case(
            "an honest root's files under another root",
            vec![make.in_root(31).file("last/z.txt").refused()],
        ),
        case(
            "the database's root with another path",
            vec![make.in_root(12).file("data/base")],
        ),
    ]
}

/// Two names where most file systems of Linux have two files.
fn alike(make: &Maker) -> Vec<Case> {
    vec![
        case(
            "two names but for capitals",
            vec![make.file("A.jpg"), make.file("a.JPG")],
        ),
        case(
            "one name composed and decomposed",
            vec![make.file("e\u{301}.jpg"), make.file("\u{e9}.jpg")],
        ),
        case(
            "two folders but for capitals",
            vec![
                make.folder("F"),
                make.file("F/x"),
                make.folder("f"),
                make.link("f/x", "../../canary/secret.txt"),
            ],
        ),
    ]
}

/// Names that a restore uses itself.
fn ours(make: &Maker) -> Vec<Case> {
    let unfinished = |digit: &str| format!(".offsite-{}.part", digit.repeat(32));
    let immich = |name, problems_more, entries| Case {
        is_immich: true,
        problems_more,
        ..case(name, entries)
    };
    let canary = make.outside("canary");
    vec![
        case(
            "a file named as an unfinished one",
            vec![make.file(unfinished("0"))],
        ),
        case(
            "an unfinished name for a folder",
            vec![
                make.folder(unfinished("a")),
                make.file(unfinished("a") + "/f"),
            ],
        ),
        case(
            "an unfinished name for a link",
            vec![make.link(unfinished("f"), &canary)],
        ),
        case(
            "a file named .offsite",
            vec![make.file(".offsite"), make.file("offsite.toml")],
        ),
        // To put its mark into them, restore made folders of these links again, which it had counted
        // as restored.
        immich(
            "Immich's folders as links",
            2,
            vec![
                make.link("library", &canary),
                make.link("upload", "../canary/dir"),
            ],
        ),
        immich(
            "Immich's mark as a link",
            0,
            vec![
                make.folder("library"),
                make.link("library/.immich", "../../canary/secret.txt"),
            ],
        ),
        immich(
            "Immich's folder as a file",
            1,
            vec![make.file("thumbs"), make.file("upload/.immich")],
        ),
    ]
}
