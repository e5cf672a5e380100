//! Carries out `strategies`, and knows where strategies are read from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use codex_review::config::{REPOSITORY_FOLDER, Trust, user_file};
use codex_review::context::{Catalog, Layers, Registry, Strategy, StrategyError, When, human_size};
use codex_review::external::ExternalPrograms;
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::strategies::StrategiesRequest;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::workspace::Workspace;
use super::{strategies_check, strategies_explain, strategies_new};

/// Strategies in a configuration folder, the user's or a repository's.
const FOLDER: &str = "strategies";

/// All strategies, with the collectors that they name.
pub(crate) struct CatalogOf {
    pub(crate) registry: Registry,
    pub(crate) catalog: Catalog,
}

/// The strategies that hold in a workspace.
pub(crate) fn catalog(workspace: &Workspace) -> CatalogOf {
    catalog_at(&workspace.root, workspace.trust.trust())
}

/// The strategies that hold in the folder `root` under this trust.
pub(crate) fn catalog_at(root: &Path, trust: Trust) -> CatalogOf {
    let programs = ExternalPrograms::new(root, std::env::vars_os());
    let registry = Registry::builtin().with_programs(Arc::new(programs));
    let layers = Layers {
        user: user_folder(),
        repository: Some(repository_folder(root)),
        repository_trusted: trust == Trust::Trusted,
    };
    CatalogOf {
        catalog: Catalog::load(&layers, &registry),
        registry,
    }
}

/// The user's own strategies lie beside the configuration file.
pub(super) fn user_folder() -> Option<PathBuf> {
    let file = user_file(&Surroundings::variable)?;
    Some(file.parent()?.join(FOLDER))
}

/// A repository's own strategies.
pub(super) fn repository_folder(root: &Path) -> PathBuf {
    root.join(REPOSITORY_FOLDER).join(FOLDER)
}

pub(crate) fn run(
    request: StrategiesRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match request {
        StrategiesRequest::List(shape) => {
            let catalog = opened(surroundings, ui)?;
            list(&catalog, shape, ui)?;
            tell_of_unused(&catalog, ui);
        }
        StrategiesRequest::Show { name, shape } => {
            let catalog = opened(surroundings, ui)?;
            show(&catalog, &name, shape, ui)?;
            tell_of_unused(&catalog, ui);
        }
        StrategiesRequest::Check { what } => {
            return strategies_check::run(what.as_deref(), surroundings, ui);
        }
        StrategiesRequest::New { name, whose } => {
            strategies_new::run(&name, whose, surroundings, ui)?;
        }
        StrategiesRequest::Explain {
            target,
            flags,
            shape,
        } => strategies_explain::run(&target, flags, shape, surroundings, ui)?,
    }
    Ok(ExitStatus::Passed)
}

fn opened(surroundings: &Surroundings, ui: &Ui) -> Result<Catalog, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    Ok(catalog(&workspace).catalog)
}

fn tell_of_unused(catalog: &Catalog, ui: &Ui) {
    for name in catalog.untrusted() {
        ui.note(&format!(
            "strategy `{name}` of this repository is not used until you trust it: `codex-review trust`"
        ));
    }
    for broken in catalog.unreadable() {
        ui.warning(&broken.to_string());
    }
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
                    let about = match entry.strategy() {
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
            ui.note("`codex-review strategies show NAME` describes one, `explain` says what becomes of this change; `--strategy NAME` uses one, `auto` takes the first that fits");
        }
    }
    Ok(())
}

fn show(catalog: &Catalog, name: &str, shape: Shape, ui: &Ui) -> Result<(), Failure> {
    let entry = catalog.get(name).ok_or_else(|| Failure::UnknownStrategy {
        name: name.to_owned(),
        nearest: catalog.nearest(name).map(str::to_owned),
    })?;
    match shape {
        Shape::Json => ui.json(&document(entry))?,
        Shape::People => match entry.strategy() {
            Ok(strategy) => ui.result(description(strategy).as_bytes())?,
            Err(error) => {
                return Err(broken(error));
            }
        },
    }
    Ok(())
}

/// A strategy's fault as one of the command's.
pub(super) fn broken(error: &StrategyError) -> Failure {
    let cause = std::error::Error::source(error);
    Failure::BrokenStrategy {
        message: match cause {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
        hint: error.hint(),
    }
}

fn document(entry: &codex_review::context::Entry) -> Value {
    match entry.strategy() {
        Ok(strategy) => json!({
            "name": entry.name,
            "layer": entry.layer.as_str().to_owned(),
            "folder": strategy.folder.as_ref().map(|folder| folder.display().to_string()),
            "rank": strategy.rank,
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
    if !when.paths.is_empty() {
        parts.push(format!("a changed file matches {}", when.paths.join(", ")));
    }
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

fn description(strategy: &Strategy) -> String {
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
    let auto = match strategy.rank {
        Some(rank) => format!("considers it at rank {rank}"),
        None => "never takes it: name it with `--strategy`".to_owned(),
    };
    text.push_str(&format!("`auto`      {auto}\n"));
    for program in strategy.programs() {
        text.push_str(&format!("Starts      {}\n", program.word));
    }
    let tokens = strategy
        .budget
        .tokens
        .map(|tokens| format!("; {tokens} tokens"));
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
