//! What becomes of a push: which refs are reviewed, and what their reviews mean.
//!
//! [`decide`] and [`conclude`] are pure; the binary reads git's lines, asks the repository, runs the reviews and tells
//! git by its exit code. A push goes whole or not at all, so one ref that is held blocks all of them.

use crate::review::Unjudged;
use crate::target::{ObjectId, PushedChange};

use super::{PushRecord, PushVerdict, PushedRef};

/// What is known of one ref before anybody is asked.
#[derive(Debug, Clone, Copy)]
pub struct PushFacts<'a> {
    /// The ref.
    pub pushed: &'a PushedRef,
    /// What it brings, or why that cannot be told. `None` for a deletion.
    pub change: Option<&'a Result<PushedChange, String>>,
    /// What an earlier review of the same question said.
    pub known: Option<&'a PushRecord>,
}

/// Why a ref needs no review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NothingToReview {
    /// It is deleted.
    Deletion,
    /// The remote has its commits already.
    KnownToRemote,
    /// It leads to a tree or a blob.
    NotACommit,
}

impl NothingToReview {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NothingToReview::Deletion => "a deletion",
            NothingToReview::KnownToRemote => "the remote has it already",
            NothingToReview::NotACommit => "no commit",
        }
    }
}

/// What is done about one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushStep {
    /// Nothing.
    Pass(NothingToReview),
    /// What was said before is said again.
    Known(PushVerdict),
    /// The engine is asked.
    Review {
        /// The old side; `None` is the empty tree.
        base: Option<ObjectId>,
        /// The new side.
        head: ObjectId,
    },
    /// It cannot be judged.
    Unjudged(String),
}

/// What is done about one ref, from what is known of it.
#[must_use]
pub fn decide_push(facts: &PushFacts<'_>) -> PushStep {
    if facts.pushed.local_id.is_none() {
        return PushStep::Pass(NothingToReview::Deletion);
    }
    match facts.change {
        None => PushStep::Unjudged("it is not known what it brings".to_owned()),
        Some(Err(why)) => PushStep::Unjudged(why.clone()),
        Some(Ok(PushedChange::Nothing)) => PushStep::Pass(NothingToReview::KnownToRemote),
        Some(Ok(PushedChange::NotACommit { .. })) => PushStep::Pass(NothingToReview::NotACommit),
        Some(Ok(PushedChange::Commits { head, base })) => match facts.known.map(|it| it.verdict) {
            Some(verdict @ (PushVerdict::Passed | PushVerdict::Held)) => PushStep::Known(verdict),
            _ => PushStep::Review {
                base: base.clone(),
                head: head.clone(),
            },
        },
    }
}

/// What the push comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConclusion {
    /// The remote refs that block it; empty when it may go.
    pub blocked_by: Vec<String>,
    /// The remote refs that could not be judged.
    pub unjudged: Vec<String>,
}

/// What the push comes to, from what each ref came to.
#[must_use]
pub fn conclude_push<'a>(
    verdicts: impl IntoIterator<Item = (&'a str, PushVerdict)>,
    policy: Unjudged,
) -> PushConclusion {
    let mut conclusion = PushConclusion {
        blocked_by: Vec::new(),
        unjudged: Vec::new(),
    };
    for (remote_ref, verdict) in verdicts {
        match verdict {
            PushVerdict::Held => conclusion.blocked_by.push(remote_ref.to_owned()),
            PushVerdict::NotJudged => {
                conclusion.unjudged.push(remote_ref.to_owned());
                if policy == Unjudged::Block {
                    conclusion.blocked_by.push(remote_ref.to_owned());
                }
            }
            PushVerdict::Passed | PushVerdict::NotReviewed | PushVerdict::Skipped => {}
        }
    }
    conclusion
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> ObjectId {
        ObjectId::from_hex(&digit.to_string().repeat(40)).unwrap()
    }

    fn pushed(local: Option<char>) -> PushedRef {
        PushedRef {
            local_ref: "refs/heads/a".into(),
            local_id: local.map(id),
            remote_ref: "refs/heads/a".into(),
            remote_id: Some(id('b')),
        }
    }

    fn record(verdict: PushVerdict) -> PushRecord {
        PushRecord {
            verdict,
            ..PushRecord::default()
        }
    }

    #[track_caller]
    fn check(
        local: Option<char>,
        change: Option<Result<PushedChange, String>>,
        known: Option<PushVerdict>,
        expected: &PushStep,
    ) {
        let known = known.map(record);
        let facts = PushFacts {
            pushed: &pushed(local),
            change: change.as_ref(),
            known: known.as_ref(),
        };
        assert_eq!(decide_push(&facts), *expected);
    }

    #[test]
    fn only_new_commits_that_nobody_judged_are_reviewed() {
        use NothingToReview::*;
        let commits = || {
            Some(Ok(PushedChange::Commits {
                head: id('a'),
                base: None,
            }))
        };
        let review = PushStep::Review {
            base: None,
            head: id('a'),
        };
        check(None, None, None, &PushStep::Pass(Deletion));
        check(None, commits(), None, &PushStep::Pass(Deletion));
        check(
            Some('a'),
            Some(Ok(PushedChange::Nothing)),
            None,
            &PushStep::Pass(KnownToRemote),
        );
        check(
            Some('a'),
            Some(Ok(PushedChange::NotACommit {
                kind: "blob".into(),
            })),
            None,
            &PushStep::Pass(NotACommit),
        );
        check(Some('a'), commits(), None, &review);
        for verdict in [PushVerdict::Passed, PushVerdict::Held] {
            check(
                Some('a'),
                commits(),
                Some(verdict),
                &PushStep::Known(verdict),
            );
        }
        // What could not be judged, or was skipped, was never judged.
        for verdict in [
            PushVerdict::NotJudged,
            PushVerdict::Skipped,
            PushVerdict::NotReviewed,
        ] {
            check(Some('a'), commits(), Some(verdict), &review);
        }
        check(
            Some('a'),
            Some(Err("shallow".into())),
            Some(PushVerdict::Passed),
            &PushStep::Unjudged("shallow".into()),
        );
    }

    #[test]
    fn one_held_ref_blocks_and_an_unjudged_one_does_what_the_policy_says() {
        use PushVerdict::*;
        let conclude = |verdicts: &[(&'static str, PushVerdict)], policy| {
            let concluded = conclude_push(verdicts.iter().copied(), policy);
            (concluded.blocked_by.join(","), concluded.unjudged.join(","))
        };
        let pair = |blocked: &str, unjudged: &str| (blocked.to_owned(), unjudged.to_owned());
        for policy in [Unjudged::Pass, Unjudged::Block] {
            assert_eq!(
                conclude(&[("a", Passed), ("b", NotReviewed), ("c", Skipped)], policy),
                pair("", "")
            );
            assert_eq!(
                conclude(&[("a", Passed), ("b", Held)], policy),
                pair("b", "")
            );
            assert_eq!(conclude(&[], policy), pair("", ""));
        }
        let mixed = [("a", NotJudged), ("b", Held)];
        assert_eq!(conclude(&mixed, Unjudged::Pass), pair("b", "a"));
        assert_eq!(conclude(&mixed, Unjudged::Block), pair("a,b", "a"));
        assert_eq!(conclude(&[("a", NotJudged)], Unjudged::Pass), pair("", "a"));
    }
}
