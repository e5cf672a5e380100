//! The collectors of this crate. To add one: a file here, and its `INFO` in `ALL`.

mod callers;
mod changed_files;
mod checks;
mod commands;
mod commit_log;
mod definitions;
mod diff;
mod enclosing;
mod excerpts;
mod exec;
mod guidelines;
mod history;
mod left_out;
mod related;
mod shell;
mod stat;
mod status;
mod tests;

use std::fmt::Write as _;

use super::collector::Scene;
use super::registry::CollectorInfo;
use super::size::human_size;
use crate::prompt::{show_path, visible};
use crate::target::{Content, FileChange, Part, Side};

pub(super) use diff::least_patch_bytes;
pub(super) use exec::{EXEC, program};
pub(super) use guidelines::{RULE_FILES, cut_at_line, folders_above};
pub use shell::shell_quote;

/// All of them.
pub(super) const ALL: [CollectorInfo; 19] = [
    status::INFO,
    diff::COMMITTED,
    diff::STAGED,
    diff::UNSTAGED,
    diff::UNTRACKED,
    commit_log::INFO,
    stat::INFO,
    changed_files::INFO,
    commands::INFO,
    left_out::INFO,
    enclosing::INFO,
    definitions::INFO,
    callers::INFO,
    tests::INFO,
    related::INFO,
    history::INFO,
    guidelines::INFO,
    checks::INFO,
    exec::INFO,
];

/// The options of a collector that has none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// One line about a file: `M  +3 -1  src/a.rs`, with everything that a reader could need to find it.
fn file_line(scene: &Scene<'_>, index: usize) -> String {
    let file = &scene.changes.files()[index];
    let letter = file.status.letter();
    let mut line = format!("{letter}  {}  {}", numbers(file), show_path(&file.path));
    let mut remarks = Vec::new();
    if let Some(old) = &file.old_path {
        remarks.push(format!("was {}", show_path(old)));
    }
    if file.part != Part::Committed {
        remarks.push(file.part.as_str().to_owned());
    }
    if let (Some(old), Some(new)) = (&file.old, &file.new)
        && old.mode != new.mode
    {
        remarks.push(format!("mode {:o} to {:o}", old.mode, new.mode));
    }
    if file.content == Content::Binary
        && let Some(sizes) = sizes(file)
    {
        remarks.push(sizes);
    }
    if scene.secret_names[index] {
        remarks.push("bears a secret by its name: do not open it".to_owned());
    }
    remarks.extend(file.notes.iter().map(|note| one_line(note)));
    if !remarks.is_empty() {
        write!(line, "  ({})", remarks.join("; ")).expect("a String takes any text");
    }
    line.push('\n');
    line
}

/// `+3 -1`, `binary` or `submodule`.
fn numbers(file: &FileChange) -> String {
    match &file.content {
        Content::Text { added, removed, .. } => format!("+{added} -{removed}"),
        Content::Binary => "binary".to_owned(),
        Content::Submodule => "submodule".to_owned(),
    }
}

fn sizes(file: &FileChange) -> Option<String> {
    let size = |side: &Option<Side>| Some(human_size(side.as_ref()?.size?));
    match (size(&file.old), size(&file.new)) {
        (Some(old), Some(new)) => Some(format!("{old} to {new}")),
        (only, None) | (None, only) => only,
    }
}

/// Text for one line of a list: what does not show is written out, and line ends become blanks.
fn one_line(text: &str) -> String {
    visible(text.as_bytes())
        .text
        .replace(['\n', '\r', '\t'], " ")
}
