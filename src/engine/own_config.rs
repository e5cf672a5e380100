//! What Codex itself is set to, by its app server's own word, and changed through it alone: its file is Codex's.

use serde_json::{Value, json};

use super::login::ask;
use super::{Caller, EngineError, Limits};

/// One of the engine's own settings that a run takes when it asks for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnKey {
    /// The model.
    Model,
    /// The reasoning effort.
    Effort,
    /// The model provider.
    Provider,
}

impl OwnKey {
    /// All of them, in the order in which they are shown.
    pub const ALL: [OwnKey; 3] = [OwnKey::Model, OwnKey::Effort, OwnKey::Provider];

    /// Its name here.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OwnKey::Model => "model",
            OwnKey::Effort => "effort",
            OwnKey::Provider => "provider",
        }
    }

    /// Its path in the engine's configuration.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            OwnKey::Model => "model",
            OwnKey::Effort => "model_reasoning_effort",
            OwnKey::Provider => "model_provider",
        }
    }
}

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSetting {
    /// Which.
    pub key: OwnKey,
    /// Its value; `None` when the engine decides.
    pub value: Option<String>,
    /// The file, or the kind of source, that says so; `None` when nobody does.
    pub origin: Option<String>,
}

/// The engine's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnConfig {
    /// In the order of [`OwnKey::ALL`].
    pub settings: Vec<OwnSetting>,
    /// The providers that the configuration declares, by name.
    pub declared_providers: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChange {
    /// The file that the engine wrote.
    pub file: Option<String>,
    /// Why the change has no effect although it was written: a stronger source says otherwise.
    pub overridden: Option<String>,
}

/// Why the engine's own settings could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum OwnConfigError {
    /// The engine answered, and refused.
    #[error("the engine refused: {0}")]
    Refused(String),
    /// The engine is lost or does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Reads the settings that hold in the folder `cwd`.
///
/// # Errors
///
/// The engine is lost, does not answer, or is too old to say.
pub async fn read_own_config(
    caller: &Caller,
    cwd: Option<&str>,
    limits: &Limits,
) -> Result<OwnConfig, OwnConfigError> {
    let params = json!({"includeLayers": false, "cwd": cwd});
    let answer = ask(caller, "config/read", params, limits)
        .await?
        .map_err(OwnConfigError::Refused)?;
    let config = &answer["config"];
    Ok(OwnConfig {
        settings: OwnKey::ALL
            .into_iter()
            .map(|key| OwnSetting {
                key,
                value: config[key.path()].as_str().map(str::to_owned),
                origin: origin(&answer["origins"][key.path()]["name"]),
            })
            .collect(),
        declared_providers: config["model_providers"]
            .as_object()
            .map(|providers| providers.keys().cloned().collect())
            .unwrap_or_default(),
    })
}

/// Changes one setting in the user's own configuration of the engine; `None` takes it away.
///
/// # Errors
///
/// As [`read_own_config`]; the file is as the engine left it.
pub async fn write_own_config(
    caller: &Caller,
    key: OwnKey,
    value: Option<&str>,
    limits: &Limits,
) -> Result<OwnChange, OwnConfigError> {
    let params = json!({"keyPath": key.path(), "value": value, "mergeStrategy": "replace"});
    let answer = ask(caller, "config/value/write", params, limits)
        .await?
        .map_err(OwnConfigError::Refused)?;
    Ok(OwnChange {
        file: answer["filePath"].as_str().map(str::to_owned),
        overridden: answer["overriddenMetadata"]["message"]
            .as_str()
            .map(str::to_owned),
    })
}

fn origin(name: &Value) -> Option<String> {
    let text = |key: &str| name[key].as_str().map(str::to_owned);
    text("file")
        .or_else(|| text("dotCodexFolder"))
        .or_else(|| text("type"))
}
