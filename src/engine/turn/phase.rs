//! What a turn is doing, in one word.

use std::fmt;

/// The phase of a running turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The engine, the thread or the turn is being started.
    Starting,
    /// The reviewer looks at the change.
    Reviewing,
    /// The model reads and searches.
    Investigating,
    /// The model runs a command.
    Running,
    /// The model runs tests, builds or linters.
    Verifying,
    /// The model writes files.
    Editing,
    /// The answer is being written.
    Finalizing,
}

impl Phase {
    /// The word that records and displays use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Reviewing => "reviewing",
            Phase::Investigating => "investigating",
            Phase::Running => "running",
            Phase::Verifying => "verifying",
            Phase::Editing => "editing",
            Phase::Finalizing => "finalizing",
        }
    }

    /// The phase that a command means: the engine's own parse knows reading, the words tell checks from the rest.
    pub(crate) fn of_command(command: &str, only_reads: bool) -> Phase {
        const CHECKS: [&str; 16] = [
            "test", "tests", "pytest", "jest", "vitest", "tox", "check", "clippy", "lint",
            "eslint", "mypy", "tsc", "build", "compile", "verify", "ctest",
        ];
        if only_reads {
            return Phase::Investigating;
        }
        let mut words = command.split(|c: char| !c.is_alphanumeric());
        if words.any(|word| CHECKS.contains(&word)) {
            Phase::Verifying
        } else {
            Phase::Running
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_tell_their_phase() {
        for (command, only_reads, expected) in [
            ("sed -n 1,20p src/test.rs", true, Phase::Investigating),
            ("cargo test --lib", false, Phase::Verifying),
            ("bash -lc 'npm run lint'", false, Phase::Verifying),
            ("git diff latest", false, Phase::Running),
        ] {
            assert_eq!(
                Phase::of_command(command, only_reads),
                expected,
                "{command}"
            );
        }
    }
}
