//! What can be wrong with a baseline.

use crate::review::Fingerprint;

/// Why a baseline cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Not UTF-8, not TOML, or not of this shape.
    #[error("the baseline cannot be read")]
    Shape(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Written by a later version of this program.
    #[error("the baseline has version {found}, but version 1 is the latest known")]
    Version {
        /// Its version.
        found: i64,
    },
    /// A value of an entry means nothing.
    #[error("entry {number} of the baseline has a wrong `{member}`")]
    Entry {
        /// Which entry, from 1.
        number: usize,
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entry gives no reason or no author.
    #[error("entry {number} of the baseline has an empty `{member}`")]
    Blank {
        /// Which entry, from 1.
        number: usize,
        /// The member.
        member: &'static str,
    },
    /// Two entries accept the same finding in the same file.
    #[error("the baseline accepts `{fingerprint}` twice")]
    Twice {
        /// The finding.
        fingerprint: Fingerprint,
    },
    /// Nothing was accepted under this fingerprint.
    #[error("the baseline has no entry `{given}`")]
    NoEntry {
        /// As given.
        given: String,
    },
    /// The beginning of a fingerprint fits several entries.
    #[error("`{given}` fits {count} entries of the baseline")]
    Ambiguous {
        /// As given.
        given: String,
        /// How many.
        count: usize,
    },
}

impl BaselineError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            BaselineError::Shape(_)
            | BaselineError::Entry { .. }
            | BaselineError::Blank { .. }
            | BaselineError::Twice { .. } => "mend `.codex-review/baseline.toml` by hand",
            BaselineError::Version { .. } => "upgrade codex-review",
            BaselineError::NoEntry { .. } => "`codex-review baseline list` shows all entries",
            BaselineError::Ambiguous { .. } => "give more digits",
        }
    }
}
