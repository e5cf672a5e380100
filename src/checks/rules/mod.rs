//! The rules, and what a rule is.
//!
//! To add one: write it in the file of its family (or a new one), list it in [`RULES`], and give it a positive and a
//! negative case in `fixtures/rules/<id>.toml`; a test fails until it has both.

mod change;
mod credentials;
mod debugging;
mod escaping;
mod files;
mod lockfile;
mod loose_ends;
mod pattern;
mod permissions;
mod removed_tests;
mod skipped;
mod transport;
mod unicode;
mod weak;
mod workflow;

use crate::review::Severity;

use super::examine::Sink;
use super::source::ChangeSource;
use super::view::FileView;

use pattern::Patterns;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable; what a finding's origin and a suppression name.
    pub id: &'static str,
    /// How grave a finding is, unless the case at hand says otherwise.
    pub severity: Severity,
    /// How sure a finding is, from 0 to 1, unless the case at hand says otherwise.
    pub confidence: f64,
    /// One line: what was found.
    pub title: &'static str,
    /// Why it matters, in about two sentences.
    pub why: &'static str,
    /// What to do about it.
    pub advice: &'static str,
    pub(super) check: Check,
}

/// How a rule looks at a change.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// Patterns for single new lines, by language.
    Patterns(&'static std::sync::LazyLock<Patterns>),
    /// One changed file at a time.
    File(fn(&FileView<'_>, &mut Sink)),
    /// One changed file at a time with the change around it, and once more at the end.
    Change {
        file: fn(&dyn ChangeSource, &FileView<'_>, &mut Sink),
        end: Option<fn(&mut Sink)>,
    },
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Check::Patterns(_) => "Patterns",
            Check::File(_) => "File",
            Check::Change { .. } => "Change",
        })
    }
}

/// Every rule, in the order in which they run.
pub static RULES: [&Rule; 30] = [
    &change::CONFLICT_MARKER,
    &credentials::PRIVATE_KEY,
    &credentials::CREDENTIAL,
    &credentials::SECRET_FILE,
    &unicode::BIDI_CONTROL,
    &unicode::INVISIBLE_CHARACTER,
    &transport::TLS_VERIFICATION_OFF,
    &transport::CURL_PIPE_SHELL,
    &escaping::SHELL_FROM_INPUT,
    &escaping::SQL_FROM_INPUT,
    &escaping::EVAL_CALL,
    &escaping::UNSAFE_DESERIALIZATION,
    &permissions::WORLD_WRITABLE_MODE,
    &permissions::SYMLINK_ESCAPES_REPOSITORY,
    &workflow::UNTRUSTED_CHECKOUT,
    &workflow::SCRIPT_INJECTION,
    &workflow::BROAD_PERMISSIONS,
    &workflow::MOVING_ACTION,
    &lockfile::LOCKFILE_OUT_OF_STEP,
    &files::LARGE_FILE_ADDED,
    &files::BINARY_ADDED,
    &debugging::DEBUG_LEFTOVER,
    &debugging::UNFINISHED_CODE,
    &skipped::FOCUSED_TEST,
    &skipped::SKIPPED_TEST,
    &removed_tests::TESTS_REMOVED,
    &loose_ends::SWALLOWED_ERROR,
    &loose_ends::TODO_WITHOUT_TICKET,
    &weak::WEAK_HASH,
    &weak::WEAK_RANDOM,
];
