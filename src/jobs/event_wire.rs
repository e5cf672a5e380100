//! Events as lines of JSON: `{"v":1,"at":"<ISO>","type":"…", …}`.
//!
//! Every line is bounded: long texts are cut with a note that says how much is missing. Decoding is tolerant: a type
//! that this version does not know becomes [`JobEvent::Unknown`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    CreatedFacts, EndStatus, EndedFacts, JobClass, JobEnd, JobEvent, Phase, ProcessIdentity,
    StampedEvent, Timestamp, TokenCount,
};

/// The version of the lines that this version writes.
pub(crate) const EVENT_VERSION: u32 = 1;
/// The longest text that one member of an event holds.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The longest line that a reader accepts. A line holds few texts, and JSON escapes grow a text sixfold at most.
pub(crate) const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Line<E> {
    v: u32,
    at: String,
    #[serde(flatten)]
    event: E,
}

#[derive(Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
enum EventV1 {
    Created {
        job_class: String,
        kind: String,
        kind_label: String,
        title: String,
        summary: String,
        write: bool,
        ephemeral: bool,
        #[serde(default)]
        background: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        session_id: Option<String>,
        #[serde(flatten)]
        workspace_root: PathText,
    },
    Queued {
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<u32>,
    },
    Started {
        pid: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        process_start: Option<String>,
    },
    Phase {
        phase: String,
    },
    Thread {
        #[serde(skip_serializing_if = "Option::is_none")]
        thread_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        turn_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    Message {
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        text: String,
    },
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        text: String,
    },
    CommandStarted {
        command: String,
    },
    CommandFinished {
        command: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    FileChange {
        path: String,
        change: String,
    },
    Warning {
        text: String,
    },
    Tokens {
        input: u64,
        cached_input: u64,
        output: u64,
    },
    Log {
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        body: String,
    },
    CancelRequested {
        by: String,
    },
    Interrupt {
        confirmed: bool,
    },
    Ended(EndedV1),
}

/// The end of a job, in the last line of a log and in an end file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndedV1 {
    status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    result: Value,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    rendered: String,
    #[serde(default, skip_serializing_if = "is_false")]
    in_end_file: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    unwritten_events: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// A path as text, and its bytes in hexadecimal where the text cannot hold it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PathText {
    #[serde(default)]
    workspace_root: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace_root_hex: Option<String>,
}

impl PathText {
    pub(crate) fn from_path(path: &std::path::Path) -> Self {
        let hex = path.to_str().is_none().then(|| {
            path.as_os_str()
                .as_encoded_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        });
        PathText {
            workspace_root: path.to_string_lossy().into_owned(),
            workspace_root_hex: hex,
        }
    }

    pub(crate) fn to_path(&self) -> PathBuf {
        self.workspace_root_hex
            .as_deref()
            .and_then(path_from_hex)
            .unwrap_or_else(|| PathBuf::from(&self.workspace_root))
    }
}

#[cfg(unix)]
fn path_from_hex(hex: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let bytes = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(not(unix))]
fn path_from_hex(_hex: &str) -> Option<PathBuf> {
    None
}

/// Cuts a text at `limit` bytes, on a character boundary, and says how much is missing.
pub(crate) fn bounded(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(limit);
    format!("{}\n[{} more bytes cut]", &text[..cut], text.len() - cut)
}

fn short(text: &str) -> String {
    bounded(text, MAX_TEXT_BYTES)
}

/// Encodes an event as one line with its line end.
pub(crate) fn encode_line(stamped: &StampedEvent) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Line {
        v: EVENT_VERSION,
        at: stamped.at.to_string(),
        event: to_wire(&stamped.event),
    })
    .expect("strings, numbers and JSON values always serialise");
    line.push(b'\n');
    line
}

fn to_wire(event: &JobEvent) -> EventV1 {
    match event {
        JobEvent::Created(facts) => EventV1::Created {
            job_class: facts.class.as_str().to_owned(),
            kind: short(&facts.kind),
            kind_label: short(&facts.kind_label),
            title: short(&facts.title),
            summary: short(&facts.summary),
            write: facts.write,
            ephemeral: facts.ephemeral,
            background: facts.background,
            session_id: facts.session_id.clone(),
            workspace_root: PathText::from_path(&facts.workspace_root),
        },
        JobEvent::Queued { place } => EventV1::Queued { place: *place },
        JobEvent::Started { worker } => EventV1::Started {
            pid: worker.pid,
            process_start: worker.start.clone(),
        },
        JobEvent::Phase { phase } => EventV1::Phase {
            phase: phase.as_str().to_owned(),
        },
        JobEvent::Thread {
            thread_id,
            turn_id,
            endpoint,
        } => EventV1::Thread {
            thread_id: thread_id.as_deref().map(short),
            turn_id: turn_id.as_deref().map(short),
            endpoint: endpoint.as_deref().map(short),
        },
        JobEvent::Message { agent, text } => EventV1::Message {
            agent: agent.as_deref().map(short),
            text: short(text),
        },
        JobEvent::Reasoning { agent, text } => EventV1::Reasoning {
            agent: agent.as_deref().map(short),
            text: short(text),
        },
        JobEvent::CommandStarted { command } => EventV1::CommandStarted {
            command: short(command),
        },
        JobEvent::CommandFinished { command, exit_code } => EventV1::CommandFinished {
            command: short(command),
            exit_code: *exit_code,
        },
        JobEvent::FileChange { path, change } => EventV1::FileChange {
            path: short(path),
            change: short(change),
        },
        JobEvent::Warning { text } => EventV1::Warning { text: short(text) },
        JobEvent::Tokens(count) => EventV1::Tokens {
            input: count.input,
            cached_input: count.cached_input,
            output: count.output,
        },
        JobEvent::Log { title, body } => EventV1::Log {
            title: title.as_deref().map(short),
            body: short(body),
        },
        JobEvent::CancelRequested { by } => EventV1::CancelRequested { by: short(by) },
        JobEvent::Interrupt { confirmed } => EventV1::Interrupt {
            confirmed: *confirmed,
        },
        JobEvent::Ended(facts) => EventV1::Ended(ended_to_wire(facts)),
        JobEvent::Unknown { kind } => EventV1::Log {
            title: None,
            body: format!("event of another version: {}", short(kind)),
        },
    }
}

fn ended_to_wire(facts: &EndedFacts) -> EndedV1 {
    EndedV1 {
        status: facts.end.status.status_and_phase().0.as_str().to_owned(),
        summary: facts.end.summary.as_deref().map(short),
        error_message: facts.end.error_message.as_deref().map(short),
        exit_code: facts.end.exit_code,
        result: facts.end.result.clone(),
        rendered: facts.end.rendered.clone(),
        in_end_file: facts.in_end_file,
        unwritten_events: facts.unwritten_events,
    }
}

/// Decodes one line, without its line end. `None` for what is no event at all.
pub(crate) fn decode_line(line: &[u8]) -> Option<StampedEvent> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let at = value
        .get("at")
        .and_then(Value::as_str)
        .and_then(Timestamp::parse_iso)?;
    let kind = value.get("type").and_then(Value::as_str)?.to_owned();
    let event = serde_json::from_value::<Line<EventV1>>(value)
        .ok()
        .and_then(|line| from_wire(line.event))
        .unwrap_or(JobEvent::Unknown { kind });
    Some(StampedEvent { at, event })
}

fn from_wire(wire: EventV1) -> Option<JobEvent> {
    Some(match wire {
        EventV1::Created {
            job_class,
            kind,
            kind_label,
            title,
            summary,
            write,
            ephemeral,
            background,
            session_id,
            workspace_root,
        } => JobEvent::Created(Box::new(CreatedFacts {
            class: JobClass::parse(&job_class)?,
            kind,
            kind_label,
            title,
            summary,
            write,
            ephemeral,
            background,
            session_id,
            workspace_root: workspace_root.to_path(),
        })),
        EventV1::Queued { place } => JobEvent::Queued { place },
        EventV1::Started { pid, process_start } => JobEvent::Started {
            worker: ProcessIdentity {
                pid,
                start: process_start,
            },
        },
        EventV1::Phase { phase } => JobEvent::Phase {
            phase: Phase::from_word(&phase),
        },
        EventV1::Thread {
            thread_id,
            turn_id,
            endpoint,
        } => JobEvent::Thread {
            thread_id,
            turn_id,
            endpoint,
        },
        EventV1::Message { agent, text } => JobEvent::Message { agent, text },
        EventV1::Reasoning { agent, text } => JobEvent::Reasoning { agent, text },
        EventV1::CommandStarted { command } => JobEvent::CommandStarted { command },
        EventV1::CommandFinished { command, exit_code } => {
            JobEvent::CommandFinished { command, exit_code }
        }
        EventV1::FileChange { path, change } => JobEvent::FileChange { path, change },
        EventV1::Warning { text } => JobEvent::Warning { text },
        EventV1::Tokens {
            input,
            cached_input,
            output,
        } => JobEvent::Tokens(TokenCount {
            input,
            cached_input,
            output,
        }),
        EventV1::Log { title, body } => JobEvent::Log { title, body },
        EventV1::CancelRequested { by } => JobEvent::CancelRequested { by },
        EventV1::Interrupt { confirmed } => JobEvent::Interrupt { confirmed },
        EventV1::Ended(ended) => JobEvent::Ended(Box::new(ended_from_wire(ended)?)),
    })
}

fn ended_from_wire(wire: EndedV1) -> Option<EndedFacts> {
    let status = match wire.status.as_str() {
        "completed" => EndStatus::Completed,
        "failed" => EndStatus::Failed,
        "cancelled" => EndStatus::Cancelled,
        _ => return None,
    };
    Some(EndedFacts {
        end: JobEnd {
            status,
            summary: wire.summary,
            error_message: wire.error_message,
            result: wire.result,
            rendered: wire.rendered,
            exit_code: wire.exit_code,
        },
        in_end_file: wire.in_end_file,
        unwritten_events: wire.unwritten_events,
    })
}

/// Encodes a whole end for an end file.
pub(crate) fn encode_end_file(at: Timestamp, facts: &EndedFacts) -> Vec<u8> {
    let stamped = StampedEvent {
        at,
        event: JobEvent::Ended(Box::new(facts.clone())),
    };
    encode_line(&stamped)
}

/// Decodes an end file. `None` for anything else, a torn one included.
pub(crate) fn decode_end_file(bytes: &[u8]) -> Option<(Timestamp, EndedFacts)> {
    let stamped = decode_line(bytes.strip_suffix(b"\n")?)?;
    match stamped.event {
        JobEvent::Ended(facts) => Some((stamped.at, *facts)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn round_trip(event: JobEvent, expected: &str) {
        let stamped = StampedEvent {
            at: Timestamp::from_unix_millis(0),
            event,
        };
        let line = encode_line(&stamped);
        assert_eq!(
            std::str::from_utf8(&line).unwrap(),
            format!("{{\"v\":1,\"at\":\"1970-01-01T00:00:00.000Z\",{expected}}}\n")
        );
        assert_eq!(decode_line(line.trim_ascii_end()).unwrap(), stamped);
    }

    #[test]
    fn events_survive_the_disk() {
        round_trip(
            JobEvent::Started {
                worker: ProcessIdentity {
                    pid: 7,
                    start: Some("b:12".into()),
                },
            },
            r#""type":"started","pid":7,"processStart":"b:12""#,
        );
        round_trip(
            JobEvent::CommandFinished {
                command: "ls".into(),
                exit_code: Some(1),
            },
            r#""type":"command-finished","command":"ls","exitCode":1"#,
        );
        round_trip(
            JobEvent::Ended(Box::new(EndedFacts {
                end: JobEnd {
                    status: EndStatus::Completed,
                    summary: None,
                    error_message: None,
                    result: json!({"a": [1]}),
                    rendered: "ok\n".into(),
                    exit_code: Some(0),
                },
                in_end_file: false,
                unwritten_events: 0,
            })),
            r#""type":"ended","status":"completed","exitCode":0,"result":{"a":[1]},"rendered":"ok\n""#,
        );
    }

    #[test]
    fn an_event_of_a_newer_version_is_kept_as_unknown() {
        let line = br#"{"v":9,"at":"1970-01-01T00:00:00.000Z","type":"teleported","where":"x"}"#;
        assert_eq!(
            decode_line(line).unwrap().event,
            JobEvent::Unknown {
                kind: "teleported".into()
            }
        );
    }

    #[test]
    fn garbage_is_no_event() {
        for line in [
            &b""[..],
            b"{",
            b"[]",
            b"{\"type\":\"phase\"}",
            b"\xff\xfe",
            b"null",
        ] {
            assert_eq!(decode_line(line), None);
        }
    }

    #[test]
    fn a_long_text_is_cut_with_a_note_on_a_character_boundary() {
        let text = "é".repeat(MAX_TEXT_BYTES);
        let cut = bounded(&text, MAX_TEXT_BYTES - 1);
        assert!(
            cut.ends_with("[65538 more bytes cut]"),
            "{}",
            &cut[cut.len() - 40..]
        );
        assert!(
            encode_line(&StampedEvent {
                at: Timestamp::from_unix_millis(0),
                event: JobEvent::Message {
                    agent: None,
                    text: "\u{1}".repeat(10 * MAX_TEXT_BYTES),
                },
            })
            .len()
                < MAX_LINE_BYTES
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_survives() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(b"/a\xff/b"));
        assert_eq!(PathText::from_path(path).to_path(), path);
        assert!(
            PathText::from_path("/a".as_ref())
                .workspace_root_hex
                .is_none()
        );
    }
}
