//! What the reviewer is shown: a text within a budget, made by a strategy, with a ledger of what it holds.
//!
//! ```text
//! ChangeView ─┐
//! Strategy ───┼─ build ─→ Context { text, ledger, hash, … }
//! Registry ───┘
//! ```
//!
//! - A [`Strategy`] is data (`strategies/<name>/strategy.toml` and its prompt text): when it applies, its budget, and an
//!   ordered list of sections. [`Catalog`] holds them by name and layer; [`StrategyChoice::Auto`] takes the first that
//!   applies.
//! - A [`Collector`] is code behind a name in the [`Registry`]: it lists items and renders one at a time, as large as the
//!   room that it is given, so that at most the budget and one file's patch are held at once.
//! - The [`Ledger`] accounts for each changed file, hunk and line as full, summarised or left out with a reason.
//!
//! What holds for every context: it never exceeds its [`Budget`], envelopes and ledger included; the same inputs give the
//! same bytes, whatever the clone's path and the number of threads; repository text is visible, without known secrets,
//! and inside an [`Envelope`](crate::prompt::Envelope) that it cannot leave; files that bear a secret by name are only
//! named.
//!
//! This module runs nothing and reads no file but strategies, from folders that it is given. Failure policy: what is
//! wrong with the *choice* of strategy or budget is an error; what is wrong with one file costs that file, with one
//! collector its section, and the ledger says so.

mod account;
mod budget;
mod build;
mod cached;
mod choose;
mod collector;
mod collectors;
mod held;
mod hunk_ids;
pub mod json;
mod known_tokens;
mod ledger;
mod pack;
mod patch;
mod plan;
mod present;
mod program;
mod reasons;
mod registry;
mod repository;
mod selected;
mod size;
mod strategy;
mod summary;
mod surroundings;
mod target_section;
mod token_bound;
mod tokens;
mod touched;
mod view;

pub use account::{Considered, Fate, SectionAccount};
pub use budget::{Budget, Cost, Room};
pub use build::{Context, ContextError, ContextInput, SectionSummary, build};
pub use cached::CachedChanges;
pub use choose::StrategyChoice;
pub use collector::{Claims, CollectError, Collector, Item, Piece, PieceDraft, Rung, Scene};
pub use collectors::shell_quote;
pub use held::HeldChanges;
pub use hunk_ids::HunkIds;
pub use ledger::{
    Coverage, FailedSection, FileEntry, HunkEntry, Ledger, LineTally, Omission, Shown,
};
pub use plan::{PlanContext, PlanInput, build_plan};
pub use present::{Presented, Presenter};
pub use program::{Program, ProgramCall, Programs};
pub use reasons::describe as describe_left_out;
pub use registry::{CollectorInfo, Factory, OptionsError, Registry, parse_options};
pub use repository::RepositoryChanges;
pub use selected::SelectedChanges;
pub use size::human_size;
pub use strategy::{
    Catalog, Entry, Layer, Layers, NamedProgram, SectionSpec, Strategy, StrategyError, When,
    load_strategy, name_fault, parse_strategy,
};
pub use summary::summary_line;
pub use surroundings::Surroundings;
pub use token_bound::bound as bound_tokens;
pub use tokens::estimate as estimate_tokens;
pub use view::{ChangeView, ChangedLineOrigins, SnapshotFile, ViewError};
