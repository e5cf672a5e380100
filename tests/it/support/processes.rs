//! Which processes still live that belong to a test's sandbox.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long after a test its processes may take to go.
pub const GRACE: Duration = Duration::from_secs(5);

/// A live process that names a sandbox in its environment, working directory or command line.
#[derive(Debug)]
pub struct Leftover {
    /// Its process id.
    pub pid: i32,
    /// Its command line, words parted by blanks.
    pub command_line: String,
}

/// The processes, other than this one, that name `folder`. Zombies do not count: they are dead, and their parent's
/// business. Where there is no `/proc`, none are found.
pub fn naming(folder: &Path) -> Vec<Leftover> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let own = std::process::id().cast_signed();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if pid == own {
            continue;
        }
        // A process that ends while it is looked at reads as empty, which is the right answer.
        let command_line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let names = contains(&command_line, needle)
            || contains(
                &fs::read(entry.path().join("environ")).unwrap_or_default(),
                needle,
            )
            || fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        if names && !is_zombie(&entry.path()) {
            let words = String::from_utf8_lossy(&command_line).replace('\0', " ");
            found.push(Leftover {
                pid,
                command_line: words.trim_end().to_owned(),
            });
        }
    }
    found
}

/// Waits until no process names `folder`; what is left when the grace is over is the error.
pub fn wait_until_gone(folder: &Path, grace: Duration) -> Result<(), Vec<Leftover>> {
    let deadline = Instant::now() + grace;
    loop {
        let left = naming(folder);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(left);
        }
        // Foreign processes give no event to wait for: this is the one place that polls, up to a deadline.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends what a failed test left behind, so that it does not disturb the others.
pub fn kill(leftovers: &[Leftover]) {
    for leftover in leftovers {
        if let Some(pid) = Pid::from_raw(leftover.pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn is_zombie(process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    // The state follows the command's name, which is in parentheses and may itself hold any character.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_none_or(|rest| rest.starts_with(['Z', 'X']))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
