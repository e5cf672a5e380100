//! What is worth telling while a turn runs.

use super::{Phase, TokenUsage};

/// News from a running turn, in order. `agent` names the sub-agent it is about; `None` is the turn itself.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// The broker has no free place; the request waits.
    Queued {
        /// The place in the queue, 1 being next, where the broker says so.
        place: Option<u32>,
    },
    /// The thread exists.
    ThreadReady {
        /// Its id.
        thread_id: String,
        /// Whether it existed before.
        resumed: bool,
    },
    /// The turn runs. May come twice when the engine renames the turn; the last id is the one to interrupt.
    TurnStarted {
        /// Its id.
        turn_id: String,
    },
    /// The turn entered another phase.
    Phase(Phase),
    /// A message of the model's.
    Message {
        /// Whose.
        agent: Option<String>,
        /// The text.
        text: String,
    },
    /// A summary of the model's reasoning.
    Reasoning {
        /// Whose.
        agent: Option<String>,
        /// The text.
        text: String,
    },
    /// A command runs.
    CommandStarted {
        /// Whose.
        agent: Option<String>,
        /// The command line.
        command: String,
    },
    /// A command ended.
    CommandFinished {
        /// Whose.
        agent: Option<String>,
        /// The command line.
        command: String,
        /// Its exit code; `None` when it was declined or the engine does not say.
        exit_code: Option<i64>,
        /// How long it took, in milliseconds.
        duration_ms: Option<u64>,
    },
    /// Files were written.
    FilesChanged {
        /// Whose.
        agent: Option<String>,
        /// The paths, as the engine names them.
        paths: Vec<String>,
    },
    /// A tool other than a command is used.
    ToolCall {
        /// Whose.
        agent: Option<String>,
        /// The tool, such as `server/tool`.
        tool: String,
    },
    /// A sub-agent works.
    AgentStarted {
        /// Its name.
        agent: String,
    },
    /// A sub-agent is done.
    AgentFinished {
        /// Its name.
        agent: String,
    },
    /// Codex's own reviewer gave its text.
    ReviewText {
        /// The text.
        text: String,
    },
    /// Something failed, and the engine tries again.
    Retrying {
        /// What failed.
        message: String,
    },
    /// The engine warns.
    Warning {
        /// Of what.
        message: String,
    },
    /// Tokens used so far on this thread.
    Usage(TokenUsage),
    /// The engine was asked to stop the turn, or has stopped it: once when it is asked, and again when the turn is over
    /// for that reason.
    Interrupt {
        /// Whether the turn is over.
        confirmed: bool,
    },
    /// Nothing was heard for the silence budget; the engine says that the turn still runs.
    StillRunning,
}
