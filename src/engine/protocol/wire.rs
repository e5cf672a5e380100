//! Lenient shapes of what is read, for [`super::incoming`] alone.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A member that is absent, or of another type than expected, is the type's default.
fn lenient<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    Value::deserialize(deserializer).map(|value| serde_json::from_value(value).unwrap_or_default())
}

/// A member as it came, `null` included; `None` is for one that is absent.
fn as_it_came<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Token counts of a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TokenCounts {
    #[serde(deserialize_with = "lenient")]
    pub(crate) input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) cached_input_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) output_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) reasoning_output_tokens: u64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) total_tokens: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireParams {
    #[serde(deserialize_with = "lenient")]
    pub(super) thread_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) thread: Option<WireThread>,
    #[serde(deserialize_with = "lenient")]
    pub(super) turn: WireTurn,
    #[serde(deserialize_with = "lenient")]
    pub(super) item: WireItem,
    #[serde(deserialize_with = "lenient")]
    pub(super) status: Option<WireStatus>,
    #[serde(deserialize_with = "lenient")]
    pub(super) error: WireError,
    #[serde(deserialize_with = "lenient")]
    pub(super) will_retry: bool,
    #[serde(deserialize_with = "lenient")]
    pub(super) token_usage: WireUsage,
    #[serde(deserialize_with = "lenient")]
    pub(super) message: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) summary: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireThread {
    #[serde(deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) parent_thread_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) agent_nickname: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) agent_role: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) source: Value,
    #[serde(deserialize_with = "lenient")]
    pub(super) status: Option<WireStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireTurn {
    #[serde(deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(deserialize_with = "as_it_came")]
    pub(super) status: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub(super) error: Option<WireError>,
    #[serde(deserialize_with = "lenient")]
    pub(super) items: Vec<WireItem>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireStatus {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(super) kind: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireError {
    #[serde(deserialize_with = "lenient")]
    pub(super) message: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) codex_error_info: Value,
    #[serde(deserialize_with = "lenient")]
    pub(super) additional_details: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    #[serde(deserialize_with = "lenient")]
    pub(super) total: TokenCounts,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireItem {
    #[serde(deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(super) kind: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) text: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) phase: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) review: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) summary: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) command: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) command_actions: Vec<WireStatus>,
    #[serde(deserialize_with = "lenient")]
    pub(super) exit_code: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) duration_ms: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) status: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) changes: Vec<WireChange>,
    #[serde(deserialize_with = "lenient")]
    pub(super) server: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) tool: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) query: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) receiver_thread_ids: Vec<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) agents_states: serde_json::Map<String, Value>,
    #[serde(deserialize_with = "lenient")]
    pub(super) agent_thread_id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) agent_path: String,
    /// `subAgentActivity` uses `kind` for what happened.
    #[serde(rename = "kind", deserialize_with = "lenient")]
    pub(super) activity: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireChange {
    #[serde(deserialize_with = "lenient")]
    pub(super) path: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) kind: Value,
}
