//! Programs run by tests: own process group, captured output, a time limit.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a program may run unless its test says otherwise.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long captured output may stay open after the program itself has ended.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);

/// A program about to be run. Its environment is exactly what is set here.
#[must_use = "an invocation does nothing until `run` or `spawn`"]
#[derive(Debug, Clone)]
pub struct Invocation {
    program: OsString,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    hold_stdin: bool,
    time_limit: Duration,
}

impl Invocation {
    /// `program` with an empty environment, to be run in `cwd`.
    pub fn new(program: impl AsRef<OsStr>, cwd: impl AsRef<Path>) -> Self {
        Invocation {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: cwd.as_ref().to_owned(),
            stdin: Vec::new(),
            hold_stdin: false,
            time_limit: DEFAULT_TIME_LIMIT,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Takes one variable away.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.remove(name.as_ref());
        self
    }

    /// Puts a folder in front of PATH.
    pub fn path_prepend(mut self, folder: impl AsRef<Path>) -> Self {
        let mut value = folder.as_ref().as_os_str().to_owned();
        if let Some(rest) = self.env.get(OsStr::new("PATH")) {
            value.push(":");
            value.push(rest);
        }
        self.env.insert("PATH".into(), value);
        self
    }

    /// Sets the working directory.
    pub fn cwd(mut self, folder: impl AsRef<Path>) -> Self {
        folder.as_ref().clone_into(&mut self.cwd);
        self
    }

    /// What the program reads on stdin, then end of file. Without it, stdin is empty.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        bytes.as_ref().clone_into(&mut self.stdin);
        self
    }

    /// Keeps stdin open until the program ends: for programs that must not wait for its end.
    pub fn hold_stdin(mut self) -> Self {
        self.hold_stdin = true;
        self
    }

    /// The time after which the program's whole group is killed and the test fails.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// A shell script that runs it with further arguments.
    pub fn as_script(&self) -> String {
        let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
        let mut script = "#!/bin/sh\n".to_owned();
        for (name, value) in &self.env {
            script.push_str(&format!(
                "export {}={}\n",
                name.to_string_lossy(),
                quoted(value)
            ));
        }
        let words: Vec<String> = std::iter::once(&self.program)
            .chain(&self.args)
            .map(|word| quoted(word))
            .collect();
        let cwd = quoted(self.cwd.as_os_str());
        script + &format!("cd {cwd} && exec {} \"$@\"\n", words.join(" "))
    }

    /// Runs to the end.
    #[must_use = "check how the program ended"]
    #[track_caller]
    pub fn run(self) -> CommandOutput {
        self.spawn().wait()
    }

    /// Runs to the end and fails the test unless the exit code is 0.
    #[track_caller]
    pub fn run_ok(self) -> CommandOutput {
        self.run().expect_code(0)
    }

    /// Starts it, in a process group of its own.
    #[track_caller]
    pub fn spawn(self) -> Running {
        let shown = self.to_string();
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let started = Instant::now();
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("could not start {shown}: {error}"),
        };
        let pid = Pid::from_child(&child);

        let mut stdin = child.stdin.take().expect("stdin is piped");
        let (release, held) = channel::<Vec<u8>>();
        let (input, hold_stdin) = (self.stdin, self.hold_stdin);
        thread::spawn(move || {
            // A program may exit without reading its input: that is its right.
            drop(stdin.write_all(&input));
            while hold_stdin && let Ok(more) = held.recv() {
                drop(stdin.write_all(&more));
            }
        });
        let stdout = Capture::start(child.stdout.take().expect("stdout is piped"));
        let stderr = Capture::start(child.stderr.take().expect("stderr is piped"));
        let (ended, exit) = channel();
        thread::spawn(move || drop(ended.send(child.wait())));
        Running {
            shown,
            pid,
            exit,
            reaped: false,
            stdout,
            stderr,
            started,
            deadline: started + self.time_limit,
            stdin: Some(release),
        }
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}", Path::new(&self.program).display())?;
        for arg in &self.args {
            write!(f, " {}", Path::new(arg).display())?;
        }
        write!(f, "` in {}", self.cwd.display())
    }
}

/// A program that runs. Dropped before its end, its whole group is killed.
#[derive(Debug)]
pub struct Running {
    shown: String,
    pid: Pid,
    exit: Receiver<std::io::Result<ExitStatus>>,
    reaped: bool,
    stdout: Capture,
    stderr: Capture,
    started: Instant,
    deadline: Instant,
    stdin: Option<std::sync::mpsc::Sender<Vec<u8>>>,
}

impl Running {
    /// Its process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Writes to an input that is held open.
    #[track_caller]
    pub fn write_stdin(&self, bytes: impl Into<Vec<u8>>) {
        let stdin = self.stdin.as_ref().expect("the input is held open");
        stdin.send(bytes.into()).expect("the input is held open");
    }

    /// Ends an input that was held open.
    pub fn end_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends it (not its group) a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the program still runs");
    }

    /// Waits until a line of stderr satisfies `wanted` and returns it; fails the test at the time limit or at the end
    /// of stderr.
    #[track_caller]
    pub fn stderr_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        match self.stderr.wait_for_line(self.deadline, wanted) {
            Some(line) => line,
            None => panic!(
                "{} never wrote the expected line on stderr:\n{}",
                self.shown,
                self.stderr.text()
            ),
        }
    }

    /// As [`Running::stderr_line`], for stdout.
    #[track_caller]
    pub fn stdout_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        match self.stdout.wait_for_line(self.deadline, wanted) {
            Some(line) => line,
            None => panic!(
                "{} never wrote the expected line on stdout:\n{}\nstderr:\n{}",
                self.shown,
                self.stdout.text(),
                self.stderr.text()
            ),
        }
    }

    /// Waits for the end. At the time limit the group is killed and the test fails. The test fails too if something
    /// else still holds the program's output open afterwards: a caller's pipe would hang on it.
    #[must_use = "check how the program ended"]
    #[track_caller]
    pub fn wait(mut self) -> CommandOutput {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let status = match self.exit.recv_timeout(left) {
            Ok(status) => status.expect("a child can be waited for"),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.kill_group();
                panic!(
                    "{} did not end within its time limit\nstdout:\n{}\nstderr:\n{}",
                    self.shown,
                    self.stdout.text(),
                    self.stderr.text()
                );
            }
        };
        self.reaped = true;
        let grace = Instant::now() + OUTPUT_GRACE;
        let closed = self.stdout.wait_for_end(grace) && self.stderr.wait_for_end(grace);
        let output = CommandOutput {
            shown: self.shown.clone(),
            status,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.bytes(),
            elapsed: self.started.elapsed(),
        };
        if !closed {
            let _ = kill_process_group(self.pid, Signal::KILL);
            panic!("a process that outlived the program holds its output open\n{output}");
        }
        output
    }

    fn kill_group(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_group();
            drop(self.exit.recv_timeout(OUTPUT_GRACE));
        }
    }
}

/// What a program did. Its `Display` shows the command, the status and both outputs: put it into assertions.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    shown: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote on stdout.
    pub stdout: Vec<u8>,
    /// Everything it wrote on stderr.
    pub stderr: Vec<u8>,
    /// From start to end.
    pub elapsed: Duration,
}

impl CommandOutput {
    /// The exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test, showing everything, unless it exited with `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(
            self.code() == Some(code),
            "expected exit code {code}\n{self}"
        );
        self
    }

    /// stdout as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// stderr as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("stdout is not one JSON document: {error}\n{self}"),
        }
    }

    /// Fails the test unless stdout contains `text`.
    #[track_caller]
    pub fn assert_stdout_has(&self, text: &str) {
        assert!(
            self.stdout().contains(text),
            "stdout lacks {text:?}\n{self}"
        );
    }

    /// Fails the test unless stderr contains `text`.
    #[track_caller]
    pub fn assert_stderr_has(&self, text: &str) {
        assert!(
            self.stderr().contains(text),
            "stderr lacks {text:?}\n{self}"
        );
    }
}

impl fmt::Display for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ended with {} after {:?}\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.shown,
            self.status,
            self.elapsed,
            self.stdout(),
            self.stderr()
        )
    }
}

/// One output of a running program, read by a thread of its own.
#[derive(Debug, Clone)]
struct Capture(Arc<(Mutex<Captured>, Condvar)>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    fn start(mut source: impl Read + Send + 'static) -> Self {
        let capture = Capture(Arc::default());
        let shared = Arc::clone(&capture.0);
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let read = source.read(&mut buffer).unwrap_or(0);
                let mut captured = shared.0.lock().unwrap();
                captured.bytes.extend_from_slice(&buffer[..read]);
                captured.ended = read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        capture
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap().bytes.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn wait_for_end(&self, deadline: Instant) -> bool {
        self.wait_until(deadline, |captured| captured.ended.then_some(()))
            .is_some()
    }

    fn wait_for_line(&self, deadline: Instant, wanted: impl Fn(&str) -> bool) -> Option<String> {
        // What was looked at need not be looked at again when more has come.
        let mut from = 0;
        self.wait_until(deadline, |captured| {
            let new = &captured.bytes[from..];
            let complete = match new.iter().rposition(|byte| *byte == b'\n') {
                Some(last) => &new[..=last],
                None => return captured.ended.then_some(None),
            };
            from += complete.len();
            let found = String::from_utf8_lossy(complete)
                .lines()
                .find(|line| wanted(line))
                .map(str::to_owned);
            match found {
                Some(line) => Some(Some(line)),
                None => captured.ended.then_some(None),
            }
        })
        .flatten()
    }

    /// Looks at what was captured after each change, until `look` has an answer or the deadline passes.
    fn wait_until<T>(
        &self,
        deadline: Instant,
        mut look: impl FnMut(&Captured) -> Option<T>,
    ) -> Option<T> {
        let mut captured = self.0.0.lock().unwrap();
        loop {
            if let Some(answer) = look(&captured) {
                return Some(answer);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            captured = self.0.1.wait_timeout(captured, left).unwrap().0;
        }
    }
}
