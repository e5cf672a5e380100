//! Watches, beside a worker's body, for whatever asks the job to end: its cancel file, and signals.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::writer::JobWriter;
use super::{CancelToken, EventSink as _, JobEvent};

/// What to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attention {
    /// The cancel file alone: the process has other things to do and its signals are its own.
    CancelFile,
    /// Signals too.
    CancelFileAndSignals,
}

/// Starts watching; ends when `done` is made, or after the first request.
pub(crate) fn watch(
    attention: Attention,
    poll: Duration,
    cancel_file: PathBuf,
    writer: Arc<Mutex<JobWriter>>,
    cancelled: CancelToken,
    done: CancelToken,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signals = match attention {
        Attention::CancelFile => None,
        Attention::CancelFileAndSignals => {
            let _context = runtime.enter();
            Some(imp::Signals::install()?)
        }
    };
    std::thread::Builder::new()
        .name("job-watcher".into())
        .spawn(move || {
            runtime.block_on(async {
                let by = tokio::select! {
                    () = done.cancelled() => return,
                    by = signalled(signals) => by,
                    by = file_appears(poll, cancel_file) => by,
                };
                writer
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .emit(JobEvent::CancelRequested { by });
                cancelled.cancel();
                done.cancelled().await;
            });
        })
}

async fn signalled(signals: Option<imp::Signals>) -> String {
    match signals {
        Some(signals) => imp::next_request(signals).await,
        None => std::future::pending().await,
    }
}

async fn file_appears(poll: Duration, path: PathBuf) -> String {
    loop {
        if path.exists() {
            return "the user".to_owned();
        }
        tokio::time::sleep(poll).await;
    }
}

#[cfg(unix)]
mod imp {
    use std::io;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub(super) struct Signals {
        terminate: Signal,
        interrupt: Signal,
        hangup: Signal,
        /// Taken so that a file-size limit is an error of the write, and not the worker's death.
        _file_size: Signal,
    }

    impl Signals {
        pub(super) fn install() -> io::Result<Self> {
            Ok(Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
                _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
            })
        }
    }

    pub(super) async fn next_request(mut signals: Signals) -> String {
        let name = tokio::select! {
            _ = signals.terminate.recv() => "SIGTERM",
            _ = signals.interrupt.recv() => "SIGINT",
            _ = signals.hangup.recv() => "SIGHUP",
        };
        name.to_owned()
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    pub(super) struct Signals;

    impl Signals {
        pub(super) fn install() -> io::Result<Self> {
            Ok(Signals)
        }
    }

    pub(super) async fn next_request(_signals: Signals) -> String {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C".to_owned(),
            Err(_) => std::future::pending().await,
        }
    }
}
