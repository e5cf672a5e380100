//! What a merge left behind.

use super::super::examine::{Note, Sink};
use super::super::view::FileView;
use super::{Check, Rule};
use crate::review::Severity;

/// `merge-conflict-marker`
pub(super) static CONFLICT_MARKER: Rule = Rule {
    id: "merge-conflict-marker",
    severity: Severity::Critical,
    confidence: 0.98,
    title: "Unresolved merge conflict",
    why: "The markers of a conflict were committed with both sides between them. The file no longer compiles or \
          parses, or keeps both versions of what should be one.",
    advice: "Resolve the conflict: keep the right side (or a blend of both) and delete the marker lines.",
    check: Check::File(conflict_markers),
};

const LENGTH: usize = 7;

fn conflict_markers(view: &FileView<'_>, sink: &mut Sink) {
    let mut opened: Option<u32> = None;
    for line in &view.added {
        if is_marker(&line.raw, '<') {
            if let Some(start) = opened.replace(line.number) {
                sink.line(start, Note::default());
            }
        } else if is_marker(&line.raw, '>') {
            let start = opened.take().unwrap_or(line.number);
            sink.lines(start, line.number, Note::default());
        }
    }
    if let Some(start) = opened {
        sink.line(start, Note::default());
    }
}

/// Seven times the letter, a blank and a name, as git writes it. (`=======` alone is also a heading in prose, so it
/// never counts.)
fn is_marker(line: &str, letter: char) -> bool {
    let rest = line.trim_start_matches(letter);
    line.len() - rest.len() == LENGTH && rest.starts_with(' ') && !rest.trim().is_empty()
}
