//! What a command started and let out of its group: a process that made a session of its own, and so outlives the group.
//!
//! On Linux such a process comes to us once its parent is gone, and we end it. Elsewhere it goes on.

/// What becomes of processes that left a command's group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strays {
    /// They are ended, where the system is Linux. Whatever comes to this process meanwhile counts as the command's, so it
    /// must start nothing else until the command's run is over.
    End,
    /// They go on.
    LeaveAlone,
}

/// While it lives, processes below this one that lose their parent come to this one.
pub(super) struct Adoption {
    #[cfg(target_os = "linux")]
    own: std::collections::BTreeSet<u32>,
}

#[cfg(target_os = "linux")]
mod imp {
    use std::time::{Duration, Instant};

    use rustix::process::{
        Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
    };

    use super::Adoption;
    use crate::process_identity::children;

    /// How long all of them together may take to be gone. Whoever makes new ones faster than they end is left then.
    const DEATH: Duration = Duration::from_secs(2);
    /// How long a killed one has before it is looked for again.
    const MOMENT: Duration = Duration::from_millis(2);

    impl Adoption {
        pub(in super::super) fn begin() -> Option<Adoption> {
            set_child_subreaper(Some(getpid())).ok()?;
            Some(Adoption {
                own: children(std::process::id()).into_iter().collect(),
            })
        }

        /// Ends all that came, and all that it leaves behind in turn. `command` is known to be over.
        pub(in super::super) async fn end(mut self, command: u32) {
            self.own.insert(command);
            let deadline = Instant::now() + DEATH;
            loop {
                let strays: Vec<Pid> = children(std::process::id())
                    .into_iter()
                    .filter(|pid| !self.own.contains(pid))
                    .filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
                    .collect();
                if strays.is_empty() {
                    break;
                }
                for stray in strays {
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
    pub(super) fn begin() -> Option<Adoption> {
        None
    }

    #[expect(
        clippy::unused_async,
        reason = "it waits where there is something to end"
    )]
    pub(super) async fn end(self, _command: u32) {}
}
