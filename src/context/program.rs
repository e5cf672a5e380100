//! What the collector `exec` needs of the world: something that starts programs. This module starts none.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::collector::CollectError;

/// Starts programs for collectors. The one implementation is [`crate::external`]; tests bring their own.
///
/// An implementation starts no shell, clears the environment but for a fixed list and [`ProgramCall::environment`], keeps
/// to the limits, and ends whatever the program started.
pub trait Programs: fmt::Debug + Send + Sync {
    /// Runs a program to its end and returns what it wrote to standard output.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends with a fault, takes longer or writes more than it may: a sentence for the ledger.
    fn run(&self, call: &ProgramCall) -> Result<Vec<u8>, CollectError>;

    /// Whether there is such a program that could be started.
    fn exists(&self, program: &Program) -> bool;
}

/// Which program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The first of this name on the search path.
    OnSearchPath(String),
    /// A file of the strategy's folder, or one that is named by its absolute path. It is started only where it is a
    /// regular file and no link.
    File(PathBuf),
}

/// One run of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCall {
    /// What to start.
    pub program: Program,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it reads from standard input.
    pub input: Vec<u8>,
    /// Environment variables that it gets besides the fixed ones, by name.
    pub environment: Vec<String>,
    /// How long it may take, from its start to the end of its output.
    pub time_limit: Duration,
    /// How much it may write to standard output.
    pub most_bytes: usize,
}
