//! Text as HTML: it shows what it says and is never a tag, an attribute or a reference.

use super::super::visible;

/// One line of text, for an element or a quoted attribute.
pub(super) fn line(text: &str) -> String {
    escaped(&visible::line(text))
}

/// Text with its line breaks, for an element or a quoted attribute.
pub(super) fn text(text: &str) -> String {
    escaped(&visible::lines(text))
}

/// Text that is safe to show already.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text);
    out
}

/// As [`escaped`], behind what is there.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_with_a_meaning_is_left() {
        assert_eq!(
            line("<a href='x' on=\"y\">&amp;\n</a>"),
            "&lt;a href=&#39;x&#39; on=&quot;y&quot;&gt;&amp;amp; &lt;/a&gt;"
        );
        assert_eq!(text("a\n\u{202e}b"), "a\n\\u{202e}b");
    }
}
