//! Which process a record means: a pid can be used again, so it travels with a mark of the process's start.
//!
//! A process is only signalled when pid and mark both match; where the system does not tell, it is left alone.

/// A pid, and a mark of when its process started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessMark {
    pub(super) pid: u32,
    /// `None` where the system does not tell.
    pub(super) start: Option<String>,
}

impl ProcessMark {
    pub(super) fn current() -> Self {
        let pid = std::process::id();
        ProcessMark {
            pid,
            start: start_of(pid),
        }
    }

    /// Whether this very process runs. `None` where that cannot be told.
    pub(super) fn is_alive(&self) -> Option<bool> {
        let start = self.start.as_ref()?;
        Some(start_of(self.pid).as_ref() == Some(start))
    }

    /// Kills this very process. False when it is gone, or when it cannot be told from another.
    pub(super) fn kill(&self) -> bool {
        imp::kill_if(self.pid, || self.is_alive() == Some(true))
    }
}

/// Boot and start time as the kernel counts it; a zombie counts as gone.
#[cfg(target_os = "linux")]
fn start_of(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields begin after the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    // Field 22 of the line; the state is field 3.
    let ticks = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{}:{ticks}", boot.get(..8)?))
}

#[cfg(not(target_os = "linux"))]
fn start_of(_pid: u32) -> Option<String> {
    None
}

#[cfg(target_os = "linux")]
mod imp {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    pub(super) fn kill_if(pid: u32, is_meant: impl FnOnce() -> bool) -> bool {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return false;
        };
        // The handle pins the process, so that what is checked is what is signalled.
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => is_meant() && pidfd_send_signal(handle, Signal::KILL).is_ok(),
            Err(_) => false,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn kill_if(_pid: u32, _is_meant: impl FnOnce() -> bool) -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_pid_under_another_start_is_neither_alive_nor_killed() {
        let me = ProcessMark::current();
        assert_eq!(me.is_alive(), Some(true));
        // Our own pid: a signal would end this test.
        let imposter = ProcessMark {
            start: Some("00000000:1".into()),
            ..me
        };
        assert_eq!(imposter.is_alive(), Some(false));
        assert!(!imposter.kill());
        let unknown = ProcessMark {
            pid: std::process::id(),
            start: None,
        };
        assert_eq!(unknown.is_alive(), None);
        assert!(!unknown.kill());
    }
}
