//! What happens in a job's life, in this module's own words. `run` maps the engine's events to these.

use super::{CreatedFacts, JobEnd, Phase, ProcessIdentity, Timestamp, TokenCount};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum JobEvent {
    /// The job was made. Always the first.
    Created(Box<CreatedFacts>),
    /// It waits for the engine.
    Queued {
        /// Its place there, if known.
        place: Option<u32>,
    },
    /// Its worker began.
    Started {
        /// The worker's process.
        worker: ProcessIdentity,
    },
    /// It does something else now.
    Phase {
        /// What.
        phase: Phase,
    },
    /// Facts about the engine's side; a member that is `None` leaves what was known.
    Thread {
        /// The engine's thread.
        thread_id: Option<String>,
        /// The engine's turn.
        turn_id: Option<String>,
        /// The broker or engine that the turn runs on.
        endpoint: Option<String>,
    },
    /// The engine said something.
    Message {
        /// The sub-agent that said it; `None` for the main one.
        agent: Option<String>,
        /// The whole text.
        text: String,
    },
    /// A summary of the engine's reasoning.
    Reasoning {
        /// The sub-agent; `None` for the main one.
        agent: Option<String>,
        /// The text.
        text: String,
    },
    /// The engine runs a command.
    CommandStarted {
        /// As one line.
        command: String,
    },
    /// The command ended.
    CommandFinished {
        /// As one line.
        command: String,
        /// `None` if unknown.
        exit_code: Option<i32>,
    },
    /// The engine changed a file.
    FileChange {
        /// The file, as shown.
        path: String,
        /// `add`, `update`, `delete` or the engine's own word.
        change: String,
    },
    /// Something to tell people that does not end the job.
    Warning {
        /// One line.
        text: String,
    },
    /// Tokens used so far.
    Tokens(TokenCount),
    /// A line, or with a title a block, for the human log.
    Log {
        /// The block's title.
        title: Option<String>,
        /// The text.
        body: String,
    },
    /// Somebody asked for the job's end.
    CancelRequested {
        /// Who, for people.
        by: String,
    },
    /// The worker asked the engine to stop the turn.
    Interrupt {
        /// Whether the engine has confirmed it.
        confirmed: bool,
    },
    /// It is over. Always the last.
    Ended(Box<EndedFacts>),
    /// An event of another version.
    Unknown {
        /// Its type word.
        kind: String,
    },
}

/// What the last event holds.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedFacts {
    /// How it ended. Without result and rendered text where `in_end_file` is set.
    pub end: JobEnd,
    /// Result and rendered text are in the job's end file, because they are big.
    pub in_end_file: bool,
    /// How many events could not be written before.
    pub unwritten_events: u64,
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct StampedEvent {
    /// When, by the worker's wall clock.
    pub at: Timestamp,
    /// What.
    pub event: JobEvent,
}

/// Takes what happens while the work is done. Taking never fails: what cannot be stored is counted and reported with
/// the end, because recording a job never fails the job.
pub trait EventSink: Send {
    /// Takes one event.
    fn emit(&mut self, event: JobEvent);
}
