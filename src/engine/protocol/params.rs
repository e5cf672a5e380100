//! What is sent.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// What a turn may do to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    /// Reads, and nothing else. The only sandbox for a review: a writable one marks the project as trusted in the
    /// user's own settings.
    ReadOnly,
    /// Writes within the thread's folder, and in the folders for temporary files.
    WorkspaceWrite,
    /// Writes within the thread's folder and in `scratch`, and nowhere else: the folders for temporary files, where the
    /// user's own tree may be, stay as they are, and there is no network. It is said for the turn and not for the
    /// thread, because a thread that may write marks the project as trusted in the user's own settings.
    Confined {
        /// The folder for temporary files of what the turn runs.
        scratch: PathBuf,
    },
}

impl Sandbox {
    /// The thread's word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Sandbox::ReadOnly | Sandbox::Confined { .. } => "read-only",
            Sandbox::WorkspaceWrite => "workspace-write",
        }
    }

    /// What a turn says of it beyond its thread; `None` for nothing.
    fn turn_policy(&self) -> Option<Value> {
        match self {
            Sandbox::ReadOnly | Sandbox::WorkspaceWrite => None,
            Sandbox::Confined { scratch } => Some(json!({
                "type": "workspaceWrite",
                "writableRoots": [scratch.to_string_lossy()],
                "networkAccess": false,
                "excludeTmpdirEnvVar": true,
                "excludeSlashTmp": true,
            })),
        }
    }
}

/// What Codex's own reviewer is pointed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewTarget {
    /// Staged, unstaged and untracked changes.
    UncommittedChanges,
    /// The branch against a base.
    BaseBranch(String),
    /// One commit.
    Commit {
        /// Its id.
        sha: String,
        /// A label for people.
        title: Option<String>,
    },
    /// Instructions of our own.
    Custom(String),
}

impl ReviewTarget {
    fn to_value(&self) -> Value {
        match self {
            ReviewTarget::UncommittedChanges => json!({"type": "uncommittedChanges"}),
            ReviewTarget::BaseBranch(branch) => json!({"type": "baseBranch", "branch": branch}),
            ReviewTarget::Commit { sha, title } => {
                json!({"type": "commit", "sha": sha, "title": title})
            }
            ReviewTarget::Custom(text) => json!({"type": "custom", "instructions": text}),
        }
    }
}

/// Members that are left out when they are not given.
struct Members(Map<String, Value>);

impl Members {
    fn new() -> Self {
        Members(Map::new())
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// Settings of the engine that one thread overrides.
fn overrides(sandbox: &Sandbox, model: Option<&str>, effort: Option<&str>) -> Option<Value> {
    let scratch = match sandbox {
        Sandbox::ReadOnly | Sandbox::WorkspaceWrite => None,
        Sandbox::Confined { scratch } => Some(scratch.to_string_lossy()),
    };
    let config = Members::new()
        // Dotted, so that it stands beside what the user sets.
        .with_some("shell_environment_policy.set.TMPDIR", scratch)
        // The user's own `review_model` would win over the model that was asked for.
        .with_some("review_model", model)
        .with_some("model_reasoning_effort", effort)
        .done();
    config
        .as_object()
        .is_some_and(|members| !members.is_empty())
        .then_some(config)
}

/// What both ways to get a thread share.
fn thread_members(
    cwd: &Path,
    sandbox: &Sandbox,
    model: Option<&str>,
    effort: Option<&str>,
) -> Members {
    Members::new()
        // JSON is text: a folder that is not UTF-8 is shown as well as can be, and the engine says that it is absent.
        .with("cwd", cwd.to_string_lossy())
        .with("approvalPolicy", "never")
        .with("sandbox", sandbox.as_str())
        .with_some("model", model)
        .with_some("config", overrides(sandbox, model, effort))
}

pub(crate) fn thread_start(
    cwd: &Path,
    sandbox: &Sandbox,
    ephemeral: bool,
    model: Option<&str>,
    effort: Option<&str>,
) -> Value {
    thread_members(cwd, sandbox, model, effort)
        .with("ephemeral", ephemeral)
        .done()
}

pub(crate) fn thread_resume(
    thread_id: &str,
    cwd: &Path,
    sandbox: &Sandbox,
    model: Option<&str>,
    effort: Option<&str>,
) -> Value {
    thread_members(cwd, sandbox, model, effort)
        .with("threadId", thread_id)
        .with("excludeTurns", true)
        .done()
}

pub(crate) fn thread_name(thread_id: &str, name: &str) -> Value {
    json!({"threadId": thread_id, "name": name})
}

pub(crate) fn thread_read(thread_id: &str) -> Value {
    json!({"threadId": thread_id, "includeTurns": false})
}

fn text_input(text: &str) -> Value {
    json!([{"type": "text", "text": text, "text_elements": []}])
}

pub(crate) fn turn_start(
    thread_id: &str,
    text: &str,
    output_schema: Option<&Value>,
    sandbox: &Sandbox,
    model: Option<&str>,
    effort: Option<&str>,
) -> Value {
    Members::new()
        .with("threadId", thread_id)
        .with("input", text_input(text))
        .with_some("sandboxPolicy", sandbox.turn_policy())
        .with_some("model", model)
        .with_some("effort", effort)
        .with_some("outputSchema", output_schema.cloned())
        .done()
}

pub(crate) fn turn_steer(thread_id: &str, turn_id: &str, text: &str) -> Value {
    json!({"threadId": thread_id, "expectedTurnId": turn_id, "input": text_input(text)})
}

pub(crate) fn turn_interrupt(thread_id: &str, turn_id: &str) -> Value {
    json!({"threadId": thread_id, "turnId": turn_id})
}

/// The id that an engine names when it refuses to interrupt another: `expected active turn id X but found Y`.
pub(crate) fn running_turn(refusal: &str) -> Option<String> {
    let (_, found) = refusal.rsplit_once("but found ")?;
    let id = found.trim().trim_matches('`');
    (!id.is_empty() && !id.contains(char::is_whitespace)).then(|| id.to_owned())
}

pub(crate) fn review_start(thread_id: &str, target: &ReviewTarget) -> Value {
    json!({"threadId": thread_id, "target": target.to_value(), "delivery": "inline"})
}

pub(crate) fn import_session(transcript: &Path, cwd: &Path, title: Option<&str>) -> Value {
    let session = Members::new()
        .with("path", transcript.to_string_lossy())
        .with("cwd", cwd.to_string_lossy())
        .with_some("title", title)
        .done();
    json!({
        "migrationItems": [{
            "itemType": "SESSIONS",
            "description": "Claude Code session",
            "cwd": null,
            "details": {"sessions": [session]},
        }],
        "source": "codex-review",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_is_not_sent() {
        let plain = thread_start(Path::new("/r"), &Sandbox::ReadOnly, true, None, None);
        assert_eq!(
            plain,
            json!({"cwd": "/r", "approvalPolicy": "never", "sandbox": "read-only", "ephemeral": true})
        );
        let asked = thread_start(
            Path::new("/r"),
            &Sandbox::ReadOnly,
            true,
            Some("m"),
            Some("high"),
        );
        assert_eq!(
            asked["config"],
            json!({"review_model": "m", "model_reasoning_effort": "high"})
        );
        let turn = turn_start("t", "a\n\"b\"", None, &Sandbox::ReadOnly, None, None);
        assert_eq!(
            turn,
            json!({"threadId": "t", "input": [{"type": "text", "text": "a\n\"b\"", "text_elements": []}]})
        );
    }

    #[test]
    fn a_confined_turn_writes_in_two_folders_and_its_thread_in_none() {
        let confined = Sandbox::Confined {
            scratch: "/s".into(),
        };
        let thread = thread_start(Path::new("/w"), &confined, true, None, None);
        assert_eq!(thread["sandbox"], "read-only");
        assert_eq!(
            thread["config"],
            json!({"shell_environment_policy.set.TMPDIR": "/s"})
        );
        let turn = turn_start("t", "a", None, &confined, None, None);
        assert_eq!(
            turn["sandboxPolicy"],
            json!({"type": "workspaceWrite", "writableRoots": ["/s"], "networkAccess": false,
                   "excludeTmpdirEnvVar": true, "excludeSlashTmp": true})
        );
    }
}
