//! The part of Markdown that reviewers write, as HTML: paragraphs, lists, fenced and inline code, bold. Everything else,
//! links and HTML above all, is shown as the text that it is.

use super::super::markdown_text::{Fence, code_end};
use super::super::visible;
use super::escape::{escaped, push_escaped};

/// Blocks of text.
pub(super) fn blocks(text: &str) -> String {
    let text = visible::lines(text.trim());
    let mut writer = Writer::default();
    let mut fence: Option<(Fence, String)> = None;
    for line in text.lines() {
        if let Some((open, code)) = &mut fence {
            if open.is_closed_by(line) {
                writer.code(code);
                fence = None;
            } else {
                code.push_str(line);
                code.push('\n');
            }
            continue;
        }
        if let Some(open) = Fence::opened_by(line) {
            writer.end();
            fence = Some((open, String::new()));
            continue;
        }
        writer.line(line);
    }
    if let Some((_, code)) = &fence {
        writer.code(code);
    }
    writer.end();
    writer.out
}

/// One line of text.
pub(super) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_inline(&mut out, &visible::line(text));
    out
}

/// What the lines so far are part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Paragraph,
    Bullets,
    Numbers,
}

impl Part {
    fn tags(self) -> (&'static str, &'static str) {
        match self {
            Part::Paragraph => ("<p>", "</p>\n"),
            Part::Bullets => ("<ul><li>", "</li></ul>\n"),
            Part::Numbers => ("<ol><li>", "</li></ol>\n"),
        }
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    part: Option<Part>,
    /// The text of the paragraph or item, which ends where the next one begins.
    held: String,
}

impl Writer {
    fn line(&mut self, line: &str) {
        let bare = line.trim();
        if bare.is_empty() {
            self.end();
        } else if let Some(item) = bare.strip_prefix("- ").or(bare.strip_prefix("* ")) {
            self.item(Part::Bullets, item);
        } else if let Some(item) = numbered(bare) {
            self.item(Part::Numbers, item);
        } else if let Some(heading) = heading(bare) {
            self.end();
            self.out.push_str("<p><strong>");
            push_inline(&mut self.out, heading);
            self.out.push_str("</strong></p>\n");
        } else {
            if self.part.is_none() {
                self.begin(Part::Paragraph);
            } else {
                self.held.push('\n');
            }
            self.held.push_str(bare);
        }
    }

    fn item(&mut self, part: Part, text: &str) {
        if self.part == Some(part) {
            self.flush();
            self.out.push_str("</li><li>");
        } else {
            self.end();
            self.begin(part);
        }
        self.held.push_str(text);
    }

    fn begin(&mut self, part: Part) {
        self.part = Some(part);
        self.out.push_str(part.tags().0);
    }

    fn flush(&mut self) {
        let held = std::mem::take(&mut self.held);
        push_inline(&mut self.out, &held);
    }

    fn end(&mut self) {
        self.flush();
        if let Some(part) = self.part.take() {
            self.out.push_str(part.tags().1);
        }
    }

    fn code(&mut self, code: &str) {
        self.end();
        self.out.push_str("<pre><code>");
        push_escaped(&mut self.out, code.trim_end_matches('\n'));
        self.out.push_str("</code></pre>\n");
    }
}

/// The text of `1. text`.
fn numbered(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = line.len() - rest.len();
    (1..=4)
        .contains(&digits)
        .then(|| rest.strip_prefix(". ").or(rest.strip_prefix(") ")))?
}

/// The text of `## text`.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    (1..=6).contains(&level).then(|| rest.strip_prefix(' '))?
}

fn push_inline(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        let (before, from) = rest.split_at(at);
        push_escaped(out, before);
        if let Some(bold) = from.strip_prefix("**")
            && let Some(end) = bold.find("**").filter(|&end| end > 0)
        {
            let (inside, after) = bold.split_at(end);
            // A code span may run across the end of what looks bold: then it is not.
            if !inside.contains('`') || inside.matches('`').count() % 2 == 0 {
                out.push_str("<strong>");
                push_code_and_text(out, inside);
                out.push_str("</strong>");
                rest = &after[2..];
                continue;
            }
        }
        rest = push_code_or_mark(out, from);
    }
    push_escaped(out, rest);
}

/// Text without bold in it.
fn push_code_and_text(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        push_escaped(out, &rest[..at]);
        rest = push_code_or_mark(out, &rest[at..]);
    }
    push_escaped(out, rest);
}

/// The code span that `text` begins with, or else its first mark as text. Returns what follows.
fn push_code_or_mark<'a>(out: &mut String, text: &'a str) -> &'a str {
    let run = text.len() - text.trim_start_matches('`').len();
    if run == 0 {
        let (mark, rest) = text.split_at(1);
        out.push_str(mark);
        return rest;
    }
    let (marks, behind) = text.split_at(run);
    match code_end(behind, run) {
        Some(end) => {
            let code = &behind[..end - run];
            out.push_str("<code>");
            out.push_str(&escaped(code.trim()));
            out.push_str("</code>");
            &behind[end..]
        }
        None => {
            out.push_str(marks);
            behind
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(blocks(text).trim_end().replace('\n', "|"), expected);
    }

    #[test]
    fn what_reviewers_write_becomes_blocks() {
        check("one\ntwo\n\nthree", "<p>one|two</p>|<p>three</p>");
        check(
            "see:\n- a\n  more\n- `b`\n\n1. c\n2. d",
            "<p>see:</p>|<ul><li>a|more</li><li><code>b</code></li></ul>|<ol><li>c</li><li>d</li></ol>",
        );
        check(
            "## Why\n**never** do `a<b>` ** 2",
            "<p><strong>Why</strong></p>|<p><strong>never</strong> do <code>a&lt;b&gt;</code> ** 2</p>",
        );
        check(
            "x\n```rust\na < b\n\nc\n```\ny",
            "<p>x</p>|<pre><code>a &lt; b||c</code></pre>|<p>y</p>",
        );
        check("```\nopen", "<pre><code>open</code></pre>");
        check("", "");
    }

    #[test]
    fn everything_else_is_text() {
        check(
            "<script>x</script> [a](javascript:b) ![c](d) <!-- &lt;",
            "<p>&lt;script&gt;x&lt;/script&gt; [a](javascript:b) ![c](d) &lt;!-- &amp;lt;</p>",
        );
        check("`open *x **y `` z", "<p>`open *x **y `` z</p>");
        check("**a `b** c` d", "<p>**a <code>b** c</code> d</p>");
        check("****", "<p>****</p>");
    }
}
