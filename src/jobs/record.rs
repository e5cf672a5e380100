//! `jobs/<id>.json`: a job as scripts read it, and the same without its heavy members for the index.
//!
//! A record is a snapshot of the event log up to `eventsOffset`; a reader replays what follows. Members that this
//! version does not know are kept.
//!
//! Older tools wrote records too, and some of their members may be missing, null or of another type. What is known of the
//! others is not lost for that: a member that makes no sense is passed over ([`ReadRecord::is_mended`]).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::event_wire::PathText;
use super::{
    EndStatus, Job, JobClass, JobId, JobResult, JobStatus, Phase, ProcessIdentity, Timestamp,
    TokenCount,
};

/// The version of the records that this version writes.
pub(crate) const RECORD_VERSION: u64 = 1;

/// The record on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRecordV1 {
    id: String,
    kind: String,
    #[serde(default)]
    kind_label: String,
    #[serde(default)]
    title: String,
    #[serde(flatten)]
    workspace_root: PathText,
    job_class: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    write: bool,
    status: String,
    phase: String,
    #[serde(default)]
    pid: Option<u32>,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    thread_id: Option<String>,
    #[serde(default)]
    turn_id: Option<String>,
    created_at: String,
    updated_at: String,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    completed_at: Option<String>,
    #[serde(default)]
    cancelled_at: Option<String>,
    #[serde(default)]
    log_file: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rendered: Option<String>,
    // What ours adds.
    #[serde(default = "one")]
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process_start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(default)]
    ephemeral: bool,
    #[serde(default)]
    background: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue_place: Option<u32>,
    #[serde(default)]
    cancel_requested: bool,
    #[serde(default)]
    turn_interrupt_attempted: bool,
    #[serde(default)]
    turn_interrupted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<TokensV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(default)]
    unwritten_events: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    events_offset: Option<u64>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokensV1 {
    input: u64,
    #[serde(default)]
    cached_input: u64,
    output: u64,
}

/// A record read back.
#[derive(Debug, Clone)]
pub(crate) struct ReadRecord {
    pub(crate) job: Job,
    pub(crate) version: u64,
    /// The part of the event log that the record covers.
    pub(crate) events_offset: u64,
    /// Something in it made no sense and was passed over. Where there is an event log, that says it better.
    pub(crate) is_mended: bool,
}

impl JobRecordV1 {
    /// The job without its heavy members, for lists.
    pub(crate) fn summary(job: &Job, log_file: &str) -> Self {
        JobRecordV1 {
            id: job.id.as_str().to_owned(),
            kind: job.kind.clone(),
            kind_label: job.kind_label.clone(),
            title: job.title.clone(),
            workspace_root: PathText::from_path(&job.workspace_root),
            job_class: job.class.as_str().to_owned(),
            summary: job.summary.clone(),
            write: job.write,
            status: job.status.as_str().to_owned(),
            phase: job.phase.as_str().to_owned(),
            pid: job.worker.as_ref().map(|worker| worker.pid),
            session_id: job.session_id.clone(),
            thread_id: job.thread_id.clone(),
            turn_id: job.turn_id.clone(),
            created_at: job.created_at.to_string(),
            updated_at: job.updated_at.to_string(),
            started_at: job.started_at.map(|at| at.to_string()),
            completed_at: job.completed_at.map(|at| at.to_string()),
            cancelled_at: job.cancelled_at.map(|at| at.to_string()),
            log_file: Some(log_file.to_owned()),
            error_message: job.error_message.clone(),
            request: None,
            result: None,
            rendered: None,
            version: RECORD_VERSION,
            process_start: job.worker.as_ref().and_then(|worker| worker.start.clone()),
            endpoint: job.endpoint.clone(),
            ephemeral: job.ephemeral,
            background: job.background,
            queue_place: job.queue_place,
            cancel_requested: job.cancel_requested,
            turn_interrupt_attempted: job.interrupt_attempted,
            turn_interrupted: job.interrupt_confirmed,
            tokens: job.tokens.map(|count| TokensV1 {
                input: count.input,
                cached_input: count.cached_input,
                output: count.output,
            }),
            exit_code: job.exit_code,
            unwritten_events: job.unwritten_events,
            events_offset: None,
            extra: job.extra.clone(),
        }
    }

    /// The whole record, covering the event log up to `events_offset`.
    pub(crate) fn full(job: &Job, log_file: &str, request: Value, events_offset: u64) -> Self {
        let mut record = JobRecordV1::summary(job, log_file);
        record.request = Some(request);
        record.result = Some(
            job.outcome
                .as_ref()
                .map_or(Value::Null, |outcome| outcome.result.clone()),
        );
        record.rendered = job.outcome.as_ref().map(|outcome| outcome.rendered.clone());
        record.events_offset = Some(events_offset);
        record
    }

    /// The whole record as a document, without the mark of what it covers.
    pub(crate) fn stored(job: &Job, log_file: &str, request: Value) -> Self {
        let mut record = JobRecordV1::full(job, log_file, request, 0);
        record.events_offset = None;
        record
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record is a tree of JSON values");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the record of a job. `None` if it is damaged, or that of another job or of none.
    pub(crate) fn parse(bytes: &[u8], id: &JobId) -> Option<ReadRecord> {
        serde_json::from_slice::<JobRecordV1>(bytes)
            .ok()
            .and_then(JobRecordV1::into_job)
            .or_else(|| {
                let members = serde_json::from_slice(bytes)
                    .or_else(|_| serde_json::from_slice(&without_lone_surrogates(bytes)));
                mended(members.ok()?, id)
            })
            .filter(|read| read.job.id == *id)
    }

    /// The job in a record. `None` if a word in it makes no sense.
    fn into_job(self) -> Option<ReadRecord> {
        let status = JobStatus::parse(&self.status)?;
        let optional = |text: Option<String>| text.as_deref().and_then(Timestamp::parse_iso);
        let outcome =
            (status.is_end() && (self.result.is_some() || self.rendered.is_some())).then(|| {
                JobResult {
                    result: self.result.unwrap_or_default(),
                    rendered: self.rendered.unwrap_or_default(),
                }
            });
        let job = Job {
            id: JobId::parse(&self.id).ok()?,
            class: JobClass::parse(&self.job_class)?,
            kind: self.kind,
            kind_label: self.kind_label,
            title: self.title,
            summary: self.summary,
            workspace_root: self.workspace_root.to_path(),
            write: self.write,
            ephemeral: self.ephemeral,
            background: self.background,
            status,
            phase: Phase::from_word(&self.phase),
            queue_place: self.queue_place,
            worker: self.pid.map(|pid| ProcessIdentity {
                pid,
                start: self.process_start,
            }),
            session_id: self.session_id,
            thread_id: self.thread_id,
            turn_id: self.turn_id,
            endpoint: self.endpoint,
            created_at: Timestamp::parse_iso(&self.created_at)?,
            updated_at: Timestamp::parse_iso(&self.updated_at)?,
            started_at: optional(self.started_at),
            completed_at: optional(self.completed_at),
            cancelled_at: optional(self.cancelled_at),
            error_message: self.error_message,
            cancel_requested: self.cancel_requested,
            interrupt_attempted: self.turn_interrupt_attempted,
            interrupt_confirmed: self.turn_interrupted,
            tokens: self.tokens.map(|count| TokenCount {
                input: count.input,
                cached_input: count.cached_input,
                output: count.output,
            }),
            exit_code: self.exit_code,
            unwritten_events: self.unwritten_events,
            outcome,
            extra: self.extra,
        };
        Some(ReadRecord {
            job,
            version: self.version,
            events_offset: self.events_offset.unwrap_or(0),
            is_mended: false,
        })
    }
}

/// Reads what makes sense of a record that does not as a whole; for the rest stands what its other members and its id say.
fn mended(members: Map<String, Value>, id: &JobId) -> Option<ReadRecord> {
    members.get("id").filter(|named| *named == id.as_str())?;
    let word = |name: &str| members.get(name).and_then(Value::as_str);
    let class = id.as_str().split('-').next().and_then(JobClass::parse);
    let class = class.unwrap_or(JobClass::Task).as_str();
    let ends = [
        EndStatus::Completed,
        EndStatus::Failed,
        EndStatus::Cancelled,
    ]
    .map(EndStatus::status_and_phase);
    let status = word("status").and_then(JobStatus::parse).or_else(|| {
        let phase = word("phase")?;
        let end = ends.iter().find(|(_, end)| end.as_str() == phase)?;
        Some(end.0)
    });
    let has_result = ["result", "rendered"]
        .iter()
        .any(|name| members.get(*name).is_some_and(|value| !value.is_null()));
    let status = status.unwrap_or(if has_result {
        JobStatus::Completed
    } else {
        JobStatus::Running
    });
    let phase = ends
        .iter()
        .find(|(end, _)| *end == status)
        .map_or(status.as_str(), |(_, phase)| phase.as_str());
    let time = |names: &[&str]| {
        names.iter().find_map(|name| match members.get(*name)? {
            Value::String(text) => Timestamp::parse_iso(text),
            Value::Number(millis) => millis.as_u64().map(Timestamp::from_unix_millis),
            _ => None,
        })
    };
    let created_at = time(&["createdAt", "startedAt", "updatedAt", "completedAt"])
        .or_else(|| id.made_at())
        .unwrap_or(Timestamp::from_unix_millis(0));
    let updated_at = time(&["updatedAt", "completedAt", "startedAt"]).unwrap_or(created_at);
    let bare = json!({
        "id": id.as_str(),
        "kind": class,
        "kindLabel": class,
        "jobClass": class,
        "status": status.as_str(),
        "phase": phase,
        "createdAt": created_at.to_string(),
        "updatedAt": updated_at.to_string(),
    });
    let read = |record: Value| {
        serde_json::from_value::<JobRecordV1>(record)
            .ok()
            .and_then(JobRecordV1::into_job)
    };
    let mut record = bare.clone();
    for (name, value) in members {
        let mut with_it = bare.clone();
        with_it[&name] = value.clone();
        if read(with_it).is_some() {
            record[&name] = value;
        }
    }
    read(record).map(|read| ReadRecord {
        is_mended: true,
        ..read
    })
}

/// Text that was cut within a character by a tool that counts in halves of it has an escape that stands for none.
fn without_lone_surrogates(json: &[u8]) -> Vec<u8> {
    const ESCAPE: usize = "\\ud800".len();
    let unit = |at: usize| {
        let digits = json.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut whole = Vec::with_capacity(json.len());
    let mut at = 0;
    while at < json.len() {
        let length = match (unit(at), unit(at + ESCAPE)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 2 * ESCAPE,
            (Some(0xd800..0xe000), _) => {
                whole.extend_from_slice(b"\\ufffd");
                at += ESCAPE;
                continue;
            }
            (Some(_), _) => ESCAPE,
            // The second of two backslashes begins no escape.
            (None, _) if json[at] == b'\\' => 2,
            (None, _) => 1,
        };
        let end = (at + length).min(json.len());
        whole.extend_from_slice(&json[at..end]);
        at = end;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn older() -> Value {
        json!({
            "id": "task-mabc1230-aaaaaa", "kind": "task", "kindLabel": "rescue", "title": "Codex Task",
            "workspaceRoot": "/w", "jobClass": "task", "summary": "fix it", "write": true, "status": "completed",
            "phase": "done", "pid": null, "sessionId": null, "threadId": "t", "turnId": null,
            "createdAt": "2026-01-01T00:00:00.000Z", "startedAt": "2026-01-01T00:00:01.000Z",
            "updatedAt": "2026-01-01T00:00:02.000Z", "completedAt": "2026-01-01T00:00:02.000Z",
            "result": { "rawOutput": "the answer" }, "rendered": "# The answer\n", "theirs": 7,
        })
    }

    fn id() -> JobId {
        JobId::parse("task-mabc1230-aaaaaa").unwrap()
    }

    fn read(record: &Value) -> Option<ReadRecord> {
        JobRecordV1::parse(record.to_string().as_bytes(), &id())
    }

    /// One such member used to make a whole job unreadable.
    #[test]
    fn an_odd_member_costs_no_more_than_itself() {
        let whole = read(&older()).unwrap();
        assert!(!whole.is_mended);
        let names: Vec<String> = older().as_object().unwrap().keys().cloned().collect();
        for name in names.iter().filter(|name| *name != "id") {
            for odd in [
                None,
                Some(Value::Null),
                Some(json!([{}])),
                Some(json!(-1.5)),
            ] {
                let mut record = older();
                match &odd {
                    Some(odd) => record[name] = odd.clone(),
                    None => drop(record.as_object_mut().unwrap().remove(name)),
                }
                let job = read(&record)
                    .unwrap_or_else(|| panic!("{name}: {odd:?}"))
                    .job;
                assert_eq!(job.status, JobStatus::Completed, "{name}: {odd:?}");
                assert_eq!(job.class, JobClass::Task);
                assert_eq!(job.phase, Phase::Done);
                let outcome = job.outcome.unwrap();
                let is_kept =
                    |value: bool, of: &str| assert!(value || name == of, "{name}: {odd:?}");
                is_kept(outcome.rendered == "# The answer\n", "rendered");
                is_kept(outcome.result["rawOutput"] == "the answer", "result");
                is_kept(job.thread_id.as_deref() == Some("t"), "threadId");
                is_kept(job.kind_label == "rescue", "kindLabel");
                is_kept(job.created_at == whole.job.created_at, "createdAt");
                is_kept(job.updated_at == whole.job.updated_at, "updatedAt");
                is_kept(job.extra.contains_key("theirs"), "theirs");
            }
        }
    }

    #[test]
    fn a_record_with_little_in_it_is_what_its_id_and_its_words_say() {
        let bare = |rest: Value| {
            let mut record = json!({ "id": id().as_str() });
            let rest = rest.as_object().unwrap().clone();
            record.as_object_mut().unwrap().extend(rest);
            read(&record).unwrap().job
        };
        let job = bare(json!({ "status": "paused", "phase": "cancelled" }));
        assert_eq!(job.status, JobStatus::Cancelled);
        assert_eq!(Some(job.created_at), id().made_at());
        assert_eq!(job.kind_label, "task");
        assert_eq!(
            bare(json!({ "rendered": "x" })).status,
            JobStatus::Completed
        );
        assert_eq!(bare(json!({ "status": 5 })).status, JobStatus::Running);
        let epoch = bare(json!({ "createdAt": 1_700_000_000_000_u64, "status": "failed" }));
        assert_eq!(epoch.created_at.unix_millis(), 1_700_000_000_000);
        assert_eq!(epoch.phase, Phase::Failed);
    }

    #[test]
    fn what_is_no_record_of_this_job_is_none() {
        for record in [
            json!([]),
            json!({}),
            json!({ "id": "task-b" }),
            json!({ "status": "completed" }),
        ] {
            assert!(read(&record).is_none(), "{record}");
        }
        assert!(JobRecordV1::parse(b"{\"id\":\"task-mabc1230-aaaaaa\",", &id()).is_none());
    }

    #[test]
    fn text_that_was_cut_within_a_character_is_read() {
        let summary = r#""\\ud83d \ud83d\ude00 \u00e9\ud83d""#;
        let record = older().to_string().replace("\"fix it\"", summary);
        let read = JobRecordV1::parse(record.as_bytes(), &id()).unwrap();
        assert_eq!(read.job.summary, "\\ud83d 😀 é\u{fffd}");
    }
}
