//! One turn to perform, as a value.

use std::path::PathBuf;

use serde_json::Value;

use super::{Limits, ReviewTarget, Sandbox};

/// Which thread a turn runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThreadChoice {
    /// A new one.
    New {
        /// Whether the engine forgets it afterwards. Only threads that are kept can be resumed.
        ephemeral: bool,
        /// A name for people; an ephemeral thread has none.
        name: Option<String>,
    },
    /// One that exists.
    Resume {
        /// Its id.
        thread_id: String,
    },
}

/// What the turn is.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnAction {
    /// A prompt.
    Prompt {
        /// The text.
        text: String,
        /// The JSON schema of the answer, or `None` for prose.
        output_schema: Option<Value>,
    },
    /// Codex's own reviewer.
    Review(ReviewTarget),
}

/// One turn to perform.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    /// The folder it works in.
    pub cwd: PathBuf,
    /// What it may do.
    pub sandbox: Sandbox,
    /// The thread.
    pub thread: ThreadChoice,
    /// What it is.
    pub action: TurnAction,
    /// The model, or `None` for the user's own.
    pub model: Option<String>,
    /// The reasoning effort, or `None` for the user's own.
    pub effort: Option<String>,
    /// What only our own builtin engine understands: the pinned change, as the member `codexReview` of the call that
    /// starts the turn. `None` for every other engine.
    pub extension: Option<Value>,
    /// How long it may take.
    pub limits: Limits,
}
