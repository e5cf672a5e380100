//! Carries out `estimate`: how big a review would be, and whether to wait for it.

use codex_review::review::ExitStatus;
use codex_review::target::{Part, Select};
use serde_json::json;

use crate::cli::estimate::EstimateRequest;
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::review::resolve;
use super::workspace::Workspace;

/// A change of up to so many files and lines is usually reviewed while one waits.
const WAIT_FILES: usize = 5;
const WAIT_LINES: u64 = 400;

pub(crate) fn run(
    request: EstimateRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
    let resolved = resolve(&workspace, &repository, &request.target)?;
    let totals = resolved.changes.totals(None);
    let untracked = resolved.changes.totals(Some(Part::Untracked)).files;
    let left_out = resolved.changes.left_out.len() + resolved.changes.left_out_more;
    let lines = totals.added + totals.removed;
    let wait = totals.files <= WAIT_FILES && lines <= WAIT_LINES;
    let recommended = if wait { "wait" } else { "background" };
    let command = format!(
        "codex-review review --{recommended}{}",
        target_flags(&request.target.select)
    );
    match request.shape {
        Shape::Json => ui.json(&json!({
            "target": {
                "mode": resolved.target.mode.as_str(),
                "label": resolved.target.label,
                "baseRef": resolved.target.base.as_ref().map(|base| &base.name),
                "explicit": resolved.target.explicit,
            },
            "empty": resolved.changes.is_empty(),
            "files": totals.files,
            "addedLines": totals.added,
            "removedLines": totals.removed,
            "binaryFiles": totals.binary,
            "untracked": untracked,
            "leftOut": left_out,
            "recommended": recommended,
            "command": command,
        }))?,
        Shape::People => {
            let text = if resolved.changes.is_empty() {
                format!(
                    "Nothing to review: the {} is empty.\n",
                    resolved.target.label
                )
            } else {
                format!(
                    "{}: {} files ({untracked} untracked, {left_out} left out), +{} -{}\nRecommended: {command}\n",
                    resolved.target.label, totals.files, totals.added, totals.removed
                )
            };
            ui.result(text.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}

/// The flags that select the same target again. Path filters are left to whoever typed them.
fn target_flags(select: &Select) -> String {
    use codex_review::context::shell_quote;
    let quoted = |flag: &str, value: &str| format!(" {flag} {}", shell_quote(value.as_bytes()));
    match select {
        Select::Auto => String::new(),
        Select::WorkingTree => " --scope working-tree".to_owned(),
        Select::Staged => " --scope staged".to_owned(),
        Select::Branch => " --scope branch".to_owned(),
        Select::Base(base) => quoted("--base", base),
        Select::Commit(commit) => quoted("--commit", commit),
        Select::Range {
            from,
            to,
            merge_base,
        } => {
            let dots = if *merge_base { "..." } else { ".." };
            quoted("--range", &format!("{from}{dots}{to}"))
        }
    }
}
