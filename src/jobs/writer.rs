//! The one writer of a job's files, from its making to its end.
//!
//! A [`JobWriter`] holds the job's lock. Each event goes to the event log first, then to what is derived from it: the
//! human log, the record, the index. Recording never fails the work: an event that cannot be written is counted.
//!
//! The end is different: it must not be lost. If the event log cannot grow (a full disk, a file-size limit) the end goes
//! to a file of its own, `jobs/<id>.end.json`, which every reader takes for the end of the log. If that fails too, the
//! human log, which is derived, gives its space back and both are tried again, for a bounded time, while the result
//! stays in memory. Only then is the end given up, and that is an error.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::event_log::EventAppender;
use super::event_wire::{bounded, encode_end_file, encode_line};
use super::human_log::HumanLog;
use super::lock::JobLock;
use super::record::JobRecordV1;
use super::store::JobFiles;
use super::{EndedFacts, EventSink, Job, JobEnd, JobEvent, JobStore, JobsError, StampedEvent};
use crate::atomic_file::{self, Durability, Readers};

/// A bigger end goes to the end file, so that the event log's lines stay short.
const MAX_INLINE_END_BYTES: usize = 64 * 1024;
/// The longest rendered result that is stored.
const MAX_RENDERED_BYTES: usize = 8 * 1024 * 1024;
/// The biggest result document that is stored.
const MAX_RESULT_BYTES: usize = 16 * 1024 * 1024;
/// A record is written again when the log has grown by this much, so that a reader has little to replay.
const RECORD_EVERY_BYTES: u64 = 256 * 1024;
/// Past this size the log takes only what changes the job's state.
const MAX_LOG_BYTES: u64 = 128 * 1024 * 1024;
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// Writes one job's files; holding it is owning the job.
#[derive(Debug)]
pub struct JobWriter {
    store: JobStore,
    files: JobFiles,
    lock: JobLock,
    log: EventAppender,
    human: Option<HumanLog>,
    job: Job,
    request: Value,
    recorded_at: u64,
    unwritten: u64,
}

impl JobWriter {
    pub(crate) fn open(
        store: &JobStore,
        lock: JobLock,
        job: Job,
        request: Value,
    ) -> Result<Self, JobsError> {
        let files = store.files(&job.id);
        let log =
            EventAppender::open(&files.events).map_err(JobsError::io("open", &files.events))?;
        Ok(JobWriter {
            store: store.clone(),
            lock,
            log,
            human: HumanLog::open(&files.log).ok(),
            recorded_at: 0,
            unwritten: 0,
            files,
            job,
            request,
        })
    }

    /// The job as its events have made it.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    pub(crate) fn lock(&self) -> &JobLock {
        &self.lock
    }

    pub(crate) fn files(&self) -> &JobFiles {
        &self.files
    }

    pub(crate) fn store(&self) -> &JobStore {
        &self.store
    }

    /// Puts the first event down. Unlike later ones it has to be written: without it there is no job.
    pub(crate) fn begin(&mut self, first: &StampedEvent) -> Result<(), JobsError> {
        self.log
            .append(&encode_line(first))
            .map_err(JobsError::io("write", &self.files.events))?;
        self.tell(first);
        self.write_record(Durability::Derived)
            .map_err(JobsError::io("write", &self.files.record))?;
        self.store.put_in_index(&self.job);
        Ok(())
    }

    fn tell(&mut self, stamped: &StampedEvent) {
        if let Some(human) = &mut self.human {
            // The human log is derived; what it misses is in the event log.
            drop(human.append(stamped));
        }
    }

    fn write_record(&mut self, durability: Durability) -> io::Result<()> {
        self.recorded_at = self.log.length();
        let record = JobRecordV1::full(
            &self.job,
            &self.files.log.to_string_lossy(),
            self.request.clone(),
            self.log.length(),
        );
        atomic_file::write(
            &self.files.record,
            &record.to_bytes(),
            durability,
            Readers::Owner,
        )
    }

    fn record_event(&mut self, event: JobEvent) {
        if self.job.is_ended() || matches!(event, JobEvent::Created(_) | JobEvent::Ended(_)) {
            return;
        }
        let in_list = matches!(event, JobEvent::Started { .. });
        let stamped = StampedEvent {
            at: self.store.now(),
            event,
        };
        let changed = self.job.apply(&stamped);
        if !changed && self.log.length() > MAX_LOG_BYTES {
            self.unwritten += 1;
            return;
        }
        if self.log.append(&encode_line(&stamped)).is_err() {
            self.unwritten += 1;
            return;
        }
        self.tell(&stamped);
        if changed || self.log.length() - self.recorded_at > RECORD_EVERY_BYTES {
            // A record that could not be written leaves the older one, and more of the log to replay.
            drop(self.write_record(Durability::Derived));
        }
        if in_list {
            self.store.put_in_index(&self.job);
        }
    }

    /// Puts the end down and returns the job as it ended. If it had ended already, that end stands.
    ///
    /// # Errors
    ///
    /// The end could not be stored anywhere, for as long as `retry_for`.
    pub fn end(&mut self, end: JobEnd, retry_for: Duration) -> Result<&Job, JobsError> {
        if self.job.is_ended() {
            return Ok(&self.job);
        }
        let at = self.store.now();
        let facts = EndedFacts {
            end: within_bounds(end),
            in_end_file: false,
            unwritten_events: self.unwritten,
        };
        let stored = self.store_end(at, &facts, retry_for);
        let stamped = StampedEvent {
            at,
            event: JobEvent::Ended(Box::new(facts)),
        };
        self.job.apply(&stamped);
        self.tell(&stamped);
        match stored {
            Ok(()) => {
                drop(self.write_record(Durability::Synced));
                self.store.put_in_index(&self.job);
                Ok(&self.job)
            }
            Err(source) => Err(JobsError::EndNotStored {
                id: self.job.id.clone(),
                source,
            }),
        }
    }

    fn store_end(
        &mut self,
        at: super::Timestamp,
        facts: &EndedFacts,
        retry_for: Duration,
    ) -> io::Result<()> {
        let whole = encode_end_file(at, facts);
        let start = Instant::now();
        let mut first_failure = None;
        loop {
            match self.try_store_end(at, facts, &whole) {
                Ok(()) => return Ok(()),
                Err(error) => first_failure.get_or_insert(error),
            };
            if let Some(human) = &mut self.human {
                drop(human.drop_content());
                if self.try_store_end(at, facts, &whole).is_ok() {
                    return Ok(());
                }
            }
            if start.elapsed() >= retry_for {
                return Err(first_failure.expect("set above"));
            }
            std::thread::sleep(RETRY_EVERY);
        }
    }

    fn try_store_end(
        &mut self,
        at: super::Timestamp,
        facts: &EndedFacts,
        whole: &[u8],
    ) -> io::Result<()> {
        if whole.len() <= MAX_INLINE_END_BYTES && self.log.append(whole).is_ok() {
            return self.log.sync().or(Ok(()));
        }
        atomic_file::write(&self.files.end, whole, Durability::Synced, Readers::Owner)?;
        let mut line_facts = facts.clone();
        line_facts.in_end_file = true;
        line_facts.end.result = Value::Null;
        line_facts.end.rendered = String::new();
        let line = StampedEvent {
            at,
            event: JobEvent::Ended(Box::new(line_facts)),
        };
        // Without this line readers find the end in its file.
        drop(self.log.append(&encode_line(&line)));
        drop(self.log.sync());
        Ok(())
    }
}

impl EventSink for JobWriter {
    fn emit(&mut self, event: JobEvent) {
        self.record_event(event);
    }
}

fn within_bounds(mut end: JobEnd) -> JobEnd {
    end.rendered = bounded(&end.rendered, MAX_RENDERED_BYTES);
    let size = serde_json::to_vec(&end.result).map_or(0, |bytes| bytes.len());
    if size > MAX_RESULT_BYTES {
        end.result = json!({ "leftOut": format!("the result was {size} bytes long") });
    }
    end
}
