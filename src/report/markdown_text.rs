//! Markdown that others wrote, kept inside its place: no HTML, no code that runs on into what follows.
//!
//! This is no parser. Where it is unsure it writes a character reference, which shows the character and does nothing.

use super::visible;

/// One line that may hold emphasis and code, but no HTML and no code span that is still open at its end.
pub(super) fn inline(text: &str) -> String {
    let text = visible::line(text);
    let mut out = String::with_capacity(text.len());
    push_inline(&mut out, &text);
    out
}

/// Lines of Markdown with the same guarantees; a code fence that is still open at the end is closed.
pub(super) fn block(text: &str) -> Vec<String> {
    let text = visible::lines(text.trim());
    let mut lines = Vec::new();
    let mut open: Option<Fence> = None;
    for line in text.lines() {
        if let Some(fence) = open {
            lines.push(line.trim_end().to_owned());
            if fence.is_closed_by(line) {
                open = None;
            }
            continue;
        }
        open = Fence::opened_by(line);
        let mut safe = String::with_capacity(line.len());
        match open {
            Some(_) => safe.push_str(line),
            None => push_inline(&mut safe, line),
        }
        lines.push(safe.trim_end().to_owned());
    }
    if let Some(fence) = open {
        lines.push(fence.mark.to_string().repeat(fence.length));
    }
    lines
}

/// `text` as code, whatever backticks it holds.
pub(super) fn code_span(text: &str) -> String {
    let run = longest_run(text);
    if run == 0 {
        return format!("`{text}`");
    }
    let fence = "`".repeat(run + 1);
    format!("{fence} {text} {fence}")
}

/// A fence that nothing in `text` closes.
pub(super) fn fence_for(text: &str) -> String {
    "`".repeat(longest_run(text).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

fn push_inline(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        match character {
            '`' => {
                let run = rest.len() - rest.trim_start_matches('`').len();
                let (marks, behind) = rest.split_at(run);
                match code_end(behind, run) {
                    Some(end) => {
                        let (code, behind) = behind.split_at(end);
                        out.push_str(marks);
                        out.push_str(code);
                        rest = behind;
                    }
                    None => {
                        out.push_str(&"&#96;".repeat(run));
                        rest = behind;
                    }
                }
                continue;
            }
            // A backslash takes the meaning from what follows it; as a reference that has none to begin with.
            '\\' if after.starts_with('`') => {
                out.push_str("&#96;");
                rest = &after[1..];
                continue;
            }
            '\\' if after.starts_with('\\') => {
                out.push_str("\\\\");
                rest = &after[1..];
                continue;
            }
            '<' => out.push_str("&lt;"),
            other => out.push(other),
        }
        rest = after;
    }
}

/// Where the code span that `run` backticks opened ends, its closing backticks included; `None` if it never does.
pub(super) fn code_end(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = text[at..].find('`') {
        let start = at + start;
        let length = text[start..].len() - text[start..].trim_start_matches('`').len();
        at = start + length;
        if length == run {
            return Some(at);
        }
    }
    None
}

/// A code fence that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    pub(super) fn opened_by(line: &str) -> Option<Fence> {
        let (mark, length, rest) = Fence::marks(line)?;
        let is_fence = length >= 3 && !(mark == '`' && rest.contains('`'));
        is_fence.then_some(Fence { mark, length })
    }

    pub(super) fn is_closed_by(self, line: &str) -> bool {
        Fence::marks(line).is_some_and(|(mark, length, rest)| {
            mark == self.mark && length >= self.length && rest.trim().is_empty()
        })
    }

    fn marks(line: &str) -> Option<(char, usize, &str)> {
        let text = line.trim_start_matches(' ');
        let mark = text
            .chars()
            .next()
            .filter(|mark| matches!(mark, '`' | '~'))?;
        let rest = text.trim_start_matches(mark);
        let is_indented_code = line.len() - text.len() > 3;
        (!is_indented_code).then(|| (mark, text.len() - rest.len(), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_spans_hold_any_backtick() {
        assert_eq!(code_span("a.rs:1"), "`a.rs:1`");
        assert_eq!(code_span("a`b"), "`` a`b ``");
        assert_eq!(code_span("a``b"), "``` a``b ```");
        assert_eq!(fence_for("x"), "```");
        assert_eq!(fence_for("```\nx\n````"), "`````");
    }

    #[test]
    fn inline_text_holds_no_html_and_no_open_code() {
        for (text, expected) in [
            ("`a<b>` and <img>", "`a<b>` and &lt;img>"),
            ("``a`<b>`` <i>", "``a`<b>`` &lt;i>"),
            ("an odd ` one <b>", "an odd &#96; one &lt;b>"),
            ("``` <b> `", "&#96;&#96;&#96; &lt;b> &#96;"),
            (r"\`<b>\`", "&#96;&lt;b>&#96;"),
            (r"\\`<b>`", r"\\`<b>`"),
            (r"\<b>", r"\&lt;b>"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(inline(text), expected);
        }
    }

    #[test]
    fn blocks_keep_code_and_close_what_is_open() {
        for (text, expected) in [
            ("<a>\n```x\n<b>\n```\n<c>", "&lt;a>\n```x\n<b>\n```\n&lt;c>"),
            ("```\n<b>", "```\n<b>\n```"),
            ("~~~~\n<b>\n~~~", "~~~~\n<b>\n~~~\n~~~~"),
            // A backtick in the info string: no fence, so nothing is code.
            ("```a`\n<b>", "&#96;&#96;&#96;a&#96;\n&lt;b>"),
            ("a\n    ```\n<b>", "a\n    &#96;&#96;&#96;\n&lt;b>"),
        ] {
            assert_eq!(block(text).join("\n"), expected, "{text:?}");
        }
    }
}
