//! Carries out `hook install`, `hook uninstall` and `hook status`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use codex_review::hooks::{
    FoundFramework, HookState, Installed, MissingFolder, PushMemory, Uninstalled, chained_path,
    find_framework, hook_path, hook_state, install_hook, uninstall_hook,
};
use codex_review::jobs::Timestamp;
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use codex_review::run::first_line;
use codex_review::target::{HooksFolder, HooksSource, Repository, hooks_folder_everywhere};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::hook::Scope;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::memory_file::recall;
use super::workspace::{Workspace, self_exe};

/// Rows of `hook status`.
const SHOWN_PUSHES: usize = 10;
/// Digits of a commit in a table.
const SHORT_ID: usize = 12;

/// A folder for hooks, and what to do when it is not there.
struct Place {
    folder: PathBuf,
    missing: MissingFolder,
    /// Whether others get what lies in it: it is part of the working tree.
    shared: bool,
}

pub(crate) fn install(
    scope: Scope,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let place = match scope {
        Scope::Global => global_place()?,
        Scope::Local => {
            let repository = surroundings.repository()?;
            let hooks = repository.hooks_folder(&Surroundings::git_environment());
            if let Some(found) = framework_of(&repository, &hooks) {
                return advise(&found, &repository, ui);
            }
            local_place(&repository, hooks)?
        }
    };
    let own = self_exe()?;
    // A path of this machine does not belong into a file that others get.
    let fallback = (!place.shared).then_some(own.as_path());
    let installed = install_hook(&place.folder, fallback, place.missing)?;
    let path = hook_path(&place.folder);
    let path = path.display();
    let mut text = match installed {
        Installed::New => format!("Installed {path}.\n"),
        Installed::Chained => format!(
            "Installed {path}. The hook that was there is kept as {} and runs first.\n",
            file_name(&chained_path(&place.folder))
        ),
        Installed::Renewed => format!("Renewed {path}.\n"),
        Installed::Already => format!("{path} is there already.\n"),
    };
    if place.shared {
        text.push_str("This folder is part of the working tree: whoever gets it gets the hook.\n");
    }
    text.push_str(
        "`git push` is reviewed from now on; `codex-review hook status` shows how and what came of it.\n",
    );
    ui.result(text.as_bytes())?;
    Ok(ExitStatus::Passed)
}

pub(crate) fn uninstall(
    scope: Scope,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let folder = match scope {
        Scope::Global => global_place()?.folder,
        Scope::Local => {
            let repository = surroundings.repository()?;
            let hooks = repository.hooks_folder(&Surroundings::git_environment());
            // Wherever it was put: `core.hooksPath` may have been set since.
            let first = repository.common_dir().join("hooks");
            match (&hooks.source, hook_state(&hooks.path)?) {
                (HooksSource::Everywhere(_), _) | (_, HookState::Absent)
                    if matches!(hook_state(&first)?, HookState::Ours { .. }) =>
                {
                    first
                }
                (HooksSource::Everywhere(file), _) => {
                    return Err(Failure::HooksEverywhere {
                        folder: hooks.path,
                        file: file.clone(),
                    });
                }
                _ => hooks.path,
            }
        }
    };
    let path = hook_path(&folder);
    let text = match uninstall_hook(&folder)? {
        Uninstalled::Removed => format!("Removed {}.\n", path.display()),
        Uninstalled::Restored => format!(
            "Removed ours; the hook that was there before is {} again.\n",
            path.display()
        ),
    };
    ui.result(text.as_bytes())?;
    Ok(ExitStatus::Passed)
}

/// Where a hook for this repository alone goes.
fn local_place(repository: &Repository, hooks: HooksFolder) -> Result<Place, Failure> {
    let inside = |outer: &Path| {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // The folder itself may not be there yet.
        let parent = hooks.path.parent().map(real).unwrap_or_default();
        real(&hooks.path).starts_with(real(outer)) || parent.starts_with(real(outer))
    };
    let in_git = inside(&repository.common_dir()) || inside(repository.git_dir());
    let in_tree = !repository.is_bare() && inside(repository.root());
    match hooks.source {
        HooksSource::Everywhere(file) => Err(Failure::HooksEverywhere {
            folder: hooks.path,
            file,
        }),
        HooksSource::Default | HooksSource::Repository => Ok(Place {
            shared: in_tree && !in_git,
            // Outside of the repository nothing is made on a configuration's word.
            missing: if in_git || in_tree {
                MissingFolder::Create
            } else {
                MissingFolder::Refuse
            },
            folder: hooks.path,
        }),
    }
}

fn global_place() -> Result<Place, Failure> {
    let hooks =
        hooks_folder_everywhere(&Surroundings::git_environment()).ok_or(Failure::NoGlobalHooks)?;
    Ok(Place {
        folder: hooks.path,
        missing: MissingFolder::Create,
        shared: false,
    })
}

/// The program in charge of hooks, unless our own hook is where git runs it.
fn framework_of(repository: &Repository, hooks: &HooksFolder) -> Option<FoundFramework> {
    let ours = matches!(hook_state(&hooks.path), Ok(HookState::Ours { .. }));
    if repository.is_bare() || ours {
        return None;
    }
    find_framework(repository.root(), &hooks.path)
}

/// What to write where another program is in charge of hooks. Nothing is installed, so this is no success unless it is
/// there already.
fn advise(found: &FoundFramework, repository: &Repository, ui: &Ui) -> Result<ExitStatus, Failure> {
    let config = found
        .config
        .strip_prefix(repository.root())
        .unwrap_or(&found.config)
        .display();
    let name = found.framework.name();
    if found.calls_us {
        ui.result(
            format!(
                "{name} is in charge of hooks here, and {config} calls codex-review already.\n"
            )
            .as_bytes(),
        )?;
        return Ok(ExitStatus::Passed);
    }
    let mut text = format!(
        "{name} is in charge of hooks here, so nothing was installed. Add this to {config}, {}:\n\n{}",
        found.framework.place(),
        found.framework.lines()
    );
    if let Some(command) = found.framework.activation() {
        write!(text, "\nand run:\n\n{command}\n").expect("a string takes all text");
    }
    ui.result(text.as_bytes())?;
    Ok(ExitStatus::Usage)
}

pub(crate) fn status(
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let (workspace, repository) = Workspace::open_repository(surroundings, Vec::new(), ui)?;
    let hooks = repository.hooks_folder(&Surroundings::git_environment());
    let framework = framework_of(&repository, &hooks);
    let state = hook_state(&hooks.path)?;
    let policy = workspace.settings().pre_push;
    let engine = policy.engine.unwrap_or(workspace.settings().engine);
    let memory: PushMemory = recall(&workspace);
    let newest_first = memory.records.iter().rev();
    let decided_by = match &hooks.source {
        HooksSource::Default => "the default".to_owned(),
        HooksSource::Repository => "core.hooksPath of this repository".to_owned(),
        HooksSource::Everywhere(file) => format!("core.hooksPath in {}", file.display()),
    };
    if shape == Shape::Json {
        let pushes: Vec<Value> = newest_first
            .map(|record| {
                json!({
                    "at": Timestamp::from_unix_millis(record.at_ms).to_string(),
                    "remote": record.remote,
                    "ref": record.remote_ref,
                    "base": record.question.base,
                    "head": record.question.head,
                    "verdict": record.verdict.as_str(),
                    "why": record.why,
                    "findings": record.finding_count,
                    "jobId": record.job_id,
                })
            })
            .collect();
        ui.json(&json!({
            "hooksFolder": hooks.path.to_string_lossy(),
            "decidedBy": decided_by,
            "hook": state_word(state),
            "chained": matches!(state, HookState::Ours { chained: true, .. }),
            "framework": framework.as_ref().map(|found| json!({
                "name": found.framework.name(),
                "config": found.config.to_string_lossy(),
                "callsUs": found.calls_us,
            })),
            "policy": {
                "engine": engine.as_str(),
                "failOn": policy.fail_on.as_str(),
                "timeoutSeconds": policy.timeout.as_secs(),
                "unjudged": policy.unjudged.as_str(),
            },
            "pushes": pushes,
        }))?;
        return Ok(ExitStatus::Passed);
    }
    let hook = match (&framework, state) {
        (Some(found), _) if found.calls_us => {
            format!("called by {}", found.framework.name())
        }
        (Some(found), _) => format!(
            "not installed; {} is in charge (`codex-review hook install` prints its lines)",
            found.framework.name()
        ),
        (None, HookState::Absent) => "not installed (`codex-review hook install`)".to_owned(),
        (None, HookState::Foreign) => {
            "another's (`codex-review hook install` keeps it and runs after it)".to_owned()
        }
        (None, HookState::Ours { edited, chained }) => {
            let edited = if edited { ", edited since" } else { "" };
            let chained = if chained {
                ", after the hook that was there before"
            } else {
                ""
            };
            format!("installed{edited}{chained}")
        }
    };
    let mut text = format!("Pre-push hook: {hook}\n");
    writeln!(
        text,
        "Folder:        {} ({decided_by})",
        hooks.path.display()
    )
    .expect("a string takes all text");
    writeln!(
        text,
        "Policy:        engine {}, fail on {}, {} s, unjudged: {}",
        engine.as_str(),
        policy.fail_on,
        policy.timeout.as_secs(),
        policy.unjudged.as_str()
    )
    .expect("a string takes all text");
    ui.result(codex_review::report::visible::lines(&text).as_bytes())?;
    let rows: Vec<[String; 5]> = newest_first
        .take(SHOWN_PUSHES)
        .map(|record| {
            let head = &record.question.head;
            [
                Timestamp::from_unix_millis(record.at_ms).to_string(),
                record.verdict.as_str().to_owned(),
                record.remote_ref.clone(),
                head[..head.len().min(SHORT_ID)].to_owned(),
                first_line(&record.why),
            ]
        })
        .collect();
    if !rows.is_empty() {
        ui.result(b"\n")?;
        ui.table(
            &["WHEN", "VERDICT", "REF", "HEAD", "WHY"],
            &[
                Role::Minor,
                Role::Heading,
                Role::Plain,
                Role::Minor,
                Role::Plain,
            ],
            &rows,
        )?;
    }
    Ok(ExitStatus::Passed)
}

fn state_word(state: HookState) -> &'static str {
    match state {
        HookState::Absent => "absent",
        HookState::Foreign => "foreign",
        HookState::Ours { edited: true, .. } => "edited",
        HookState::Ours { edited: false, .. } => "installed",
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
