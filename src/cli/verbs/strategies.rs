//! Carries out `strategies`, and knows where strategies are read from.

use std::path::PathBuf;

use codex_review::config::user_file;
use codex_review::context::{Catalog, Layers, Registry, Strategy, When, human_size};
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::strategies::StrategiesRequest;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::workspace::Workspace;

/// The repository's own strategies.
const REPOSITORY_FOLDER: &str = ".codex-review/strategies";

/// All strategies, with the collectors that they name.
pub(crate) struct CatalogOf {
    pub(crate) registry: Registry,
    pub(crate) catalog: Catalog,
}

/// The strategies that hold in a workspace.
pub(crate) fn catalog(workspace: &Workspace) -> CatalogOf {
    let registry = Registry::builtin();
    let layers = Layers {
        user: user_strategies(),
        repository: Some(workspace.root.join(REPOSITORY_FOLDER)),
        repository_trusted: false,
    };
    CatalogOf {
        catalog: Catalog::load(&layers, &registry),
        registry,
    }
}

/// The user's own strategies lie beside the configuration file.
fn user_strategies() -> Option<PathBuf> {
    let file = user_file(&Surroundings::variable)?;
    Some(file.parent()?.join("strategies"))
}

pub(crate) fn run(
    request: StrategiesRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let CatalogOf { catalog, .. } = catalog(&workspace);
    match &request.name {
        Some(name) => explain(&catalog, name, request.shape, ui)?,
        None => list(&catalog, request.shape, ui)?,
    }
    for name in catalog.untrusted() {
        ui.note(&format!(
            "strategy `{name}` of this repository is not used: the repository is not trusted"
        ));
    }
    for broken in catalog.unreadable() {
        ui.warning(&broken.to_string());
    }
    Ok(ExitStatus::Passed)
}

fn list(catalog: &Catalog, shape: Shape, ui: &Ui) -> Result<(), Failure> {
    match shape {
        Shape::Json => {
            let all: Vec<Value> = catalog.entries().map(document).collect();
            ui.json(&json!({ "strategies": all }))?;
        }
        Shape::People => {
            let rows: Vec<[String; 3]> = catalog
                .entries()
                .map(|entry| {
                    let about = match &entry.strategy {
                        Ok(strategy) => strategy.description.clone(),
                        Err(error) => format!("broken: {error}"),
                    };
                    [entry.name.clone(), entry.layer.as_str().to_owned(), about]
                })
                .collect();
            ui.table(
                &["STRATEGY", "FROM", "WHAT IT SHOWS"],
                &[Role::Heading, Role::Minor, Role::Plain],
                &rows,
            )?;
            ui.note("`codex-review strategies NAME` explains one; `--strategy NAME` uses it; `auto` takes the first that fits");
        }
    }
    Ok(())
}

fn explain(catalog: &Catalog, name: &str, shape: Shape, ui: &Ui) -> Result<(), Failure> {
    let entry = catalog.get(name).ok_or_else(|| Failure::UnknownStrategy {
        name: name.to_owned(),
        nearest: catalog.nearest(name).map(str::to_owned),
    })?;
    match shape {
        Shape::Json => ui.json(&document(entry))?,
        Shape::People => match &entry.strategy {
            Ok(strategy) => ui.result(explanation(strategy).as_bytes())?,
            Err(error) => {
                return Err(Failure::BrokenStrategy {
                    name: name.to_owned(),
                    message: error.to_string(),
                    hint: error.hint(),
                });
            }
        },
    }
    Ok(())
}

fn document(entry: &codex_review::context::Entry) -> Value {
    match &entry.strategy {
        Ok(strategy) => json!({
            "name": entry.name,
            "layer": entry.layer.as_str().to_owned(),
            "description": strategy.description,
            "budget": {"bytes": strategy.budget.bytes, "tokens": strategy.budget.tokens},
            "sections": strategy.sections.iter().map(|section| json!({
                "title": section.title,
                "collector": section.collector,
                "sharePercent": section.share,
                "ladder": section.ladder.iter().map(|rung| rung.as_str()).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "when": strategy.when.iter().map(applies).collect::<Vec<_>>(),
            "guidance": strategy.guidance,
        }),
        Err(error) => json!({
            "name": entry.name,
            "layer": entry.layer.as_str().to_owned(),
            "error": error.to_string(),
        }),
    }
}

/// One way in which a strategy applies, as a fragment.
fn applies(when: &When) -> String {
    let mut parts = Vec::new();
    if let Some(files) = when.max_files {
        parts.push(format!("at most {files} files"));
    }
    if let Some(bytes) = when.max_diff_bytes {
        parts.push(format!("at most {} of diff", human_size(bytes)));
    }
    if !when.modes.is_empty() {
        let modes: Vec<&str> = when.modes.iter().map(|mode| mode.as_str()).collect();
        parts.push(format!("targets {}", modes.join(", ")));
    }
    if parts.is_empty() {
        "any change".to_owned()
    } else {
        parts.join(" and ")
    }
}

fn explanation(strategy: &Strategy) -> String {
    let mut text = format!(
        "{} ({})\n{}\n\n",
        strategy.name,
        strategy.layer.as_str(),
        strategy.description
    );
    let when: Vec<String> = strategy.when.iter().map(applies).collect();
    let when = if when.is_empty() {
        "any change".to_owned()
    } else {
        when.join(", or ")
    };
    text.push_str(&format!("Applies to  {when}\n"));
    let tokens = strategy
        .budget
        .tokens
        .map(|tokens| format!(", about {tokens} tokens"));
    text.push_str(&format!(
        "Budget      {}{}\n",
        human_size(strategy.budget.bytes),
        tokens.unwrap_or_default()
    ));
    text.push_str("Sections\n");
    for section in &strategy.sections {
        let ladder: Vec<&str> = section.ladder.iter().map(|rung| rung.as_str()).collect();
        text.push_str(&format!(
            "  {:<24} {:<14} at most {:>3} %   {}\n",
            section.title,
            section.collector,
            section.share,
            ladder.join(" > ")
        ));
    }
    if !strategy.guidance.trim().is_empty() {
        text.push_str(&format!("\nGuidance\n{}\n", strategy.guidance.trim_end()));
    }
    text
}
