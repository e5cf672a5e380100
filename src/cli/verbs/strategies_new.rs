//! Carries out `strategies new`: writes a strategy to begin with.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use codex_review::context::name_fault;

use crate::cli::failure::Failure;
use crate::cli::strategies::Whose;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::strategies::{repository_folder, user_folder};

const STRATEGY: &str = include_str!("new_strategy/strategy.toml");
const GUIDANCE: &str = include_str!("new_strategy/guidance.md");
/// Stands in the template where the name goes.
const NAME: &str = "NAME";

pub(super) fn run(
    name: &str,
    whose: Whose,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<(), Failure> {
    if let Some(fault) = name_fault(name) {
        return Err(Failure::StrategyName {
            name: name.to_owned(),
            fault,
        });
    }
    let parent = match whose {
        Whose::User => user_folder().ok_or(Failure::NoConfigFolder)?,
        Whose::Repository => repository_folder(surroundings.repository()?.root()),
    };
    let folder = parent.join(name);
    fs::create_dir_all(&parent).map_err(|source| Failure::Write {
        path: parent.clone(),
        source,
    })?;
    fs::create_dir(&folder).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::StrategyExists {
            folder: folder.clone(),
        },
        _ => Failure::Write {
            path: folder.clone(),
            source,
        },
    })?;
    write(&folder.join("strategy.toml"), &STRATEGY.replace(NAME, name))?;
    write(&folder.join("guidance.md"), GUIDANCE)?;
    ui.result(format!("{}\n", folder.join("strategy.toml").display()).as_bytes())?;
    ui.note(&format!(
        "edit it, then `codex-review strategies check {name}` and `codex-review strategies explain --strategy {name}`"
    ));
    if whose == Whose::Repository {
        ui.note("a repository's strategies are used only where it is trusted: `codex-review trust`, after each edit");
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::File::create_new(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| Failure::Write {
            path: path.to_owned(),
            source,
        })
}
