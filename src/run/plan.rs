//! From a plan and its context to a request.
//!
//! A review needs something that findings can point to. For a plan this is the plan itself: one file, all of whose lines
//! are under review; the files of the repository, of which the plan speaks, are as good a place for a finding. Nothing of
//! the change's other machinery applies: no baseline, no filter, no shards, no earlier review to go on from. The answer is
//! not kept for the same question either, because it leans on code that the question does not hold.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::context::PlanContext;
use crate::prompt::{self, PromptInput};
use crate::report::{
    ContextInfo, Hunk, HunkLine, LineSide, PLAN_MODE, Report, ReviewIdentity, TargetInfo,
};
use crate::review::{ChangedFile, ChangedLines, FailOn, LineRange, OnEmpty};

use super::kind::{Ask, Kind};
use super::prepare::roots;
use super::{
    CountedChange, EngineOptions, PrepareError, Question, ReviewedChange, RunRequest, hunks,
};

/// The review of a plan, ready to be asked for.
#[derive(Clone, Copy)]
pub struct PlanReview<'a> {
    /// The kind of review; one that is answered by findings.
    pub kind: &'static Kind,
    /// The repository's root: the folder that the engine works in.
    pub root: &'a Path,
    /// The branch that HEAD names; `None` when detached.
    pub branch: Option<&'a str>,
    /// What people call the plan.
    pub label: &'a str,
    /// The path by which findings name it; it names no other file of the repository.
    pub name: &'a str,
    /// Whether the user named the plan, rather than taking the last one.
    pub explicit: bool,
    /// What the reviewer is shown.
    pub context: &'a PlanContext,
    /// What the user wants looked at, byte for byte.
    pub focus: Option<&'a str>,
    /// Who answers.
    pub options: &'a EngineOptions,
    /// The threshold.
    pub fail_on: FailOn,
    /// What was degraded on the way here.
    pub notes: &'a [String],
    /// How long finding and reading took.
    pub took: Duration,
}

impl PlanReview<'_> {
    /// The report as it stands before the engine is asked.
    #[must_use]
    pub fn draft(&self) -> Report {
        let context = self.context;
        let target = TargetInfo {
            mode: PLAN_MODE.to_owned(),
            label: format!("plan {}", self.label),
            explicit: self.explicit,
            base_ref: None,
            base_note: None,
        };
        let blank = self
            .options
            .unanswered(self.kind, self.root, target, self.fail_on, self.took);
        Report {
            branch: self.branch.map(str::to_owned),
            identity: ReviewIdentity {
                change: digest(&context.lines),
                ..ReviewIdentity::default()
            },
            context: Some(ContextInfo {
                strategy: PLAN_MODE.to_owned(),
                reason: "the plan, and what it names".to_owned(),
                summary: context.summary.clone(),
                bytes: context.text.len() as u64,
                tokens: context.token_estimate,
                hash: context.hash.clone(),
                redactions: context.redactions,
                left_out: context.left_out.clone(),
            }),
            notes: self.notes.to_vec(),
            ..blank
        }
    }

    /// The request.
    ///
    /// # Errors
    ///
    /// The root has no UTF-8 name.
    ///
    /// # Panics
    ///
    /// The kind is not one that is answered by findings.
    pub fn request(&self) -> Result<RunRequest, PrepareError> {
        let Ask::Structured(brief) = self.kind.ask else {
            panic!("a plan is reviewed by a brief");
        };
        let prompt = prompt::briefed(
            brief,
            &PromptInput {
                context: &self.context.text,
                focus: self.focus,
            },
        );
        let files = vec![self.as_file()];
        let question = Question::Turn {
            text: prompt.text,
            output_schema: prompt.output_schema,
        };
        Ok(RunRequest {
            thread_name: Some(format!("{}: {}", self.kind.title, self.label)),
            change: Some(ReviewedChange {
                draft: Report {
                    hunks: self.hunks(),
                    ..self.draft()
                },
                counted: CountedChange {
                    files: files.clone(),
                    ..CountedChange::default()
                },
                files,
                roots: roots(self.root)?,
                pinned: Value::Null,
                digest: None,
                trail: None,
                on_empty: OnEmpty::Pass,
            }),
            ..self.options.request(self.kind, self.root, question)
        })
    }

    /// The plan as the one file that is under review, from its first line to its last.
    fn as_file(&self) -> ChangedFile {
        let line_count = u32::try_from(self.context.lines.len()).unwrap_or(u32::MAX);
        let all = ChangedLines(vec![LineRange::new(1, line_count)]);
        ChangedFile {
            path: self.name.to_owned(),
            old_path: None,
            line_count: Some(line_count),
            changed: all.clone(),
            added: all,
        }
    }

    /// The plan's lines, so that findings can be shown beside them.
    fn hunks(&self) -> Vec<Hunk> {
        let line = |text: &String| {
            let mut text = text.clone();
            hunks::shorten(&mut text);
            HunkLine {
                side: LineSide::Both,
                text,
            }
        };
        vec![Hunk {
            file: self.name.to_owned(),
            old_start: 1,
            new_start: 1,
            heading: String::new(),
            lines: self.context.lines.iter().map(line).collect(),
        }]
    }
}

fn digest(lines: &[String]) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line);
        hash.update("\n");
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
