//! The process group of a program: what is ended with it.

#[cfg(unix)]
pub(super) fn kill_group(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(leader) = leader {
        // It fails when nobody is left, which is what is wanted.
        let _gone = kill_process_group(leader, Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(super) fn kill_group(_leader: u32) {}
