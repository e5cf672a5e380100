//! The engine as a broker's task sees it: lines in, lines out, an end with a reason.
//!
//! [`EngineLauncher`] is the seam: the real one starts an [`AppServer`]; tests and benchmarks play an engine within their
//! own process. [`EngineLink`] drives one running engine. Its task reports every line, and exactly once that the engine
//! is gone, after its last line.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::folder::SessionDir;
use super::left_engine;
use super::session::{read_lines, write_lines};
use super::state::{EngineRun, Event};
use crate::engine::{AppServer, EngineCommand};

/// How long an engine that closed its output may take to end, and a dead one's last lines to arrive.
const LAST_LINES: Duration = Duration::from_millis(500);
/// How long a killed engine may take to be gone.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// Bytes that may wait for the engine to read them, beyond the one line that passes this bound.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// Starts engines, one after the other.
pub trait EngineLauncher: Send {
    /// Starts one. Called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Why it cannot be started, as a lowercase fragment.
    fn launch(&mut self) -> Result<LaunchedEngine, String>;
}

/// An engine that was just started.
pub struct LaunchedEngine {
    /// Its process, if it is one.
    pub pid: Option<u32>,
    /// What it reads. Dropping it asks the engine to end.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it writes.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// Resolves when it is gone, with the reason as a lowercase fragment.
    pub exit: Pin<Box<dyn Future<Output = String> + Send>>,
    /// Ends it, and what it has started, at once.
    pub kill: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for LaunchedEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaunchedEngine")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Starts an app server as a child process.
#[derive(Debug)]
pub(super) struct ProcessLauncher {
    pub(super) command: EngineCommand,
    /// Where it is noted.
    pub(super) dir: SessionDir,
}

impl EngineLauncher for ProcessLauncher {
    fn launch(&mut self) -> Result<LaunchedEngine, String> {
        let (server, pipes) =
            AppServer::spawn(&self.command).map_err(|error| match error.source.kind() {
                std::io::ErrorKind::NotFound => format!("{error}: there is no such program"),
                _ => format!("{error}: {}", error.source),
            })?;
        left_engine::note(&self.dir, server.pid());
        let mut exit = server.exit();
        Ok(LaunchedEngine {
            pid: Some(server.pid()),
            input: Box::new(pipes.stdin),
            output: Box::new(pipes.stdout),
            exit: Box::pin(async move { exit.wait().await.to_string() }),
            kill: Box::new(move || server.kill()),
        })
    }
}

/// A running engine, seen from the broker's loop.
#[derive(Debug)]
pub(super) struct EngineLink {
    run: EngineRun,
    lines: mpsc::UnboundedSender<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
    kill: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl EngineLink {
    pub(super) fn start(
        run: EngineRun,
        engine: LaunchedEngine,
        line_limit: usize,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (lines, to_write) = mpsc::unbounded_channel();
        let (kill, killed) = oneshot::channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(supervise(
            run,
            engine,
            to_write,
            queued_bytes.clone(),
            line_limit,
            killed,
            events,
        ));
        EngineLink {
            run,
            lines,
            queued_bytes,
            kill: Some(kill),
            task,
        }
    }

    pub(super) fn run(&self) -> EngineRun {
        self.run
    }

    /// Queues a line. False when so much waits that the engine has evidently stopped reading.
    pub(super) fn write(&self, line: Vec<u8>) -> bool {
        let before = self.queued_bytes.fetch_add(line.len(), Ordering::Relaxed);
        // A link whose writer is gone reports its end by itself.
        let _gone = self.lines.send(line);
        before <= MAX_QUEUED_BYTES
    }

    /// Ends the engine at once. Its end is reported as any other.
    pub(super) fn kill(&mut self) {
        if let Some(kill) = self.kill.take() {
            // It may have ended by itself.
            let _gone = kill.send(());
        }
    }

    /// Closes the engine's input, gives it `grace` to end, then ends it.
    pub(super) async fn shut_down(self, grace: Duration) {
        let EngineLink {
            lines, kill, task, ..
        } = self;
        drop(lines);
        let mut task = task;
        if tokio::time::timeout(grace, &mut task).await.is_err() {
            // It may end at this very moment.
            let _gone = kill.is_some_and(|kill| kill.send(()).is_ok());
            if tokio::time::timeout(grace, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

async fn supervise(
    run: EngineRun,
    engine: LaunchedEngine,
    to_write: mpsc::UnboundedReceiver<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
    line_limit: usize,
    killed: oneshot::Receiver<()>,
    events: mpsc::Sender<Event>,
) {
    let LaunchedEngine {
        pid,
        input,
        output,
        mut exit,
        kill,
    } = engine;
    // A closed channel means that the broker ends and waits for this task alone.
    let _ending = events.send(Event::EngineStarted(run, pid)).await;
    let mut writer = tokio::spawn(write_lines(input, to_write, queued_bytes));
    let mut reader = tokio::spawn(read_lines(
        output,
        line_limit,
        events.clone(),
        move |line| match line {
            Ok(line) => Event::EngineLine(run, line),
            Err(_) => Event::EngineLineTooLong(run),
        },
    ));
    let mut kill = Some(kill);
    let mut killed = Some(killed);
    let (mut reads, mut writes) = (true, true);
    let mut deadline = None;
    let mut fault = None;
    let ended = loop {
        let overdue = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let asked = async {
            match &mut killed {
                Some(killed) => killed.await,
                None => std::future::pending().await,
            }
        };
        let ends_by = Instant::now() + LAST_LINES;
        tokio::select! {
            reason = &mut exit => break Some(reason),
            // Asked to, or the link is gone and with it whoever could ask.
            _ = asked => {
                killed = None;
                deadline = Some(Instant::now());
            }
            _ = &mut reader, if reads => {
                reads = false;
                fault = fault.or(Some("closed its output"));
                deadline = deadline.or(Some(ends_by));
            }
            written = &mut writer, if writes => {
                writes = false;
                // Without an error it is the broker that closed the engine's input, and that has its own patience.
                if !matches!(written, Ok(Ok(()))) {
                    fault = fault.or(Some("stopped reading its input"));
                    deadline = deadline.or(Some(ends_by));
                }
            }
            () = overdue => match kill.take() {
                Some(kill) => {
                    kill();
                    deadline = Some(Instant::now() + UNKILLABLE);
                }
                None => break None,
            }
        }
    };
    let reason = match (ended, fault) {
        (Some(reason), Some(fault)) if kill.is_none() => {
            format!("{fault} and was ended ({reason})")
        }
        (Some(reason), _) => reason,
        (None, _) => "does not end, even when killed".to_owned(),
    };
    writer.abort();
    // What it wrote last is read before its end is told; a grandchild may hold the pipe open.
    if reads && tokio::time::timeout(LAST_LINES, &mut reader).await.is_err() {
        reader.abort();
    }
    let _ending = events.send(Event::EngineExited(run, reason)).await;
}
