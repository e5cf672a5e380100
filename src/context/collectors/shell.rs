//! Words for a shell.

use std::fmt::Write as _;

use crate::prompt::is_hidden;

/// One word for a POSIX shell that stands for exactly these bytes.
///
/// In single quotes where every character shows. Otherwise in `$'…'` with octal escapes, which POSIX has had since its
/// 2024 edition and bash, zsh and ksh for decades: the text of the word is then plain ASCII, and survives a reviewer
/// that copies it.
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
    let mut out = String::from("$'");
    for byte in word {
        match byte {
            b'\'' => out.push_str("\\'"),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => write!(out, "\\{other:03o}").expect("a String takes any text"),
        }
    }
    out.push('\'');
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
        check(b"new\nline", r"$'new\nline'");
        check(b"it's\ttab\\", r"$'it\'s\ttab\\'");
        check(b"caf\xe91", r"$'caf\3511'");
        check("r\u{202e}l".as_bytes(), r"$'r\342\200\256l'");
    }
}
