//! Making a job, and the request that it was made with.

use std::io;

use serde_json::{Value, json};

use super::{JobFiles, JobStore};
use crate::atomic_file::{self, Durability, Readers};
use crate::jobs::lock::JobLock;
use crate::jobs::stored_file;
use crate::jobs::worker::OwnedJob;
use crate::jobs::writer::JobWriter;
use crate::jobs::{CreatedFacts, Job, JobEvent, JobId, JobsError, NewJob, StampedEvent, Timestamp};

/// A request up to this size also stands in the record.
const MAX_INLINE_REQUEST_BYTES: usize = 32 * 1024;
const ID_TRIES: u64 = 16;

impl JobStore {
    /// Makes a job. The caller owns it until a worker takes it over; a job whose owner goes away without an end shows
    /// as failed.
    ///
    /// # Errors
    ///
    /// The store cannot be written, or a newer version wrote it.
    pub fn create(&self, new: NewJob) -> Result<OwnedJob, JobsError> {
        self.check_writable()?;
        let at = self.now();
        let (id, lock) = self.take_free_id(&new, at)?;
        let files = self.files(&id);
        let made = self.begin(id, lock, at, &new);
        if made.is_err() {
            files.delete();
        }
        made.map(OwnedJob::new)
    }

    fn take_free_id(&self, new: &NewJob, at: Timestamp) -> Result<(JobId, JobLock), JobsError> {
        for attempt in 0..ID_TRIES {
            let random = new
                .random
                .wrapping_add(attempt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let id = JobId::generate(new.class, at, random);
            let path = self.files(&id).lock;
            match JobLock::create(&path) {
                Ok(lock) => return Ok((id, lock)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(JobsError::io("create", path)(error)),
            }
        }
        Err(JobsError::NoFreeId)
    }

    fn begin(
        &self,
        id: JobId,
        lock: JobLock,
        at: Timestamp,
        new: &NewJob,
    ) -> Result<JobWriter, JobsError> {
        let files = self.files(&id);
        let request = serde_json::to_vec(&new.request).expect("JSON values serialise");
        atomic_file::write(
            &files.request,
            &request,
            Durability::Derived,
            Readers::Owner,
        )
        .map_err(JobsError::io("write", &files.request))?;
        let facts = CreatedFacts {
            class: new.class,
            kind: new.kind.clone(),
            kind_label: new.kind_label.clone(),
            title: new.title.clone(),
            summary: new.summary.clone(),
            write: new.write,
            ephemeral: new.ephemeral,
            background: new.background,
            session_id: new.session_id.clone(),
            workspace_root: self.workspace_root().to_owned(),
        };
        let job = Job::created(id, at, &facts);
        let request = request_for_record(&new.request, request.len(), &files);
        let mut writer = JobWriter::open(self, lock, job, request)?;
        writer.begin(&StampedEvent {
            at,
            event: JobEvent::Created(Box::new(facts)),
        })?;
        Ok(writer)
    }

    /// The request that a job was made with.
    ///
    /// # Errors
    ///
    /// It is gone or damaged.
    pub fn request(&self, id: &JobId) -> Result<Value, JobsError> {
        let no_request = |source| JobsError::NoRequest {
            id: id.clone(),
            source,
        };
        let bytes = stored_file::read(&self.files(id).request).map_err(no_request)?;
        serde_json::from_slice(&bytes).map_err(|error| no_request(error.into()))
    }

    pub(crate) fn request_for_record(&self, id: &JobId) -> Value {
        let files = self.files(id);
        match self.request(id) {
            Ok(request) => {
                let size = serde_json::to_vec(&request).map_or(0, |bytes| bytes.len());
                request_for_record(&request, size, &files)
            }
            // A job of an older tool has it in its record alone.
            Err(_) => stored_file::read(&files.record)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
                .and_then(|mut record| record.get_mut("request").map(Value::take))
                .unwrap_or_default(),
        }
    }
}

fn request_for_record(request: &Value, size: usize, files: &JobFiles) -> Value {
    if size <= MAX_INLINE_REQUEST_BYTES {
        request.clone()
    } else {
        json!({ "storedIn": files.request.to_string_lossy() })
    }
}
