//! `initialize`, `initialized`: the first two lines of a connection.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{CallError, Caller, Limits};

/// Who calls, as the engine's logs show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// A short name without blanks.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// The version of the caller.
    pub version: String,
}

impl Default for ClientInfo {
    fn default() -> Self {
        ClientInfo {
            name: "codex-review".to_owned(),
            title: "codex-review".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// What an engine says of itself. All of it is optional: old engines say less, others say it differently.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerInfo {
    /// Its own name and version, as it words them.
    pub user_agent: Option<String>,
    /// The version out of the user agent.
    pub version: Option<String>,
    /// The folder with its settings and login.
    pub codex_home: Option<PathBuf>,
    /// The whole answer, for whoever has to repeat it.
    pub raw: Value,
}

impl ServerInfo {
    /// Reads the answer to `initialize`, whatever it holds.
    #[must_use]
    pub fn parse(raw: Value) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Wire {
            user_agent: Option<String>,
            codex_home: Option<PathBuf>,
        }
        let wire = Wire::deserialize(&raw).unwrap_or_default();
        // `name/0.169.0 (Debian 12; x86_64) …`: the version is what follows the first slash.
        let version = wire
            .user_agent
            .as_deref()
            .and_then(|agent| agent.split_once('/'))
            .and_then(|(_, rest)| super::identity::parse_version(rest));
        ServerInfo {
            version,
            user_agent: wire.user_agent,
            codex_home: wire.codex_home,
            raw,
        }
    }
}

/// The parameters of `initialize`.
#[must_use]
pub fn initialize_params(client: &ClientInfo) -> Value {
    json!({
        "clientInfo": {"name": client.name, "title": client.title, "version": client.version},
        "capabilities": {"experimentalApi": true},
    })
}

/// Performs the handshake. Every connection starts with it, a broker's as well.
///
/// # Errors
///
/// As [`Caller::request`].
pub async fn handshake(
    caller: &Caller,
    client: &ClientInfo,
    limits: &Limits,
) -> Result<ServerInfo, CallError> {
    let raw = caller
        .request("initialize", initialize_params(client), limits.rpc)
        .await?;
    caller
        .notify("initialized", Value::Null, limits.rpc)
        .await?;
    Ok(ServerInfo::parse(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_read_tolerantly() {
        let raw = json!({"userAgent": "x/0.169.0 (Debian 12.0.0; x86_64) xterm (x; 1)", "codexHome": "/h", "new": 1});
        let info = ServerInfo::parse(raw.clone());
        assert_eq!(info.version.as_deref(), Some("0.169.0"));
        assert_eq!(info.codex_home, Some(PathBuf::from("/h")));
        assert_eq!(info.raw, raw);
        for strange in [
            json!(null),
            json!([1]),
            json!({"userAgent": 7}),
            json!({"userAgent": "none"}),
        ] {
            assert_eq!(ServerInfo::parse(strange).version, None);
        }
    }
}
