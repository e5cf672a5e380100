//! Where a broker listens: `unix:/path` or `pipe:\\.\pipe\name`.
//!
//! An [`Endpoint`] is a value; `imp` (one file a platform) binds it and connects to it. A socket is only ever made in,
//! and connected to from, a folder that is private to the user.

use std::fmt;
use std::path::{Path, PathBuf};

use super::BrokerError;

#[cfg(unix)]
pub(super) use super::unix as imp;
#[cfg(windows)]
pub(super) use super::windows as imp;

/// The reading half of a connection to a broker.
pub type BrokerReader = imp::ReadHalf;
/// The writing half of a connection to a broker.
pub type BrokerWriter = imp::WriteHalf;

/// An address that a broker listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A Windows named pipe, by its full name.
    Pipe(String),
}

impl Endpoint {
    /// Reads `unix:/absolute/path` or `pipe:\\.\pipe\name`.
    ///
    /// # Errors
    ///
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, BrokerError> {
        let bad = || BrokerError::BadEndpoint {
            text: text.to_owned(),
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') && !path.contains('\0') {
                Ok(Endpoint::Unix(PathBuf::from(path)))
            } else {
                Err(bad())
            };
        }
        match text.strip_prefix("pipe:") {
            Some(name) if name.len() > r"\\.\pipe\".len() && name.starts_with(r"\\.\pipe\") => {
                Ok(Endpoint::Pipe(name.to_owned()))
            }
            _ => Err(bad()),
        }
    }

    /// The endpoint of the broker whose files are in `session_dir`: a socket there, or in the user's own folder below
    /// `runtime_dir` where the path would be too long for an address (or is no text, which a record could not hold).
    pub(super) fn place(session_dir: &Path, runtime_dir: &Path) -> Result<Self, BrokerError> {
        imp::place(session_dir, runtime_dir)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
            Endpoint::Pipe(name) => write!(f, "pipe:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_survive_and_anything_else_is_refused_by_name() {
        for text in ["unix:/run/x.sock", r"pipe:\\.\pipe\codex"] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "/run/x",
            "unix:",
            "unix:relative",
            r"pipe:\\.\pipe\",
            "pipe:x",
            "tcp:1",
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
