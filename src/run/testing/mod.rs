//! The run that writes tests: in a worktree of its own, where only tests that were added count.
//!
//! ```text
//! TestOrder (stored) → Site (worktrees) → the engine's turn → what it touched → Policy → runs → WrittenTests
//! ```
//!
//! The user's own tree is read when the job starts, and never written by it; [`apply`] brings accepted tests over when the
//! user says so. Every worktree is gone when the run ends; what a killed worker leaves, the next run takes away.
//!
//! A project's test command runs the project's own code. It runs only where the user asks for that, with the order's
//! [`RunTests::OnBothSides`].

mod apply;
mod order;
mod placing;
mod runs;
mod site;
mod touched;
mod write;
mod written;

pub use apply::{Applied, ApplyError, applied_json, apply, read_written};
pub use order::{NoTests, RunTests, TestOrder, TestPlan};
pub use written::WrittenTests;

pub(super) use order::StoredOrder;
pub(super) use write::write_tests;
