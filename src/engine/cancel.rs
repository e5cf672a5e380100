//! Asking a turn to end, from anywhere.

use tokio::sync::watch;

/// Asks a turn to end.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

impl Canceller {
    /// Asks. Asking twice is asking once.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

/// Knows whether a turn was asked to end.
#[derive(Debug, Clone)]
pub struct Cancel(Option<watch::Receiver<bool>>);

impl Cancel {
    /// A cancel that can be asked for.
    #[must_use]
    pub fn new() -> (Canceller, Cancel) {
        let (ask, asked) = watch::channel(false);
        (Canceller(ask), Cancel(Some(asked)))
    }

    /// A cancel that never comes.
    #[must_use]
    pub fn never() -> Cancel {
        Cancel(None)
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| *asked.borrow())
    }

    /// Waits until it is asked for, for ever if need be.
    pub async fn asked(&mut self) {
        if let Some(asked) = &mut self.0
            && asked.wait_for(|asked| *asked).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }
}
