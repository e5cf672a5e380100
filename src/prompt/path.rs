//! File names as one line of text: as they are, or C-quoted where they are unusual.

use std::fmt::Write as _;

use super::visible::is_hidden;

/// A file name on one line.
///
/// A name of visible UTF-8 is given as it is, spaces included. One that holds a double quote, a backslash, a control
/// or invisible character, or bytes that are no UTF-8, is put in double quotes with git's escapes (`\n`, `\t`, `\"`,
/// `\\`, `\ooo` per byte). So is a name that begins or ends with a blank, which would not show.
#[must_use]
pub fn show_path(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) if is_plain(text) => text.to_owned(),
        _ => quoted(path),
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text
            .chars()
            .any(|char| matches!(char, '"' | '\\' | '\t' | '\n') || is_hidden(char))
}

fn quoted(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    out.push('"');
    for chunk in path.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{b}' => out.push_str("\\v"),
                '\u{c}' => out.push_str("\\f"),
                hidden if is_hidden(hidden) => {
                    let mut buffer = [0; 4];
                    octal(&mut out, hidden.encode_utf8(&mut buffer).as_bytes());
                }
                plain => out.push(plain),
            }
        }
        octal(&mut out, chunk.invalid());
    }
    out.push('"');
    out
}

fn octal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(out, "\\{byte:03o}").expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &[u8], expected: &str) {
        assert_eq!(show_path(path), expected);
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        check(b"src/main.rs", "src/main.rs");
        check("docs/Größe 漢.md".as_bytes(), "docs/Größe 漢.md");
        check(b"with blank and 'quote'.txt", "with blank and 'quote'.txt");
    }

    #[test]
    fn unusual_names_are_quoted_on_one_line() {
        check(b"new\nline", r#""new\nline""#);
        check(b"tab\there", r#""tab\there""#);
        check(br#"say "hi""#, r#""say \"hi\"""#);
        check(br"back\slash", r#""back\\slash""#);
        check(b"caf\xe9", r#""caf\351""#);
        check("r\u{202e}l".as_bytes(), r#""r\342\200\256l""#);
        check(b" edge", r#"" edge""#);
        check(b"", r#""""#);
    }
}
