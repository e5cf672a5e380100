//! The one JSON object that Claude Code writes to a hook's stdin.

use std::path::PathBuf;

use serde::Deserialize;

/// More than this is no hook input: a hook reads at most so many bytes.
pub const MAX_INPUT_BYTES: u64 = 8 * 1024 * 1024;

/// What a hook is told. Every field may be absent: hosts differ, and a missing one is never our failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct HookInput {
    /// The Claude session.
    pub session_id: Option<String>,
    /// Its transcript.
    pub transcript_path: Option<String>,
    /// The folder that the session works in.
    pub cwd: Option<String>,
    /// Such as `Stop`.
    pub hook_event_name: Option<String>,
    /// Session start: `startup`, `resume`, `clear` or `compact`.
    pub source: Option<String>,
    /// Session end: `clear`, `logout`, `prompt_input_exit` or `other`.
    pub reason: Option<String>,
    /// Prompt expansion: the command, such as `codex:review`.
    pub command_name: Option<String>,
    /// Prompt expansion: what was typed behind it.
    pub command_args: Option<String>,
    /// Stop: whether this turn goes on because a stop hook blocked the one before.
    pub stop_hook_active: bool,
    /// Stop: what the assistant said last.
    pub last_assistant_message: Option<String>,
    /// Before a tool: its name.
    pub tool_name: Option<String>,
    /// Before a tool: what it is called with.
    pub tool_input: ToolInput,
}

/// Of a call of a tool, what the one by which a session leaves plan mode is called with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ToolInput {
    /// The plan's text.
    pub plan: Option<String>,
    /// The file that it was written to.
    #[serde(rename = "planFilePath")]
    pub plan_file_path: Option<PathBuf>,
}

/// Why a hook's input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Not a JSON object of that shape.
    #[error("hook input is not the JSON object that Claude Code sends")]
    Malformed(#[source] serde_json::Error),
    /// JSON of another kind.
    #[error("hook input is not a JSON object")]
    NotAnObject,
}

/// Reads a hook's input. Blank input counts as one without any field.
///
/// # Errors
///
/// The text is not a JSON object, or a known field has another type.
pub fn read_input(text: &[u8]) -> Result<HookInput, InputError> {
    if text.trim_ascii().is_empty() {
        return Ok(HookInput::default());
    }
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(InputError::NotAnObject);
    }
    serde_json::from_slice(text).map_err(InputError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_missing_ones_are_fine() {
        let input = read_input(br#"{"session_id":"s","stop_hook_active":true,"new":1}"#).unwrap();
        assert_eq!(input.session_id.as_deref(), Some("s"));
        assert!(input.stop_hook_active);
        assert_eq!(read_input(b" \n").unwrap(), HookInput::default());
    }

    #[test]
    fn anything_else_is_an_error_value() {
        assert!(read_input(b"[]").is_err());
        assert!(read_input(b"{\"cwd\":").is_err());
    }
}
