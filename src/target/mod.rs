//! What is under review: from what was typed to the exact bytes of the change.
//!
//! ```text
//! TargetSpec --Repository::resolve--> ResolvedTarget --Repository::changes--> ChangeSet (files, hunks, patches)
//! ```
//!
//! gix types are named only below `repo/`; everything public here is our own. A lost target is always fatal; a file
//! that cannot be read is a note on that file, or is named under what was left out. No program that the repository
//! names is ever run: where a filter would be needed, the file is compared raw and says so.
//!
//! Patches are byte for byte what `git diff --no-ext-diff --no-textconv -M --no-color` prints under a cleared
//! configuration. Three deviations are deliberate: a file in conflict is shown as HEAD against the working tree instead
//! of a combined diff; the text after `@@` follows git's default rule even where a `diff=<language>` attribute asks for
//! another one; and contents above 64 MiB are summarised like binary ones, because they are never held in memory.

mod change_set;
mod changes;
mod environment;
mod given_patch;
mod id;
mod patch;
mod path_filter;
mod push;
mod quote;
mod rename;
mod repo;
mod resolve;
mod spec;

pub use change_set::{Abbreviation, ChangeOptions, ChangeSet, ChangesError, IgnoreSource, Totals};
pub use changes::{Content, FileChange, HunkRange, LeftOut, LeftOutReason, Part, Side, Status};
pub use environment::GitEnvironment;
pub use given_patch::{
    AppliedFile, AppliedPatch, BaseFile, GivenPatch, MOST_PATCH_BYTES, Misfit, NewContent,
    PatchBase, PatchError,
};
pub use id::ObjectId;
pub use path_filter::{PathFilter, REVIEW_IGNORE_FILE, ReviewIgnore, literal_glob};
pub use push::{HooksFolder, HooksSource, PushedChange};
pub use quote::quote_path;
pub use repo::{
    CommitLog, CommitSummary, ConfiguredPrograms, CreateError, HeadMove, LineOrigin, LineOrigins,
    LineQuery, NewFile, OnDisk, OpenError, RemoteCommits, Repository, StagedEntry, StoredFile,
    TouchedFiles, Uncommitted, WatchRules, WatchedFolders, WorktreeFile, create_repository,
    hooks_folder_everywhere,
};
pub use resolve::{BaseChoice, Endpoint, Mode, PatchedSide, ResolveError, ResolvedTarget, Twin};
pub use spec::{SCOPES, Select, SpecArguments, SpecError, TargetSpec};
