//! A job as the program sees it, and how events change it.
//!
//! [`Job::apply`] is the one place where an event becomes state: the worker, a reader that replays a log and the tests
//! all go through it. It does no I/O.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{JobEvent, JobId, ProcessIdentity, StampedEvent, Timestamp};

/// The two classes that ids and interfaces tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobClass {
    /// Judges a change.
    Review,
    /// Works on something.
    Task,
}

impl JobClass {
    /// The word in ids and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobClass::Review => "review",
            JobClass::Task => "task",
        }
    }

    /// The class that a word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [JobClass::Review, JobClass::Task]
            .into_iter()
            .find(|class| class.as_str() == word)
    }
}

/// Where a job is in its life. The last three are ends: nothing follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Made, with an owner that has not started the work.
    Queued,
    /// Its worker is at work.
    Running,
    /// Ended with a result.
    Completed,
    /// Ended without one, with a reason.
    Failed,
    /// Ended because somebody asked.
    Cancelled,
}

impl JobStatus {
    /// The word in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::Running => "running",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
        }
    }

    /// The status that a word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        use JobStatus::{Cancelled, Completed, Failed, Queued, Running};
        [Queued, Running, Completed, Failed, Cancelled]
            .into_iter()
            .find(|status| status.as_str() == word)
    }

    /// Whether the job is over.
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, JobStatus::Queued | JobStatus::Running)
    }
}

/// What a job is doing, for display. A word that this version does not know is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Waits for its turn.
    Queued,
    /// The worker prepares the turn.
    Starting,
    /// The reviewer is at work.
    Reviewing,
    /// The engine reads and searches.
    Investigating,
    /// The engine runs a command.
    Running,
    /// The engine checks what it did.
    Verifying,
    /// The engine changes files.
    Editing,
    /// The answer is being written down.
    Finalizing,
    /// Ended with a result.
    Done,
    /// Ended without one.
    Failed,
    /// Ended because somebody asked.
    Cancelled,
    /// A phase of another version.
    Other(String),
}

impl Phase {
    const KNOWN: [Phase; 11] = [
        Phase::Queued,
        Phase::Starting,
        Phase::Reviewing,
        Phase::Investigating,
        Phase::Running,
        Phase::Verifying,
        Phase::Editing,
        Phase::Finalizing,
        Phase::Done,
        Phase::Failed,
        Phase::Cancelled,
    ];

    /// The word in records.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Phase::Queued => "queued",
            Phase::Starting => "starting",
            Phase::Reviewing => "reviewing",
            Phase::Investigating => "investigating",
            Phase::Running => "running",
            Phase::Verifying => "verifying",
            Phase::Editing => "editing",
            Phase::Finalizing => "finalizing",
            Phase::Done => "done",
            Phase::Failed => "failed",
            Phase::Cancelled => "cancelled",
            Phase::Other(word) => word,
        }
    }

    /// The phase that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Phase::KNOWN
            .into_iter()
            .find(|phase| phase.as_str() == word)
            .unwrap_or_else(|| Phase::Other(word.to_owned()))
    }
}

/// What is known about a job before it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The class; begins the id.
    pub class: JobClass,
    /// The kind of run, as a stable word (`review`, `adversarial-review`, `task`, `gate`, …).
    pub kind: String,
    /// The kind for people.
    pub kind_label: String,
    /// One line that names the job for people.
    pub title: String,
    /// One line on what is asked; may be empty.
    pub summary: String,
    /// Whether the engine may change files.
    pub write: bool,
    /// Never offered for resuming (gate runs and the like).
    pub ephemeral: bool,
    /// Nobody waits for it: the end of the session that asked does not end it.
    pub background: bool,
    /// The Claude session that asks.
    pub session_id: Option<String>,
    /// What the worker needs to do the work; opaque here, kept beside the log.
    pub request: Value,
    /// A random number for the id.
    pub random: u64,
}

/// How the work ended, in the words of whoever did it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEnd {
    /// Completed, failed or cancelled.
    pub status: EndStatus,
    /// One line that replaces the job's summary, if there is a better one now.
    pub summary: Option<String>,
    /// Why it failed or was cancelled.
    pub error_message: Option<String>,
    /// The result document; opaque here.
    pub result: Value,
    /// The result for people.
    pub rendered: String,
    /// The exit code that a foreground command passes on.
    pub exit_code: Option<i32>,
}

impl JobEnd {
    /// An end without a result.
    #[must_use]
    pub fn without_result(status: EndStatus, reason: impl Into<String>) -> Self {
        JobEnd {
            status,
            summary: None,
            error_message: Some(reason.into()),
            result: Value::Null,
            rendered: String::new(),
            exit_code: None,
        }
    }
}

/// The three ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndStatus {
    /// With a result.
    Completed,
    /// Without one, for a reason.
    Failed,
    /// Because somebody asked.
    Cancelled,
}

impl EndStatus {
    /// The status and the phase that a job with this end has.
    #[must_use]
    pub fn status_and_phase(self) -> (JobStatus, Phase) {
        match self {
            EndStatus::Completed => (JobStatus::Completed, Phase::Done),
            EndStatus::Failed => (JobStatus::Failed, Phase::Failed),
            EndStatus::Cancelled => (JobStatus::Cancelled, Phase::Cancelled),
        }
    }
}

/// Tokens that a turn used so far, as the engine counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// Tokens that went in.
    pub input: u64,
    /// Of those, how many the engine had cached.
    pub cached_input: u64,
    /// Tokens that came out.
    pub output: u64,
}

/// What a job ended with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobResult {
    /// The result document; null without one.
    pub result: Value,
    /// The result for people; may be empty.
    pub rendered: String,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Its class.
    pub class: JobClass,
    /// The kind of run.
    pub kind: String,
    /// The kind for people.
    pub kind_label: String,
    /// One line that names it.
    pub title: String,
    /// One line on what was asked, later on what came out.
    pub summary: String,
    /// The repository's main worktree.
    pub workspace_root: PathBuf,
    /// Whether the engine may change files.
    pub write: bool,
    /// Never offered for resuming.
    pub ephemeral: bool,
    /// Nobody waits for it.
    pub background: bool,
    /// Where it is in its life.
    pub status: JobStatus,
    /// What it is doing. After a death, what it was doing when it died is in the error message.
    pub phase: Phase,
    /// Its place in the engine's queue, while it waits there.
    pub queue_place: Option<u32>,
    /// The process that owns it, while it is not over.
    pub worker: Option<ProcessIdentity>,
    /// The Claude session that asked.
    pub session_id: Option<String>,
    /// The engine's thread.
    pub thread_id: Option<String>,
    /// The engine's turn.
    pub turn_id: Option<String>,
    /// The broker or engine that the turn runs on.
    pub endpoint: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed; never goes back.
    pub updated_at: Timestamp,
    /// When its worker started.
    pub started_at: Option<Timestamp>,
    /// When it ended, however it ended.
    pub completed_at: Option<Timestamp>,
    /// When it ended by being cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Why it has no result.
    pub error_message: Option<String>,
    /// Somebody asked for its end.
    pub cancel_requested: bool,
    /// The worker asked the engine to stop the turn.
    pub interrupt_attempted: bool,
    /// The engine confirmed that.
    pub interrupt_confirmed: bool,
    /// Tokens used so far.
    pub tokens: Option<TokenCount>,
    /// The exit code for a foreground command.
    pub exit_code: Option<i32>,
    /// Events that could not be written (a full disk).
    pub unwritten_events: u64,
    /// The result, once it has ended and where the whole record was read (a list of jobs leaves it out).
    pub outcome: Option<JobResult>,
    /// Members of the stored record that this version does not know.
    pub extra: Map<String, Value>,
}

impl Job {
    /// The job that its first event makes.
    #[must_use]
    pub fn created(id: JobId, at: Timestamp, facts: &CreatedFacts) -> Self {
        Job {
            id,
            class: facts.class,
            kind: facts.kind.clone(),
            kind_label: facts.kind_label.clone(),
            title: facts.title.clone(),
            summary: facts.summary.clone(),
            workspace_root: facts.workspace_root.clone(),
            write: facts.write,
            ephemeral: facts.ephemeral,
            background: facts.background,
            status: JobStatus::Queued,
            phase: Phase::Queued,
            queue_place: None,
            worker: None,
            session_id: facts.session_id.clone(),
            thread_id: None,
            turn_id: None,
            endpoint: None,
            created_at: at,
            updated_at: at,
            started_at: None,
            completed_at: None,
            cancelled_at: None,
            error_message: None,
            cancel_requested: false,
            interrupt_attempted: false,
            interrupt_confirmed: false,
            tokens: None,
            exit_code: None,
            unwritten_events: 0,
            outcome: None,
            extra: Map::new(),
        }
    }

    /// Whether the job is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.status.is_end()
    }

    /// The order of lists.
    pub(crate) fn newest_made_first(&self, other: &Job) -> std::cmp::Ordering {
        (other.created_at, &other.id).cmp(&(self.created_at, &self.id))
    }

    /// When it ended; where that is not known, when it last changed. `None` while it is not over.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.is_ended()
            .then(|| self.completed_at.unwrap_or(self.updated_at))
    }

    /// Applies one event. The first end wins; whatever follows it changes nothing. Returns whether something changed
    /// that a list of jobs shows.
    pub fn apply(&mut self, stamped: &StampedEvent) -> bool {
        if self.is_ended() {
            return false;
        }
        self.updated_at = self.updated_at.max(stamped.at);
        match &stamped.event {
            JobEvent::Created(_)
            | JobEvent::Message { .. }
            | JobEvent::Reasoning { .. }
            | JobEvent::CommandStarted { .. }
            | JobEvent::CommandFinished { .. }
            | JobEvent::FileChange { .. }
            | JobEvent::Warning { .. }
            | JobEvent::Log { .. }
            | JobEvent::Unknown { .. } => return false,
            JobEvent::Queued { place } => {
                self.phase = Phase::Queued;
                self.queue_place = *place;
            }
            JobEvent::Started { worker } => {
                self.status = JobStatus::Running;
                self.phase = Phase::Starting;
                self.queue_place = None;
                self.started_at = Some(stamped.at.max(self.created_at));
                self.worker = Some(worker.clone());
            }
            JobEvent::Phase { phase } => {
                let changed = self.phase != *phase || self.queue_place.is_some();
                self.phase = phase.clone();
                self.queue_place = None;
                return changed;
            }
            JobEvent::Thread {
                thread_id,
                turn_id,
                endpoint,
            } => {
                for (slot, value) in [
                    (&mut self.thread_id, thread_id),
                    (&mut self.turn_id, turn_id),
                    (&mut self.endpoint, endpoint),
                ] {
                    if value.is_some() {
                        slot.clone_from(value);
                    }
                }
            }
            JobEvent::Tokens(count) => {
                self.tokens = Some(*count);
                return false;
            }
            JobEvent::CancelRequested { .. } => self.cancel_requested = true,
            JobEvent::Interrupt { confirmed } => {
                self.interrupt_attempted = true;
                self.interrupt_confirmed |= confirmed;
            }
            JobEvent::Ended(ended) => {
                let (status, phase) = ended.end.status.status_and_phase();
                self.status = status;
                self.phase = phase;
                self.queue_place = None;
                self.worker = None;
                self.completed_at = Some(self.updated_at);
                if status == JobStatus::Cancelled {
                    self.cancelled_at = Some(self.updated_at);
                }
                self.error_message.clone_from(&ended.end.error_message);
                if let Some(summary) = &ended.end.summary {
                    self.summary.clone_from(summary);
                }
                self.exit_code = ended.end.exit_code;
                self.unwritten_events = ended.unwritten_events;
                if !ended.in_end_file {
                    self.outcome = Some(JobResult {
                        result: ended.end.result.clone(),
                        rendered: ended.end.rendered.clone(),
                    });
                }
            }
        }
        true
    }
}

/// What the first event of a log holds.
#[derive(Debug, Clone, PartialEq)]
pub struct CreatedFacts {
    /// See [`NewJob::class`].
    pub class: JobClass,
    /// See [`NewJob::kind`].
    pub kind: String,
    /// See [`NewJob::kind_label`].
    pub kind_label: String,
    /// See [`NewJob::title`].
    pub title: String,
    /// See [`NewJob::summary`].
    pub summary: String,
    /// See [`NewJob::write`].
    pub write: bool,
    /// See [`NewJob::ephemeral`].
    pub ephemeral: bool,
    /// See [`NewJob::background`].
    pub background: bool,
    /// See [`NewJob::session_id`].
    pub session_id: Option<String>,
    /// The repository's main worktree.
    pub workspace_root: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::EndedFacts;

    fn at(millis: u64, event: JobEvent) -> StampedEvent {
        StampedEvent {
            at: Timestamp::from_unix_millis(millis),
            event,
        }
    }

    fn job() -> Job {
        let facts = CreatedFacts {
            class: JobClass::Task,
            kind: "task".into(),
            kind_label: "rescue".into(),
            title: "Codex Task".into(),
            summary: "fix it".into(),
            write: false,
            ephemeral: false,
            background: false,
            session_id: None,
            workspace_root: "/w".into(),
        };
        Job::created(
            JobId::parse("task-a").unwrap(),
            Timestamp::from_unix_millis(1_000),
            &facts,
        )
    }

    fn ended(status: EndStatus) -> JobEvent {
        JobEvent::Ended(Box::new(EndedFacts {
            end: JobEnd::without_result(status, "because"),
            in_end_file: false,
            unwritten_events: 0,
        }))
    }

    #[test]
    fn the_first_end_wins() {
        let mut job = job();
        assert!(job.apply(&at(2_000, ended(EndStatus::Cancelled))));
        assert!(!job.apply(&at(3_000, ended(EndStatus::Failed))));
        assert_eq!(job.status, JobStatus::Cancelled);
        assert_eq!(job.cancelled_at, Some(Timestamp::from_unix_millis(2_000)));
        assert_eq!(job.phase, Phase::Cancelled);
    }

    #[test]
    fn a_clock_set_back_never_moves_a_job_back() {
        let mut job = job();
        let worker = ProcessIdentity {
            pid: 9,
            start: None,
        };
        job.apply(&at(500, JobEvent::Started { worker }));
        assert_eq!(job.started_at, Some(job.created_at));
        job.apply(&at(1, ended(EndStatus::Failed)));
        assert_eq!(job.completed_at, Some(Timestamp::from_unix_millis(1_000)));
        assert_eq!(job.worker, None, "a job that is over names no process");
    }

    #[test]
    fn thread_facts_arrive_one_by_one() {
        let mut job = job();
        let thread = |thread: Option<&str>, turn: Option<&str>| JobEvent::Thread {
            thread_id: thread.map(str::to_owned),
            turn_id: turn.map(str::to_owned),
            endpoint: None,
        };
        job.apply(&at(2_000, thread(Some("t"), None)));
        job.apply(&at(2_000, thread(None, Some("u"))));
        assert_eq!(job.thread_id.as_deref(), Some("t"));
        assert_eq!(job.turn_id.as_deref(), Some("u"));
    }

    #[test]
    fn unknown_phases_are_kept() {
        assert_eq!(Phase::from_word("verifying"), Phase::Verifying);
        assert_eq!(Phase::from_word("dreaming").as_str(), "dreaming");
    }
}
