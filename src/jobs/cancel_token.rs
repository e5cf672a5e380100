//! A request to stop, seen by threads and by async tasks alike. Once made it stands.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A request to stop that can be handed around.
#[derive(Debug, Clone)]
pub struct CancelToken {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    requested: Mutex<bool>,
    changed: Condvar,
    watchers: watch::Sender<bool>,
}

impl Default for CancelToken {
    fn default() -> Self {
        CancelToken::new()
    }
}

impl CancelToken {
    /// A request that nobody has made yet.
    #[must_use]
    pub fn new() -> Self {
        CancelToken {
            inner: Arc::new(Inner {
                requested: Mutex::new(false),
                changed: Condvar::new(),
                watchers: watch::Sender::new(false),
            }),
        }
    }

    /// Makes the request. Returns whether this call was the first.
    pub fn cancel(&self) -> bool {
        let mut requested = self
            .inner
            .requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let first = !std::mem::replace(&mut *requested, true);
        drop(requested);
        self.inner.changed.notify_all();
        self.inner.watchers.send_replace(true);
        first
    }

    /// Whether the request was made.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.inner.watchers.borrow()
    }

    /// Waits for the request, from a task.
    pub async fn cancelled(&self) {
        let mut watcher = self.inner.watchers.subscribe();
        // The sender lives in `self`, so this only ends by the request.
        drop(watcher.wait_for(|requested| *requested).await);
    }

    /// Waits for the request, from a thread, for at most `bound`. Returns whether it was made.
    #[must_use]
    pub fn wait_timeout(&self, bound: Duration) -> bool {
        let start = Instant::now();
        let mut requested = self
            .inner
            .requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !*requested {
            let Some(left) = bound.checked_sub(start.elapsed()) else {
                return false;
            };
            requested = self
                .inner
                .changed
                .wait_timeout(requested, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reaches_threads_and_tasks_and_stands() {
        let token = CancelToken::new();
        assert!(!token.is_cancelled());
        assert!(!token.wait_timeout(Duration::ZERO));
        assert!(token.cancel());
        assert!(!token.cancel());
        assert!(token.wait_timeout(Duration::from_secs(5)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(token.cancelled());
    }
}
