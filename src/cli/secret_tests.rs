//! Every way a secret comes in, and every way it fails to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Told {
    notices: Mutex<Vec<String>>,
}

impl Progress for Told {
    fn stage(&self, _name: &str, _bytes_total: Option<u64>) {}
    fn expect(&self, _bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn item(&self, _path: &[u8]) {}
    fn notice(&self, text: &str) {
        self.notices.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

/// A made-up environment, and a person who gives these answers; without answers, no terminal.
struct Stage {
    variables: Vec<(&'static str, OsString)>,
    answers: RefCell<Option<VecDeque<&'static str>>>,
}

impl Stage {
    fn empty() -> Self {
        Self {
            variables: Vec::new(),
            answers: RefCell::new(None),
        }
    }

    fn answering(answers: &[&'static str]) -> Self {
        let answers = RefCell::new(Some(answers.iter().copied().collect()));
        Self {
            variables: Vec::new(),
            answers,
        }
    }
}

impl World for Stage {
    fn environment(&self, name: &str) -> Option<OsString> {
        self.variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.clone())
    }

    fn can_ask(&self) -> bool {
        self.answers.borrow().is_some()
    }

    fn ask(&self, _prompt: &str) -> io::Result<Zeroizing<String>> {
        let answer = self
            .answers
            .borrow_mut()
            .as_mut()
            .and_then(VecDeque::pop_front);
        answer
            .map(|text| Zeroizing::new(text.to_owned()))
            .ok_or(io::ErrorKind::BrokenPipe.into())
    }
}

fn file_with(content: &[u8], mode: u32) -> tempfile::TempPath {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn open(ways: &Ways, world: &Stage) -> Result<String, SecretError> {
    passphrase(ways, Purpose::Open, world, &Told::default()).map(|found| found.to_string())
}

fn by_command(command: &str) -> Result<String, SecretError> {
    open(
        &Ways {
            file: None,
            command: Some(command.to_owned()),
        },
        &Stage::empty(),
    )
}

#[test]
fn the_first_way_that_is_there_wins() {
    let flag_file = file_with(b"from the flag\n", 0o600);
    let variable_file = file_with(b"from the variable's file", 0o600);
    let mut ways = Ways {
        file: Some(flag_file.to_path_buf()),
        command: Some("echo cmd".into()),
    };
    let mut world = Stage::answering(&["typed"]);
    world.variables = vec![
        ("OFFSITE_PASSPHRASE", "from the variable".into()),
        (
            "OFFSITE_PASSPHRASE_FILE",
            variable_file.as_os_str().to_owned(),
        ),
    ];
    assert_eq!(open(&ways, &world).unwrap(), "from the flag");
    ways.file = None;
    assert_eq!(open(&ways, &world).unwrap(), "cmd");
    ways.command = None;
    assert_eq!(open(&ways, &world).unwrap(), "from the variable");
    world.variables.remove(0);
    assert_eq!(open(&ways, &world).unwrap(), "from the variable's file");
    world.variables.clear();
    assert_eq!(open(&ways, &world).unwrap(), "typed");
}

#[test]
fn without_any_way_the_hint_names_them_all() {
    let error = open(&Ways::default(), &Stage::empty()).unwrap_err();
    assert!(matches!(error, SecretError::NoWay));
    for way in [
        "--passphrase-file",
        "--passphrase-command",
        "OFFSITE_PASSPHRASE",
        "OFFSITE_PASSPHRASE_FILE",
    ] {
        assert!(error.hint().contains(way));
    }
}

#[test]
fn one_line_end_goes_and_everything_else_stays() {
    for (written, read) in [
        ("a b \n", "a b "),
        ("x\r\n", "x"),
        ("x\n\n", "x\n"),
        (" é", " é"),
        ("x\r\r\n", "x\r"),
    ] {
        let file = file_with(written.as_bytes(), 0o600);
        let ways = Ways {
            file: Some(file.to_path_buf()),
            command: None,
        };
        assert_eq!(open(&ways, &Stage::empty()).unwrap(), read);
    }
}

#[test]
fn a_file_that_others_can_read_is_named_in_a_warning() {
    for (mode, warnings) in [(0o600, 0), (0o640, 1), (0o604, 1), (0o400, 0)] {
        let file = file_with(b"secret words\n", mode);
        let told = Told::default();
        let ways = Ways {
            file: Some(file.to_path_buf()),
            command: None,
        };
        passphrase(&ways, Purpose::Open, &Stage::empty(), &told).unwrap();
        let notices = told.notices.into_inner().unwrap();
        assert_eq!(notices.len(), warnings, "{mode:o}");
        assert!(
            notices
                .iter()
                .all(|text| text.contains("chmod") && !text.contains("secret words"))
        );
    }
}

#[test]
fn a_command_that_fails_or_babbles_gives_no_passphrase() {
    assert!(matches!(
        by_command("echo secret; exit 3"),
        Err(SecretError::CommandFailed { .. })
    ));
    assert!(matches!(
        by_command("kill -9 $$"),
        Err(SecretError::CommandFailed { .. })
    ));
    assert!(matches!(by_command("true"), Err(SecretError::Empty(_))));
    assert!(matches!(by_command("echo"), Err(SecretError::Empty(_))));
    assert!(matches!(
        by_command("printf '\\377'"),
        Err(SecretError::NotText(_))
    ));
    // Would never end by itself.
    assert!(matches!(by_command("yes"), Err(SecretError::TooLong(_))));
}

#[test]
fn a_missing_file_and_an_endless_one_are_refused() {
    let ways = |path: &str| Ways {
        file: Some(path.into()),
        command: None,
    };
    let error = open(&ways("/nowhere/\x1b[2J"), &Stage::empty()).unwrap_err();
    assert_eq!(error.to_string(), r"cannot read from /nowhere/\x1b[2J");
    let error = open(&ways("/dev/zero"), &Stage::empty()).unwrap_err();
    assert!(matches!(error, SecretError::TooLong(_)));
}

#[test]
fn a_new_passphrase_is_long_enough_and_typed_twice() {
    let choose = |answers: &[&'static str]| {
        let world = Stage::answering(answers);
        passphrase(&Ways::default(), Purpose::Choose, &world, &Told::default())
    };
    assert_eq!(
        *choose(&["long enough", "long enough"]).unwrap(),
        "long enough"
    );
    assert!(matches!(
        choose(&["long enough", "long enougn"]),
        Err(SecretError::Differ)
    ));
    let short = choose(&["ééééééé"]).unwrap_err();
    assert!(matches!(short, SecretError::TooShort));
    assert!(short.hint().contains("four random words"));
    assert!(matches!(choose(&[""]), Err(SecretError::Empty(_))));
    assert!(matches!(
        choose(&["long enough"]),
        Err(SecretError::Read { .. })
    ));
    let mut world = Stage::empty();
    world.variables = vec![("OFFSITE_PASSPHRASE", "short".into())];
    let by_variable = passphrase(&Ways::default(), Purpose::Choose, &world, &Told::default());
    assert!(matches!(by_variable, Err(SecretError::TooShort)));
}

#[test]
fn words_are_read_as_printed_with_numbers_or_without() {
    let file = file_with(b" 1 Abandon   2. ability\n3) able\tabout\n", 0o600);
    let found = words(Some(&file), &Stage::empty(), &Told::default()).unwrap();
    assert_eq!(*found, "abandon ability able about");
    let file = file_with(b"1 abandon 3 able\n2 ability 4. about\n", 0o600);
    let found = words(Some(&file), &Stage::empty(), &Told::default()).unwrap();
    assert_eq!(
        *found, "abandon ability able about",
        "columns, line by line"
    );
    let typed = words(None, &Stage::answering(&["zoo zone"]), &Told::default()).unwrap();
    assert_eq!(*typed, "zoo zone");
    let none = words(None, &Stage::empty(), &Told::default());
    assert!(matches!(none, Err(SecretError::NoWayForWords)));
}
