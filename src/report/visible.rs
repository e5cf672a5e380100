//! Text that others wrote, made safe to show: nothing in it moves a cursor, changes a colour or hides.
//!
//! Control characters (ANSI escapes begin with one), bidirectional controls and invisible characters are replaced by
//! their escape, such as `\u{1b}`. Letters of every script stay.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every line kept and everything that a terminal would act on shown as an escape. Carriage returns before a
/// line feed are dropped.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    replace(text, |character| matches!(character, '\n' | '\t'))
}

/// `text` as one line: line breaks and tabs become one blank each, everything else as in [`lines`].
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !text.contains(['\n', '\t', '\r']) {
        return replace(text, |_| false);
    }
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Cow::Owned(replace(&joined, |_| false).into_owned())
}

/// `path` with line breaks and tabs shown as escapes too: two different paths never look the same for want of them.
#[must_use]
pub fn path(path: &str) -> Cow<'_, str> {
    replace(path, |_| false)
}

/// A JSON document with every such character in its strings written as a `\u` escape: the same document, safe to show.
#[must_use]
pub fn json_document(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for character in document.chars() {
        // Below U+0080 the document has them as escapes already, or as the white space between its parts.
        if character.is_ascii() || !is_unsafe(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("a string takes all text");
        }
    }
    shown.replace('\u{7f}', "\\u007f")
}

fn replace(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !is_unsafe(character) || keep(character) {
            shown.push(character);
            continue;
        }
        match character {
            '\r' if characters.peek() == Some(&'\n') && keep('\n') => {}
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            other => {
                write!(shown, "\\u{{{:x}}}", u32::from(other)).expect("a string takes all text");
            }
        }
    }
    Cow::Owned(shown)
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

/// Characters that show as nothing or reorder what is around them. The joiners U+200C and U+200D stay: scripts and emoji
/// need them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_script_is_borrowed_as_it_is() {
        for text in ["", "fn main()", "größe ≥ 日本語", "👩‍🚀", "नमस्ते"]
        {
            assert!(matches!(lines(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn terminal_controls_are_shown_and_not_sent() {
        assert_eq!(lines("\x1b[2Jx\x07\x08"), r"\u{1b}[2Jx\u{7}\u{8}");
        assert_eq!(lines("\u{9b}31m\x7f"), r"\u{9b}31m\u{7f}");
        assert_eq!(
            lines("a\u{202e}b\u{2066}c\u{200b}d\u{e0041}"),
            r"a\u{202e}b\u{2066}c\u{200b}d\u{e0041}"
        );
    }

    #[test]
    fn a_json_document_stays_the_same_document() {
        let value = serde_json::json!({"a\u{202e}": "\u{9b}\u{7f}\u{e0041} ü\n"});
        let shown = json_document(&value.to_string());
        assert_eq!(shown, r#"{"a\u202e":"\u009b\u007f\udb40\udc41 ü\n"}"#);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }

    #[test]
    fn line_breaks_are_kept_joined_or_escaped_as_the_place_needs() {
        assert_eq!(lines("a\r\nb\tc\rd"), "a\nb\tc\\rd");
        assert_eq!(line(" a\r\n\n b\tc "), "a b c");
        assert_eq!(path("a\nb\tc"), r"a\nb\tc");
        assert_eq!(path(" a "), " a ");
    }
}
