//! Whether the engine knows the reasoning effort that is asked for.
//!
//! Whoever asks with a word that is none finds out in a turn that is paid for. So one that is not among those that every
//! version knows is looked for in the engine's list of models, before there is a job. An engine that cannot be reached is
//! left to the job, which says so in its own way.

use std::time::Duration;

use codex_review::engine::Limits;
use codex_review::engine::login::read_models;
use codex_review::near_miss::nearest;
use codex_review::run::{Access, EngineChoice, EngineOptions, RunRequest, open_engine};

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::workspace::Workspace;

/// No longer than this a run waits for the list before it sends the word as it is.
const MOST_PATIENCE: Duration = Duration::from_secs(5);

/// Efforts that every version knows; the engine's list of models can name more.
pub(super) const EFFORTS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];

/// An effort, and the engine that it is asked of.
pub(super) struct AskedEffort<'a> {
    engine: &'a EngineChoice,
    access: &'a Access,
    /// `None` is the engine's default.
    effort: Option<&'a str>,
    /// How long each answer may take.
    patience: Duration,
}

impl<'a> From<&'a RunRequest> for AskedEffort<'a> {
    fn from(request: &'a RunRequest) -> AskedEffort<'a> {
        AskedEffort {
            engine: &request.engine,
            access: &request.access,
            effort: request.effort.as_deref(),
            patience: request.budgets.rpc.min(MOST_PATIENCE),
        }
    }
}

impl<'a> From<&'a EngineOptions> for AskedEffort<'a> {
    fn from(options: &'a EngineOptions) -> AskedEffort<'a> {
        AskedEffort {
            engine: &options.engine,
            access: &options.access,
            effort: options.effort.as_deref(),
            patience: options.budgets.rpc.min(MOST_PATIENCE),
        }
    }
}

/// Refuses an effort that the engine does not know. Codex alone has efforts; it is asked only about unusual ones.
pub(super) fn check<'a>(
    asked: impl Into<AskedEffort<'a>>,
    workspace: &Workspace,
    ui: &Ui,
) -> Result<(), Failure> {
    let asked = asked.into();
    let effort = match (asked.engine, asked.effort) {
        (EngineChoice::Codex(_), Some(effort)) if !EFFORTS.contains(&effort) => effort,
        _ => return Ok(()),
    };
    let surroundings = workspace.surroundings()?;
    let listed = super::runtime()?.block_on(async {
        let opening = open_engine(asked.engine, asked.access, asked.patience, &surroundings);
        let opened = opening.await.ok()?;
        let limits = Limits {
            rpc: asked.patience,
            ..Limits::default()
        };
        let models = read_models(&opened.connection.caller(), &limits).await;
        opened.close().await;
        let models = models.unwrap_or_default();
        let efforts = models.into_iter().flat_map(|model| model.efforts);
        Some(efforts.collect::<Vec<_>>())
    });
    let Some(listed) = listed else {
        return Ok(());
    };
    if listed.is_empty() {
        ui.note(&format!(
            "the engine does not say which efforts it knows: `{effort}` is sent as it is"
        ));
        return Ok(());
    }
    let mut known = EFFORTS.map(str::to_owned).to_vec();
    for effort in listed {
        if !known.contains(&effort) {
            known.push(effort);
        }
    }
    if known.iter().any(|known| known == effort) {
        return Ok(());
    }
    Err(UsageError::NotACodexValue {
        key: "effort",
        given: effort.to_owned(),
        nearest: nearest(effort, known.iter().map(String::as_str)).map(str::to_owned),
        known,
    }
    .into())
}
