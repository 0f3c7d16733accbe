//! Paths that lead out, paths that are none, and paths that only look dangerous.

use super::case::{Case, Maker, case};

pub fn cases(make: &Maker) -> Vec<Case> {
    [
        leading_out(make),
        no_paths(make),
        odd_but_honest(make),
        long(make),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lost(make: &Maker, name: &'static str, path: impl AsRef<[u8]>) -> Case {
    case(name, vec![make.file(path).lost()])
}

fn leading_out(make: &Maker) -> Vec<Case> {
    let lost = |name, path: &str| lost(make, name, path);
    vec![
        lost("dot-dot in front", "../escape"),
        lost("dot-dot in the middle", "a/../../escape"),
        lost("dot-dot at the end", "a/b/../../.."),
        lost("dot-dot alone", ".."),
        lost("dot-dot many times", "../../../../../../../../tmp/escape"),
        lost("dot-dot to a file that is there", "../canary/secret.txt"),
        lost(
            "dot-dot behind a folder of the target",
            "first/../../canary/secret.txt",
        ),
        lost("dot-dot that stays inside", "a/../b"),
        lost("an absolute path", "/tmp/offsite-escape"),
        super::paths::lost(
            make,
            "the canary's absolute path",
            make.outside("canary/secret.txt"),
        ),
        lost("two slashes in front", "//tmp/offsite-escape"),
        case(
            "dot-dot as a folder and a file in it",
            vec![make.folder("..").lost(), make.file("../escape").lost()],
        ),
        case(
            "dot-dot as a link",
            vec![make.link("../escape", "x").lost()],
        ),
        case(
            "dot-dot as a second name",
            vec![make.name_of("../escape", "a").lost()],
        ),
    ]
}

fn no_paths(make: &Maker) -> Vec<Case> {
    let lost = |name, path: &str| lost(make, name, path);
    vec![
        lost("no path", ""),
        lost("a dot", "."),
        lost("a dot in front", "./a"),
        lost("a dot in the middle", "a/./b"),
        lost("a dot at the end", "a/."),
        lost("an empty part", "a//b"),
        lost("a slash at the end", "a/"),
        lost("a slash alone", "/"),
        lost("a zero byte", "a\0b"),
        lost("a zero byte alone", "\0"),
        lost("a zero byte that hides dot-dot", "..\0/../escape"),
        lost("a zero byte at the end", "photo.jpg\0"),
    ]
}

fn odd_but_honest(make: &Maker) -> Vec<Case> {
    let comes = |name, path: &[u8]| case(name, vec![make.file(path)]);
    vec![
        comes("three dots", b".../...."),
        comes("names that begin with dots", b"..a/b.."),
        comes("a tilde", b"~root/.ssh/authorized_keys"),
        comes("an option", b"-rf"),
        comes("a variable and a command", b"$HOME/`id`;reboot"),
        comes("wildcards", b"*/[a-z]?/{a,b}"),
        comes("backslashes", b"..\\..\\escape"),
        comes("a drive", b"C:\\Windows"),
        comes("dots in percents", b"%2e%2e%2fescape"),
        comes("dots in too many bytes", b"\xc0\xae\xc0\xae/\xc0\xafescape"),
        comes("wide dots", "\u{ff0e}\u{ff0e}/escape".as_bytes()),
        comes("bytes that are no text", b"\xff\xfe\x80.jpg"),
        comes("line ends", b"a\nb\r\nc"),
        comes("an escape sequence", b"\x1b[2J\x1b]0;owned\x07"),
        comes(
            "text that runs backwards",
            "photo\u{202e}gpj.exe".as_bytes(),
        ),
        comes("blanks", b" / / "),
        comes("devices of other systems", b"dev/NUL/CON/aux.jpg"),
        comes("a folder of the kernel", b"proc/self/root/etc/passwd"),
    ]
}

fn long(make: &Maker) -> Vec<Case> {
    let parts = |part: &str, bytes: usize| {
        let mut path = part.repeat(bytes / part.len());
        path.pop();
        path
    };
    let name = |bytes: usize| "n".repeat(bytes);
    vec![
        case("a name of 255 bytes", vec![make.file(name(255))]),
        case("a name of 256 bytes", vec![make.file(name(256)).refused()]),
        case(
            "a folder of 256 bytes and a file in it",
            vec![
                make.folder(name(256)).refused(),
                make.file(name(256) + "/a").refused(),
            ],
        ),
        case(
            "a name of 255 bytes in accents",
            vec![make.file("\u{e9}".repeat(127) + "e")],
        ),
        case(
            "a path longer than the system takes",
            vec![make.file(parts(&(name(200) + "/"), 8_000))],
        ),
        // Each folder was gone into by a call within the call for the one above: the stack ended
        // before the path did, and the program with it.
        case(
            "sixteen thousand folders deep",
            vec![make.file(parts("a/", 32_768))],
        ),
        lost(make, "a path one byte too long", "p".repeat(32_769)),
        lost(make, "a quarter of a million deep", parts("a/", 500_000)),
        lost(make, "a million deep", parts("a/", 2_000_000)),
    ]
}
