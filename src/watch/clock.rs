//! A clock that goes on while the machine sleeps, and that nobody can set.

use std::time::Duration;

/// How long the machine has been up, time asleep included. Only differences mean something.
#[must_use]
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn elapsed_since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

/// As on Linux; the monotonic clocks of the other systems count sleep by themselves or stop with it, which makes the
/// limits stricter and never laxer.
#[must_use]
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn elapsed_since_boot() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
