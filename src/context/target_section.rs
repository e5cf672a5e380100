//! What is under review, in a few lines that open every context.

use super::present::{Presented, Presenter};
use super::summary::summary_line;
use super::view::ChangeView;
use crate::target::{Endpoint, ResolvedTarget};

/// The most characters of a name: a reference can have thousands.
const MOST_CHARS: usize = 200;
/// The most notes on the change as a whole.
const MOST_NOTES: usize = 5;

/// A bounded number of lines of bounded length.
pub(super) fn target_text(changes: &dyn ChangeView, presenter: &Presenter) -> Presented {
    let target = changes.target();
    let mut lines = vec![
        format!("target: {}", clipped(&target.label)),
        format!("mode: {}", target.mode.as_str()),
        format!("change: {}", summary_line(changes.files())),
    ];
    if let Some(branch) = &target.branch {
        lines.push(format!("branch: {}", clipped(branch)));
    }
    if let Some(base) = &target.base {
        let mut line = format!("base: {} at {}", clipped(&base.name), base.commit);
        if let Some(twin) = &base.twin {
            line.push_str(&format!("; {}", clipped(&twin.note())));
        }
        lines.push(line);
    }
    lines.push(format!("old: {}", endpoint(&target.old, target)));
    lines.push(format!("new: {}", endpoint(&target.new, target)));
    lines.extend(
        changes
            .notes()
            .iter()
            .take(MOST_NOTES)
            .map(|note| format!("note: {}", clipped(note))),
    );
    let text: String = lines
        .iter()
        .map(|line| line.replace(['\n', '\r', '\t'], " ") + "\n")
        .collect();
    presenter.content(text.as_bytes())
}

fn endpoint(side: &Endpoint, target: &ResolvedTarget) -> String {
    match side {
        Endpoint::EmptyTree => "nothing".to_owned(),
        Endpoint::Commit(id) => match &target.base {
            Some(base) if base.merge_base == *id && base.commit != *id => {
                format!("commit {id}, the merge base")
            }
            _ => format!("commit {id}"),
        },
        Endpoint::Index => "the index".to_owned(),
        Endpoint::WorkTree => "the working tree".to_owned(),
        Endpoint::Patched(_) => "the same with the patch".to_owned(),
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}
