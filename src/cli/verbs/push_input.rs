//! What git says about a push: its lines on standard input, or what pre-commit makes of them in variables.

use std::io::Read as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use codex_review::hooks::MAX_PUSH_BYTES;

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;

/// git writes its lines at once and closes them; who says nothing for so long is not git.
const STDIN_SILENCE: Duration = Duration::from_secs(5);

/// Standard input to its end, within a bound of size and of silence.
pub(super) fn read_lines() -> Result<Vec<u8>, Failure> {
    if Surroundings::stdin_is_terminal() {
        return Err(Failure::PushFromTerminal);
    }
    let (pieces, read) = channel();
    // A thread, because a pipe that nobody closes cannot be waited for with a bound. It ends with the process.
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let piece = stdin
                .read(&mut buffer)
                .map(|count| buffer[..count].to_vec());
            let is_last = !matches!(&piece, Ok(piece) if !piece.is_empty());
            if pieces.send(piece).is_err() || is_last {
                return;
            }
        }
    });
    let mut text = Vec::new();
    loop {
        match read.recv_timeout(STDIN_SILENCE) {
            Ok(Ok(piece)) if piece.is_empty() => return Ok(text),
            Ok(Ok(piece)) => text.extend_from_slice(&piece),
            Ok(Err(source)) => {
                return Err(Failure::ReadText {
                    place: "standard input".to_owned(),
                    source,
                });
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(Failure::PushInputOpen {
                    waited: STDIN_SILENCE,
                });
            }
        }
        if text.len() as u64 > MAX_PUSH_BYTES {
            return Err(Failure::PushInputTooLong {
                limit: MAX_PUSH_BYTES,
            });
        }
    }
}

/// The line that git would have written, from the variables that pre-commit sets instead. It has one for each push: the
/// first ref with new commits.
pub(super) fn lines_of_pre_commit(surroundings: &Surroundings) -> Vec<u8> {
    let variable = |name: &str| {
        let value = Surroundings::variable(name)?.into_string().ok()?;
        (!value.is_empty()).then_some(value)
    };
    let local_ref = variable("PRE_COMMIT_LOCAL_BRANCH");
    let Some(local_ref) = local_ref.or_else(|| variable("PRE_COMMIT_TO_REF")) else {
        return Vec::new();
    };
    // Where everything is new, it names no commits; the ref itself is looked up then.
    let looked_up = || {
        let repository = surroundings.repository().ok()?;
        Some(repository.commit_at(&local_ref)?.to_string())
    };
    let local_id = variable("PRE_COMMIT_TO_REF")
        .or_else(looked_up)
        .unwrap_or_default();
    let remote_ref = variable("PRE_COMMIT_REMOTE_BRANCH").unwrap_or_else(|| local_ref.clone());
    let old = variable("PRE_COMMIT_FROM_REF").unwrap_or_else(|| "0".repeat(local_id.len()));
    format!("{local_ref} {local_id} {remote_ref} {old}\n").into_bytes()
}
