//! Kinds of files, rights, owners, attributes and times that no photo library has.

use offsite::format::entry::{Entry, EntryType};
use offsite::seams::Timestamp;

use super::case::{Case, Crafted, Maker, case, come};

pub fn cases(make: &Maker) -> Vec<Case> {
    [
        kinds(make),
        rights(make),
        owners(make),
        attributes(make),
        times(make),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn kinds(make: &Maker) -> Vec<Case> {
    let unknown = |name, number| {
        let mut entry = make.bare("odd", EntryType::Unknown(number));
        (entry.mode, entry.size) = (Some(0o020_666), Some(0x0105));
        case(name, vec![come(entry).refused(), make.file("plain")])
    };
    vec![
        unknown("a character device", 4),
        unknown("a block device", 5),
        unknown("a pipe", 6),
        unknown("a socket", 7),
        unknown("a kind of no meaning", 255),
    ]
}

fn with_mode(crafted: Crafted, mode: u32) -> Crafted {
    crafted.with(|entry| entry.mode = Some(mode))
}

fn rights(make: &Maker) -> Vec<Case> {
    let file = |name, mode| case(name, vec![with_mode(make.file("f"), mode)]);
    let folder = |name, mode| {
        case(
            name,
            vec![with_mode(make.folder("d"), mode), make.file("d/f")],
        )
    };
    vec![
        file("a set-user-ID file", 0o4755),
        file("a set-group-ID file", 0o2755),
        file("a sticky file", 0o1755),
        file("a file of all bits", u32::MAX),
        file("a mode that says device", 0o060_666),
        file("a file of no rights", 0),
        folder("a folder of all bits", u32::MAX),
        folder("a set-user-ID folder", 0o4755),
        // Who made it cannot look into it again, unless that is root.
        folder(
            "a folder of few rights",
            if super::is_root() { 0 } else { 0o500 },
        ),
        case(
            "a link of all bits",
            vec![with_mode(make.link("s", "../canary/secret.txt"), u32::MAX)],
        ),
        case(
            "a set-user-ID file with a second name",
            vec![
                with_mode(make.file("f"), 0o6777),
                with_mode(make.name_of("g", "f"), 0o6777),
            ],
        ),
    ]
}

fn owners(make: &Maker) -> Vec<Case> {
    let owned = |name, owner, named: Option<&[u8]>| {
        let with = |entry: &mut Entry| {
            (entry.owner, entry.group) = (Some(owner), Some(owner));
            entry.owner_name = named.map(|it| it.to_vec().into());
            entry.group_name = entry.owner_name.clone();
            entry.mode = Some(0o6755);
        };
        case(
            name,
            vec![
                make.file("f").with(with),
                make.link("s", "../canary/secret.txt").with(with),
            ],
        )
    };
    vec![
        owned("root's set-user-ID program", 0, Some(b"root")),
        // The number that tells the system to change nothing was given on as an owner, and the
        // program ended at an assertion of the library that does so.
        owned("an owner that means nobody's change", u32::MAX, None),
        owned("an owner beyond all numbers", u32::MAX - 1, Some(b"")),
        owned("an owner's name with a zero byte", 1000, Some(b"ro\0ot")),
        owned(
            "an owner's name of other lines",
            1000,
            Some(b"x:0:0:\nroot"),
        ),
        owned("an owner's name without end", 1000, Some(&[b'n'; 100_000])),
    ]
}

fn attributes(make: &Maker) -> Vec<Case> {
    let with = |name, attributes: &[(&[u8], Vec<u8>)]| {
        let all = attributes
            .iter()
            .map(|(name, value)| (name.to_vec().into(), value.clone().into()));
        let all: Vec<_> = all.collect();
        let set = |entry: &mut Entry| entry.attributes = Some(all.clone());
        let link = make.link("s", "../canary/secret.txt");
        case(
            name,
            vec![
                make.folder("d").with(set),
                make.file("d/f").with(set),
                link.with(set),
            ],
        )
    };
    let capability = [1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff].repeat(3);
    vec![
        with(
            "rights of a program",
            &[(b"security.capability", capability[..20].to_vec())],
        ),
        with(
            "attributes of root's namespaces",
            &[
                (b"trusted.overlay.redirect", b"/etc".to_vec()),
                (b"trusted.mine", b"x".to_vec()),
                (
                    b"security.selinux",
                    b"system_u:object_r:shadow_t:s0\0".to_vec(),
                ),
            ],
        ),
        with(
            "an access list that is none",
            &[
                (b"system.posix_acl_access", vec![0xff; 44]),
                (b"system.posix_acl_default", vec![2, 0, 0, 0]),
            ],
        ),
        with(
            "names of attributes that are none",
            &[
                (b"", vec![]),
                (b"user.\0nul", vec![1]),
                (&[b'u'; 300], vec![2]),
                (b"no-namespace", vec![3]),
            ],
        ),
        with(
            "a value that no file system takes",
            &[(b"user.big", vec![7; 300_000])],
        ),
        with(
            "one attribute ten thousand times",
            &vec![(&b"user.x"[..], vec![1]); 10_000],
        ),
    ]
}

fn times(make: &Maker) -> Vec<Case> {
    let at = |name, nanoseconds| {
        let set = |entry: &mut Entry| {
            entry.modified = Some(Timestamp::from_nanoseconds(nanoseconds));
            entry.changed = entry.modified;
            entry.inode = Some(u64::MAX);
        };
        let link = make.link("s", "../canary/secret.txt");
        case(
            name,
            vec![
                make.folder("d").with(set),
                make.file("d/f").with(set),
                link.with(set),
            ],
        )
    };
    vec![
        at("the least time there is", i64::MIN),
        at("the greatest time there is", i64::MAX),
        at("one nanosecond before 1970", -1),
        at("2038 and a second", (1_i64 << 31) * 1_000_000_000),
    ]
}
