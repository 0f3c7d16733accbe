//! The form of a transcript:
//!
//! ```text
//! What the story is about, in one line or more.
//!
//! % a line of shell that arranges something and says nothing
//! $ offsite snapshots
//! | a line on standard output
//! ! a line on standard error
//! = 12
//! ```
//!
//! `=` is the exit code where it is not 0. Everything else is a line of the story and stays as it is.

/// A line of a transcript, without what was answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Story(String),
    /// Must end well and say nothing.
    Arrange(String),
    Say(String),
}

/// Takes a transcript apart; answers are left out, for they are what is compared.
pub fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in text.lines() {
        match line.split_at_checked(2) {
            Some(("% ", command)) => steps.push(Step::Arrange(command.to_owned())),
            Some(("$ ", command)) => steps.push(Step::Say(command.to_owned())),
            Some(("| " | "! " | "= ", _)) => {}
            _ if matches!(line, "|" | "!") => {}
            _ => steps.push(Step::Story(line.to_owned())),
        }
    }
    steps
}

/// The answer to one command.
pub fn answer(stdout: &str, stderr: &str, code: i32) -> String {
    let mut text = String::new();
    for (mark, said) in [("|", stdout), ("!", stderr)] {
        for line in said.lines() {
            text.push_str(mark);
            if !line.is_empty() {
                text.extend([" ", line]);
            }
            text.push('\n');
        }
    }
    if code != 0 {
        text.push_str(&format!("= {code}\n"));
    }
    text
}

#[test]
fn a_transcript_is_read_back_without_its_answers() {
    let text = format!(
        "A story.\n\n% mkdir photos\n$ offsite ls\n{}",
        answer("a\n\nb", "error: x", 4)
    );
    assert!(text.ends_with("| a\n|\n| b\n! error: x\n= 4\n"), "{text}");
    assert_eq!(
        parse(&text),
        [
            Step::Story("A story.".to_owned()),
            Step::Story(String::new()),
            Step::Arrange("mkdir photos".to_owned()),
            Step::Say("offsite ls".to_owned()),
        ]
    );
}
