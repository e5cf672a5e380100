//! The test suites of a project: how they are run, which files belong to them, and what may be changed in them by
//! somebody who is to write tests and nothing else.
//!
//! - [`RUNNERS`] is the table: marker file → package → command and test files. [`find_packages`] looks it up for a change
//!   and says why.
//! - [`Policy`] judges what a writer of tests changed: [`Accepted`] files hold nothing but additions to tests,
//!   everything else is [`Refused`] with its reason.
//! - [`Accepted`] applies to other versions of a file too: to the base of a change, and to the user's working tree.
//! - [`judge`] says what two runs of the tests show, one on the change and one on its base.
//!
//! It reads no file, starts no program and knows no repository: content and results are handed over.
//!
//! Failure policy: what cannot be decided mechanically is refused, with the reason.

mod accepted;
mod additions;
mod commands;
mod find;
mod policy;
mod runners;
mod test_module;
mod verdict;
mod weakening;

pub use accepted::{Accepted, AppliedTo, Insertion};
pub use commands::{CommandLine, Program};
pub use find::{Found, MOST_MARKER_BYTES, Package, ProjectFiles, find_packages};
pub use policy::{FileState, Kept, Place, Policy, Refusal, Refused, Touched};
pub use runners::{RUNNERS, Runner};
pub use verdict::{Judgement, SideEnd, judge};
