//! Follows the quotes and comments of SQL text, so that the gate takes for a line of the dump what
//! is one, and not what stands in somebody's text (PostgreSQL manual, "Lexical Structure").
//!
//! `pg_dump` doubles every quote inside quotes, and every backslash where a backslash is special,
//! so a backslash never hides a quote and needs no attention.

use memchr::{memchr, memchr2};

/// Longest `$tag$` that is followed: names have up to 63 bytes.
const TAG_BYTES_MAX: usize = 63;

/// Where in the text the last byte stood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Plain,
    /// After a `-` or a `/` that may begin a comment.
    Dash,
    Slash,
    /// Up to the end of the line: `-- …`, or a command of psql.
    Line,
    /// Up to this closing quote.
    Quoted(u8),
    /// After `$`, with the tag so far.
    Tag(Vec<u8>),
    /// Inside `$tag$ … $tag$`; so many bytes of the closing one have been seen.
    Dollar {
        tag: Vec<u8>,
        seen: usize,
    },
    /// Inside nested `/* … */`; the byte before, if it may count.
    Block {
        depth: u32,
        before: u8,
    },
}

/// A follower of SQL text outside data blocks.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    place: Place,
    /// Whether the byte before belongs to a name, in which `$` is an ordinary letter.
    in_name: bool,
}

impl Quotes {
    /// The rest of the line is a command of psql, whose quotes are its own.
    pub(super) fn skip_line(&mut self) {
        self.place = Place::Line;
    }

    /// Follows the text up to and including the next line feed outside quotes; the number of bytes
    /// followed, and whether there was one.
    pub(super) fn line(&mut self, text: &[u8]) -> (usize, bool) {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let skip = match &self.place {
                Place::Quoted(quote) => memchr(*quote, rest),
                Place::Line => memchr(b'\n', rest),
                Place::Dollar { seen: 0, .. } => memchr(b'$', rest),
                Place::Block { before: 0, .. } => memchr2(b'*', b'/', rest),
                _ => Some(0),
            };
            match skip {
                Some(0) => rest = after,
                Some(skip) => {
                    rest = rest.get(skip..).unwrap_or_default();
                    continue;
                }
                None => return (text.len(), false),
            }
            if self.step(byte) {
                return (text.len() - rest.len(), true);
            }
        }
        (text.len(), false)
    }

    /// Whether the byte ends a line outside quotes.
    fn step(&mut self, byte: u8) -> bool {
        match &mut self.place {
            Place::Plain => self.plain(byte),
            Place::Dash if byte == b'-' => {
                self.place = Place::Line;
                false
            }
            Place::Slash if byte == b'*' => {
                self.place = Place::Block {
                    depth: 1,
                    before: 0,
                };
                false
            }
            Place::Dash | Place::Slash => self.plain(byte),
            Place::Line => {
                if byte == b'\n' {
                    self.place = Place::Plain;
                }
                byte == b'\n'
            }
            Place::Quoted(quote) => {
                // A doubled quote closes and opens again, which comes to the same.
                if byte == *quote {
                    self.place = Place::Plain;
                    self.in_name = false;
                }
                false
            }
            Place::Tag(tag) => {
                if byte == b'$' {
                    let tag = std::mem::take(tag);
                    self.place = Place::Dollar { tag, seen: 0 };
                    return false;
                }
                let first = tag.is_empty();
                if tag.len() < TAG_BYTES_MAX && is_name(byte) && !(first && byte.is_ascii_digit()) {
                    tag.push(byte);
                    return false;
                }
                // It was a lone dollar sign, or a parameter such as $1.
                self.plain(byte)
            }
            Place::Dollar { tag, seen } => {
                *seen = match (*seen, byte) {
                    (count, b'$') if count == tag.len() + 1 => {
                        self.place = Place::Plain;
                        self.in_name = false;
                        return false;
                    }
                    (_, b'$') => 1,
                    (0, _) => 0,
                    (count, letter) if tag.get(count - 1) == Some(&letter) => count + 1,
                    _ => 0,
                };
                false
            }
            Place::Block { depth, before } => {
                if step_in_block(depth, before, byte) {
                    self.place = Place::Plain;
                }
                false
            }
        }
    }

    fn plain(&mut self, byte: u8) -> bool {
        self.place = match byte {
            b'\'' | b'"' => Place::Quoted(byte),
            b'-' => Place::Dash,
            b'/' => Place::Slash,
            b'$' if !self.in_name => Place::Tag(Vec::new()),
            _ => Place::Plain,
        };
        self.in_name = is_name(byte) || (self.in_name && byte == b'$');
        byte == b'\n'
    }
}

/// Whether the byte ends the outermost comment.
fn step_in_block(depth: &mut u32, before: &mut u8, byte: u8) -> bool {
    match (*before, byte) {
        (b'*', b'/') => *depth = depth.saturating_sub(1),
        (b'/', b'*') => *depth = depth.saturating_add(1),
        (_, b'*' | b'/') => {
            *before = byte;
            return false;
        }
        _ => {}
    }
    *before = 0;
    *depth == 0
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that end outside quotes, by their lengths.
    fn lines(text: &str, step: usize) -> Vec<String> {
        let mut quotes = Quotes::default();
        let mut lines = vec![String::new()];
        for piece in text.as_bytes().chunks(step) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (count, ended) = quotes.line(rest);
                let (line, after) = rest.split_at(count);
                lines
                    .last_mut()
                    .unwrap()
                    .push_str(std::str::from_utf8(line).unwrap());
                if ended {
                    lines.push(String::new());
                }
                rest = after;
            }
        }
        lines.pop_if(|line| line.is_empty());
        lines
    }

    #[test]
    fn only_line_feeds_outside_quotes_end_a_line() {
        let cases: [&[&str]; 11] = [
            &["a\n", "b\n"],
            &["'it''s\n'\n", "b\n"],
            &["\"a\"\"\n\"\n", "x - y / z\n"],
            &["-- it's a comment\n", "x\n"],
            &["$$ ' \n $$\n", "x\n"],
            &["$_$ $$ \n $_ $_$\n", "x\n"],
            &["$a$ $$a$\n", "$1 'x'\n"],
            &["name$a$ = 'x'\n", "y\n"],
            &["/* /* \n ' */ \n **/\n", "x\n"],
            &["E'\\\\'\n", "'--'\n", "a-'\n'\n"],
            &["'never closed\n\n"],
        ];
        for case in cases {
            let text = case.concat();
            for step in [1, 2, 3, 100] {
                assert_eq!(lines(&text, step), case, "in steps of {step}");
            }
        }
    }
}
