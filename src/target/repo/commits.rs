//! The commits between two points, for people and prompts.

use crate::target::ObjectId;

/// One commit's words. They are claims of its author, not facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSummary {
    /// Its id.
    pub id: ObjectId,
    /// The author's name, as written (lossy UTF-8).
    pub author: String,
    /// The author date in seconds since 1970.
    pub author_seconds: i64,
    /// The first paragraph of the message on one line.
    pub subject: String,
    /// The rest of the message; may be empty.
    pub body: String,
}

/// Commits, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitLog {
    /// The newest of them.
    pub commits: Vec<CommitSummary>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
}
