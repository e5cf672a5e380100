//! The review of a plan that a Claude session presents: Claude Code's hook on leaving plan mode.
//!
//! It is the stop gate with another subject: the same decisions ([`codex_review::hooks::decide`] and
//! [`codex_review::hooks::conclude`]), the same settings and budgets, one memory. Its switch is its own: `setup` turns it on
//! or off for one repository; where that was never done, the setting `plan_review.hook` says.

use std::time::{Duration, Instant};

use codex_review::hooks::{
    Conclusion, Facts, GateAnswer, GateMemory, Gated, HookInput, PlanMemory, Review, Settled, Step,
    decide,
};
use codex_review::report::{Report, counted};
use codex_review::review::{FailOn, Judgement, Outcome, Verdict};
use codex_review::run::{EngineChoice, PLAN_GATE, PlanReview};
use codex_review::target::Repository;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::cli::failure::Failure;
use crate::cli::options::Isolation;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::gate::End;
use super::gate_question::{Answer, Asked, Waited, put, unjudged};
use super::memory_file::{now_ms, recall, remember};
use super::plan_review::Subject;
use super::plan_source::{FoundPlan, presented};
use super::review::report_or;
use super::workspace::Workspace;

/// The tool by which a session leaves plan mode.
const TOOL: &str = "ExitPlanMode";
/// What the assistant is told of the findings at most, in bytes.
const MAX_REASON_BYTES: usize = 12 * 1024;
/// And of the reviewer's summary.
const MAX_SUMMARY_CHARS: usize = 2_000;

/// Whether plans are reviewed here when they are presented.
pub(super) fn is_on(workspace: &Workspace) -> Result<bool, Failure> {
    let switched = workspace.store.settings()?.plan_review();
    Ok(switched.unwrap_or(workspace.settings().plan_review_hook))
}

/// Answers a session that is about to present its plan.
pub(crate) fn plan(input: &HookInput, surroundings: &Surroundings, ui: &Ui) -> Result<(), Failure> {
    let mut workspace = Workspace::open_in_hook(surroundings)?;
    let is_on = is_on(&workspace)?;
    workspace.tell_warnings();
    if !is_on || input.tool_name.as_deref() != Some(TOOL) {
        return Ok(());
    }
    // The host says whose plan it is; the environment may not.
    if let Some(session) = input.session_id.clone() {
        workspace.session = Some(session);
    }
    let (Some(repository), Some(text)) = (workspace.repository.take(), &input.tool_input.plan)
    else {
        return Ok(());
    };
    let file = input.tool_input.plan_file_path.as_deref();
    let found = match presented(text, file) {
        Ok(found) => found,
        Err(error) => {
            ui.note(&format!(
                "The Codex plan review did not look at this plan: {error}."
            ));
            return Ok(());
        }
    };
    let session = input.session_id.clone().unwrap_or_default();
    let now_ms = now_ms();
    let fingerprint = fingerprint(text);
    let remembered: GateMemory = recall(&workspace);
    let facts = facts(&workspace, &remembered, &session, &fingerprint, now_ms);
    let end = match decide(&facts) {
        Step::Allow(settled) => End::settled(settled, Gated::Plan),
        Step::Ask => match ask(&workspace, &repository, &found)? {
            Answer::Given(asked) => {
                End::asked(asked, workspace.settings().gate.fail_closed, Gated::Plan)
            }
            Answer::NothingToShow => End::settled(Settled::NothingToShow, Gated::Plan),
            Answer::HostGone => return Ok(()),
        },
    };
    remember(&workspace, |memory: &mut GateMemory| {
        note(memory, &end, &session, &fingerprint, now_ms);
        end.note(memory, input, now_ms);
    })?;
    end.answer(ui, |reason| {
        json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        }})
    })
}

fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text.trim_end().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn facts(
    workspace: &Workspace,
    memory: &GateMemory,
    session: &str,
    fingerprint: &str,
    now_ms: u64,
) -> Facts {
    let gate = &workspace.settings().gate;
    let own = memory.sessions.get(session);
    let own = own.map(|own| own.plan.clone()).unwrap_or_default();
    let last_hour = memory.last_hour(now_ms);
    Facts {
        enabled: true,
        fingerprint: Some(fingerprint.to_owned()),
        at_turn_start: None,
        last_blocked: own.last_blocked,
        last_allowed: memory.last_allowed_plan.clone(),
        blocks_in_row: own.blocks_in_row,
        max_blocks: gate.max_blocks,
        // A plan that was changed because it was held is looked at at once.
        stop_hook_active: own.blocks_in_row > 0,
        since_last_ask: memory
            .last_asked_at_ms()
            .map(|at| Duration::from_millis(now_ms.saturating_sub(at))),
        cooldown: gate.cooldown,
        asked_last_hour: last_hour.asked,
        max_per_hour: gate.max_per_hour,
        tokens_last_hour: last_hour.tokens,
        max_tokens_per_hour: gate.max_tokens_per_hour,
    }
}

fn note(memory: &mut GateMemory, end: &End, session: &str, fingerprint: &str, now_ms: u64) {
    let own = &mut memory.session(session, now_ms).plan;
    match end.conclusion {
        Conclusion::Block { .. } => {
            own.blocks_in_row += 1;
            if end.objected {
                own.last_blocked = Some(fingerprint.to_owned());
            }
        }
        Conclusion::Allow { judged, .. } => {
            *own = PlanMemory {
                last_blocked: own.last_blocked.take(),
                blocks_in_row: 0,
            };
            if judged {
                memory.last_allowed_plan = Some(fingerprint.to_owned());
            }
        }
    }
}

/// Has the engine review the plan.
fn ask(
    workspace: &Workspace,
    repository: &Repository,
    found: &FoundPlan,
) -> Result<Answer, Failure> {
    let began = Instant::now();
    let gate = &workspace.settings().gate;
    let mut options = workspace.engine_options(Isolation::Default);
    if options.engine == EngineChoice::Builtin {
        let why = "the built-in engine, which `engine` names, cannot review plans";
        return Ok(Answer::Given(Asked::without_job(Review::NoEngine(
            why.to_owned(),
        ))));
    }
    options.budgets.turn = gate.timeout;
    options.model = gate.model.clone().or(options.model);
    options.effort = gate.effort.clone().or(options.effort);
    let subject = Subject::of(found, workspace, repository)?;
    let plan = PlanReview {
        kind: &PLAN_GATE,
        took: began.elapsed(),
        ..subject.review(workspace, found, &options, FailOn::Never)
    };
    let summary = format!("plan {}: {}", found.label, subject.context.summary);
    Ok(match put(workspace, &plan.request()?, summary)? {
        Waited::Ended(job) => {
            let report = report_or(&job, || plan.draft());
            let review = match &report.outcome {
                Outcome::Judged(judgement) => Review::Answered(answer(judgement, &report)),
                Outcome::NotJudged(not_judged) => unjudged(not_judged, &job),
                Outcome::Empty => {
                    Review::Failed(format!("the review said nothing (job {})", job.id))
                }
            };
            Answer::Given(Asked::of(review, &report, &job))
        }
        Waited::Late(asked) => Answer::Given(asked),
        Waited::HostGone => Answer::HostGone,
    })
}

/// The reviewer's verdict, with what it found where it holds the plan.
fn answer(judgement: &Judgement, report: &Report) -> GateAnswer {
    match judgement.verdict {
        Verdict::Approve => GateAnswer::Allow {
            reason: judgement.summary.clone(),
        },
        Verdict::NeedsAttention => GateAnswer::Block {
            reason: objection(judgement, report),
        },
    }
}

fn objection(judgement: &Judgement, report: &Report) -> String {
    let mut reason: String = judgement
        .summary
        .trim()
        .chars()
        .take(MAX_SUMMARY_CHARS)
        .collect();
    let findings = report.shown_findings();
    let mut left_out = 0;
    for finding in &findings {
        let place = match (finding.file.as_str(), finding.lines) {
            ("", _) => String::new(),
            (file, None) => format!(" ({file})"),
            (file, Some(lines)) => format!(" ({file}:{}-{})", lines.start(), lines.end()),
        };
        let mut told = format!(
            "\n\n- {}: {}{place}\n  {}",
            finding.severity,
            finding.title,
            finding.body.trim()
        );
        if let Some(recommendation) = &finding.recommendation {
            told.push_str(&format!("\n  Instead: {}", recommendation.trim()));
        }
        if reason.len() + told.len() > MAX_REASON_BYTES {
            left_out += 1;
        } else {
            reason.push_str(&told);
        }
    }
    if left_out > 0 {
        let more = counted(left_out, "more finding");
        reason.push_str(&format!("\n\n({more}: run /codex:result)"));
    }
    reason
}
