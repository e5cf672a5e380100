//! A strategy: what a reviewer is shown, declared as data.
//!
//! `StrategyFile` (what was written) → [`Strategy`] (what was meant, checked against the registry) → [`Catalog`] (all
//! of them, by name and layer).

mod builtin;
mod catalog;
mod file;

use std::fmt;
use std::path::PathBuf;

pub use catalog::{Catalog, Entry, Layers};
pub use file::{StrategyError, load_strategy, name_fault, parse_strategy};

use super::budget::Budget;
use super::collector::Rung;
use super::collectors::{EXEC, program};
use super::program::Program;
use crate::target::Mode;

/// Where a strategy comes from. A later layer replaces a strategy of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Compiled in.
    BuiltIn,
    /// The user's own folder.
    User,
    /// The repository's folder, which counts only where the user trusts it.
    Repository,
}

impl Layer {
    /// A stable word: `built-in`, `user` or `repository`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::BuiltIn => "built-in",
            Layer::User => "user",
            Layer::Repository => "repository",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A strategy, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// Its name: lower-case letters, digits and hyphens. `auto` is taken.
    pub name: String,
    /// One or two sentences for people.
    pub description: String,
    /// Where it comes from.
    pub layer: Layer,
    /// Its folder; `None` for one that is compiled in.
    pub folder: Option<PathBuf>,
    /// Its place in `auto`'s order, lowest first; `None` when `auto` never takes it.
    pub rank: Option<u32>,
    /// When `auto` may take it: one alternative that holds is enough, and none at all always holds.
    pub when: Vec<When>,
    /// The most that a context made by it may be.
    pub budget: Budget,
    /// Its sections, in the order in which they are shown.
    pub sections: Vec<SectionSpec>,
    /// What the reviewer is told about this kind of context; may be empty.
    pub guidance: String,
}

impl Strategy {
    /// The programs that its sections start.
    #[must_use]
    pub fn programs(&self) -> Vec<NamedProgram> {
        self.sections
            .iter()
            .filter(|section| section.collector == EXEC)
            .filter_map(|section| section.options.get("command")?.get(0)?.as_str())
            .filter_map(|word| {
                Some(NamedProgram {
                    word: word.to_owned(),
                    program: program(word, self.folder.as_deref()).ok()?,
                })
            })
            .collect()
    }
}

/// A program as a strategy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedProgram {
    /// The first word of its command.
    pub word: String,
    /// What that means.
    pub program: Program,
}

/// One alternative of a strategy's applicability: everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// At most this many changed files, by path.
    pub max_files: Option<u64>,
    /// At least one changed file matches one of these globs; empty means any file does.
    pub paths: Vec<String>,
    /// At most this many bytes of patches.
    pub max_diff_bytes: Option<u64>,
    /// Only for these targets; empty means all.
    pub modes: Vec<Mode>,
}

/// One section.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionSpec {
    /// The name of its collector.
    pub collector: String,
    /// Its heading.
    pub title: String,
    /// The percentage of the budget that it may use before the others have had theirs. What a section does not use goes
    /// to the others, in order.
    pub share: u8,
    /// How its items may be rendered, from the most to the least.
    pub ladder: Vec<Rung>,
    /// The collector's options.
    pub options: toml::Table,
}
