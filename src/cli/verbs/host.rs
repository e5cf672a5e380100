//! Which process runs our hooks: the client whose death ends its session, whether or not it says so.
//!
//! Known on Linux alone; elsewhere a session without an end is over when it is old.

use codex_review::jobs::ProcessIdentity;

/// The nearest ancestor of this process that does not merely start programs. `None` where that is not known.
pub(crate) fn host() -> Option<ProcessIdentity> {
    ProcessIdentity::of(imp::host_pid()?)
}

#[cfg(target_os = "linux")]
mod imp {
    /// Shells and starters between a client and us: they end with the hook, so their end says nothing.
    const STARTERS: [&str; 14] = [
        "sh",
        "bash",
        "dash",
        "ash",
        "zsh",
        "ksh",
        "fish",
        "busybox",
        "env",
        "nice",
        "timeout",
        "bwrap",
        "sudo",
        "codex-review",
    ];
    const MOST_STARTERS: usize = 8;

    pub(super) fn host_pid() -> Option<u32> {
        let mut pid = std::os::unix::process::parent_id();
        for _ in 0..MOST_STARTERS {
            let (name, parent) = process(pid)?;
            if !STARTERS.contains(&name.as_str()) {
                return Some(pid);
            }
            pid = parent;
        }
        None
    }

    /// A process's name and its parent.
    fn process(pid: u32) -> Option<(String, u32)> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name stands in parentheses and may hold some itself.
        let (head, rest) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let parent = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some((name.to_owned(), parent))
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn host_pid() -> Option<u32> {
        None
    }
}
