//! What a command started and let out of its group: a process that made a session of its own, and so outlives the group.
//!
//! On Linux such a process comes to us once its parent is gone, and we end it. Elsewhere it goes on.

use std::ffi::OsString;

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;

/// What becomes of processes that left a command's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strays {
    /// They are ended, where the system is Linux. What has the mark in its environment is the command's: a broker that this
    /// process started has descendants too, which may come to it meanwhile and are nobody's to end.
    End {
        /// `NAME=value`, which the command's environment has and no other's.
        mark: OsString,
    },
    /// They go on.
    LeaveAlone,
}

/// While it lives, processes below this one that lose their parent come to this one.
pub(super) struct Adoption {
    #[cfg(target_os = "linux")]
    own: BTreeSet<u32>,
    #[cfg(target_os = "linux")]
    mark: OsString,
}

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::time::{Duration, Instant};

    use rustix::process::{
        Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
    };

    use super::Adoption;
    use crate::process_identity::{children, is_marked};

    /// How long all of them together may take to be gone. Whoever makes new ones faster than they end is left then.
    const DEATH: Duration = Duration::from_secs(2);
    /// How long a killed one has before it is looked for again.
    const MOMENT: Duration = Duration::from_millis(2);

    impl Adoption {
        pub(in super::super) fn begin(mark: &OsStr) -> Option<Adoption> {
            set_child_subreaper(Some(getpid())).ok()?;
            Some(Adoption {
                own: children(std::process::id()).into_iter().collect(),
                mark: mark.to_owned(),
            })
        }

        /// Ends all that came, and all that it leaves behind in turn. `command` is known to be over.
        pub(in super::super) async fn end(mut self, command: u32) {
            self.own.insert(command);
            let deadline = Instant::now() + DEATH;
            // One that is dying has no environment any more, and may still have children to leave to us.
            let mut known = BTreeSet::new();
            loop {
                let strays: Vec<u32> = children(std::process::id())
                    .into_iter()
                    .filter(|pid| !self.own.contains(pid))
                    .filter(|pid| known.contains(pid) || is_marked(*pid, self.mark.as_bytes()))
                    .collect();
                if strays.is_empty() {
                    break;
                }
                known.extend(strays.iter().copied());
                let pids = strays.into_iter().filter_map(|pid| i32::try_from(pid).ok());
                for stray in pids.filter_map(Pid::from_raw) {
                    // Nobody else has its number as long as we have not waited for it.
                    let _gone = kill_process(stray, Signal::KILL);
                    let _reaped = waitpid(Some(stray), WaitOptions::NOHANG);
                }
                if Instant::now() >= deadline {
                    break;
                }
                tokio::time::sleep(MOMENT).await;
            }
        }
    }

    impl Drop for Adoption {
        fn drop(&mut self) {
            // It fails on no system that let it begin.
            let _over = set_child_subreaper(None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Adoption {
    pub(super) fn begin(_mark: &std::ffi::OsStr) -> Option<Adoption> {
        None
    }

    #[expect(
        clippy::unused_async,
        reason = "it waits where there is something to end"
    )]
    pub(super) async fn end(self, _command: u32) {}
}
