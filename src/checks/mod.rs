//! Deterministic checks over a change, without an account, a network or a process.
//!
//! - [`check`] and [`examine`] take a [`ChangeSource`] and return findings, nothing else touched. [`RepositorySource`] is
//!   the source behind the builtin engine and behind contexts; tests bring their own.
//! - [`rules`] are the rules, one file for each family, every one with a positive and a negative case in
//!   `fixtures/rules/`.
//!
//! A rule looks at lines that are new (or at a file that is), never at what was there before. It is quiet rather than
//! complete: what it reports should be worth a reviewer's glance. What cannot be read is named in
//! [`Examination::not_seen`], never passed over in silence. Checks cannot fail and do not panic on any input; their
//! cost is linear in the new lines, and what they report is bounded.

mod examine;
mod language;
mod mask;
mod patch_lines;
mod repository_source;
pub mod rules;
mod source;
mod view;

use std::ops::ControlFlow;

use crate::review::Finding;

pub use examine::{Examination, Progress, Stopped, examine};
pub use language::{Language, is_test_path};
pub use repository_source::RepositorySource;
pub use source::{CONTENT_CAP, ChangeSource, ChangedText, Line, MODE_SYMLINK, SourceFile};

/// Runs every rule over a change: the findings, gravest first.
#[must_use]
pub fn check(source: &dyn ChangeSource) -> Vec<Finding> {
    examine(source, &mut |_| ControlFlow::Continue(()))
        .map(|examination| examination.findings)
        .unwrap_or_default()
}
