//! The engine's process: started in a group of its own, watched, and ended with everything it started.
//!
//! The main type is [`AppServer`]. Its life: [`AppServer::spawn`] starts the child and one task that waits for it;
//! the child ends by itself (end of its stdin, a crash), or by [`AppServer::kill`], or when the [`AppServer`] is
//! dropped. In each case the task reaps it, kills what is left of its process group and publishes the [`ExitReason`].
//!
//! When the owner dies without a chance to clean up, the kernel closes the child's stdin, and an app server ends at
//! end of input, as Codex (with and without its npm launcher) and the builtin engine do. That is the tether used
//! here: a parent-death signal would need code between fork and exec, and follows the thread that forked.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, watch};

use super::{EngineCommand, StderrTail};

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the engine `{}`", program.display())]
pub struct SpawnError {
    /// The program.
    pub program: PathBuf,
    /// What the system says.
    #[source]
    pub source: std::io::Error,
}

/// How the engine's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitReason {
    /// The exit status, where it ended by itself.
    pub code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
    /// The last lines of its stderr, oldest first, without colours.
    pub stderr: Vec<String>,
}

impl ExitReason {
    /// The last line of stderr, or `None` when it was silent.
    #[must_use]
    pub fn last_words(&self) -> Option<&str> {
        self.stderr.last().map(String::as_str)
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with status {code}")?,
            (None, Some(signal)) => write!(f, "killed by signal {signal}")?,
            (None, None) => write!(f, "ended for an unknown reason")?,
        }
        if let Some(last) = self.last_words() {
            write!(f, "; its last words: {last}")?;
        }
        Ok(())
    }
}

/// Learns how a process ended, from any task, any number of times.
#[derive(Debug, Clone)]
pub struct ExitWatch(watch::Receiver<Option<ExitReason>>);

impl ExitWatch {
    /// The reason, or `None` while the process lives.
    #[must_use]
    pub fn now(&self) -> Option<ExitReason> {
        self.0.borrow().clone()
    }

    /// Waits for the end.
    pub async fn wait(&mut self) -> ExitReason {
        match self.0.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().expect("waited until it is there"),
            // The runtime that watched it is gone, and the process with it.
            Err(_) => ExitReason {
                code: None,
                signal: None,
                stderr: Vec::new(),
            },
        }
    }
}

/// A running engine.
#[derive(Debug)]
pub struct AppServer {
    pid: u32,
    exit: watch::Receiver<Option<ExitReason>>,
    tail: StderrTail,
    kill: mpsc::Sender<()>,
}

/// The engine's ends of its pipes.
#[derive(Debug)]
pub struct EnginePipes {
    /// What is written here, the engine reads. Dropping it asks the engine to end.
    pub stdin: ChildStdin,
    /// What the engine answers.
    pub stdout: ChildStdout,
}

impl AppServer {
    /// Starts the engine in its own process group. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// The program is absent or cannot be run.
    pub fn spawn(command: &EngineCommand) -> Result<(AppServer, EnginePipes), SpawnError> {
        let failed = |source| SpawnError {
            program: command.program.clone(),
            source,
        };
        let mut builder = tokio::process::Command::new(&command.program);
        builder
            .args(&command.args)
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(cwd) = &command.cwd {
            builder.current_dir(cwd);
        }
        #[cfg(unix)]
        builder.process_group(0);
        let mut child = builder.spawn().map_err(failed)?;
        let pid = child
            .id()
            .expect("a child that was not waited for has a pid");
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");

        let tail = StderrTail::default();
        let drain = tokio::spawn({
            let tail = tail.clone();
            async move {
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
                    tail.push(&buffer[..n]);
                }
            }
        });
        let (kill, killed) = mpsc::channel(1);
        let (publish, exit) = watch::channel(None);
        tokio::spawn({
            let tail = tail.clone();
            async move {
                let reason = watch_over(child, pid, killed, drain, &tail).await;
                publish.send_replace(Some(reason));
            }
        });
        let server = AppServer {
            pid,
            exit,
            tail,
            kill,
        };
        Ok((server, EnginePipes { stdin, stdout }))
    }

    /// The process id, which is the id of its group as well.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A watch on its end.
    #[must_use]
    pub fn exit(&self) -> ExitWatch {
        ExitWatch(self.exit.clone())
    }

    /// What it wrote to stderr lately.
    #[must_use]
    pub fn stderr(&self) -> &StderrTail {
        &self.tail
    }

    /// Kills the process and its group. Does nothing when it has ended already.
    pub fn kill(&self) {
        if self.exit.borrow().is_none() {
            kill_group(self.pid);
            // Full means that a kill is on its way already.
            let _sent_or_pending = self.kill.try_send(());
        }
    }

    /// Gives the process `grace` to end by itself, which it does once its stdin is closed, then kills it.
    pub async fn shutdown(self, grace: Duration) -> ExitReason {
        let mut exit = self.exit();
        if let Ok(reason) = tokio::time::timeout(grace, exit.wait()).await {
            return reason;
        }
        self.kill();
        exit.wait().await
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn watch_over(
    mut child: Child,
    pid: u32,
    mut killed: mpsc::Receiver<()>,
    mut drain: tokio::task::JoinHandle<()>,
    tail: &StderrTail,
) -> ExitReason {
    // How long the rest of stderr may take once the process is gone: a grandchild may hold the pipe open.
    const LAST_WORDS: Duration = Duration::from_millis(200);
    let mut told = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.ok(),
            message = killed.recv(), if !told => {
                told = true;
                if message.is_some() {
                    // An error means that it has ended already.
                    let _ended = child.start_kill();
                }
            }
        }
    };
    // The leader is gone; whatever it started in its group goes with it. The group's id stays taken while a member
    // lives, and an empty group is an error that means there is nothing to do.
    kill_group(pid);
    if tokio::time::timeout(LAST_WORDS, &mut drain).await.is_err() {
        drain.abort();
    }
    #[cfg(unix)]
    let signal = status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status));
    #[cfg(not(unix))]
    let signal = None;
    ExitReason {
        code: status.and_then(|status| status.code()),
        signal,
        stderr: tail.lines(),
    }
}

#[cfg(unix)]
fn kill_group(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It fails when nobody is left, which is what is wanted.
        let _gone = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_pid: u32) {}
