//! Credentials are taken out of what a run puts down: its events, its logs, its report.
//!
//! What was sent has been through the context's own redaction; but an engine reads the repository by itself, and says
//! what it likes. Numbers go on where those of the context end, so that one number never stands for two secrets.

use std::sync::{Arc, Mutex, PoisonError};

use super::TaskAnswer;
use crate::jobs::{EventSink, JobEvent};
use crate::report::Report;
use crate::review::Outcome;
use crate::secrets::Redactor;

/// One run's redactor, shared by all that it writes.
#[derive(Debug, Clone)]
pub(super) struct RunRedactor(Arc<Mutex<Redactor>>);

impl RunRedactor {
    /// A redactor whose numbers begin behind `taken`.
    pub(super) fn after(taken: u32) -> Self {
        RunRedactor(Arc::new(Mutex::new(Redactor::after(taken as usize))))
    }

    pub(super) fn text(&self, text: &mut String) {
        let mut redactor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let redacted = redactor.redact(text);
        if !redacted.found.is_empty() {
            *text = redacted.text;
        }
    }

    fn maybe(&self, text: &mut Option<String>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// Everything in a report that an engine or its process wrote.
    pub(super) fn report(&self, report: &mut Report) {
        match &mut report.outcome {
            Outcome::Judged(judgement) => {
                self.text(&mut judgement.summary);
                judgement
                    .next_steps
                    .iter_mut()
                    .for_each(|step| self.text(step));
                for finding in &mut judgement.findings {
                    self.text(&mut finding.title);
                    self.text(&mut finding.body);
                    self.maybe(&mut finding.recommendation);
                }
            }
            Outcome::NotJudged(not_judged) => self.text(&mut not_judged.detail),
            Outcome::Empty => {}
        }
        self.text(&mut report.raw_output);
        self.maybe(&mut report.parse_error);
        self.text(&mut report.engine_stderr);
        report.reasoning.iter_mut().for_each(|text| self.text(text));
        report.notes.iter_mut().for_each(|note| self.text(note));
    }

    /// Everything in a task's answer.
    pub(super) fn answer(&self, answer: &mut TaskAnswer) {
        if let Some(failure) = &mut answer.failure {
            self.text(&mut failure.detail);
        }
        self.text(&mut answer.message);
        answer.reasoning.iter_mut().for_each(|text| self.text(text));
        answer.notes.iter_mut().for_each(|note| self.text(note));
    }

    fn event(&self, event: &mut JobEvent) {
        match event {
            JobEvent::Message { text, .. }
            | JobEvent::Reasoning { text, .. }
            | JobEvent::CommandStarted { command: text }
            | JobEvent::CommandFinished { command: text, .. }
            | JobEvent::FileChange { path: text, .. }
            | JobEvent::Warning { text }
            | JobEvent::Log { body: text, .. } => self.text(text),
            JobEvent::Created(_)
            | JobEvent::Queued { .. }
            | JobEvent::Started { .. }
            | JobEvent::Phase { .. }
            | JobEvent::Thread { .. }
            | JobEvent::Tokens(_)
            | JobEvent::CancelRequested { .. }
            | JobEvent::Interrupt { .. }
            | JobEvent::Ended(_)
            | JobEvent::Unknown { .. } => {}
        }
    }
}

/// Takes events without their credentials to where they are put down.
pub(super) struct RedactingSink<'a> {
    pub(super) redactor: RunRedactor,
    pub(super) inner: &'a mut dyn EventSink,
}

impl EventSink for RedactingSink<'_> {
    fn emit(&mut self, mut event: JobEvent) {
        self.redactor.event(&mut event);
        self.inner.emit(event);
    }
}
