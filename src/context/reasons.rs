//! Why a file was left out, in words.

use super::size::human_size;
use crate::target::LeftOutReason;

/// A fragment for people.
#[must_use]
pub fn describe(reason: &LeftOutReason) -> String {
    match reason {
        LeftOutReason::TooLarge { cap } => {
            format!(
                "larger than the {} allowed for one untracked file",
                human_size(*cap)
            )
        }
        LeftOutReason::SumReached { cap } => {
            format!(
                "the {} allowed for all untracked files were used up",
                human_size(*cap)
            )
        }
        LeftOutReason::Unreadable(detail) => format!("could not be read: {detail}"),
        other => short(other).to_owned(),
    }
}

/// A few words without any detail.
pub(super) fn short(reason: &LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::TooLarge { .. } => "too large",
        LeftOutReason::SumReached { .. } => "over the sum of untracked files",
        LeftOutReason::Symlink => "symbolic link, not followed",
        LeftOutReason::NotRegular(_) => "not a regular file, not opened",
        LeftOutReason::NestedRepository => "a repository of its own",
        LeftOutReason::Binary => "untracked and not text",
        LeftOutReason::Unreadable(_) => "unreadable",
        LeftOutReason::Ignored => "excluded by filters",
        LeftOutReason::SecretName => "secret by name, never sent",
    }
}

/// A stable word for JSON.
pub(super) fn word(reason: &LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::TooLarge { .. } => "too-large",
        LeftOutReason::SumReached { .. } => "sum-reached",
        LeftOutReason::Symlink => "symlink",
        LeftOutReason::NotRegular(_) => "not-regular",
        LeftOutReason::NestedRepository => "nested-repository",
        LeftOutReason::Binary => "binary",
        LeftOutReason::Unreadable(_) => "unreadable",
        LeftOutReason::Ignored => "ignored",
        LeftOutReason::SecretName => "secret-name",
    }
}
