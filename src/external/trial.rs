//! One run of a command whose end and last words matter, such as a project's tests.
//!
//! Unlike a strategy's program it may fail, and that is its answer. It gets no input, an environment cleared to a list, a
//! process group of its own, a time limit, and a reader who keeps the end of what it says. Its group is ended with it,
//! and what left the group where [`Strays`] says so.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::time::timeout;

use super::group::kill_group;
use super::stray::{Adoption, Strays};

/// The environment variables that a project's tests get, where they are set: where toolchains keep what they have.
pub const TRIAL_VARIABLES: [&str; 28] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "SystemRoot",
    "USERPROFILE",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "MAVEN_HOME",
    "GRADLE_USER_HOME",
    "NVM_DIR",
    "PNPM_HOME",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "GEM_HOME",
    "BUNDLE_PATH",
    "MIX_HOME",
    "DENO_DIR",
    "XDG_CACHE_HOME",
];

/// How long the rest of the output may take once the command has ended.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a killed command may take to be gone.
const DEATH: Duration = Duration::from_secs(2);

/// A command to run.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take.
    pub time_limit: Duration,
    /// How much of the end of what it says is kept, in bytes.
    pub most_bytes: usize,
    /// What becomes of processes that left its group.
    pub strays: Strays,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialEnd {
    /// With this exit code.
    Exit(i32),
    /// By this signal, or in a way that the system does not tell.
    Killed(Option<i32>),
    /// It took too long and was ended.
    TimedOut,
    /// Somebody asked for its end.
    Cancelled,
}

/// A command that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// How it ended.
    pub end: TrialEnd,
    /// The end of what it said, on standard output and standard error as they came.
    pub said: Vec<u8>,
    /// Whether it said more than is kept.
    pub is_cut: bool,
    /// How long it took.
    pub took: Duration,
}

/// Runs a command to its end. Must be called within a tokio runtime. When `cancelled` is ready, the command is ended.
///
/// # Errors
///
/// It cannot be started, or not be waited for.
pub async fn try_out(trial: &Trial, cancelled: impl Future<Output = ()>) -> std::io::Result<Tried> {
    let began = Instant::now();
    let adoption = match &trial.strays {
        Strays::End { mark } => Adoption::begin(mark),
        Strays::LeaveAlone => None,
    };
    let mut child = spawn(trial)?;
    let leader = child
        .id()
        .expect("a child that was not waited for has a pid");
    let kept = Arc::new(Mutex::new(Kept::up_to(trial.most_bytes)));
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let reading = [
        tokio::spawn(keep(stdout, kept.clone())),
        tokio::spawn(keep(stderr, kept.clone())),
    ];
    let limit = tokio::time::sleep(trial.time_limit);
    tokio::pin!(limit, cancelled);
    let end = tokio::select! {
        biased;
        status = child.wait() => end_of(status?),
        () = &mut cancelled => {
            end_now(&mut child, leader).await;
            TrialEnd::Cancelled
        }
        () = &mut limit => {
            end_now(&mut child, leader).await;
            TrialEnd::TimedOut
        }
    };
    // Whatever it started goes with it: its group, and what left that.
    kill_group(leader);
    if let Some(adoption) = adoption {
        adoption.end(leader).await;
    }
    for reader in reading {
        let abort = reader.abort_handle();
        if timeout(DRAIN, reader).await.is_err() {
            // A process that left the group holds the pipe.
            abort.abort();
        }
    }
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Tried {
        end,
        said: kept.bytes.into(),
        is_cut: kept.is_cut,
        took: began.elapsed(),
    })
}

fn spawn(trial: &Trial) -> std::io::Result<Child> {
    let mut command = tokio::process::Command::new(&trial.program);
    command
        .args(&trial.arguments)
        .current_dir(&trial.folder)
        .env_clear()
        .envs(trial.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

async fn end_now(child: &mut Child, leader: u32) {
    kill_group(leader);
    // An error means that it has ended already.
    let _ended = child.start_kill();
    let _gone = timeout(DEATH, child.wait()).await;
}

fn end_of(status: ExitStatus) -> TrialEnd {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return TrialEnd::Killed(Some(signal));
    }
    status.code().map_or(TrialEnd::Killed(None), TrialEnd::Exit)
}

/// The end of what was said.
#[derive(Debug, Default)]
struct Kept {
    bytes: VecDeque<u8>,
    most: usize,
    is_cut: bool,
}

impl Kept {
    fn up_to(most: usize) -> Self {
        Kept {
            most,
            ..Kept::default()
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let beyond = self.bytes.len().saturating_sub(self.most);
        if beyond > 0 {
            self.bytes.drain(..beyond);
            self.is_cut = true;
        }
    }
}

async fn keep(mut stream: impl AsyncRead + Unpin, kept: Arc<Mutex<Kept>>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(&buffer[..count]);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn trial(script: &str) -> Trial {
        Trial {
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: PathBuf::from("/"),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            time_limit: Duration::from_secs(20),
            most_bytes: 16,
            // Other tests of this process have children too.
            strays: Strays::LeaveAlone,
        }
    }

    async fn run(trial: &Trial) -> Tried {
        try_out(trial, std::future::pending()).await.unwrap()
    }

    #[tokio::test]
    async fn the_end_and_the_last_words_are_told() {
        let tried = run(&trial("echo out; echo err >&2; exit 3")).await;
        assert_eq!(tried.end, TrialEnd::Exit(3));
        let said = String::from_utf8(tried.said).unwrap();
        assert!(said.contains("out") && said.contains("err"), "{said}");
        let tried = run(&trial("printf '0123456789abcdefghijklmnop'")).await;
        assert_eq!(
            (tried.said.as_slice(), tried.is_cut),
            (b"abcdefghijklmnop".as_slice(), true)
        );
        let tried = run(&trial("kill -9 $$")).await;
        assert_eq!(tried.end, TrialEnd::Killed(Some(9)));
    }

    #[tokio::test]
    async fn a_command_ends_at_its_limit_with_all_that_it_started() {
        let mut long = trial("sleep 600 & echo $!; sleep 600");
        long.time_limit = Duration::from_secs(2);
        let tried = run(&long).await;
        assert_eq!(tried.end, TrialEnd::TimedOut);
        let pid: i32 = String::from_utf8(tried.said)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        // An orphan is reaped by the system, not by us: gone, or dead and not yet reaped.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        assert!(
            state.map_or(true, |stat| stat.contains(") Z ")),
            "it lives on"
        );
    }

    #[tokio::test]
    async fn a_command_is_ended_when_asked_and_sees_no_other_environment() {
        let tried = try_out(&trial("sleep 600"), std::future::ready(()))
            .await
            .unwrap();
        assert_eq!(tried.end, TrialEnd::Cancelled);
        assert!(tried.took < Duration::from_secs(10), "{tried:?}");
        let tried = run(&trial("echo \"[$HOME]\"")).await;
        assert_eq!(tried.said, b"[]\n");
    }
}
