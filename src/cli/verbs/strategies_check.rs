//! Carries out `strategies check`: every fault, each with its file, line and what was probably meant.

use std::path::{Path, PathBuf};

use codex_review::config::Trust;
use codex_review::context::{Layer, Registry, Strategy, StrategyError, load_strategy};
use codex_review::review::ExitStatus;

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::strategies::{CatalogOf, broken, catalog_at};
use super::workspace::Workspace;

const STRATEGY_FILE: &str = "strategy.toml";

/// A strategy that was looked at: what it is called, and what it is.
type Checked = (String, Result<Strategy, StrategyError>);

pub(super) fn run(
    what: Option<&Path>,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    // To check is not to use: what a repository brings is checked before it is trusted.
    let CatalogOf { catalog, registry } = catalog_at(&workspace.root, Trust::Trusted);
    let mut faults = 0;
    let found: Vec<Checked> = match what {
        None => {
            for error in catalog.unreadable() {
                faults += 1;
                ui.failure(&broken(error));
            }
            let names: Vec<String> = catalog.entries().map(|entry| entry.name.clone()).collect();
            names
                .iter()
                .filter_map(|name| named(&catalog, name))
                .collect()
        }
        Some(what) => match what.to_str().and_then(|name| named(&catalog, name)) {
            Some(checked) => vec![checked],
            None => at_path(&surroundings.cwd.join(what), what, &catalog, &registry)?,
        },
    };
    let mut lines = String::new();
    for (name, strategy) in &found {
        match strategy {
            Ok(strategy) => {
                let missing = missing_programs(strategy, &registry);
                if missing.is_empty() {
                    lines.push_str(&format!("ok      {name}\n"));
                    continue;
                }
                faults += 1;
                lines.push_str(&format!("faulty  {name}\n"));
                for word in missing {
                    ui.failure(&Failure::BrokenStrategy {
                        message: format!("strategy `{name}` starts `{word}`, which is not there"),
                        hint: Some("a program is found on PATH, or is a regular file of the strategy's folder (`./name`)".to_owned()),
                    });
                }
            }
            Err(error) => {
                faults += 1;
                lines.push_str(&format!("faulty  {name}\n"));
                ui.failure(&broken(error));
            }
        }
    }
    ui.result(lines.as_bytes())?;
    Ok(if faults == 0 {
        ExitStatus::Passed
    } else {
        ExitStatus::Usage
    })
}

fn missing_programs(strategy: &Strategy, registry: &Registry) -> Vec<String> {
    let Some(programs) = registry.programs() else {
        return Vec::new();
    };
    strategy
        .programs()
        .into_iter()
        .filter(|program| !programs.exists(&program.program))
        .map(|program| program.word)
        .collect()
}

fn named(catalog: &codex_review::context::Catalog, name: &str) -> Option<Checked> {
    let entry = catalog.get(name)?;
    let strategy = match (entry.strategy(), &entry.folder) {
        (Ok(strategy), _) => Ok(strategy.clone()),
        (Err(_), None) => return None,
        // Read once more: an error cannot be copied out of the catalog.
        (Err(_), Some(folder)) => load_strategy(folder, entry.layer, &Registry::builtin()),
    };
    Some((name.to_owned(), strategy))
}

/// A strategy's file, its folder, or a folder of such folders.
fn at_path(
    path: &Path,
    typed: &Path,
    catalog: &codex_review::context::Catalog,
    registry: &Registry,
) -> Result<Vec<Checked>, Failure> {
    let unknown = || Failure::UnknownStrategy {
        name: typed.display().to_string(),
        nearest: catalog.nearest(&typed.to_string_lossy()).map(str::to_owned),
    };
    let folder = match path.file_name() {
        Some(name) if name == STRATEGY_FILE => path.parent().unwrap_or(path).to_owned(),
        _ => path.to_owned(),
    };
    // `.` and the like have no name of their own, which a strategy must equal.
    let folder = folder.canonicalize().map_err(|_| unknown())?;
    let is_strategy = |folder: &Path| folder.join(STRATEGY_FILE).symlink_metadata().is_ok();
    let folders: Vec<PathBuf> = if is_strategy(&folder) {
        vec![folder]
    } else {
        let mut folders: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(|_| unknown())?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|folder| is_strategy(folder))
            .collect();
        folders.sort();
        folders
    };
    if folders.is_empty() {
        return Err(unknown());
    }
    Ok(folders
        .into_iter()
        .map(|folder| {
            let strategy = load_strategy(&folder, Layer::User, registry);
            let name = folder.file_name().unwrap_or(folder.as_os_str());
            (name.to_string_lossy().into_owned(), strategy)
        })
        .collect())
}
