//! Errors that nobody hears of, and work that nobody tracks.

use std::sync::LazyLock;

use regex::Regex;

use super::super::examine::{Note, Sink};
use super::super::language::Language;
use super::super::view::{AddedLine, FileView};
use super::pattern::compile;
use super::{Check, Rule};
use crate::review::Severity;

/// `swallowed-error`
pub(super) static SWALLOWED_ERROR: Rule = Rule {
    id: "swallowed-error",
    severity: Severity::Medium,
    confidence: 0.7,
    title: "An error is swallowed",
    why: "Whatever goes wrong here leaves no trace, and the program goes on with a state that nobody planned for. The \
          bug that it hides will be searched somewhere else.",
    advice: "Catch the narrowest error that is expected, and log it or say in a comment why it may be ignored.",
    check: Check::File(swallowed),
};

fn swallowed(view: &FileView<'_>, sink: &mut Sink) {
    let find: fn(&[AddedLine], usize) -> Option<u32> = match view.language {
        Language::Python => python,
        Language::JavaScript
        | Language::Java
        | Language::Kotlin
        | Language::CSharp
        | Language::Php => braces,
        Language::Ruby => ruby,
        Language::Go => go,
        _ => return,
    };
    for at in 0..view.added.len() {
        if let Some(end) = find(&view.added, at) {
            sink.lines(view.added[at].number, end, Note::default());
        }
    }
}

/// The next new line, when it is the next line of the file.
fn following(lines: &[AddedLine], at: usize) -> Option<&AddedLine> {
    lines
        .get(at + 1)
        .filter(|next| next.number == lines[at].number + 1)
}

fn python(lines: &[AddedLine], at: usize) -> Option<u32> {
    static BARE: LazyLock<Regex> = LazyLock::new(|| compile(r"^\s*except\s*:\s*(\S.*)?$"));
    static BROAD: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"^\s*except\s+(?:Base)?Exception(?:\s+as\s+\w+)?\s*:\s*(\S.*)?$")
    });
    let line = &lines[at];
    // A comment on the line is taken for the reason.
    if line.raw.contains('#') {
        return None;
    }
    let nothing = |text: &str| matches!(text.trim(), "pass" | "...");
    let captures = BARE
        .captures(&line.bare)
        .or_else(|| BROAD.captures(&line.bare))?;
    match captures.get(1) {
        Some(body) => nothing(body.as_str()).then_some(line.number),
        None => following(lines, at)
            .filter(|next| nothing(&next.raw))
            .map(|next| next.number),
    }
}

fn braces(lines: &[AddedLine], at: usize) -> Option<u32> {
    static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\s*\(\s*(?:\(\s*\w*\s*\)|\w+)\s*=>\s*\{\s*\}\s*\)",
        )
    });
    static OPEN: LazyLock<Regex> = LazyLock::new(|| compile(r"\bcatch\s*(?:\([^)]*\)\s*)?\{\s*$"));
    let line = &lines[at];
    // Tried on the line as it stands: a comment between the braces is taken for the reason. A match inside a string
    // or a comment is none.
    let in_code = line.bare.contains("catch");
    if in_code && WHOLE.is_match(&line.raw) {
        return Some(line.number);
    }
    if in_code && OPEN.is_match(&line.raw) {
        return following(lines, at)
            .filter(|next| next.raw.trim_start().starts_with('}'))
            .map(|next| next.number);
    }
    None
}

fn ruby(lines: &[AddedLine], at: usize) -> Option<u32> {
    static RESCUE: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"^\s*rescue(?:\s+(?:StandardError|Exception))?(?:\s*=>\s*\w+)?\s*$")
    });
    static INLINE: LazyLock<Regex> = LazyLock::new(|| compile(r"\S\s+rescue\s+nil\b"));
    let line = &lines[at];
    if INLINE.is_match(&line.bare) {
        return Some(line.number);
    }
    RESCUE.find(&line.raw)?;
    following(lines, at)
        .filter(|next| matches!(next.raw.trim(), "end" | "nil"))
        .map(|next| next.number)
}

fn go(lines: &[AddedLine], at: usize) -> Option<u32> {
    static WHOLE: LazyLock<Regex> =
        LazyLock::new(|| compile(r"\bif\s+.*\berr\s*!=\s*nil\s*\{\s*\}"));
    static OPEN: LazyLock<Regex> = LazyLock::new(|| compile(r"\bif\s+.*\berr\s*!=\s*nil\s*\{\s*$"));
    let line = &lines[at];
    if WHOLE.is_match(&line.bare) {
        return Some(line.number);
    }
    OPEN.find(&line.raw)?;
    following(lines, at)
        .filter(|next| next.raw.trim() == "}")
        .map(|next| next.number)
}

/// `todo-without-ticket`
pub(super) static TODO_WITHOUT_TICKET: Rule = Rule {
    id: "todo-without-ticket",
    severity: Severity::Low,
    confidence: 0.5,
    title: "A to-do without a ticket",
    why: "A note that only lives in the code is found by whoever trips over it next. With a ticket it can be planned, \
          or closed.",
    advice: "Name the ticket, the person or the condition in the note, or do it now.",
    check: Check::File(todo),
};

fn todo(view: &FileView<'_>, sink: &mut Sink) {
    static NOTE: LazyLock<Regex> = LazyLock::new(|| compile(r"\b(?:TODO|FIXME|XXX)\b"));
    static TRACKED: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"#[0-9]+|\b[A-Z][A-Z0-9]+-[0-9]+|https?://|\b(?:TODO|FIXME|XXX)\s*\([^)\s]+\)")
    });
    if matches!(view.language, Language::Prose | Language::Other) {
        return;
    }
    for line in &view.added {
        // In a comment: there in the line as it stands, blank where comments are.
        let in_comment = NOTE.find_iter(&line.raw).any(|note| {
            line.code
                .get(note.range())
                .is_some_and(|code| code.trim().is_empty())
        });
        if in_comment && !TRACKED.is_match(&line.raw) {
            sink.line(line.number, Note::default());
        }
    }
}
