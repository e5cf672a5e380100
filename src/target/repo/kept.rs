//! How much of what was read is kept in memory for whoever asks again.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many bytes of contents are kept in all; what there is no room for is read again when it is rendered.
const MOST_BYTES: u64 = 12 * 1024 * 1024;

/// The room for contents, over all threads.
#[derive(Debug, Default)]
pub(super) struct Kept(AtomicU64);

impl Kept {
    /// Takes room for a content of `size` bytes. `false`, and nothing is taken, where there is not so much.
    pub(super) fn take(&self, size: u64) -> bool {
        let more = |kept: u64| kept.checked_add(size).filter(|sum| *sum <= MOST_BYTES);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_takes_nothing_from_what_does() {
        let kept = Kept::default();
        assert!(kept.take(MOST_BYTES - 10));
        assert!(!kept.take(11) && !kept.take(u64::MAX));
        assert!(kept.take(10) && kept.take(0));
        assert!(!kept.take(1));
    }
}
