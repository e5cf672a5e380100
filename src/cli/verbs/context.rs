//! Carries out `context`: exactly what would be sent, spending nothing.

use codex_review::context;
use codex_review::review::ExitStatus;

use crate::cli::context::ContextRequest;
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::review::{build_context, resolve_as_reviewed};
use super::workspace::Workspace;

pub(crate) fn run(
    request: ContextRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let flags = request.flags.clone();
    let (mut workspace, repository) = Workspace::open_repository(surroundings, flags, ui)?;
    let resolved = resolve_as_reviewed(
        &mut workspace,
        &repository,
        &request.target,
        request.flags,
        ui,
    )?;
    if resolved.changes.is_empty() && request.shape == Shape::People {
        ui.note(&format!(
            "nothing to review: the {} is empty",
            resolved.target.label
        ));
        return Ok(ExitStatus::Passed);
    }
    let context = build_context(&workspace, &repository, &resolved)?;
    match request.shape {
        Shape::Json => ui.result(context::json::render(&context, &resolved.target).as_bytes())?,
        Shape::People => {
            ui.result(context.text.as_bytes())?;
            let (full, summarised, left_out) = context.ledger.counts();
            let outside = context.ledger.outside.len();
            ui.note(&format!("{}: {}", resolved.target.label, context.summary));
            if let Some(base) = &resolved.target.base {
                ui.note(&format!("base {}: {}", base.name, base.note()));
            }
            ui.note(&format!(
                "strategy {}: {}",
                context.strategy, context.reason
            ));
            ui.note(&format!(
                "{}, about {} tokens (never more than {})",
                context::human_size(context.bytes),
                context.token_estimate,
                context.token_bound
            ));
            ui.note(&format!(
                "files in full {full}, summarised {summarised}, left out {}; secrets redacted {}",
                left_out + outside as u64,
                context.redactions.len()
            ));
            ui.note(&format!("sha256 {}", context.hash));
        }
    }
    Ok(ExitStatus::Passed)
}
