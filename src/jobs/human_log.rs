//! `jobs/<id>.log`: the job's story for people. Derived from the events, bounded, and the first thing to go when the
//! disk is full.
//!
//! A line is `[ISO time] text`; a block is `[ISO time] Title` with its body below and an empty line after it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::lock::private;
use super::{EndStatus, JobEvent, JobFiles, JobsError, StampedEvent, stored_file};

/// The log stops growing here; the event log goes on.
const MAX_LOG_BYTES: u64 = 32 * 1024 * 1024;

/// What an event reads as, with its line end. `None` for what people need not see.
#[must_use]
pub fn log_entry(stamped: &StampedEvent) -> Option<String> {
    let line = |text: String| Some(format!("[{}] {}\n", stamped.at, one_line(&text)));
    let block = |title: String, body: &str| {
        Some(format!(
            "[{}] {}\n{}\n\n",
            stamped.at,
            one_line(&title),
            printable(body.trim_end())
        ))
    };
    match &stamped.event {
        JobEvent::Created(facts) => line(format!("{}: {}", facts.title, facts.summary)),
        JobEvent::Queued { place: Some(place) } => {
            line(format!("Waiting for the engine, place {place}."))
        }
        JobEvent::Queued { place: None } => line("Waiting for the engine.".into()),
        JobEvent::Started { worker } => line(format!("Worker started (pid {}).", worker.pid)),
        JobEvent::Phase { phase } => line(format!("Phase: {}.", phase.as_str())),
        JobEvent::Message { agent: None, text } => block("Assistant message".into(), text),
        JobEvent::Message {
            agent: Some(name),
            text,
        } => block(format!("Subagent {name} message"), text),
        JobEvent::Reasoning { agent: None, text } => block("Reasoning summary".into(), text),
        JobEvent::Reasoning {
            agent: Some(name),
            text,
        } => block(format!("Subagent {name} reasoning summary"), text),
        JobEvent::CommandStarted { command } => line(format!("Running command: {command}")),
        JobEvent::CommandFinished { command, exit_code } => line(match exit_code {
            Some(code) => format!("Command ended with {code}: {command}"),
            None => format!("Command ended: {command}"),
        }),
        JobEvent::FileChange { path, change } => line(format!("File {change}: {path}")),
        JobEvent::Warning { text } => line(format!("Warning: {text}")),
        // A thread and its turn have a line of their own, which says whether the thread is a new one.
        JobEvent::Thread { .. } | JobEvent::Tokens(_) | JobEvent::Unknown { .. } => None,
        JobEvent::Log {
            title: Some(title),
            body,
        } => block(title.clone(), body),
        JobEvent::Log { title: None, body } => line(body.clone()),
        JobEvent::CancelRequested { by } => line(format!("Cancel requested by {by}.")),
        JobEvent::Interrupt { confirmed: false } => {
            line("Asked the engine to stop the turn.".into())
        }
        JobEvent::Interrupt { confirmed: true } => line("The engine stopped the turn.".into()),
        JobEvent::Ended(facts) => {
            let mut text = String::new();
            if !facts.end.rendered.is_empty() {
                text += &block("Final output".into(), &facts.end.rendered)?;
            }
            if facts.unwritten_events > 0 {
                text += &line(format!(
                    "Warning: {} events are missing from this log.",
                    facts.unwritten_events
                ))?;
            }
            let word = match facts.end.status {
                EndStatus::Completed => "completed",
                EndStatus::Failed => "failed",
                EndStatus::Cancelled => "cancelled",
            };
            text += &line(match &facts.end.error_message {
                Some(reason) => format!("Job {word}: {reason}"),
                None => format!("Job {word}."),
            })?;
            Some(text)
        }
    }
}

/// The log of a job as it was written, without control characters that a terminal obeys: for jobs without events, such as
/// an older tool's. `None` if there is none.
///
/// # Errors
///
/// It cannot be read.
pub fn stored_log(files: &JobFiles) -> Result<Option<String>, JobsError> {
    match stored_file::read(&files.log) {
        Ok(bytes) => Ok(Some(printable(&String::from_utf8_lossy(&bytes)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JobsError::io("read", &files.log)(error)),
    }
}

/// One line of text without control characters.
pub(crate) fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// Text without control characters that a terminal obeys.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| matches!(character, '\n' | '\t') || !character.is_control())
        .collect()
}

/// Writes the log of one job.
#[derive(Debug)]
pub(crate) struct HumanLog {
    file: File,
    length: u64,
}

impl HumanLog {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = private().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(HumanLog { file, length })
    }

    pub(crate) fn append(&mut self, stamped: &StampedEvent) -> io::Result<()> {
        let is_end = matches!(stamped.event, JobEvent::Ended(_));
        if self.length > MAX_LOG_BYTES && !is_end {
            return Ok(());
        }
        let Some(mut entry) = log_entry(stamped) else {
            return Ok(());
        };
        if self.length + entry.len() as u64 > MAX_LOG_BYTES && !is_end {
            entry = format!(
                "[{}] This log is full; the event log goes on.\n",
                stamped.at
            );
            self.length = MAX_LOG_BYTES + 1;
        }
        self.file.write_all(entry.as_bytes())?;
        self.length += entry.len() as u64;
        Ok(())
    }

    /// Gives the log's space back to the disk.
    pub(crate) fn drop_content(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.length = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Timestamp;

    #[track_caller]
    fn check(event: JobEvent, expected: &str) {
        let stamped = StampedEvent {
            at: Timestamp::from_unix_millis(0),
            event,
        };
        assert_eq!(log_entry(&stamped).as_deref(), Some(expected));
    }

    #[test]
    fn lines_and_blocks_have_the_shape_that_scripts_read() {
        check(
            JobEvent::CommandStarted {
                command: "git log\n-1".into(),
            },
            "[1970-01-01T00:00:00.000Z] Running command: git log -1\n",
        );
        check(
            JobEvent::Message {
                agent: Some("scout".into()),
                text: "a\nb\n".into(),
            },
            "[1970-01-01T00:00:00.000Z] Subagent scout message\na\nb\n\n",
        );
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        check(
            JobEvent::Message {
                agent: None,
                text: "\u{1b}[2Jx\ty".into(),
            },
            "[1970-01-01T00:00:00.000Z] Assistant message\n[2Jx\ty\n\n",
        );
    }
}
