//! What is under review: from what was typed to the exact bytes of the change.
//!
//! ```text
//! TargetSpec --Repository::resolve--> ResolvedTarget --Repository::changes--> ChangeSet (files, hunks, patches)
//! ```
//!
//! gix types are named only below `repo/`; everything public here is our own. A lost target is always fatal; a file
//! that cannot be read is a note on that file. No program that the repository names is ever run.

mod changes;
mod id;
mod resolve;
mod spec;

pub use changes::{Content, FileChange, HunkRange, LeftOut, LeftOutReason, Part, Side, Status};
pub use id::ObjectId;
pub use resolve::{BaseChoice, Endpoint, Mode, ResolvedTarget, Twin};
pub use spec::{Select, TargetSpec};
