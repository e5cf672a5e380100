//! The `jsonl` format as it happens: one event a line, and a heartbeat while nothing happens.
//!
//! Whoever reads can tell a job that thinks from a follower that died: no more than the interval passes without a line.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use codex_review::jobs::{Clock, JobEvent, StampedEvent, Tick};
use codex_review::report::{Delivery, Format, visible};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::outputs::FileOutput;
use crate::cli::ui::Ui;

use super::output_file;

/// Whether a format is told as it happens.
pub(crate) fn is_stream(format: &Format) -> bool {
    format.delivery == Delivery::Lines
}

/// Everywhere that the events of one job are told.
pub(crate) struct Stream {
    stdout: Option<Ui>,
    files: Vec<(PathBuf, File)>,
    pulse: Pulse,
    /// What went wrong first. The job is followed all the same.
    failed: Option<Failure>,
}

impl Stream {
    /// Opens the files, emptying them.
    pub(crate) fn open(
        stdout: Option<Ui>,
        outputs: Vec<FileOutput>,
        heartbeat: Duration,
    ) -> Result<Stream, Failure> {
        let mut files = Vec::new();
        for FileOutput { path, .. } in outputs {
            match output_file::open(&path) {
                Ok(file) => files.push((path, file)),
                Err(source) => return Err(Failure::OutputNotWritable { path, source }),
            }
        }
        Ok(Stream {
            stdout,
            files,
            pulse: Pulse::new(heartbeat, Instant::now()),
            failed: None,
        })
    }

    /// Tells of an event, or, when nothing was told for long enough, that the job is still followed.
    pub(crate) fn tell(&mut self, tick: Tick<'_>) {
        match tick {
            Tick::Event(stamped) => {
                self.pulse.beat(Instant::now());
                self.write(&line(stamped));
            }
            Tick::Idle => {
                if let Some(silence) = self.pulse.due(Instant::now()) {
                    let beat = json!({
                        "event": "heartbeat",
                        "silentMs": u64::try_from(silence.as_millis()).unwrap_or(u64::MAX),
                        "at": Clock::system().now().to_string(),
                    });
                    self.write(&event_line(&beat));
                }
            }
        }
    }

    /// Writes the last line, what the run came to.
    pub(crate) fn finish(mut self, line: &[u8]) -> Result<(), Failure> {
        self.write(line);
        self.failed.map_or(Ok(()), Err)
    }

    fn write(&mut self, line: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if let Some(ui) = &self.stdout {
            self.failed = ui.result(line).err().map(Failure::from);
        }
        for (path, file) in &mut self.files {
            if let Err(source) = file.write_all(line) {
                self.failed = Some(Failure::WriteReport {
                    path: path.clone(),
                    format: "jsonl",
                    job_id: None,
                    source,
                });
            }
        }
    }
}

/// When the next sign of life is due.
struct Pulse {
    every: Duration,
    /// The last event, or the beginning.
    event: Instant,
    /// The last line of any kind.
    line: Instant,
}

impl Pulse {
    fn new(every: Duration, now: Instant) -> Pulse {
        Pulse {
            every,
            event: now,
            line: now,
        }
    }

    fn beat(&mut self, now: Instant) {
        self.event = now;
        self.line = now;
    }

    /// How long there was no event, if a line is due.
    fn due(&mut self, now: Instant) -> Option<Duration> {
        if now.saturating_duration_since(self.line) < self.every {
            return None;
        }
        self.line = now;
        Some(now.saturating_duration_since(self.event))
    }
}

/// One event as a line of JSON.
fn line(stamped: &StampedEvent) -> Vec<u8> {
    let mut event = value(&stamped.event);
    event["at"] = Value::from(stamped.at.to_string());
    event_line(&event)
}

/// An event as its line.
pub(crate) fn event_line(event: &Value) -> Vec<u8> {
    format!("{}\n", visible::json_document(&event.to_string())).into_bytes()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_once_an_interval_and_counts_the_silence_since_the_last_event() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let silent = |seconds| Some(Duration::from_secs(seconds));
        let mut pulse = Pulse::new(Duration::from_secs(10), start);
        assert_eq!(pulse.due(at(9)), None);
        assert_eq!(pulse.due(at(10)), silent(10));
        assert_eq!(pulse.due(at(11)), None);
        assert_eq!(pulse.due(at(21)), silent(21));
        pulse.beat(at(25));
        assert_eq!(pulse.due(at(34)), None);
        assert_eq!(pulse.due(at(36)), silent(11));
    }
}
