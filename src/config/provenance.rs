//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// Where the value of a setting came from, weakest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// Nobody set it.
    Default,
    /// Nobody set it, and in CI it has another value than elsewhere.
    DefaultInCi,
    /// The user's file.
    UserFile(PathBuf),
    /// The repository's file.
    RepositoryFile(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command-line flag, as typed.
    Flag(String),
}

impl Provenance {
    /// A stable word for JSON: `default`, `user`, `repository`, `environment` or `flag`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Provenance::Default | Provenance::DefaultInCi => "default",
            Provenance::UserFile(_) => "user",
            Provenance::RepositoryFile(_) => "repository",
            Provenance::Environment(_) => "environment",
            Provenance::Flag(_) => "flag",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provenance::Default => f.write_str("default"),
            Provenance::DefaultInCi => f.write_str("default in CI"),
            Provenance::UserFile(path) | Provenance::RepositoryFile(path) => {
                write!(f, "{}", path.display())
            }
            Provenance::Environment(name) => write!(f, "${name}"),
            Provenance::Flag(flag) => f.write_str(flag),
        }
    }
}
