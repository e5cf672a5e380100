//! Bytes of unknown origin as text in which every character shows.
//!
//! The notation, chosen so that it reads well and needs no table:
//!
//! - a control, bidirectional or otherwise invisible character is written `<U+XXXX>`, with at least four hex digits;
//! - a byte that is not part of valid UTF-8 is written `<0xNN>`.
//!
//! Tab, line feed and a carriage return right before a line feed stay as they are. Text that already looks like the
//! notation is not escaped again: [`Visible::escaped`] counts the real replacements.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text in which every character shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible<'a> {
    /// The text; borrowed where nothing had to be replaced.
    pub text: Cow<'a, str>,
    /// How many characters or bytes were replaced.
    pub escaped: usize,
}

/// Makes every character of `bytes` show. Same bytes, same text.
#[must_use]
pub fn visible(bytes: &[u8]) -> Visible<'_> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && shows_as_is(text)
    {
        return Visible {
            text: Cow::Borrowed(text),
            escaped: 0,
        };
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut escaped = 0;
    for chunk in bytes.utf8_chunks() {
        push_visible(&mut text, chunk.valid(), &mut escaped);
        for byte in chunk.invalid() {
            escaped += 1;
            write!(text, "<0x{byte:02X}>").expect("a String takes any text");
        }
    }
    Visible {
        text: Cow::Owned(text),
        escaped,
    }
}

fn push_visible(out: &mut String, valid: &str, escaped: &mut usize) {
    let mut chars = valid.chars().peekable();
    while let Some(char) = chars.next() {
        let keep = match char {
            '\r' => chars.peek() == Some(&'\n'),
            other => !is_hidden(other),
        };
        if keep {
            out.push(char);
        } else {
            *escaped += 1;
            write!(out, "<U+{:04X}>", u32::from(char)).expect("a String takes any text");
        }
    }
}

/// Most text is plain ASCII: decided by bytes, eight times as fast as by characters.
fn shows_as_is(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes
        .iter()
        .all(|byte| matches!(byte, b'\n' | b'\t' | 0x20..=0x7e))
    {
        return true;
    }
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let keep = match char {
            '\r' => chars.peek() == Some(&'\n'),
            other => !is_hidden(other),
        };
        if !keep {
            return false;
        }
    }
    true
}

/// Whether a character does not show, or changes how its neighbours show. Tab and line feed are not hidden; a carriage
/// return is.
#[must_use]
pub fn is_hidden(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        ' '..='~' => false,
        _ => matches!(
            u32::from(char),
            // Controls, and the soft hyphen.
            0..=0x1f | 0x7f..=0x9f | 0xad
            // Combining grapheme joiner, Arabic letter mark, Hangul and Khmer fillers, Mongolian separators.
            | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            // Zero width characters, direction marks, line and paragraph separators, embeddings and overrides.
            | 0x200b..=0x200f | 0x2028..=0x202e
            // Word joiner, invisible operators, isolates, deprecated format characters.
            | 0x2060..=0x206f
            // Hangul filler, byte order mark, half-width filler, annotation anchors.
            | 0x3164 | 0xfeff | 0xffa0 | 0xfff9..=0xfffb
            // Musical and shorthand format controls.
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            // Tags and the supplementary variation selectors: both can smuggle text.
            | 0xe0000..=0xe0fff
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &str, escaped: usize) {
        let shown = visible(input);
        assert_eq!((&*shown.text, shown.escaped), (expected, escaped));
    }

    #[test]
    fn plain_text_is_borrowed_and_unchanged() {
        check(
            "let x = 1;\n\té ü 漢字\r\n".as_bytes(),
            "let x = 1;\n\té ü 漢字\r\n",
            0,
        );
        assert!(matches!(visible(b"plain").text, Cow::Borrowed(_)));
    }

    #[test]
    fn what_does_not_show_is_written_out() {
        check(b"a\x1b[31mred", "a<U+001B>[31mred", 1);
        check("x\u{202e}y\u{2066}z".as_bytes(), "x<U+202E>y<U+2066>z", 2);
        check("tag \u{e0041}".as_bytes(), "tag <U+E0041>", 1);
        check(b"nul\0", "nul<U+0000>", 1);
        check("\u{feff}bom".as_bytes(), "<U+FEFF>bom", 1);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_written_out() {
        check(b"caf\xe9 \xff\xfe!", "caf<0xE9> <0xFF><0xFE>!", 3);
        check(b"\xe2\x80", "<0xE2><0x80>", 2);
    }

    #[test]
    fn a_carriage_return_stays_only_before_a_line_feed() {
        check(b"a\r\nb\rc", "a\r\nb<U+000D>c", 1);
        check(b"end\r", "end<U+000D>", 1);
    }
}
