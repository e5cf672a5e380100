//! Carries out `config codex`: what Codex itself is set to, and changes of that through its app server.

use std::time::Duration;

use codex_review::engine::Limits;
use codex_review::engine::login::read_models;
use codex_review::engine::own_config::{
    OwnChange, OwnConfig, OwnKey, read_own_config, write_own_config,
};
use codex_review::near_miss::nearest;
use codex_review::report::styled::Role;
use codex_review::run::{OpenedEngine, open_engine};
use serde_json::{Value, json};

use crate::cli::config::{CodexChange, CodexKey};
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::effort::EFFORTS;
use super::workspace::Workspace;

/// How long each question may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Providers that Codex brings; others are declared in its configuration.
const PROVIDERS: [&str; 4] = ["openai", "ollama", "lmstudio", "amazon-bedrock"];

pub(super) fn run(
    change: Option<CodexChange>,
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<(), Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let engine = workspace.codex();
    let run_surroundings = workspace.surroundings()?;
    let runtime = super::runtime()?;
    let cwd = workspace.root.to_str();
    let (config, written) = runtime.block_on(async {
        let access = workspace.codex_access();
        let opened = open_engine(&engine, &access, PATIENCE, &run_surroundings)
            .await
            .map_err(Failure::Engine)?;
        let asked = ask(&opened, cwd, change.as_ref()).await;
        opened.close().await;
        asked
    })?;
    match shape {
        Shape::Json => ui.json(&document(&config, written.as_ref()))?,
        Shape::People => page(&config, written.as_ref(), ui)?,
    }
    if let Some(message) = written.and_then(|written| written.overridden) {
        ui.warning(&message);
    }
    Ok(())
}

async fn ask(
    opened: &OpenedEngine,
    cwd: Option<&str>,
    change: Option<&CodexChange>,
) -> Result<(OwnConfig, Option<OwnChange>), Failure> {
    let caller = opened.connection.caller();
    let limits = Limits {
        rpc: PATIENCE,
        ..Limits::default()
    };
    let config = read_own_config(&caller, cwd, &limits).await?;
    let Some(change) = change else {
        return Ok((config, None));
    };
    let key = match change.key {
        CodexKey::Model => OwnKey::Model,
        CodexKey::Effort => OwnKey::Effort,
        CodexKey::Provider => OwnKey::Provider,
    };
    if let Some(value) = &change.value {
        // The engine writes whatever it is told, and fails at its next start: so it is checked here.
        let mut known: Vec<String> = match key {
            OwnKey::Model => Vec::new(),
            OwnKey::Provider => PROVIDERS.map(str::to_owned).into(),
            OwnKey::Effort => EFFORTS.map(str::to_owned).into(),
        };
        match key {
            OwnKey::Model => {}
            OwnKey::Provider => known.extend(config.declared_providers.iter().cloned()),
            OwnKey::Effort => {
                let models = read_models(&caller, &limits)
                    .await
                    .map_err(|error| Failure::Engine(error.not_judged()))?;
                known.extend(models.into_iter().flat_map(|model| model.efforts));
            }
        }
        if value.trim().is_empty() || (key != OwnKey::Model && !known.contains(value)) {
            known.sort();
            known.dedup();
            return Err(UsageError::NotACodexValue {
                key: key.name(),
                given: value.clone(),
                nearest: nearest(value, known.iter().map(String::as_str)).map(str::to_owned),
                known,
            }
            .into());
        }
    }
    let written = write_own_config(&caller, key, change.value.as_deref(), &limits).await?;
    let config = read_own_config(&caller, cwd, &limits).await?;
    Ok((config, Some(written)))
}

fn document(config: &OwnConfig, written: Option<&OwnChange>) -> Value {
    let settings: serde_json::Map<String, Value> = config
        .settings
        .iter()
        .map(|setting| {
            let value = json!({"value": setting.value, "from": setting.origin});
            (setting.key.name().to_owned(), value)
        })
        .collect();
    let written =
        written.map(|written| json!({"file": written.file, "overridden": written.overridden}));
    json!({"codex": settings, "providers": config.declared_providers, "written": written})
}

fn page(config: &OwnConfig, written: Option<&OwnChange>, ui: &Ui) -> Result<(), Failure> {
    if let Some(file) = written.and_then(|written| written.file.as_ref()) {
        ui.note(&format!("Codex wrote {file}"));
    }
    let rows: Vec<[String; 3]> = config
        .settings
        .iter()
        .map(|setting| {
            [
                setting.key.name().to_owned(),
                setting.value.clone().unwrap_or_else(|| "-".to_owned()),
                setting
                    .origin
                    .clone()
                    .unwrap_or_else(|| "Codex's own choice".to_owned()),
            ]
        })
        .collect();
    ui.table(
        &["codex", "value", "from"],
        &[Role::Heading, Role::Plain, Role::Minor],
        &rows,
    )?;
    Ok(())
}
