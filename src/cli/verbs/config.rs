//! Carries out `config list`, `get` and `path`; what changes something is beside it.

use std::path::PathBuf;

use codex_review::config::{
    Ignored, KEYS, Key, Kind, REPOSITORY_FILE, Resolved, Unit, Value, find_key, user_file,
};
use codex_review::report::styled::Role;
use codex_review::review::ExitStatus;
use serde::Serialize;

use crate::cli::config::ConfigRequest;
use crate::cli::failure::Failure;
use crate::cli::options::Shape;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::workspace::in_ci;
use super::{config_change, config_codex};

pub(crate) fn run(
    request: ConfigRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match request {
        ConfigRequest::List(shape) => {
            let resolved = load(surroundings, ui)?;
            match shape {
                Shape::Json => {
                    let settings: Vec<SettingDocument> = KEYS
                        .iter()
                        .map(|key| SettingDocument::new(key, &resolved))
                        .collect();
                    ui.json(&settings)?;
                }
                Shape::People => list(&resolved, ui)?,
            }
        }
        ConfigRequest::Get { key, shape } => {
            let key = find_key(&key)?;
            let resolved = load(surroundings, ui)?;
            match (shape, resolved.get(key)) {
                (Shape::Json, _) => ui.json(&SettingDocument::new(key, &resolved))?,
                (Shape::People, Some((value, _))) => ui.result(format!("{value}\n").as_bytes())?,
                (Shape::People, None) => ui.result(b"\n")?,
            }
        }
        ConfigRequest::Change {
            key,
            value,
            scope,
            shape,
        } => config_change::change(&key, value.as_deref(), scope, shape, surroundings, ui)?,
        ConfigRequest::Edit(scope) => config_change::edit_file(scope, surroundings, ui)?,
        ConfigRequest::Path(shape) => {
            let user = user_file(&Surroundings::variable);
            let repository = surroundings
                .repository_root()?
                .map(|root| root.join(REPOSITORY_FILE));
            path(shape, user, repository, ui)?;
        }
        ConfigRequest::Codex { change, shape } => {
            config_codex::run(change, shape, surroundings, ui)?;
        }
    }
    Ok(ExitStatus::Passed)
}

fn load(surroundings: &Surroundings, ui: &Ui) -> Result<Resolved, Failure> {
    let resolved = surroundings.settings(Vec::new())?;
    for ignored in &resolved.ignored {
        ui.warning(&ignored_warning(ignored));
    }
    Ok(resolved)
}

/// What is said about a value in a repository's file that does not count.
pub(super) fn ignored_warning(ignored: &Ignored) -> String {
    let why = if ignored.would_count_if_trusted {
        "only a repository that you trust may set it (`codex-review trust`)"
    } else {
        "no repository may set it"
    };
    format!(
        "`{}` in `{}` does not count: {why}",
        ignored.key,
        ignored.path.display()
    )
}

fn list(resolved: &Resolved, ui: &Ui) -> Result<(), Failure> {
    let rows: Vec<[String; 3]> = KEYS
        .iter()
        .map(|key| {
            let (value, source) = match resolved.get(key) {
                Some((value, provenance)) => (value.to_string(), provenance.to_string()),
                None => ("-".to_owned(), "not set".to_owned()),
            };
            [key.name.to_owned(), value, source]
        })
        .collect();
    ui.table(
        &["setting", "value", "from"],
        &[Role::Heading, Role::Plain, Role::Minor],
        &rows,
    )?;
    Ok(())
}

fn path(
    shape: Shape,
    user: Option<PathBuf>,
    repository: Option<PathBuf>,
    ui: &Ui,
) -> Result<(), Failure> {
    let files = [("user", user), ("repository", repository)];
    match shape {
        Shape::Json => {
            let documents: Vec<FileDocument> = files
                .into_iter()
                .map(|(scope, path)| FileDocument {
                    scope,
                    exists: path.as_ref().is_some_and(|path| path.exists()),
                    path: path.map(|path| path.display().to_string()),
                })
                .collect();
            ui.json(&documents)?;
        }
        Shape::People => {
            let rows: Vec<[String; 3]> = files
                .into_iter()
                .map(|(scope, path)| match path {
                    Some(path) => {
                        let state = if path.exists() { "there" } else { "not there" };
                        [
                            scope.to_owned(),
                            path.display().to_string(),
                            state.to_owned(),
                        ]
                    }
                    None => [scope.to_owned(), "-".to_owned(), "no such place".to_owned()],
                })
                .collect();
            ui.table(
                &["file", "path", "state"],
                &[Role::Heading, Role::Place, Role::Minor],
                &rows,
            )?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct FileDocument {
    scope: &'static str,
    path: Option<String>,
    exists: bool,
}

#[derive(Serialize)]
pub(super) struct SettingDocument {
    key: &'static str,
    value: serde_json::Value,
    default: Option<&'static str>,
    source: &'static str,
    from: Option<String>,
    kind: &'static str,
    unit: Option<&'static str>,
    variable: String,
    about: &'static str,
}

impl SettingDocument {
    pub(super) fn new(key: &Key, resolved: &Resolved) -> Self {
        let found = resolved.get(key);
        let (kind, unit) = match key.kind {
            Kind::Switch => ("switch", None),
            Kind::Text => ("text", None),
            Kind::Word(_) => ("word", None),
            Kind::Number { unit, .. } => (
                "number",
                match unit {
                    Unit::Count => None,
                    Unit::Seconds => Some("seconds"),
                    Unit::Minutes => Some("minutes"),
                    Unit::Bytes => Some("bytes"),
                },
            ),
        };
        SettingDocument {
            key: key.name,
            value: match found {
                None => serde_json::Value::Null,
                Some((Value::Switch(switch), _)) => (*switch).into(),
                Some((Value::Text(text), _)) => text.as_str().into(),
                Some((Value::Number(number), _)) => (*number).into(),
            },
            default: key.default_where(in_ci()),
            source: found.map_or("unset", |(_, provenance)| provenance.as_str()),
            from: found.map(|(_, provenance)| provenance.to_string()),
            kind,
            unit,
            variable: key.variable(),
            about: key.about,
        }
    }
}
