//! Carries out `config set`, `unset` and `edit`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use codex_review::config::{
    Edit, Edited, FileText, Key, REPOSITORY_FILE, RepositoryScope, Value, check_file, edit,
    find_key, load_file, update_file, user_file,
};
use serde_json::json;

use crate::cli::config::Scope;
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::usage::UsageError;

use super::workspace::{session, state_root};

/// Below the state root: what writers of configuration lock meanwhile.
const LOCK_FILE: &str = "config.lock";

pub(super) fn change(
    key: &str,
    value: Option<&str>,
    scope: Scope,
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<(), Failure> {
    let key = find_key(key)?;
    let wanted = match value {
        Some(value) => {
            Edit::Set(Value::parse(key, value).map_err(codex_review::config::ConfigError::Invalid)?)
        }
        None => Edit::Unset,
    };
    if let (Scope::Repo, RepositoryScope::Never, Edit::Set(_)) = (scope, key.repository, &wanted) {
        return Err(UsageError::NotForRepositories {
            key: key.name.to_owned(),
        }
        .into());
    }
    let path = file_of(scope, surroundings)?;
    let changed = update_file(&path, &lock_file()?, |file| edit(file, key, &wanted))?;
    let resolved = surroundings.settings(Vec::new())?;
    match shape {
        Shape::Json => {
            let setting = super::config::SettingDocument::new(key, &resolved);
            ui.json(&json!({
                "changed": changed,
                "path": path.display().to_string(),
                "setting": setting,
            }))?;
        }
        Shape::People => {
            let done = match (changed, &wanted) {
                (true, Edit::Set(value)) => format!("{} = {value}", key.name),
                (true, Edit::Unset) => format!("{} is no longer set", key.name),
                (false, Edit::Set(value)) => format!("{} = {value} already", key.name),
                (false, Edit::Unset) => format!("{} was not set", key.name),
            };
            ui.result(format!("{done} in {}\n", path.display()).as_bytes())?;
        }
    }
    warn_when_it_does_not_count(key, &wanted, scope, &path, &resolved, ui);
    Ok(())
}

/// Something stronger, or missing trust, can make a value count for nothing; that is said at once.
fn warn_when_it_does_not_count(
    key: &Key,
    wanted: &Edit,
    scope: Scope,
    path: &Path,
    resolved: &codex_review::config::Resolved,
    ui: &Ui,
) {
    let Edit::Set(value) = wanted else { return };
    match resolved.get(key) {
        Some((now, _)) if now == value => {}
        _ if scope == Scope::Repo && key.repository == RepositoryScope::Trusted => {
            ui.warning(&format!(
                "`{}` counts only where the user trusts the repository",
                key.name
            ));
        }
        Some((now, provenance)) => ui.warning(&format!(
            "`{}` stays {now} here: {provenance} is stronger than `{}`",
            key.name,
            path.display()
        )),
        None => {}
    }
}

pub(super) fn edit_file(scope: Scope, surroundings: &Surroundings, ui: &Ui) -> Result<(), Failure> {
    let path = file_of(scope, surroundings)?;
    if session().is_some() && !Surroundings::stdin_is_terminal() {
        return Err(UsageError::EditorWithoutTerminal { path }.into());
    }
    let editor = editor()?;
    let before = load_file(&path)?.map_or_else(String::new, |file| file.text);
    let draft = draft(&before)?;
    open(&editor, &draft)?;
    let after = load_file(&draft)?.map_or_else(String::new, |file| file.text);
    let settled = if after == before {
        ui.note("nothing was changed");
        Ok(())
    } else {
        take(&path, &before, &after).inspect(|()| ui.note(&format!("saved {}", path.display())))
    };
    match settled {
        Ok(()) => {
            // A draft that stays behind does no harm; it is in the folder for temporary files.
            let _removed = std::fs::remove_file(&draft);
            Ok(())
        }
        Err(error) => {
            ui.note(&format!("your text is in {}", draft.display()));
            Err(error)
        }
    }
}

/// Puts the edited text in place, if it is valid and nobody else changed the file meanwhile.
fn take(path: &Path, before: &str, after: &str) -> Result<(), Failure> {
    let text = FileText {
        path: path.to_owned(),
        text: after.to_owned(),
    };
    check_file(&text)?;
    let mut moved = false;
    update_file(path, &lock_file()?, |file| {
        moved = file.text != before;
        Ok(if moved {
            Edited::Unchanged
        } else {
            Edited::Changed(after.to_owned())
        })
    })?;
    if moved {
        return Err(UsageError::ChangedMeanwhile {
            path: path.to_owned(),
        }
        .into());
    }
    Ok(())
}

/// A copy to edit, which nobody else reads; it is kept when it is not taken.
fn draft(text: &str) -> Result<PathBuf, Failure> {
    use std::io::Write as _;
    let folder = std::env::temp_dir();
    let write_error = |source| Failure::Write {
        path: folder.clone(),
        source,
    };
    let mut file = tempfile::Builder::new()
        .prefix("codex-review-config-")
        .suffix(".toml")
        .tempfile_in(&folder)
        .map_err(write_error)?;
    file.write_all(text.as_bytes()).map_err(write_error)?;
    let (_, path) = file.keep().map_err(|error| write_error(error.error))?;
    Ok(path)
}

/// The editor's words: `$VISUAL`, else `$EDITOR`, parted at blanks as git and others do.
fn editor() -> Result<Vec<OsString>, Failure> {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(Surroundings::variable)
        .find(|value| !value.is_empty());
    let Some(named) = named else {
        return Err(UsageError::NoEditor.into());
    };
    Ok(match named.to_str() {
        Some(text) => text.split_whitespace().map(OsString::from).collect(),
        None => vec![named],
    })
}

/// Waits for the person at the editor, who alone decides when that ends.
fn open(editor: &[OsString], path: &Path) -> Result<(), Failure> {
    let (program, args) = editor.split_first().ok_or(UsageError::NoEditor)?;
    let status = std::process::Command::new(program)
        .args(args)
        .arg(path)
        .status()
        .map_err(|source| Failure::Start {
            program: PathBuf::from(program),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(UsageError::EditorFailed {
            editor: PathBuf::from(program),
        }
        .into())
    }
}

fn file_of(scope: Scope, surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    match scope {
        Scope::User => user_file(&Surroundings::variable).ok_or(UsageError::NoUserFile.into()),
        Scope::Repo => match surroundings.repository_root()? {
            Some(root) => Ok(root.join(REPOSITORY_FILE)),
            None => Err(UsageError::NoRepositoryFile.into()),
        },
    }
}

fn lock_file() -> Result<PathBuf, Failure> {
    Ok(state_root()?.path().join(LOCK_FILE))
}
