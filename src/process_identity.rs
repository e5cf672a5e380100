//! Which process is meant: a pid alone can be reused, so a pid travels with its start.
//!
//! [`ProcessIdentity`] is what records of jobs, leases and brokers keep of a process. It starts none and waits for none.
//!
//! Failure policy: when it is not certain that a process is the one that was recorded, it is not signalled.

use std::io;

/// A process that can be told from a later one with the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The pid.
    pub pid: u32,
    /// An opaque mark of the process's start (boot and start time). `None` where the system does not tell; such a
    /// process is never signalled.
    pub start: Option<String>,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// It was sent.
    Sent,
    /// The process is gone.
    Gone,
    /// Another process has the pid now; nothing was sent.
    Reused,
    /// This system cannot tell whose pid it is; nothing was sent.
    Unverifiable,
}

impl ProcessIdentity {
    /// The identity of the calling process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        ProcessIdentity {
            pid,
            start: imp::start_mark(pid),
        }
    }

    /// The identity of the process that has this pid now. `None` if there is none, or the system does not tell.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        imp::start_mark(pid).map(|start| ProcessIdentity {
            pid,
            start: Some(start),
        })
    }

    /// Whether this very process still runs. `None` where the system does not tell.
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        let recorded = self.start.as_deref()?;
        if !imp::TELLS_START {
            return None;
        }
        Some(imp::start_mark(self.pid).as_deref() == Some(recorded))
    }

    /// Kills the process, and its whole group if it leads one. Nothing is sent unless pid *and* start match.
    ///
    /// # Errors
    ///
    /// The system refused the signal.
    pub fn kill_group(&self) -> io::Result<Signalled> {
        let Some(recorded) = self.start.as_deref() else {
            return Ok(Signalled::Unverifiable);
        };
        imp::kill_group(self.pid, recorded)
    }

    /// Kills the process alone, whatever group it leads. Nothing is sent unless pid *and* start match.
    ///
    /// # Errors
    ///
    /// The system refused the signal.
    pub fn kill(&self) -> io::Result<Signalled> {
        let Some(recorded) = self.start.as_deref() else {
            return Ok(Signalled::Unverifiable);
        };
        imp::kill(self.pid, recorded)
    }

    /// Kills what a process that led a session has left behind: members of that session whose environment holds
    /// `mark`. A session's number is not given to a new process while it has members, and the mark tells them from
    /// those of an unrelated later session. Returns how many there were.
    pub(crate) fn kill_left_behind(&self, mark: &str) -> usize {
        if self.start.is_none() {
            return 0;
        }
        imp::kill_marked_in_session(self.pid, mark)
    }
}

#[cfg(target_os = "linux")]
pub(crate) use imp::{children, is_marked};

#[cfg(target_os = "linux")]
mod imp {
    use super::Signalled;
    use rustix::process::{PidfdFlags, Signal};
    use std::io;

    pub(super) const TELLS_START: bool = true;

    /// `<boot>:<start in ticks since boot>`; a zombie counts as gone.
    pub(super) fn start_mark(pid: u32) -> Option<String> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        let fields = fields_after_name(&stat)?;
        let state = fields.first()?;
        if matches!(*state, "Z" | "X") {
            return None;
        }
        // Field 22 of the line; the state is field 3.
        let ticks = fields.get(19)?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(format!("{}:{ticks}", boot.get(..8)?))
    }

    fn group_of(pid: u32) -> Option<u32> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        fields_after_name(&stat)?.get(2)?.parse().ok()
    }

    /// The name in parentheses may hold blanks and parentheses, so the fields begin after the last one.
    fn fields_after_name(stat: &[u8]) -> Option<Vec<&str>> {
        let end = stat.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
        Some(rest.split_ascii_whitespace().collect())
    }

    /// The processes whose parent is `pid`, those that are dead and not waited for included.
    pub(crate) fn children(pid: u32) -> Vec<u32> {
        pids()
            .filter(|&child| parent_of(child) == Some(pid))
            .collect()
    }

    fn pids() -> impl Iterator<Item = u32> {
        std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    fn parent_of(pid: u32) -> Option<u32> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        fields_after_name(&stat)?.get(1)?.parse().ok()
    }

    fn session_of(pid: u32) -> Option<u32> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        fields_after_name(&stat)?.get(3)?.parse().ok()
    }

    /// Whether a process began with this `NAME=value` in its environment. One that is dead has none.
    pub(crate) fn is_marked(pid: u32, mark: &[u8]) -> bool {
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment
                .split(|&byte| byte == 0)
                .any(|variable| variable == mark)
        })
    }

    pub(super) fn kill_marked_in_session(session: u32, mark: &str) -> usize {
        pids()
            .filter(|&pid| pid != session && session_of(pid) == Some(session))
            .filter(|&pid| {
                kill_if(pid, || {
                    session_of(pid) == Some(session) && is_marked(pid, mark.as_bytes())
                })
            })
            .count()
    }

    /// Kills a process if `check` holds while a handle pins it.
    fn kill_if(pid: u32, check: impl FnOnce() -> bool) -> bool {
        let Some(raw) = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        else {
            return false;
        };
        rustix::process::pidfd_open(raw, PidfdFlags::empty()).is_ok_and(|handle| {
            check() && rustix::process::pidfd_send_signal(handle, Signal::KILL).is_ok()
        })
    }

    pub(super) fn kill(pid: u32, recorded: &str) -> io::Result<Signalled> {
        signal(pid, recorded, Reach::Process)
    }

    pub(super) fn kill_group(pid: u32, recorded: &str) -> io::Result<Signalled> {
        signal(pid, recorded, Reach::Group)
    }

    /// Whom a signal reaches.
    #[derive(PartialEq, Eq)]
    enum Reach {
        Process,
        /// The group that the process leads, if it leads one.
        Group,
    }

    fn signal(pid: u32, recorded: &str, reach: Reach) -> io::Result<Signalled> {
        let Some(raw) = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        else {
            return Ok(Signalled::Gone);
        };
        // The handle pins the process: what is checked below is what is signalled.
        let handle = match rustix::process::pidfd_open(raw, PidfdFlags::empty()) {
            Ok(handle) => Some(handle),
            Err(rustix::io::Errno::SRCH) => return Ok(Signalled::Gone),
            Err(_) => None,
        };
        match start_mark(pid) {
            None => return Ok(Signalled::Gone),
            Some(start) if start != recorded => return Ok(Signalled::Reused),
            Some(_) => {}
        }
        let sent = if reach == Reach::Group && group_of(pid) == Some(pid) {
            // While the leader lives its number cannot name another group.
            rustix::process::kill_process_group(raw, Signal::KILL)
        } else if let Some(handle) = handle {
            rustix::process::pidfd_send_signal(handle, Signal::KILL)
        } else {
            rustix::process::kill_process(raw, Signal::KILL)
        };
        match sent {
            Ok(()) => Ok(Signalled::Sent),
            Err(rustix::io::Errno::SRCH) => Ok(Signalled::Gone),
            Err(error) => Err(error.into()),
        }
    }
}

/// Elsewhere the start of a process is not read, so no process is ever signalled by pid: a cancel waits for the worker
/// to obey, and says so if it does not.
#[cfg(not(target_os = "linux"))]
mod imp {
    use super::Signalled;
    use std::io;

    pub(super) const TELLS_START: bool = false;

    pub(super) fn start_mark(_pid: u32) -> Option<String> {
        None
    }

    pub(super) fn kill_marked_in_session(_session: u32, _mark: &str) -> usize {
        0
    }

    pub(super) fn kill(_pid: u32, _recorded: &str) -> io::Result<Signalled> {
        Ok(Signalled::Unverifiable)
    }

    pub(super) fn kill_group(_pid: u32, _recorded: &str) -> io::Result<Signalled> {
        Ok(Signalled::Unverifiable)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_is_alive_and_has_a_start() {
        let me = ProcessIdentity::current();
        assert_eq!(me.is_alive(), Some(true));
        assert_eq!(ProcessIdentity::of(me.pid), Some(me));
    }

    #[test]
    fn a_reused_pid_is_never_signalled() {
        // Our own pid under another start: a signal would end this test.
        let imposter = ProcessIdentity {
            pid: std::process::id(),
            start: Some("00000000:1".into()),
        };
        assert_eq!(imposter.kill_group().unwrap(), Signalled::Reused);
        assert_eq!(imposter.kill().unwrap(), Signalled::Reused);
        assert_eq!(imposter.is_alive(), Some(false));
    }

    #[test]
    fn a_pid_without_a_start_is_never_signalled() {
        let unknown = ProcessIdentity {
            pid: std::process::id(),
            start: None,
        };
        assert_eq!(unknown.kill_group().unwrap(), Signalled::Unverifiable);
        assert_eq!(unknown.kill().unwrap(), Signalled::Unverifiable);
        assert_eq!(unknown.is_alive(), None);
    }

    #[test]
    fn pids_that_no_process_can_have_are_gone() {
        for pid in [0, u32::MAX] {
            let process = ProcessIdentity {
                pid,
                start: Some("x".into()),
            };
            assert_eq!(process.kill_group().unwrap(), Signalled::Gone);
            assert_eq!(process.kill().unwrap(), Signalled::Gone);
        }
    }
}
