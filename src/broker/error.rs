//! What can go wrong around a broker.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::rpc::ErrorObject;

/// Why there is no broker to talk to, or why one could not serve.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The endpoint's text is of no known form.
    #[error("`{text}` is no broker endpoint")]
    BadEndpoint {
        /// The text.
        text: String,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The socket's folder is not private to this user.
    #[error("the broker's folder `{}` is not safe to use: {problem}", path.display())]
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A broker serves, and which one it is cannot be read any more.
    #[error("the record of the broker in `{}` is lost", path.display())]
    Nameless {
        /// Its folder.
        path: PathBuf,
    },
    /// Neither the state folder nor the runtime folder is short enough for a socket's address.
    #[error("no folder is short enough for a socket: neither `{}` nor `{}`", state.display(), runtime.display())]
    PathTooLong {
        /// The first choice.
        state: PathBuf,
        /// The second.
        runtime: PathBuf,
    },
    /// Nothing answers at an endpoint.
    #[error("cannot connect to the broker at `{endpoint}`")]
    Connect {
        /// The endpoint.
        endpoint: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Something answers, but not as a broker does, or not in time.
    #[error("the broker at `{endpoint}` {problem}")]
    NotResponding {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        problem: String,
    },
    /// The broker refused.
    #[error("the broker at `{endpoint}` refused `{method}`")]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// The method.
        method: &'static str,
        /// Its error.
        #[source]
        source: Box<ErrorObject>,
    },
    /// Another process holds a lock for longer than anyone should.
    #[error("`{}` stays locked by another process (waited {waited:?})", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The broker's process could not be started.
    #[error("cannot start the broker `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The broker was started, but never served.
    #[error("the broker did not start: {problem}{}", said(log_tail))]
    NotStarted {
        /// What happened.
        problem: String,
        /// The end of its log.
        log_tail: String,
        /// Its log.
        log_file: PathBuf,
    },
    /// The arguments of `broker serve` are wrong. They are written by this program, so this is a mix of versions.
    #[error("bad arguments for a broker: {problem}")]
    BadArguments {
        /// What is wrong.
        problem: String,
    },
}

impl BrokerError {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            BrokerError::BadEndpoint { .. } => {
                Some(r"an endpoint is `unix:/absolute/path` or `pipe:\\.\pipe\name`")
            }
            BrokerError::UnsafeFolder { .. } => {
                Some("remove the folder, or make it yours alone with `chmod 700`")
            }
            BrokerError::Nameless { .. } => {
                Some("it ends by itself once nobody has used it for a while")
            }
            BrokerError::PathTooLong { .. } => {
                Some("set `CODEX_REVIEW_STATE_DIR` or `XDG_RUNTIME_DIR` to a shorter path")
            }
            BrokerError::NotResponding { .. } | BrokerError::Locked { .. } => {
                Some("`codex-review broker stop --force` ends a broker that hangs")
            }
            BrokerError::NotStarted { .. } => Some("the broker's log says more"),
            _ => None,
        }
    }

    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> BrokerError {
        let path = path.into();
        move |source| BrokerError::Io {
            action,
            path,
            source,
        }
    }
}

fn said(log_tail: &str) -> String {
    if log_tail.is_empty() {
        String::new()
    } else {
        format!("; its log ends: {log_tail}")
    }
}
