//! What is read.

use serde::Deserialize as _;
use serde_json::Value;

use crate::rpc::Notification;

use super::wire::{TokenCounts, WireError, WireItem, WireParams, WireStatus, WireThread};

/// News from an engine, as far as a turn cares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    ThreadStarted {
        thread_id: String,
        parent_id: Option<String>,
        agent: Option<String>,
    },
    ThreadStatus {
        thread_id: String,
        state: ThreadState,
    },
    TurnStarted {
        thread_id: String,
        turn_id: String,
    },
    TurnCompleted {
        thread_id: String,
        turn_id: String,
        status: TurnStatus,
        fault: Option<TurnFault>,
        /// The last message of the turn, where the engine repeats it.
        message: Option<String>,
    },
    ItemStarted {
        thread_id: String,
        /// Empty where the engine gives none.
        item_id: String,
        item: Item,
    },
    ItemCompleted {
        thread_id: String,
        item_id: String,
        item: Item,
    },
    Error {
        /// `None` where the engine does not say; then it is everybody's.
        thread_id: Option<String>,
        fault: TurnFault,
        will_retry: bool,
    },
    Usage {
        thread_id: String,
        usage: TokenCounts,
    },
    Warning {
        thread_id: Option<String>,
        message: String,
    },
    /// A broker's: its engine is gone, and every turn with it.
    EngineGone {
        reason: String,
    },
    /// Something else about a thread, such as a delta: a sign of life.
    Other {
        thread_id: Option<String>,
    },
}

impl News {
    /// The thread that the news is about, where it says so.
    pub(crate) fn thread_id(&self) -> Option<&str> {
        match self {
            News::ThreadStarted { thread_id, .. }
            | News::ThreadStatus { thread_id, .. }
            | News::TurnStarted { thread_id, .. }
            | News::TurnCompleted { thread_id, .. }
            | News::ItemStarted { thread_id, .. }
            | News::ItemCompleted { thread_id, .. }
            | News::Usage { thread_id, .. } => Some(thread_id),
            News::Error { thread_id, .. }
            | News::Warning { thread_id, .. }
            | News::Other { thread_id } => thread_id.as_deref(),
            News::EngineGone { .. } => None,
        }
    }
}

/// Why a turn failed, or stumbled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TurnFault {
    pub(crate) message: String,
    /// The engine's word for the kind, such as `usageLimitExceeded`.
    pub(crate) kind: Option<String>,
    pub(crate) http_status: Option<u16>,
    pub(crate) details: Option<String>,
}

/// How the engine says that a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TurnStatus {
    Completed,
    Interrupted,
    Failed,
    /// A word that is not known, or what stands in its place, as JSON.
    Unknown(String),
    /// It does not say.
    Missing,
}

/// What a thread does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ThreadState {
    Active,
    Idle,
    /// The engine does not have it in memory: nothing runs on it.
    NotLoaded,
    SystemError,
    Unknown(String),
}

/// One thing that happens within a turn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    AgentMessage {
        text: String,
        /// `commentary`, `partial_answer`, `final_answer`, or nothing.
        phase: Option<String>,
    },
    Reasoning {
        summary: Vec<String>,
    },
    Command {
        command: String,
        exit_code: Option<i64>,
        duration_ms: Option<u64>,
        /// Whether everything it does is reading, listing or searching, by the engine's own parse.
        only_reads: bool,
    },
    FileChange {
        paths: Vec<String>,
        /// Whether the change was declined or failed.
        refused: bool,
    },
    ToolCall {
        name: String,
    },
    /// A call between agents: spawn, send, wait, close.
    Collab {
        receivers: Vec<String>,
        /// Threads by whether they still work.
        working: Vec<(String, bool)>,
    },
    SubAgent {
        thread_id: String,
        name: String,
        /// Whether it still works.
        working: bool,
    },
    EnteredReview,
    ExitedReview {
        text: String,
    },
    Other,
}

impl Item {
    /// Whether it is something that is done, and so has an end of its own.
    pub(crate) fn is_work(&self) -> bool {
        matches!(
            self,
            Item::Command { .. }
                | Item::FileChange { .. }
                | Item::ToolCall { .. }
                | Item::Collab { .. }
        )
    }
}

impl News {
    /// Reads a notification. Never fails: what is not known is [`News::Other`].
    pub(crate) fn parse(notification: &Notification) -> News {
        let wire = WireParams::deserialize(&notification.params).unwrap_or_default();
        let WireParams {
            thread_id, thread, ..
        } = wire;
        let about = thread_id
            .clone()
            .or_else(|| thread.as_ref().map(|thread| thread.id.clone()))
            .filter(|id| !id.is_empty());
        let Some(id) = about.clone() else {
            return match notification.method.as_str() {
                "error" => News::Error {
                    thread_id: None,
                    fault: wire.error.into(),
                    will_retry: wire.will_retry,
                },
                "warning" | "configWarning" | "guardianWarning" => News::Warning {
                    thread_id: None,
                    message: wire.message.or(wire.summary).unwrap_or_default(),
                },
                "broker/engineLost" => News::EngineGone {
                    reason: wire.reason.or(wire.message).unwrap_or_default(),
                },
                _ => News::Other { thread_id: None },
            };
        };
        match notification.method.as_str() {
            "thread/started" => {
                let thread = thread.unwrap_or_default();
                let spawned = &thread.source["subAgent"]["thread_spawn"];
                let text = |value: &Value| value.as_str().map(str::to_owned);
                News::ThreadStarted {
                    thread_id: id,
                    parent_id: thread
                        .parent_thread_id
                        .or_else(|| text(&spawned["parent_thread_id"])),
                    agent: thread
                        .agent_nickname
                        .or_else(|| text(&spawned["agent_nickname"]))
                        .or(thread.agent_role)
                        .or_else(|| text(&spawned["agent_role"])),
                }
            }
            "thread/status/changed" => News::ThreadStatus {
                thread_id: id,
                state: wire.status.unwrap_or_default().into(),
            },
            "thread/closed" => News::ThreadStatus {
                thread_id: id,
                state: ThreadState::NotLoaded,
            },
            "turn/started" => News::TurnStarted {
                thread_id: id,
                turn_id: wire.turn.id,
            },
            "turn/completed" => {
                let message = wire
                    .turn
                    .items
                    .iter()
                    .rev()
                    .find(|item| item.kind == "agentMessage" && !item.text.is_empty())
                    .map(|item| item.text.clone());
                News::TurnCompleted {
                    thread_id: id,
                    turn_id: wire.turn.id,
                    status: wire.turn.status.into(),
                    fault: wire.turn.error.map(TurnFault::from),
                    message,
                }
            }
            "item/started" => News::ItemStarted {
                thread_id: id,
                item_id: wire.item.id.clone(),
                item: wire.item.into(),
            },
            "item/completed" => News::ItemCompleted {
                thread_id: id,
                item_id: wire.item.id.clone(),
                item: wire.item.into(),
            },
            "error" => News::Error {
                thread_id: Some(id),
                fault: wire.error.into(),
                will_retry: wire.will_retry,
            },
            "thread/tokenUsage/updated" => News::Usage {
                thread_id: id,
                usage: wire.token_usage.total,
            },
            "warning" | "guardianWarning" => News::Warning {
                thread_id: Some(id),
                message: wire.message.unwrap_or_default(),
            },
            "broker/engineLost" => News::EngineGone {
                reason: wire.reason.or(wire.message).unwrap_or_default(),
            },
            _ => News::Other {
                thread_id: Some(id),
            },
        }
    }
}

/// The state in the answer to `thread/read`, or `None` when it tells none.
pub(crate) fn thread_state(answer: &Value) -> Option<ThreadState> {
    let thread = WireThread::deserialize(&answer["thread"]).ok()?;
    thread.status.map(ThreadState::from)
}

impl From<Option<Value>> for TurnStatus {
    fn from(status: Option<Value>) -> Self {
        match status {
            None => TurnStatus::Missing,
            Some(Value::String(word)) => match word.to_ascii_lowercase().as_str() {
                "completed" => TurnStatus::Completed,
                "interrupted" => TurnStatus::Interrupted,
                "failed" => TurnStatus::Failed,
                _ => TurnStatus::Unknown(word),
            },
            Some(other) => TurnStatus::Unknown(other.to_string()),
        }
    }
}

impl From<WireStatus> for ThreadState {
    fn from(status: WireStatus) -> Self {
        match status.kind.as_str() {
            "active" => ThreadState::Active,
            "idle" => ThreadState::Idle,
            "notLoaded" => ThreadState::NotLoaded,
            "systemError" => ThreadState::SystemError,
            _ => ThreadState::Unknown(status.kind),
        }
    }
}

impl From<WireError> for TurnFault {
    fn from(error: WireError) -> Self {
        // Either a word, or an object whose one member is the word.
        let (kind, detail) = match &error.codex_error_info {
            Value::String(kind) => (Some(kind.clone()), None),
            Value::Object(members) => match members.iter().next() {
                Some((kind, detail)) => (Some(kind.clone()), Some(detail)),
                None => (None, None),
            },
            _ => (None, None),
        };
        TurnFault {
            message: error.message,
            kind,
            http_status: detail
                .and_then(|detail| detail["httpStatusCode"].as_u64())
                .and_then(|status| u16::try_from(status).ok()),
            details: error.additional_details,
        }
    }
}

impl From<WireItem> for Item {
    fn from(item: WireItem) -> Self {
        /// The states of an agent that is done, in both spellings of an activity and a status.
        fn is_working(status: &str) -> bool {
            !matches!(
                status,
                "completed" | "errored" | "shutdown" | "interrupted" | "notFound" | "failed"
            )
        }
        match item.kind.as_str() {
            "agentMessage" => Item::AgentMessage {
                text: item.text,
                phase: item.phase,
            },
            "reasoning" => Item::Reasoning {
                summary: item.summary,
            },
            "commandExecution" => Item::Command {
                only_reads: !item.command_actions.is_empty()
                    && item.command_actions.iter().all(|action| {
                        matches!(action.kind.as_str(), "read" | "listFiles" | "search")
                    }),
                command: item.command,
                exit_code: item.exit_code,
                duration_ms: item.duration_ms,
            },
            "fileChange" => Item::FileChange {
                refused: matches!(item.status.as_str(), "declined" | "failed"),
                paths: item
                    .changes
                    .into_iter()
                    .flat_map(|change| {
                        let moved = change.kind["move_path"].as_str().map(str::to_owned);
                        [Some(change.path), moved].into_iter().flatten()
                    })
                    .filter(|path| !path.is_empty())
                    .collect(),
            },
            "mcpToolCall" => Item::ToolCall {
                name: format!("{}/{}", item.server, item.tool),
            },
            "dynamicToolCall" => Item::ToolCall { name: item.tool },
            "webSearch" => Item::ToolCall {
                name: format!("web search: {}", item.query),
            },
            "collabAgentToolCall" | "collabToolCall" => Item::Collab {
                working: item
                    .agents_states
                    .into_iter()
                    .map(|(thread, state)| {
                        (thread, is_working(state["status"].as_str().unwrap_or("")))
                    })
                    .collect(),
                receivers: item.receiver_thread_ids,
            },
            "subAgentActivity" => Item::SubAgent {
                name: item
                    .agent_path
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                thread_id: item.agent_thread_id,
                working: is_working(&item.activity),
            },
            "enteredReviewMode" => Item::EnteredReview,
            "exitedReviewMode" => Item::ExitedReview { text: item.review },
            _ => Item::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(method: &str, params: Value) -> News {
        News::parse(&Notification {
            method: method.to_owned(),
            params,
        })
    }

    #[test]
    fn members_of_another_type_count_as_not_given() {
        let news = parse(
            "item/completed",
            json!({"threadId": "t", "item": {"type": "commandExecution", "command": ["ls"], "exitCode": "0", "commandActions": "none"}}),
        );
        assert_eq!(
            news,
            News::ItemCompleted {
                thread_id: "t".into(),
                item_id: String::new(),
                item: Item::Command {
                    command: String::new(),
                    exit_code: None,
                    duration_ms: None,
                    only_reads: false
                }
            }
        );
        assert_eq!(
            parse("turn/completed", json!([1])),
            News::Other { thread_id: None }
        );
        assert_eq!(
            parse("future/thing", json!({"threadId": "t"})),
            News::Other {
                thread_id: Some("t".into())
            }
        );
    }

    #[test]
    fn both_spellings_of_an_error_kind_are_read() {
        let fault = |info: Value| match parse(
            "error",
            json!({"threadId": "t", "error": {"message": "m", "codexErrorInfo": info}}),
        ) {
            News::Error {
                fault,
                will_retry: false,
                ..
            } => (fault.kind, fault.http_status),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            fault(json!("usageLimitExceeded")),
            (Some("usageLimitExceeded".into()), None)
        );
        assert_eq!(
            fault(json!({"httpConnectionFailed": {"httpStatusCode": 401}})),
            (Some("httpConnectionFailed".into()), Some(401))
        );
        assert_eq!(fault(json!(null)), (None, None));
    }

    #[test]
    fn a_spawned_thread_names_its_parent_and_itself_either_way() {
        let expected = News::ThreadStarted {
            thread_id: "c".into(),
            parent_id: Some("p".into()),
            agent: Some("Ada".into()),
        };
        assert_eq!(
            parse(
                "thread/started",
                json!({"thread": {"id": "c", "parentThreadId": "p", "agentNickname": "Ada"}})
            ),
            expected
        );
        assert_eq!(
            parse(
                "thread/started",
                json!({"thread": {"id": "c", "source": {"subAgent": {"thread_spawn":
                {"parent_thread_id": "p", "agent_nickname": "Ada", "depth": 1}}}}})
            ),
            expected
        );
    }
}
