//! Words for a shell.

use std::fmt::Write as _;

use bstr::ByteSlice as _;

use crate::prompt::is_hidden;

/// One word for a POSIX shell that stands for exactly these bytes.
///
/// In single quotes where every character shows. Otherwise made by `printf` from octal escapes: the text of the word is
/// then plain ASCII, and survives a reviewer that copies it. Line ends at the end of a word, which a shell takes off what
/// a command prints, stand in quotes as they are.
#[must_use]
pub fn shell_quote(word: &[u8]) -> String {
    match std::str::from_utf8(word) {
        Ok(text) if is_plain(text) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(word),
    }
}

/// Whether every character of a name shows on one line.
pub(super) fn is_plain(text: &str) -> bool {
    !text
        .chars()
        .any(|char| matches!(char, '\n' | '\t') || is_hidden(char))
}

fn escaped(word: &[u8]) -> String {
    let body = word.trim_end_with(|char| char == '\n');
    let mut out = String::from("\"$(printf '");
    for (index, byte) in body.iter().enumerate() {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'%' => out.push_str("%%"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            // The quote ends the word, and what begins with a dash is an option.
            b'\'' => out.push_str("\\047"),
            b'-' if index == 0 => out.push_str("\\055"),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => write!(out, "\\{other:03o}").expect("a String takes any text"),
        }
    }
    out.push_str("')\"");
    let line_ends = word.len() - body.len();
    if line_ends > 0 {
        write!(out, "'{}'", "\n".repeat(line_ends)).expect("a String takes any text");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &[u8], expected: &str) {
        assert_eq!(shell_quote(word), expected);
    }

    #[test]
    fn visible_text_is_put_in_single_quotes() {
        check(b"src/main.rs", "'src/main.rs'");
        check(b"", "''");
        check(b"it's $(here) `now` \\n", r"'it'\''s $(here) `now` \n'");
        check("Größe *?[a]".as_bytes(), "'Größe *?[a]'");
    }

    #[test]
    fn what_does_not_show_is_escaped() {
        check(b"new\nline", r#""$(printf 'new\nline')""#);
        check(b"it's\ttab\\ 5%", r#""$(printf 'it\047s\ttab\\ 5%%')""#);
        check(b"caf\xe91", r#""$(printf 'caf\3511')""#);
        check("r\u{202e}l".as_bytes(), r#""$(printf 'r\342\200\256l')""#);
        check(b"-n\tx\n\n", "\"$(printf '\\055n\\tx')\"'\n\n'");
    }
}
