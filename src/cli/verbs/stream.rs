//! `--json-stream`: one event a line.

use codex_review::jobs::{JobEvent, StampedEvent};
use serde_json::{Value, json};

/// One event as a line of JSON.
pub(crate) fn line(stamped: &StampedEvent) -> Vec<u8> {
    let mut event = value(&stamped.event);
    event["at"] = Value::from(stamped.at.to_string());
    ended(event)
}

/// The last line: the report.
pub(crate) fn report_line(report: Value) -> Vec<u8> {
    ended(json!({"event": "report", "report": report}))
}

fn ended(event: Value) -> Vec<u8> {
    let mut line = event.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn value(event: &JobEvent) -> Value {
    match event {
        JobEvent::Created(facts) => {
            json!({"event": "created", "kind": facts.kind, "title": facts.title})
        }
        JobEvent::Queued { place } => json!({"event": "queued", "place": place}),
        JobEvent::Started { worker } => json!({"event": "started", "pid": worker.pid}),
        JobEvent::Phase { phase } => json!({"event": "phase", "phase": phase.as_str()}),
        JobEvent::Thread {
            thread_id, turn_id, ..
        } => {
            json!({"event": "thread", "threadId": thread_id, "turnId": turn_id})
        }
        JobEvent::Message { agent, text } => {
            json!({"event": "message", "agent": agent, "text": text})
        }
        JobEvent::Reasoning { agent, text } => {
            json!({"event": "reasoning", "agent": agent, "text": text})
        }
        JobEvent::CommandStarted { command } => json!({"event": "command", "command": command}),
        JobEvent::CommandFinished { command, exit_code } => {
            json!({"event": "command-end", "command": command, "exitCode": exit_code})
        }
        JobEvent::FileChange { path, change } => {
            json!({"event": "file-change", "path": path, "change": change})
        }
        JobEvent::Warning { text } => json!({"event": "warning", "text": text}),
        JobEvent::Tokens(count) => json!({
            "event": "tokens",
            "inputTokens": count.input,
            "cachedInputTokens": count.cached_input,
            "outputTokens": count.output,
        }),
        JobEvent::Log { title, body } => json!({"event": "log", "title": title, "text": body}),
        JobEvent::CancelRequested { by } => json!({"event": "cancel-requested", "by": by}),
        JobEvent::Interrupt { confirmed } => json!({"event": "interrupt", "confirmed": confirmed}),
        JobEvent::Ended(facts) => {
            let (status, _) = facts.end.status.status_and_phase();
            json!({"event": "ended", "status": status.as_str(), "error": facts.end.error_message})
        }
        JobEvent::Unknown { kind } => json!({"event": "unknown", "kind": kind}),
    }
}
