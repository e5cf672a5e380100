//! Which change a turn is about: the `codexReview` member that only we send, or one of the protocol's own targets.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::target::{IgnoreSource, ObjectId};

/// What a turn is for, as the `kind` of the `codexReview` member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A review, or anything else that wants findings.
    Review,
    /// The stop gate: the answer begins with `ALLOW:` or `BLOCK:`.
    Gate,
}

/// Which change is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Which comparison.
    pub select: ChangeSelect,
    /// Path globs, as in [`crate::target::TargetSpec::paths`].
    pub paths: Vec<String>,
    /// Where `.codexreviewignore` is read from.
    pub review_ignore: IgnoreSource,
    /// Report findings in these files alone, by shown path; `None` is all. The whole change is looked at either way, because
    /// some rules compare one file with another.
    pub only: Option<BTreeSet<String>>,
}

/// Which comparison is meant. Ids are checked to be ids; names of branches are as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSelect {
    /// Staged, unstaged and untracked, against HEAD.
    WorkingTree,
    /// The index against HEAD.
    Staged,
    /// Two commits; `None` is the empty tree.
    Commits {
        /// The old side.
        old: Option<String>,
        /// The new side.
        new: String,
    },
    /// A patch that is not applied.
    Patch {
        /// The commit that it was laid over.
        old: Option<String>,
        /// Without a commit: whether it was laid over the working tree, or over nothing.
        on_work_tree: bool,
        /// The patch, as [`crate::target::GivenPatch::to_wire`] writes it.
        patch: String,
    },
    /// HEAD against its merge base with a branch.
    Base(String),
    /// One commit against its first parent.
    Commit(String),
}

/// The parameters name no change that can be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRequestError {
    /// A member has a value that it cannot have.
    #[error("`{member}` is {problem}")]
    Malformed {
        /// The member's path.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is neither a `codexReview` member nor a target that names a change.
    #[error(
        "no change is named: the builtin engine checks a change, it does not follow instructions"
    )]
    NoChange,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireChange {
    mode: String,
    #[serde(default)]
    old: Option<String>,
    #[serde(default)]
    new: Option<String>,
    #[serde(default)]
    patch: Option<String>,
    #[serde(default)]
    on_work_tree: bool,
    #[serde(default)]
    paths: Vec<String>,
    /// A commit's id, or `none`; absent is the working tree.
    #[serde(default)]
    review_ignore: Option<String>,
    #[serde(default)]
    only: Option<BTreeSet<String>>,
}

/// What the `codexReview` member says a turn is for.
#[must_use]
pub fn purpose(params: &Value) -> Purpose {
    match params["codexReview"]["kind"].as_str() {
        Some("gate" | "stop-gate") => Purpose::Gate,
        _ => Purpose::Review,
    }
}

/// The change that the parameters of `review/start` or `turn/start` name.
///
/// # Errors
///
/// See [`ChangeRequestError`].
pub fn change_request(params: &Value) -> Result<ChangeRequest, ChangeRequestError> {
    let pinned = &params["codexReview"]["change"];
    if !pinned.is_null() {
        return from_pinned(pinned);
    }
    let target = &params["target"];
    let text = |name: &'static str, member: &'static str| {
        target[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| malformed(member, "missing"))
    };
    let select = match target["type"].as_str() {
        Some("uncommittedChanges") => ChangeSelect::WorkingTree,
        Some("baseBranch") => ChangeSelect::Base(text("branch", "target.branch")?),
        Some("commit") => ChangeSelect::Commit(text("sha", "target.sha")?),
        _ => return Err(ChangeRequestError::NoChange),
    };
    Ok(ChangeRequest {
        select,
        paths: Vec::new(),
        review_ignore: IgnoreSource::WorkTree,
        only: None,
    })
}

fn from_pinned(pinned: &Value) -> Result<ChangeRequest, ChangeRequestError> {
    let wire = WireChange::deserialize(pinned)
        .map_err(|error| malformed("codexReview.change", error.to_string()))?;
    let select = match wire.mode.as_str() {
        "working-tree" => ChangeSelect::WorkingTree,
        "staged" => ChangeSelect::Staged,
        "commits" => ChangeSelect::Commits {
            old: wire
                .old
                .map(|old| id(old, "codexReview.change.old"))
                .transpose()?,
            new: id(
                wire.new
                    .ok_or_else(|| malformed("codexReview.change.new", "missing"))?,
                "codexReview.change.new",
            )?,
        },
        "patch" => ChangeSelect::Patch {
            old: wire
                .old
                .map(|old| id(old, "codexReview.change.old"))
                .transpose()?,
            on_work_tree: wire.on_work_tree,
            patch: wire
                .patch
                .ok_or_else(|| malformed("codexReview.change.patch", "missing"))?,
        },
        other => {
            return Err(malformed(
                "codexReview.change.mode",
                format!("`{other}` (expected working-tree, staged, commits or patch)"),
            ));
        }
    };
    let review_ignore = match wire.review_ignore.as_deref() {
        None => IgnoreSource::WorkTree,
        Some("none") => IgnoreSource::Nothing,
        Some(commit) => {
            let malformed = || malformed("codexReview.change.reviewIgnore", "not an object id");
            IgnoreSource::Commit(ObjectId::from_hex(commit).ok_or_else(malformed)?)
        }
    };
    Ok(ChangeRequest {
        select,
        paths: wire.paths,
        review_ignore,
        only: wire.only,
    })
}

fn id(text: String, member: &'static str) -> Result<String, ChangeRequestError> {
    match ObjectId::from_hex(&text) {
        Some(_) => Ok(text),
        None => Err(malformed(member, "not an object id")),
    }
}

fn malformed(member: &'static str, problem: impl Into<String>) -> ChangeRequestError {
    ChangeRequestError::Malformed {
        member,
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_pinned_change_wins_over_the_target() {
        let id = "a".repeat(40);
        let params = json!({
            "target": {"type": "custom", "instructions": "…"},
            "codexReview": {"kind": "review", "change": {"mode": "commits", "old": null, "new": id, "paths": ["src/**"]}},
        });
        let request = change_request(&params).unwrap();
        assert_eq!(request.select, ChangeSelect::Commits { old: None, new: id });
        assert_eq!(request.paths, ["src/**"]);
    }

    #[test]
    fn the_protocols_own_targets_are_understood() {
        let select = |target: Value| change_request(&json!({"target": target})).map(|it| it.select);
        assert_eq!(
            select(json!({"type": "uncommittedChanges"})),
            Ok(ChangeSelect::WorkingTree)
        );
        assert_eq!(
            select(json!({"type": "baseBranch", "branch": "main"})),
            Ok(ChangeSelect::Base("main".into()))
        );
        assert_eq!(
            select(json!({"type": "commit", "sha": "HEAD~1"})),
            Ok(ChangeSelect::Commit("HEAD~1".into()))
        );
        assert_eq!(
            select(json!({"type": "custom", "instructions": "look"})),
            Err(ChangeRequestError::NoChange)
        );
        assert_eq!(select(Value::Null), Err(ChangeRequestError::NoChange));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let error = |change: Value| {
            change_request(&json!({"codexReview": {"change": change}}))
                .unwrap_err()
                .to_string()
        };
        assert!(error(json!({"mode": "commits", "new": "--upload-pack=x"})).contains("change.new"));
        assert!(error(json!({"mode": "commits"})).contains("missing"));
        assert!(error(json!({"mode": "all"})).contains("`all`"));
        assert!(error(json!({"mode": 3})).contains("codexReview.change"));
    }
}
