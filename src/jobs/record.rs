//! `jobs/<id>.json`: a job as scripts read it, and the same without its heavy members for the index.
//!
//! A record is a snapshot of the event log up to `eventsOffset`; a reader replays what follows. Members that this
//! version does not know are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event_wire::PathText;
use super::{
    Job, JobClass, JobId, JobResult, JobStatus, Phase, ProcessIdentity, Timestamp, TokenCount,
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

    /// Reads a record. `None` if it is damaged or no record.
    pub(crate) fn parse(bytes: &[u8]) -> Option<ReadRecord> {
        serde_json::from_slice::<JobRecordV1>(bytes)
            .ok()?
            .into_job()
    }

    /// The job in a record. `None` if a word in it makes no sense.
    pub(crate) fn into_job(self) -> Option<ReadRecord> {
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
        })
    }
}
