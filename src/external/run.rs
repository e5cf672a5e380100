//! One run of a program, from its start to the end of everything that it started.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::time::timeout;

use super::Fault;
use super::group::kill_group;
use crate::context::ProgramCall;

/// How much of stderr is kept: its end.
const STDERR_BYTES: usize = 8 * 1024;
/// The most characters of the last line that are told.
const LAST_WORDS: usize = 200;
/// How long the rest of the output may take once the program has ended: a process that left its group may hold a pipe.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a killed program may take to be gone.
const DEATH: Duration = Duration::from_secs(2);

/// Runs the program on a thread of its own, so that callers may be in a runtime already.
pub(super) fn run(
    program: &Path,
    call: &ProgramCall,
    environment: &[(OsString, OsString)],
    root: &Path,
) -> Result<Vec<u8>, Fault> {
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|source| Fault::Start {
                    program: program.to_owned(),
                    source,
                })?;
            runtime.block_on(watch(program, call, environment, root))
        });
        watcher.join().unwrap_or(Err(Fault::Unwatched))
    })
}

async fn watch(
    program: &Path,
    call: &ProgramCall,
    environment: &[(OsString, OsString)],
    root: &Path,
) -> Result<Vec<u8>, Fault> {
    let mut child = spawn(program, call, environment, root)?;
    let leader = child
        .id()
        .expect("a child that was not waited for has a pid");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let stdout = child.stdout.take().expect("stdout is piped");
    let stderr = child.stderr.take().expect("stderr is piped");
    let request = call.input.clone();
    let asking = tokio::spawn(async move {
        // A program that does not read its request is free not to. Standard input is closed behind it.
        let _unread = stdin.write_all(&request).await;
    });
    let mut reading = tokio::spawn(read_within(stdout, call.most_bytes));
    let complaining = tokio::spawn(read_end(stderr));

    let limit = tokio::time::sleep(call.time_limit);
    tokio::pin!(limit);
    let mut output = None;
    let status = loop {
        tokio::select! {
            read = &mut reading, if output.is_none() => {
                let read = read.map_err(|_| Fault::Unwatched)?;
                if matches!(read, Ok(Read::TooMuch)) {
                    end(&mut child, leader).await;
                    return Err(Fault::TooMuch { most_bytes: call.most_bytes });
                }
                output = Some(read);
            }
            status = child.wait() => break status,
            () = &mut limit => {
                end(&mut child, leader).await;
                return Err(Fault::TimedOut { seconds: call.time_limit.as_secs() });
            }
        }
    };
    // The program is gone; whatever it started in its group goes with it. The group's id stays taken while a member
    // lives, and an empty group is an error that means there is nothing to do.
    kill_group(leader);
    asking.abort();
    let status = status.map_err(|source| Fault::Output { source })?;
    let read = match output {
        Some(read) => Some(read),
        None => match timeout(DRAIN, &mut reading).await {
            Ok(read) => Some(read.map_err(|_| Fault::Unwatched)?),
            Err(_) => None,
        },
    };
    // Before how it ended: whoever writes more than is read dies of it.
    let too_much = matches!(read, Some(Ok(Read::TooMuch)));
    if !too_much && !status.success() {
        let complaints = timeout(DRAIN, complaining).await;
        return Err(Fault::Ended {
            ended: ended(status),
            last_words: complaints
                .ok()
                .and_then(Result::ok)
                .and_then(|complaints| last_words(&complaints)),
        });
    }
    match read {
        Some(Ok(Read::All(bytes))) => Ok(bytes),
        Some(Ok(Read::TooMuch)) => Err(Fault::TooMuch {
            most_bytes: call.most_bytes,
        }),
        Some(Err(source)) => Err(Fault::Output { source }),
        None => Err(Fault::StillOpen),
    }
}

fn spawn(
    program: &Path,
    call: &ProgramCall,
    environment: &[(OsString, OsString)],
    root: &Path,
) -> Result<Child, Fault> {
    let mut command = tokio::process::Command::new(program);
    command
        .args(&call.arguments)
        .current_dir(root)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().map_err(|source| Fault::Start {
        program: program.to_owned(),
        source,
    })
}

/// Ends the program and its group.
async fn end(child: &mut Child, leader: u32) {
    kill_group(leader);
    // An error means that it has ended already.
    let _ended = child.start_kill();
    let _gone = timeout(DEATH, child.wait()).await;
}

/// What was read of a stream with a bound.
enum Read {
    All(Vec<u8>),
    TooMuch,
}

async fn read_within(stream: impl AsyncRead + Unpin, most_bytes: usize) -> io::Result<Read> {
    let mut bytes = Vec::new();
    let mut stream = stream.take(most_bytes as u64 + 1);
    stream.read_to_end(&mut bytes).await?;
    Ok(if bytes.len() > most_bytes {
        Read::TooMuch
    } else {
        Read::All(bytes)
    })
}

/// Reads a stream to its end and keeps the last part.
async fn read_end(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let beyond = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..beyond);
    }
    kept
}

fn last_words(complaints: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaints);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(LAST_WORDS).collect())
}

fn ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was killed by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("exited with status {code}"),
        None => "ended for an unknown reason".to_owned(),
    }
}
