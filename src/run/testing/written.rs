//! What a run that writes tests ended with, and its two faces: JSON and text.

use std::time::Duration;

use serde_json::{Value, json};

use super::order::TestOrder;
use crate::prompt::show_path;
use crate::review::{ExitStatus, NotJudged, NotJudgedReason};
use crate::suites::{Judgement, Kept, Package, Policy, SideEnd};

use super::super::TaskAnswer;

/// One side's run for one package.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SideRun {
    /// `change` or `base`.
    pub(super) side: &'static str,
    /// The command that decided, as people write it; empty where none was run.
    pub(super) command: String,
    pub(super) end: SideEnd,
    /// The exit code, where it ended by itself.
    pub(super) exit: Option<i32>,
    /// The end of what it said.
    pub(super) tail: String,
    pub(super) took: Duration,
}

impl SideRun {
    pub(super) fn not_run(side: &'static str, why: String) -> Self {
        SideRun {
            side,
            command: String::new(),
            end: SideEnd::NotRun(why),
            exit: None,
            tail: String::new(),
            took: Duration::ZERO,
        }
    }
}

/// Both sides of one package, and what they show.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PackageRuns {
    /// The package, by its index.
    pub(super) package: usize,
    pub(super) sides: Vec<SideRun>,
    pub(super) judgement: Judgement,
}

/// What a run that writes tests ended with.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenTests {
    /// The job.
    pub(super) job: String,
    pub(super) order: TestOrder,
    pub(super) packages: Vec<Package>,
    /// What the engine said; its failure is that of the whole.
    pub(super) answer: TaskAnswer,
    pub(super) policy: Policy,
    /// The accepted changes as a patch.
    pub(super) patch: String,
    /// Empty where nothing was run.
    pub(super) runs: Vec<PackageRuns>,
}

impl WrittenTests {
    /// Why there is no result; `None` where there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&NotJudged> {
        self.answer.failure.as_ref()
    }

    /// What the runs show; `None` where nothing was run.
    #[must_use]
    pub fn judgement(&self) -> Option<Judgement> {
        Judgement::of_all(self.runs.iter().map(|runs| runs.judgement.clone()))
    }

    /// How the process that was asked for it exits.
    #[must_use]
    pub fn exit(&self) -> ExitStatus {
        if self.answer.failure.is_some() {
            return self.answer.exit();
        }
        if self.policy.kept.is_empty() {
            return ExitStatus::Incomplete;
        }
        match self.judgement() {
            None | Some(Judgement::ShowsTheChange | Judgement::NeedsTheChange) => {
                ExitStatus::Passed
            }
            Some(Judgement::WouldNotHaveCaught | Judgement::DoesNotPass) => ExitStatus::Findings,
            Some(Judgement::NotJudged(_)) => ExitStatus::Incomplete,
        }
    }

    /// A stable word: `written`, `nothing-accepted` or `not-judged`.
    fn outcome(&self) -> &'static str {
        match (&self.answer.failure, self.policy.kept.is_empty()) {
            (Some(_), _) => "not-judged",
            (None, true) => "nothing-accepted",
            (None, false) => "written",
        }
    }

    /// One line on the result.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        if self.answer.failure.is_some() {
            return None;
        }
        let mut line = self.counted();
        if let Some(judgement) = self.judgement() {
            line.push_str(": ");
            line.push_str(&judgement.as_str().replace('-', " "));
        }
        Some(line)
    }

    fn counted(&self) -> String {
        let lines: usize = self
            .policy
            .kept
            .iter()
            .map(|kept| kept.accepted.added_lines())
            .sum();
        let files = self.policy.kept.len();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let mut line = match files {
            0 => "no test was accepted".to_owned(),
            files => format!("{files} test file{}, +{lines} lines", plural(files)),
        };
        if !self.policy.refused.is_empty() {
            line.push_str(&format!(", {} rejected", self.policy.refused.len()));
        }
        line
    }

    /// The JSON document of `test`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "status": self.exit().code(),
            "outcome": self.outcome(),
            "target": {
                "mode": self.order.mode,
                "label": self.order.label,
                "commit": self.order.commit.as_hex(),
                "uncommitted": self.order.is_uncommitted,
                "base": self.order.base.as_ref().map(|base| base.as_hex()),
            },
            "packages": self.packages.iter().map(package_json).collect::<Vec<_>>(),
            "files": self.policy.kept.iter().map(|kept| self.file_json(kept)).collect::<Vec<_>>(),
            "rejected": self.policy.refused.iter().map(|refused| json!({
                "path": show_path(&refused.path),
                "change": refused.word,
                "reason": refused.why.to_string(),
            })).collect::<Vec<_>>(),
            "patch": self.patch,
            "runs": self.runs.iter().flat_map(|runs| runs.sides.iter().map(|side| json!({
                "package": folder(&self.packages[runs.package]),
                "side": side.side,
                "command": side.command,
                "end": side.end.as_str(),
                "reason": match &side.end {
                    SideEnd::NotRun(why) => Some(why),
                    SideEnd::Passed | SideEnd::Failed | SideEnd::NotBuilt => None,
                },
                "exitCode": side.exit,
                "tail": side.tail,
                "durationMs": u64::try_from(side.took.as_millis()).unwrap_or(u64::MAX),
            }))).collect::<Vec<_>>(),
            "judgement": self.judgement().map(|judgement| json!({
                "verdict": judgement.as_str(),
                "text": judgement.sentence(),
            })),
            "threadId": self.answer.thread_id,
            "rawOutput": self.answer.message,
            "reasoningSummary": self.answer.reasoning,
            "failure": self.answer.failure.as_ref().map(|failure| json!({
                "reason": failure.reason.as_str(),
                "detail": failure.detail,
            })),
            "notes": self.notes().collect::<Vec<_>>(),
            "usage": self.answer.usage.map(|usage| json!({
                "inputTokens": usage.input,
                "cachedInputTokens": usage.cached_input,
                "outputTokens": usage.output,
                "reasoningOutputTokens": usage.reasoning_output,
            })),
        })
    }

    fn notes(&self) -> impl Iterator<Item = &String> {
        self.order.notes.iter().chain(&self.answer.notes)
    }

    fn file_json(&self, kept: &Kept) -> Value {
        let accepted = &kept.accepted;
        json!({
            "path": accepted.path,
            "change": if accepted.before.is_some() { "extended" } else { "added" },
            "package": folder(&self.packages[kept.package]),
            "addedLines": accepted.added_lines(),
            "before": accepted.before,
            "after": accepted.after,
            "insertions": accepted.insertions.iter().map(|insertion| json!({
                "afterLine": insertion.behind,
                "text": insertion.text,
            })).collect::<Vec<_>>(),
        })
    }

    /// What people and Claude read.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("# Tests: {}\n\n", self.order.label);
        if let Some(failure) = &self.answer.failure {
            text.push_str(&format!("No tests were written: {}.\n", failure.detail));
            if failure.reason == NotJudgedReason::NotLoggedIn {
                text.push_str("Log in with `codex login`, or run `codex-review setup`.\n");
            }
        } else {
            let counted = self.counted();
            let mut letters = counted.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            text.extend(first);
            text.push_str(letters.as_str());
            text.push_str(".\n");
        }
        if let Some(judgement) = self.judgement() {
            text.push_str(&format!("\n{}\n", judgement.sentence()));
        }
        text.push_str("\nPackages:\n");
        for package in &self.packages {
            text.push_str(&format!(
                "- `{}`: {} ({})\n",
                folder(package),
                package.runner.name,
                package.reason()
            ));
        }
        if !self.policy.kept.is_empty() {
            text.push_str("\nAccepted:\n");
            for kept in &self.policy.kept {
                let what = if kept.accepted.before.is_some() {
                    "extended"
                } else {
                    "new"
                };
                text.push_str(&format!(
                    "- `{}` ({what}, +{})\n",
                    show_path(kept.accepted.path.as_bytes()),
                    kept.accepted.added_lines()
                ));
            }
        }
        if !self.policy.refused.is_empty() {
            text.push_str("\nRejected:\n");
            for refused in &self.policy.refused {
                text.push_str(&format!(
                    "- `{}` ({}): {}\n",
                    show_path(&refused.path),
                    refused.word,
                    refused.why
                ));
            }
        }
        for runs in &self.runs {
            text.push_str(&format!(
                "\nRuns in `{}`:\n",
                folder(&self.packages[runs.package])
            ));
            for side in &runs.sides {
                text.push_str(&side_line(side));
            }
        }
        for note in self.notes() {
            text.push_str(&format!("\nNote: {note}.\n"));
        }
        if !self.patch.is_empty() {
            let fence = fence(&self.patch);
            text.push_str(&format!("\n{fence}diff\n{}{fence}\n", self.patch));
            text.push_str(&format!(
                "\n`codex-review test --apply={}` puts this into the working tree.\n",
                self.job
            ));
        }
        if !self.answer.message.trim().is_empty() {
            text.push_str(&format!(
                "\nCodex says:\n\n{}\n",
                self.answer.message.trim_end()
            ));
        }
        text
    }
}

fn side_line(side: &SideRun) -> String {
    let how = match &side.end {
        SideEnd::Passed => "passed".to_owned(),
        SideEnd::Failed => "failed".to_owned(),
        SideEnd::NotBuilt => "could not be built or loaded".to_owned(),
        SideEnd::NotRun(why) => format!("not run: {why}"),
    };
    let mut line = format!("- {}: {how}", side.side);
    if !side.command.is_empty() {
        line.push_str(&format!(" (`{}`", side.command));
        if let Some(exit) = side.exit {
            line.push_str(&format!(", exit code {exit}"));
        }
        line.push(')');
    }
    line.push('\n');
    if side.end != SideEnd::Passed && !side.tail.trim().is_empty() {
        const LINES: usize = 12;
        let lines: Vec<&str> = side.tail.trim_end().lines().collect();
        let fence = fence(&side.tail);
        line.push_str(&format!("\n  {fence}\n"));
        for said in &lines[lines.len().saturating_sub(LINES)..] {
            line.push_str(&format!("  {said}\n"));
        }
        line.push_str(&format!("  {fence}\n"));
    }
    line
}

/// A fence that the text cannot close.
fn fence(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    fence
}

fn folder(package: &Package) -> String {
    match package.root.as_slice() {
        b"" => ".".to_owned(),
        root => show_path(root),
    }
}

fn package_json(package: &Package) -> Value {
    json!({
        "root": folder(package),
        "runner": package.runner.name,
        "marker": show_path(&package.marker),
        "reason": package.reason(),
        "command": package.run_command(&[]).shown(),
        "tests": package.runner.tests,
    })
}
