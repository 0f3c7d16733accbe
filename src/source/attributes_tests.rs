//! Attributes of real files, and of a system that refuses, shrinks and exaggerates.

use rustix::fs::XattrFlags;

use super::*;

/// A system with these attributes; an error in place of a value is what reading it gives.
struct System(Vec<(&'static [u8], Value)>);

type Value = Result<Vec<u8>, Errno>;

impl Ask for System {
    fn names(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut joined = Vec::new();
        for (name, _) in &self.0 {
            joined.extend_from_slice(name);
            joined.push(0);
        }
        if !buffer.is_empty() {
            buffer[..joined.len()].copy_from_slice(&joined);
        }
        Ok(joined.len())
    }

    fn value(&mut self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name).unwrap();
        let value = value.clone()?;
        if !buffer.is_empty() {
            buffer[..value.len()].copy_from_slice(&value);
        }
        Ok(value.len())
    }
}

fn names(attributes: &Attributes) -> Vec<&[u8]> {
    attributes
        .kept
        .iter()
        .map(|(name, _)| name.as_slice())
        .collect()
}

#[test]
fn files_folders_and_links_give_what_was_set_in_the_order_of_names() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().canonicalize().unwrap();
    let file = dir.join("photo");
    std::fs::write(&file, b"x").unwrap();
    let values: [(&str, &[u8]); 3] = [
        ("user.z", b"\0\xff"),
        ("user.\u{e4}", b""),
        ("user.a", &[7; 3000]),
    ];
    for path in [&file, &dir] {
        for (name, value) in values {
            let set = rustix::fs::setxattr(path.as_path(), name, value, XattrFlags::empty());
            if set == Err(Errno::NOTSUP) {
                return;
            }
            set.unwrap();
        }
    }
    let of_file = Attributes::of_open(std::fs::File::open(&file).unwrap());
    assert_eq!(
        names(&of_file),
        [b"user.a".as_slice(), b"user.z", "user.\u{e4}".as_bytes()]
    );
    for ((_, found), set) in of_file.kept.iter().zip([values[2].1, values[0].1, b""]) {
        assert_eq!(found.as_slice(), set);
    }
    assert_eq!(of_file.problem, None);
    assert_eq!(Attributes::of_folder(&dir), of_file);
    // A link has none of its own: those of what it points to are not its.
    std::os::unix::fs::symlink("photo", dir.join("link")).unwrap();
    let of_link = Attributes::of_link(&dir.join("link"));
    assert!(!names(&of_link).contains(&b"user.a".as_slice()));
    assert_eq!(of_link.problem, None);
}

#[test]
fn what_belongs_to_root_or_vanished_is_no_problem_and_what_is_broken_is() {
    let mut system = System(vec![
        (b"user.gone", Err(Errno::NODATA)),
        (b"security.hidden", Err(Errno::PERM)),
        (b"user.broken\n", Err(Errno::IO)),
        (b"system.nfs4_acl", Ok(b"made up".to_vec())),
        (b"system.posix_acl_access", Ok(b"list".to_vec())),
        (b"user.kept", Ok(b"value".to_vec())),
    ]);
    let attributes = read(&mut system);
    assert_eq!(
        names(&attributes),
        [b"system.posix_acl_access".as_slice(), b"user.kept"]
    );
    let problem = attributes.problem.unwrap();
    assert!(problem.contains("its attribute user.broken\\n is left out: "));
    assert!(problem.contains("Input/output error"), "{problem}");
}

#[test]
fn attributes_that_burst_an_entry_are_left_out_and_those_that_fit_stay() {
    let large = vec![1; ATTRIBUTES_BYTES_MAX / 2];
    let mut system = System(vec![
        (b"user.fork", Ok(vec![0; ATTRIBUTES_BYTES_MAX + 1])),
        (b"user.one", Ok(large.clone())),
        (b"user.two", Ok(large)),
        (b"user.zero", Ok(b"small".to_vec())),
    ]);
    let attributes = read(&mut system);
    assert_eq!(names(&attributes), [b"user.one".as_slice(), b"user.zero"]);
    let problem = attributes.problem.unwrap();
    assert!(problem.contains("user.fork") && problem.contains("user.two"));
    assert!(!problem.contains("user.one"), "{problem}");
}

#[test]
fn a_file_system_without_attributes_is_believed_and_a_broken_one_is_not() {
    struct Refusing(Errno);
    impl Ask for Refusing {
        fn names(&mut self, _: &mut [u8]) -> Result<usize, Errno> {
            Err(self.0)
        }
        fn value(&mut self, _: &[u8], _: &mut [u8]) -> Result<usize, Errno> {
            Err(self.0)
        }
    }
    assert_eq!(read(&mut Refusing(Errno::NOTSUP)), Attributes::default());
    // A list that is another each time ends some time.
    for errno in [Errno::IO, Errno::RANGE] {
        let attributes = read(&mut Refusing(errno));
        assert!(attributes.kept.is_empty() && attributes.problem.is_some());
    }
}
