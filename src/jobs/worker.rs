//! The one owner of a job: how it is started, what it guarantees, how it ends.
//!
//! # Life cycle
//!
//! 1. [`JobStore::create`] makes the job and takes its lock: an [`OwnedJob`].
//! 2. [`OwnedJob::start`] runs a *launcher* in a process group of its own, with the locked file as its standard input.
//!    The launcher ([`launch`]) starts the *worker* and ends, so the worker has no parent among the caller's processes:
//!    neither a closed terminal, nor Ctrl-C, nor a host that kills the caller's process tree reaches it. The lock is
//!    held by an open file that all three share, so the job is owned without a gap, and freed by the last one's end.
//! 3. [`run_worker`] begins a session, takes the lock over, puts `Started` down, runs the body, and puts the end down
//!    whatever the body does: a panic is a failure with its message. `SIGTERM`, `SIGINT`, `SIGHUP` and the job's cancel
//!    file ask the body to stop.
//! 4. A worker that dies without an end frees the lock; the next reader ends the job ([`super::reconcile()`]).
//!
//! Where a lock cannot be passed on (not unix), the maker frees it before it starts the worker and the worker takes it;
//! a queued job then has [`StoreOptions::start_grace`](super::StoreOptions) to find its owner.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lock::JobLock;
use super::watcher::{self, Attention};
use super::writer::JobWriter;
use super::{
    CancelToken, EndStatus, EventSink, Job, JobEnd, JobEvent, JobId, JobStore, JobsError,
    ProcessIdentity,
};

/// Set for a worker and so for everything that it starts: the job they work for.
pub const JOB_ID_VARIABLE: &str = "CODEX_REVIEW_JOB_ID";

const LAUNCH_BOUND: Duration = Duration::from_secs(20);
const LOCK_BOUND: Duration = Duration::from_secs(5);
const EXIT_POLL: Duration = Duration::from_millis(2);

/// A program with its arguments: the launcher or the worker.
#[derive(Debug, Clone)]
pub struct WorkerProgram {
    /// The executable, as an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables to set on top of the caller's environment.
    pub env: Vec<(OsString, OsString)>,
}

impl WorkerProgram {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(
            self.env
                .iter()
                .map(|(name, value)| (name.as_os_str(), value.as_os_str())),
        );
        command
    }
}

/// What a worker is to do.
#[derive(Debug, Clone)]
pub struct JobRequest {
    /// The job as it stands at the start.
    pub job: Job,
    /// What it was made with.
    pub request: Value,
}

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerLimits {
    /// How often the cancel file is looked for.
    pub cancel_poll: Duration,
    /// How long a result that cannot be written is kept in memory and tried again.
    pub end_retry: Duration,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        WorkerLimits {
            cancel_poll: Duration::from_millis(40),
            end_retry: Duration::from_secs(60),
        }
    }
}

/// A job that this process owns and that nobody works on yet. Dropping it leaves the job without an owner: it shows
/// as failed.
#[derive(Debug)]
pub struct OwnedJob {
    writer: JobWriter,
}

impl OwnedJob {
    pub(crate) fn new(writer: JobWriter) -> Self {
        OwnedJob { writer }
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> &Job {
        self.writer.job()
    }

    /// Hands the job over to a detached worker and returns when the worker's process is there. `launcher` has to call
    /// [`launch`] with the worker's own command line.
    ///
    /// # Errors
    ///
    /// The launcher cannot be started or fails; the job has then ended as failed with that reason.
    pub fn start(self, launcher: &WorkerProgram) -> Result<Job, JobsError> {
        let job = self.job().clone();
        let mut own = self;
        let failure = match own.run_launcher(launcher) {
            Ok(None) => return Ok(job),
            Ok(Some(status)) => JobsError::Launch { id: job.id, status },
            Err(source) => JobsError::Spawn {
                id: job.id,
                program: launcher.program.clone(),
                source,
            },
        };
        let reason = match std::error::Error::source(&failure) {
            Some(cause) => format!("{failure}: {cause}"),
            None => failure.to_string(),
        };
        let end = JobEnd::without_result(EndStatus::Failed, reason);
        // A failure to record it leaves a job without an owner, which readers end.
        drop(own.writer.end(end, Duration::ZERO).map(|_| ()));
        Err(failure)
    }

    /// `None` is success. A launcher that does not end in time is killed.
    fn run_launcher(
        &mut self,
        launcher: &WorkerProgram,
    ) -> std::io::Result<Option<Option<ExitStatus>>> {
        let mut command = launcher.command();
        command
            .env(JOB_ID_VARIABLE, self.job().id.as_str())
            .stdout(Stdio::null())
            .stderr(self.stderr());
        let root = &self.job().workspace_root;
        if root.is_dir() {
            command.current_dir(root);
        }
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            command.stdin(Stdio::from(self.writer.lock().handle()?));
            command.process_group(0);
        }
        #[cfg(not(unix))]
        {
            command.stdin(Stdio::null());
            self.writer.lock().release()?;
        }
        let mut child = command.spawn()?;
        let status = wait_within(&mut child, LAUNCH_BOUND)?;
        Ok(match status {
            Some(status) if status.success() => None,
            failed => Some(failed),
        })
    }

    /// A panic's message goes to the job's log for people.
    fn stderr(&self) -> Stdio {
        super::lock::private()
            .create(true)
            .append(true)
            .open(self.writer.files().log.as_path())
            .map_or_else(|_| Stdio::null(), Stdio::from)
    }

    /// Does the work in this process, without a worker.
    ///
    /// # Errors
    ///
    /// As [`run_worker`].
    pub fn run_here(
        self,
        limits: &WorkerLimits,
        body: impl FnOnce(&JobRequest, &mut dyn EventSink, &CancelToken) -> JobEnd,
    ) -> Result<Job, JobsError> {
        let store = self.writer.store().clone();
        work(&store, self.writer, limits, Attention::CancelFile, body)
    }
}

/// What the maker has to say before the worker begins.
impl EventSink for OwnedJob {
    fn emit(&mut self, event: JobEvent) {
        self.writer.emit(event);
    }
}

fn wait_within(child: &mut Child, bound: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > bound {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(EXIT_POLL);
    }
}

/// What a launcher does: starts the worker, detached, with what the launcher was given, and returns its pid. The
/// launcher has to end then.
///
/// # Errors
///
/// The worker's program cannot be started.
pub fn launch(worker: &WorkerProgram) -> std::io::Result<u32> {
    let mut command = worker.command();
    command.stdin(Stdio::inherit());
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        const DETACHED_PROCESS: u32 = 0x0000_0008;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
    command.spawn().map(|child| child.id())
}

/// What a worker does: owns the job until its end. Call it first thing in the worker's process, because it makes the
/// process the leader of a session and replaces its standard input.
///
/// # Errors
///
/// The job does not exist, has another owner, is over already, or its end could not be stored.
pub fn run_worker(
    store: &JobStore,
    id: &JobId,
    limits: &WorkerLimits,
    body: impl FnOnce(&JobRequest, &mut dyn EventSink, &CancelToken) -> JobEnd,
) -> Result<Job, JobsError> {
    // A process that leads a group already cannot begin a session, and has what matters here.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let path = store.files(id).lock;
    let lock = take_over(&path)
        .map_err(JobsError::io("lock", &path))?
        .ok_or_else(|| JobsError::Owned { id: id.clone() })?;
    let job = store.load(id)?;
    if job.is_ended() {
        return Err(JobsError::AlreadyEnded {
            id: id.clone(),
            status: job.status,
        });
    }
    let request = store.request_for_record(id);
    let writer = JobWriter::open(store, lock, job, request)?;
    work(store, writer, limits, Attention::CancelFileAndSignals, body)
}

fn take_over(path: &std::path::Path) -> std::io::Result<Option<JobLock>> {
    #[cfg(unix)]
    if let Some(lock) = JobLock::from_stdin(path)? {
        return Ok(Some(lock));
    }
    JobLock::acquire_within(path, LOCK_BOUND)
}

/// The body's sink and the watcher write to the same log, one at a time.
#[derive(Clone)]
struct SharedWriter(Arc<Mutex<JobWriter>>);

impl SharedWriter {
    fn with<T>(&self, act: impl FnOnce(&mut JobWriter) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventSink for SharedWriter {
    fn emit(&mut self, event: JobEvent) {
        self.with(|writer| writer.emit(event));
    }
}

fn work(
    store: &JobStore,
    writer: JobWriter,
    limits: &WorkerLimits,
    attention: Attention,
    body: impl FnOnce(&JobRequest, &mut dyn EventSink, &CancelToken) -> JobEnd,
) -> Result<Job, JobsError> {
    let job = writer.job().clone();
    let cancel_file = store.files(&job.id).cancel;
    let mut shared = SharedWriter(Arc::new(Mutex::new(writer)));
    let cancelled = CancelToken::new();
    let done = CancelToken::new();
    let watching = watcher::watch(
        attention,
        limits.cancel_poll,
        cancel_file.clone(),
        shared.0.clone(),
        cancelled.clone(),
        done.clone(),
    );
    let end = if cancel_file.exists() {
        JobEnd::without_result(EndStatus::Cancelled, "cancelled before it started")
    } else {
        match store.request(&job.id) {
            Err(error) => JobEnd::without_result(EndStatus::Failed, error.to_string()),
            Ok(request) => {
                shared.emit(JobEvent::Started {
                    worker: ProcessIdentity::current(),
                });
                let request = JobRequest {
                    job: shared.with(|writer| writer.job().clone()),
                    request,
                };
                run_guarded(|| body(&request, &mut shared, &cancelled))
            }
        }
    };
    done.cancel();
    if let Ok(watching) = watching {
        // A watcher that panicked has nothing left to say.
        drop(watching.join());
    }
    shared.with(|writer| writer.end(end, limits.end_retry).cloned())
}

fn run_guarded(body: impl FnOnce() -> JobEnd) -> JobEnd {
    std::panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        JobEnd::without_result(
            EndStatus::Failed,
            format!("its worker met a defect of codex-review: {message}"),
        )
    })
}
