//! Lines of text whose parts say what they are. Which colour that is, if any, is for the terminal's owner to choose.

use crate::review::Severity;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Running text.
    Plain,
    /// A heading.
    Heading,
    /// A label, or something of minor weight.
    Minor,
    /// A place in a file.
    Place,
    /// The word for a change that passed.
    Passed,
    /// The word for a change with findings.
    Findings,
    /// The word for a change that could not be judged.
    NotJudged,
    /// The word for a severity.
    Severity(Severity),
}

/// A piece of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is.
    pub role: Role,
    /// Its text, without line breaks and safe to show.
    pub text: String,
}

/// Lines, to be printed one below the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    lines: Vec<Vec<Span>>,
}

impl Document {
    /// Every line.
    #[must_use]
    pub fn lines(&self) -> &[Vec<Span>] {
        &self.lines
    }

    /// The text alone, every line ending with a line feed.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            for span in line {
                text.push_str(&span.text);
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }

    pub(super) fn push(&mut self, spans: impl IntoIterator<Item = Span>) {
        self.lines.push(spans.into_iter().collect());
    }

    /// An empty line, unless there is one already or nothing is above it.
    pub(super) fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(Vec::new());
        }
    }
}

/// A piece of text with a role.
pub(super) fn span(role: Role, text: impl Into<String>) -> Span {
    Span {
        role,
        text: text.into(),
    }
}

/// `text` in lines of at most `width` characters, broken at blanks where there is one. What is indented or inside a code
/// fence is not broken. `width` counts characters, not columns: wide scripts may stick out.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut lines = Vec::new();
    let mut in_fence = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        if in_fence || is_fence || line.starts_with("    ") || line.chars().count() <= width {
            lines.push(line.trim_end().to_owned());
            continue;
        }
        let hang = hanging_indent(line);
        let mut current = String::new();
        let mut length = 0;
        for word in line.split(' ') {
            let word_length = word.chars().count();
            if length > hang && length + 1 + word_length > width {
                lines.push(std::mem::take(&mut current).trim_end().to_owned());
                current = " ".repeat(hang);
                length = hang;
            } else if !current.is_empty() || length > 0 {
                current.push(' ');
                length += 1;
            }
            current.push_str(word);
            length += word_length;
        }
        lines.push(current.trim_end().to_owned());
    }
    lines
}

/// How far the second line of a broken one is moved in: as far as the text of a list item.
fn hanging_indent(line: &str) -> usize {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let rest = &line[indent..];
    let marker = if rest.starts_with("- ") || rest.starts_with("* ") {
        2
    } else {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest[digits..].starts_with(". ") {
            digits + 2
        } else {
            0
        }
    };
    indent + marker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(wrapped(text, 20), expected);
    }

    #[test]
    fn long_lines_break_at_blanks_and_lists_hang() {
        check("short", &["short"]);
        check(
            "one two three four five six",
            &["one two three four", "five six"],
        );
        check(
            "- one two three four five",
            &["- one two three four", "  five"],
        );
        check(
            "a-word-that-is-longer-than-a-line and more",
            &["a-word-that-is-longer-than-a-line", "and more"],
        );
        check("a\n\nb", &["a", "", "b"]);
    }

    #[test]
    fn code_is_never_broken() {
        let code = "```\nlet a = some_function(with, arguments);\n```";
        check(code, &code.lines().collect::<Vec<_>>());
        check(
            "    let a = some_function(with);",
            &["    let a = some_function(with);"],
        );
    }
}
