//! The commits between two points, for people and prompts.

use bstr::ByteSlice;

use super::{Repository, gix_id, own_id};
use crate::target::{ChangesError, ObjectId};

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

impl Repository {
    /// The commits that `new` has and `old` lacks (all of them, without `old`), newest first, at most `limit`.
    ///
    /// # Errors
    /// [`ChangesError::Repository`] for a commit that cannot be read.
    pub fn commits(
        &self,
        old: Option<&ObjectId>,
        new: &ObjectId,
        limit: usize,
    ) -> Result<CommitLog, ChangesError> {
        let failed = |source: gix::Error| ChangesError::Repository {
            what: format!("the history of {new}"),
            source: Box::new(source),
        };
        let order = gix::revision::walk::Sorting::ByCommitTime(
            gix::traverse::commit::simple::CommitTimeOrder::NewestFirst,
        );
        let mut walk = self
            .gix
            .rev_walk([gix_id(new)])
            .sorting(order)
            .with_hidden(old.map(gix_id))
            .all()
            .map_err(failed)?;
        let mut log = CommitLog::default();
        for found in walk.by_ref().take(limit) {
            let commit = found.and_then(|found| found.object()).map_err(failed)?;
            log.commits.push(summary(&commit).map_err(failed)?);
        }
        log.has_more = walk.next().is_some();
        Ok(log)
    }
}

pub(super) fn summary(commit: &gix::Commit<'_>) -> gix::Result<CommitSummary> {
    let author = commit.author()?;
    let message = commit.message()?;
    Ok(CommitSummary {
        id: own_id(&commit.id),
        author: author.name.to_str_lossy().into_owned(),
        author_seconds: author.seconds(),
        subject: message.summary().to_str_lossy().trim().to_owned(),
        body: message
            .body
            .map(|body| body.to_str_lossy().trim().to_owned())
            .unwrap_or_default(),
    })
}
