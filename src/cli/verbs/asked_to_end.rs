//! Signals that ask this process to end, for verbs that have something to put away first.

use codex_review::jobs::CancelToken;

/// From its return on, a request to end does not end this process, but cancels `asked`. The watching ends with the
/// process. Where signals cannot be watched, they end the process as they always do.
pub(super) fn watch(asked: &CancelToken) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
    else {
        return;
    };
    let listening = {
        let _context = runtime.enter();
        imp::listen()
    };
    let Ok(signals) = listening else {
        return;
    };
    let asked = asked.clone();
    let watch = move || {
        runtime.block_on(imp::any(signals));
        asked.cancel();
    };
    drop(
        std::thread::Builder::new()
            .name("asked to end".to_owned())
            .spawn(watch),
    );
}

#[cfg(unix)]
mod imp {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub(super) fn listen() -> std::io::Result<[Signal; 3]> {
        Ok([
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ])
    }

    pub(super) async fn any([mut terminate, mut interrupt, mut hangup]: [Signal; 3]) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(windows)]
mod imp {
    use tokio::signal::windows::{CtrlC, ctrl_c};

    pub(super) fn listen() -> std::io::Result<CtrlC> {
        ctrl_c()
    }

    pub(super) async fn any(mut presses: CtrlC) {
        presses.recv().await;
    }
}
