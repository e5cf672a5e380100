//! Carries out one run: reaches the engine, performs the turn, reads the answer, and makes the report.
//!
//! [`execute`] always comes back with a [`RunEnd`]: whatever fails on the way is an outcome, never an error, so that a
//! job cannot end without saying how.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::end_left_engines;
use crate::engine::answers::{self, AnswerFrom, Reading};
use crate::engine::{
    self, Cancel, Limits, ReviewTarget, Sandbox, TurnAction, TurnEnd, TurnResult, run_turn,
};
use crate::jobs::{CancelToken, EndStatus, EventSink, JobEnd, JobEvent};
use crate::report::{self, Report};
use crate::review::{
    ExitStatus, NotJudged, NotJudgedReason, Outcome, ReviewedTree, Scope, check_locations,
    exit_status,
};

use super::access::{self, OpenedEngine};
use super::kind::{Ask, MayWrite, Subject, Thread};
use super::redaction::{RedactingSink, RunRedactor};
use super::{
    Access, EngineChoice, NativeTarget, Question, ReviewedChange, RunRequest, Surroundings,
    TaskAnswer, ThreadChoice, WrittenTests, events,
};

/// A file outside the change is looked at only up to this size, to learn how many lines it has.
const LINE_COUNT_BYTES: u64 = 4 << 20;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// A review, judged or not.
    Reviewed(Box<Report>),
    /// A task, done or not.
    Answered(TaskAnswer),
    /// Tests, written or not.
    Tested(Box<WrittenTests>),
}

impl RunEnd {
    /// How the process that was asked for it exits.
    #[must_use]
    pub fn exit(&self) -> ExitStatus {
        match self {
            RunEnd::Reviewed(report) => report.exit,
            RunEnd::Answered(answer) => answer.exit(),
            RunEnd::Tested(tests) => tests.exit(),
        }
    }

    /// What the job stores.
    #[must_use]
    pub fn into_job_end(self) -> JobEnd {
        let exit_code = Some(i32::from(self.exit().code()));
        let (not_judged, summary, result, rendered) = match &self {
            RunEnd::Reviewed(report) => {
                let not_judged = match &report.outcome {
                    Outcome::NotJudged(not_judged) => Some(not_judged.clone()),
                    Outcome::Judged(_) | Outcome::Empty => None,
                };
                let markdown = report::Format::find("markdown").expect("the format is registered");
                let rendered = String::from_utf8_lossy(&markdown.render(report)).into_owned();
                let result = serde_json::from_slice(&report::json::render(report))
                    .expect("a rendered report is JSON");
                (not_judged, review_summary(report), result, rendered)
            }
            RunEnd::Answered(answer) => (
                answer.failure.clone(),
                answer.summary(),
                answer.to_json(),
                answer.render(),
            ),
            RunEnd::Tested(tests) => (
                tests.failure().cloned(),
                tests.summary(),
                tests.to_json(),
                tests.render(),
            ),
        };
        let status = match &not_judged {
            None => EndStatus::Completed,
            Some(NotJudged {
                reason: NotJudgedReason::Cancelled,
                ..
            }) => EndStatus::Cancelled,
            // An answer that is no review is kept and shown: the run itself went through.
            Some(NotJudged {
                reason: NotJudgedReason::UnclearAnswer,
                ..
            }) => EndStatus::Completed,
            Some(_) => EndStatus::Failed,
        };
        JobEnd {
            status,
            summary,
            error_message: not_judged.map(|not_judged| not_judged.detail),
            result,
            rendered,
            exit_code,
        }
    }
}

fn review_summary(report: &Report) -> Option<String> {
    match &report.outcome {
        Outcome::Judged(judgement) => {
            let count = report.shown_findings().len();
            let plural = if count == 1 { "" } else { "s" };
            let gravest = judgement
                .gravest()
                .map(|gravest| format!(", gravest {gravest}"));
            Some(format!(
                "{}: {count} finding{plural}{}",
                judgement.verdict.as_str(),
                gravest.unwrap_or_default()
            ))
        }
        Outcome::NotJudged(_) => None,
        Outcome::Empty => Some("nothing to review".to_owned()),
    }
}

/// Carries out a run. Must be called within a tokio runtime.
pub async fn execute(
    request: &RunRequest,
    surroundings: &Surroundings,
    sink: &mut dyn EventSink,
    cancelled: &CancelToken,
) -> RunEnd {
    let began = Instant::now();
    let taken = request
        .change
        .as_ref()
        .and_then(|change| change.draft.context.as_ref())
        .map_or(0, |context| context.redactions);
    let redactor = RunRedactor::after(taken);
    let mut sink = RedactingSink {
        redactor: redactor.clone(),
        inner: sink,
    };
    let sink: &mut dyn EventSink = &mut sink;
    let mut run = Run {
        request,
        surroundings,
        sink,
        version: None,
        stderr: String::new(),
        notes: Vec::new(),
    };
    let ended = run.perform(cancelled).await;
    let Run {
        version,
        stderr,
        notes,
        ..
    } = run;
    match &request.change {
        None => {
            let mut answer = TaskAnswer::of(request, ended, &notes);
            redactor.answer(&mut answer);
            RunEnd::Answered(answer)
        }
        Some(change) => {
            let engine = Engine {
                version,
                stderr,
                notes,
            };
            let mut report = reviewed(request, change, ended, engine, began.elapsed());
            redactor.report(&mut report);
            RunEnd::Reviewed(Box::new(report))
        }
    }
}

struct Engine {
    version: Option<String>,
    stderr: String,
    notes: Vec<String>,
}

struct Run<'a> {
    request: &'a RunRequest,
    surroundings: &'a Surroundings,
    sink: &'a mut dyn EventSink,
    version: Option<String>,
    stderr: String,
    notes: Vec<String>,
}

impl Run<'_> {
    async fn perform(&mut self, cancelled: &CancelToken) -> Result<TurnResult, NotJudged> {
        let opening = access::open_engine(
            &self.request.engine,
            &self.request.access,
            self.request.budgets.rpc,
            self.surroundings,
        );
        let mut opened = tokio::select! {
            biased;
            opened = opening => opened?,
            () = cancelled.cancelled() => return Err(cancelled_early()),
        };
        self.version.clone_from(&opened.info.version);
        if let Some(endpoint) = &opened.endpoint {
            self.sink.emit(JobEvent::Thread {
                thread_id: None,
                turn_id: None,
                endpoint: Some(endpoint.clone()),
            });
        }
        let (canceller, cancel) = Cancel::new();
        let asked = cancelled.clone();
        let relay = tokio::spawn(async move {
            asked.cancelled().await;
            canceller.cancel();
        });
        let turn = turn_request(self.request);
        let sink = &mut *self.sink;
        let (mut started, mut is_lost) = (None, false);
        let result = run_turn(
            &mut opened.connection,
            &turn,
            &mut |event| {
                // The answer to the starting call and a notification name the same turn.
                if let engine::TurnEvent::TurnStarted { turn_id } = &event
                    && started.replace(turn_id.clone()).as_ref() == Some(turn_id)
                {
                    return;
                }
                events::emit(event, sink);
            },
            &cancel,
        )
        .await
        .map_err(|error| {
            is_lost = matches!(error, engine::EngineError::Lost { .. });
            not_judged(&error, self.request)
        });
        relay.abort();
        self.note_oddities(&opened, &result);
        opened.close().await;
        is_lost |= result.as_ref().is_ok_and(|result| {
            result.inferred
                || matches!(
                    result.end,
                    TurnEnd::BrokenOff(engine::EngineError::Lost { .. })
                )
        });
        if is_lost && matches!(self.request.access, Access::Shared { .. }) {
            // A broker that was killed could not do it.
            end_left_engines(&self.surroundings.state_folder).await;
        }
        result
    }

    fn note_oddities(&mut self, opened: &OpenedEngine, result: &Result<TurnResult, NotJudged>) {
        let skipped = opened.connection.caller().skipped_lines();
        if skipped > 0 {
            self.notes.push(format!(
                "{skipped} lines from the engine were no messages and were skipped"
            ));
        }
        if result.as_ref().is_ok_and(|result| result.inferred) {
            self.notes
                .push("the engine never said how the turn ended; its end was inferred".to_owned());
        }
        if result.as_ref().is_ok_and(TurnResult::is_partial) {
            self.notes.push(
                "the turn did not end; what is here of it was received before it broke off"
                    .to_owned(),
            );
        }
        self.stderr = opened.stderr_tail();
    }
}

fn cancelled_early() -> NotJudged {
    NotJudged {
        reason: NotJudgedReason::Cancelled,
        detail: "the run was cancelled before its turn started".to_owned(),
    }
}

fn not_judged(error: &engine::EngineError, request: &RunRequest) -> NotJudged {
    let mut not_judged = error.not_judged();
    let resumed = matches!(request.thread, ThreadChoice::Resume(_));
    let refused = matches!(
        error,
        engine::EngineError::Refused { method, .. } if method == "thread/resume"
    );
    if resumed && refused {
        not_judged
            .detail
            .push_str("; start over with `--fresh`, or name another job with `--resume=<job>`");
    }
    not_judged
}

fn sandbox(request: &RunRequest) -> Sandbox {
    match (request.kind.may_write, &request.scratch) {
        _ if !request.write => Sandbox::ReadOnly,
        (MayWrite::Never, _) => Sandbox::ReadOnly,
        (MayWrite::WhenAsked, _) => Sandbox::WorkspaceWrite,
        (MayWrite::Always, Some(scratch)) => Sandbox::Confined {
            scratch: scratch.clone(),
        },
        // Without a folder of its own, it would write in the user's.
        (MayWrite::Always, None) => Sandbox::ReadOnly,
    }
}

fn turn_request(request: &RunRequest) -> engine::TurnRequest {
    let action = match &request.question {
        Question::Review { instructions } => {
            TurnAction::Review(ReviewTarget::Custom(instructions.clone()))
        }
        Question::NativeReview(target) => TurnAction::Review(match target {
            NativeTarget::UncommittedChanges => ReviewTarget::UncommittedChanges,
            NativeTarget::BaseBranch { branch } => ReviewTarget::BaseBranch(branch.clone()),
            NativeTarget::Commit { sha } => ReviewTarget::Commit {
                sha: sha.clone(),
                title: None,
            },
        }),
        Question::Turn {
            text,
            output_schema,
        } => TurnAction::Prompt {
            text: text.clone(),
            output_schema: output_schema.clone(),
        },
    };
    let ephemeral = request.kind.thread == Thread::Ephemeral;
    engine::TurnRequest {
        cwd: request.cwd.clone(),
        sandbox: sandbox(request),
        thread: match &request.thread {
            ThreadChoice::New => engine::ThreadChoice::New {
                ephemeral,
                name: request.thread_name.clone().filter(|_| !ephemeral),
            },
            ThreadChoice::Resume(thread_id) => engine::ThreadChoice::Resume {
                thread_id: thread_id.clone(),
            },
        },
        action,
        model: request.model.clone(),
        effort: request.effort.clone(),
        extension: match (&request.engine, &request.change) {
            (EngineChoice::Builtin, Some(change)) => {
                Some(json!({"kind": request.kind.name, "change": change.pinned}))
            }
            (EngineChoice::Builtin, None) => Some(json!({"kind": request.kind.name})),
            (EngineChoice::Codex(_), _) => None,
        },
        limits: Limits {
            turn: request.budgets.turn,
            silence: request.budgets.silence,
            rpc: request.budgets.rpc,
            ..Limits::default()
        },
    }
}

fn reviewed(
    request: &RunRequest,
    change: &ReviewedChange,
    ended: Result<TurnResult, NotJudged>,
    engine: Engine,
    turn: Duration,
) -> Report {
    let mut report = change.draft.clone();
    // Which of them lie beside a finding is known once it is known which findings count.
    report.hunks.clear();
    let from = match request.engine {
        EngineChoice::Builtin => AnswerFrom::Builtin,
        EngineChoice::Codex(_) => AnswerFrom::Model,
    };
    match ended {
        Err(not_judged) => report.outcome = Outcome::NotJudged(not_judged),
        Ok(result) => {
            let reading = match request.kind.ask {
                Ask::Reviewer => answers::review(&result, from),
                Ask::Structured(_) => answers::structured(&result, from),
                Ask::Text => text_reading(&result),
            };
            report.outcome = reading.outcome;
            report.raw_output = reading.raw;
            report.parse_error = reading.parse_error;
            report.usage = result.usage.map(|usage| report::TokenUsage {
                input: usage.input,
                cached_input: usage.cached_input,
                output: usage.output,
                reasoning_output: usage.reasoning_output,
            });
            report.is_inferred = result.inferred;
            report.source_thread_id = Some(result.thread_id.clone());
            report.thread_id = Some(result.thread_id);
            report.reasoning = result.reasoning;
        }
    }
    if let Outcome::Judged(judgement) = &mut report.outcome {
        let subject = request.kind.subject();
        if let (Subject::Plan, [plan]) = (subject, change.files.as_slice()) {
            // What is about the plan as a whole names it; "the whole change" it is not.
            for finding in &mut judgement.findings {
                if finding.file.trim().is_empty() {
                    finding.file.clone_from(&plan.path);
                    finding.lines = None;
                }
            }
        }
        let roots: Vec<&str> = change.roots.iter().map(String::as_str).collect();
        let tree = ReviewedTree {
            roots: &roots,
            files: &change.files,
            line_count: &|path| count_lines(&request.cwd.join(path)),
            scope: match subject {
                Subject::Change => Scope::Change,
                Subject::Plan => Scope::Repository,
            },
        };
        check_locations(&mut judgement.findings, &tree);
    }
    report.engine.version = engine.version.or(report.engine.version);
    report.engine_stderr = engine.stderr;
    report.notes.extend(engine.notes);
    report.timings.turn = Some(turn);
    report.timings.total = turn + report.timings.context.unwrap_or_default();
    report.exit = exit_status(&report.outcome, report.fail_on, change.on_empty);
    report
}

/// The gate's answer is read by whoever asked; here it only matters whether there is one.
fn text_reading(result: &TurnResult) -> Reading {
    let not_judged = result.not_judged().or_else(|| {
        result.message.trim().is_empty().then(|| NotJudged {
            reason: NotJudgedReason::UnclearAnswer,
            detail: "the engine gave no answer".to_owned(),
        })
    });
    Reading {
        outcome: not_judged.map_or(Outcome::Empty, Outcome::NotJudged),
        raw: result.message.clone(),
        parse_error: None,
    }
}

/// The lines of a regular file, `None` where there is none. No link is followed and nothing else is opened.
fn count_lines(path: &std::path::Path) -> Option<u32> {
    use std::io::Read as _;
    let meta = std::fs::symlink_metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let mut content = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(meta.len().min(LINE_COUNT_BYTES))
        .read_to_end(&mut content)
        .ok()?;
    if meta.len() > LINE_COUNT_BYTES {
        return Some(u32::MAX);
    }
    let ends = content.iter().filter(|&&byte| byte == b'\n').count();
    let last = usize::from(content.last().is_some_and(|&byte| byte != b'\n'));
    u32::try_from(ends + last).ok()
}

/// The result document of a job whose request could not even be read.
#[must_use]
pub fn unreadable_request(error: &dyn std::error::Error) -> JobEnd {
    let mut end = JobEnd::without_result(EndStatus::Failed, error.to_string());
    end.result = Value::Null;
    end.exit_code = Some(i32::from(ExitStatus::Incomplete.code()));
    end
}
