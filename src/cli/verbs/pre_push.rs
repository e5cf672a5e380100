//! Carries out `hook pre-push`: reads what git is about to push, has it reviewed, and tells git by the exit code.
//!
//! The decisions are [`codex_review::hooks::decide_push`] and [`codex_review::hooks::conclude_push`]; this file is their
//! hands. Everything goes to standard error, because standard output is git's own. Whatever fails here counts as a push
//! that could not be judged, and the user's policy says what becomes of it; only a configuration of the user's own that
//! cannot be read is an error, because then there is no policy.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use codex_review::causes::with_causes;
use codex_review::hooks::{
    KEPT_FINDINGS, MalformedLine, PushAnswers, PushFacts, PushFinding, PushMemory, PushQuestion,
    PushRecord, PushStep, PushVerdict, PushedRef, conclude_push, decide_push, read_push,
};
use codex_review::report::Report;
use codex_review::report::styled::Role;
use codex_review::review::{
    ExitStatus, NotJudgedReason, OnEmpty, Outcome, SuppressFrom, Unjudged, Verdict,
};
use codex_review::run::{
    Access, REVIEW, ReviewPlan, TermsInput, change_hash, first_line, review_terms,
};
use codex_review::secrets::is_secret_name;
use codex_review::target::{
    ChangeOptions, IgnoreSource, ObjectId, PushedChange, RemoteCommits, Repository, ResolveError,
};

use crate::cli::failure::Failure;
use crate::cli::hook::{PrePushRequest, PushSource};
use crate::cli::options::Isolation;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::attend::attend_within;
use super::hook::quiet;
use super::memory_file::{now_ms, recall, remember};
use super::push_input::{lines_of_pre_commit, read_lines};
use super::push_telling::{tell_record, tell_unjudged, tell_way_out};
use super::review::{Resolved, build_context, report_of};
use super::workspace::{Workspace, today};

/// Skips the review of one push; its value is the reason, which is logged.
pub(crate) const SKIP_VARIABLE: &str = "CODEX_REVIEW_SKIP";
/// A longer reason is cut.
const REASON_CHARS: usize = 200;
/// What is not begun with less time than this is not begun at all.
const LEAST_TIME: Duration = Duration::from_secs(1);

pub(crate) fn run(
    request: &PrePushRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let refs = match request.source {
        PushSource::Lines => read_lines().map(|text| read_push(&text)),
        PushSource::PreCommit => Ok(read_push(&lines_of_pre_commit(surroundings))),
    };
    if let Some(reason) = skip_reason() {
        ui.note(&format!("review of this push skipped: {reason}"));
        log_skip(request, refs.unwrap_or_default(), reason, surroundings, ui);
        return Ok(ExitStatus::Passed);
    }
    let done = refs.and_then(|refs| {
        if refs.is_empty() {
            return Ok(ExitStatus::Passed);
        }
        Push::open(request, surroundings)?.review_all(refs, ui)
    });
    done.or_else(|failure| {
        let policy = policy_in_spite_of(request, surroundings)?;
        ui.failure(&failure);
        Ok(tell_unjudged(policy, ui))
    })
}

/// What the user wants with a push that cannot be judged. A repository's file that cannot be read takes no part in it.
fn policy_in_spite_of(
    request: &PrePushRequest,
    surroundings: &Surroundings,
) -> Result<Unjudged, Failure> {
    let resolved = match surroundings.settings(request.flags.clone()) {
        Ok(resolved) => resolved,
        Err(_) => {
            let without = surroundings.settings_at(None, None, request.flags.clone())?;
            without.resolved
        }
    };
    Ok(resolved.settings.pre_push.unjudged)
}

fn skip_reason() -> Option<String> {
    let reason = Surroundings::variable(SKIP_VARIABLE)?;
    let reason = reason.to_string_lossy();
    let reason: String = reason.trim().chars().take(REASON_CHARS).collect();
    (!reason.is_empty()).then_some(reason)
}

/// A log that cannot be written does not hold the push.
fn log_skip(
    request: &PrePushRequest,
    refs: Vec<Result<PushedRef, MalformedLine>>,
    reason: String,
    surroundings: &Surroundings,
    ui: &Ui,
) {
    let logged = Workspace::open_repository(surroundings, Vec::new(), &quiet()).and_then(
        |(workspace, repository)| {
            let remote = remote_name(&repository, request.remote.as_deref());
            let records = refs.into_iter().flatten().map(|pushed| PushRecord {
                at_ms: now_ms(),
                remote: remote.clone(),
                remote_ref: pushed.remote_ref,
                question: PushQuestion {
                    head: pushed
                        .local_id
                        .map_or_else(String::new, |id| id.to_string()),
                    ..PushQuestion::default()
                },
                verdict: PushVerdict::Skipped,
                why: reason.clone(),
                ..PushRecord::default()
            });
            remember(&workspace, |memory: &mut PushMemory| memory.note(records))
        },
    );
    if let Err(failure) = logged {
        ui.warning(&format!("the skip could not be logged: {failure}"));
    }
}

fn remote_name(repository: &Repository, given: Option<&OsStr>) -> Option<String> {
    repository.remote_called(given?.to_str()?)
}

/// A ref with what it brings, before anybody is asked.
struct Brought {
    pushed: PushedRef,
    /// `None` for a deletion.
    change: Option<Result<PushedChange, String>>,
    question: PushQuestion,
}

impl Brought {
    /// What is done about it, and what is known of it.
    fn step<'a>(&self, answers: &'a PushAnswers) -> (PushStep, Option<&'a PushRecord>) {
        let known = answers.recall(&self.question);
        let facts = PushFacts {
            pushed: &self.pushed,
            change: self.change.as_ref(),
            known,
        };
        (decide_push(&facts), known)
    }
}

/// The part of a push's time that one question has.
struct Share {
    whole: Duration,
    part: Duration,
    end: Instant,
}

impl Share {
    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    fn is_over(&self) -> String {
        let whole = self.whole.as_secs();
        if self.part + LEAST_TIME < self.whole {
            format!(
                "its part of the time limit of {whole} s was over: {:.0} s",
                self.part.as_secs_f64()
            )
        } else {
            format!("the time limit of {whole} s was over")
        }
    }
}

/// One push: what reviews it, and how long it may still take.
struct Push {
    workspace: Workspace,
    repository: Repository,
    /// The remote's name; `None` for a bare address.
    remote: Option<String>,
    deadline: Instant,
}

impl Push {
    fn open(request: &PrePushRequest, surroundings: &Surroundings) -> Result<Push, Failure> {
        let (mut workspace, repository) =
            Workspace::open_repository(surroundings, request.flags.clone(), &quiet())?;
        let policy = workspace.settings().pre_push;
        if let Some(engine) = policy.engine {
            workspace.resolved.settings.engine = engine;
        }
        Ok(Push {
            remote: remote_name(&repository, request.remote.as_deref()),
            workspace,
            repository,
            deadline: Instant::now() + policy.timeout,
        })
    }

    /// Each step costs the same for every ref: a push may have thousands.
    fn review_all(
        &self,
        lines: Vec<Result<PushedRef, MalformedLine>>,
        ui: &Ui,
    ) -> Result<ExitStatus, Failure> {
        let memory: PushMemory = recall(&self.workspace);
        let mut answers = memory.answers();
        let lines = self.look_at_all(lines);
        let mut open: HashSet<&PushQuestion> = lines
            .iter()
            .flatten()
            .filter(|brought| matches!(brought.step(&answers).0, PushStep::Review { .. }))
            .map(|brought| &brought.question)
            .collect();
        let mut records: Vec<PushRecord> = Vec::new();
        for line in &lines {
            let record = match line {
                Ok(brought) => {
                    self.review_one(brought, &answers, &mut open, ui)
                        // One that cannot be judged takes nothing from what was found in another.
                        .unwrap_or_else(|failure| {
                            Some(PushRecord {
                                remote_ref: brought.pushed.remote_ref.clone(),
                                question: brought.question.clone(),
                                verdict: PushVerdict::NotJudged,
                                why: with_causes(&failure),
                                ..PushRecord::default()
                            })
                        })
                }
                Err(malformed) => Some(PushRecord {
                    remote_ref: format!("line {}", malformed.number),
                    verdict: PushVerdict::NotJudged,
                    why: malformed.to_string(),
                    ..PushRecord::default()
                }),
            };
            let Some(record) = record else {
                return Ok(ExitStatus::Interrupted);
            };
            let record = PushRecord {
                at_ms: now_ms(),
                remote: self.remote.clone(),
                ..record
            };
            tell_record(&record, ui);
            // The next ref may be the same commit under another name.
            answers.note(&record);
            records.push(record);
        }
        let policy = self.workspace.settings().pre_push;
        let verdicts = records
            .iter()
            .map(|record| (record.remote_ref.as_str(), record.verdict));
        let conclusion = conclude_push(verdicts, policy.unjudged);
        let job_id = records
            .iter()
            .rfind(|record| {
                record.job_id.is_some() && conclusion.blocked_by.contains(&record.remote_ref)
            })
            .and_then(|record| record.job_id.clone());
        let held = records
            .iter()
            .any(|record| record.verdict == PushVerdict::Held);
        if let Err(failure) = remember(&self.workspace, |memory: &mut PushMemory| {
            memory.note(records)
        }) {
            ui.warning(&format!("this push could not be logged: {failure}"));
        }
        if conclusion.blocked_by.is_empty() {
            if !conclusion.unjudged.is_empty() {
                return Ok(tell_unjudged(Unjudged::Pass, ui));
            }
            return Ok(ExitStatus::Passed);
        }
        let reason = if held {
            format!("findings at or above {}", policy.fail_on)
        } else {
            "it could not be judged, and `pre_push.unjudged` is block".to_owned()
        };
        ui.verdict(&[(
            Role::Findings,
            &format!(
                "push blocked by {}: {reason}",
                conclusion.blocked_by.join(", ")
            ),
        )]);
        tell_way_out(job_id.as_deref(), ui);
        Ok(ExitStatus::Findings)
    }

    /// What each line brings to the remote, which has what its tracking refs say and what it told git just now.
    fn look_at_all(
        &self,
        lines: Vec<Result<PushedRef, MalformedLine>>,
    ) -> Vec<Result<Brought, MalformedLine>> {
        let told = lines.iter().flatten();
        let told = told.filter_map(|pushed| pushed.remote_id.clone());
        let has = self.repository.remote_has(self.remote.as_deref(), told);
        let policy = self.policy_line();
        let mut known = HashMap::new();
        let mut look_at = |pushed: PushedRef| {
            let change = pushed.local_id.as_ref().map(|id| {
                let found = known.entry(id.clone());
                found.or_insert_with(|| self.change(id, &has)).clone()
            });
            let question = match &change {
                Some(Ok(PushedChange::Commits { head, base })) => PushQuestion {
                    base: base.as_ref().map_or_else(String::new, ToString::to_string),
                    head: head.to_string(),
                    policy: policy.clone(),
                },
                _ => PushQuestion::default(),
            };
            Brought {
                pushed,
                change,
                question,
            }
        };
        lines
            .into_iter()
            .map(|line| line.map(&mut look_at))
            .collect()
    }

    fn change(&self, id: &ObjectId, has: &RemoteCommits) -> Result<PushedChange, String> {
        if Instant::now() >= self.deadline {
            let whole = self.workspace.settings().pre_push.timeout.as_secs();
            return Err(format!("the time limit of {whole} s was over"));
        }
        self.repository
            .pushed_change(id, has)
            .map_err(|error| in_words(&error))
    }

    /// What is left of the time, divided among the questions that are still to be asked, of which there are `open`: one
    /// that is never answered must not take the others' time. What the first ones do not need is there for the last.
    fn share(&self, open: usize) -> Share {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let whole = self.workspace.settings().pre_push.timeout;
        let part = left / u32::try_from(open.max(1)).unwrap_or(u32::MAX);
        Share {
            whole,
            part,
            end: now + part,
        }
    }

    /// `None` when the user interrupted it.
    fn review_one(
        &self,
        brought: &Brought,
        answers: &PushAnswers,
        open: &mut HashSet<&PushQuestion>,
        ui: &Ui,
    ) -> Result<Option<PushRecord>, Failure> {
        let record = PushRecord {
            remote_ref: brought.pushed.remote_ref.clone(),
            question: brought.question.clone(),
            ..PushRecord::default()
        };
        Ok(match brought.step(answers) {
            (PushStep::Pass(nothing), _) => Some(PushRecord {
                verdict: PushVerdict::NotReviewed,
                why: nothing.as_str().to_owned(),
                ..record
            }),
            (PushStep::Unjudged(why), _) => Some(PushRecord {
                verdict: PushVerdict::NotJudged,
                why,
                ..record
            }),
            (PushStep::Known(verdict), known) => {
                let known = known.cloned().unwrap_or_default();
                Some(PushRecord {
                    remote_ref: record.remote_ref,
                    verdict,
                    why: format!(
                        "{} (reviewed before)",
                        known.why.replace(" (reviewed before)", "")
                    ),
                    ..known
                })
            }
            (PushStep::Review { base, head }, _) => {
                match answers.asked_just_now(&brought.question) {
                    // A second name of a commit is not tried again.
                    Some(asked) => Some(PushRecord {
                        remote_ref: record.remote_ref,
                        ..asked.clone()
                    }),
                    None => {
                        let share = self.share(open.len());
                        open.remove(&brought.question);
                        self.ask(base.as_ref(), &head, record, &share, ui)?
                    }
                }
            }
        })
    }

    /// Whatever changes the answer, apart from the change itself.
    fn policy_line(&self) -> String {
        let settings = self.workspace.settings();
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let mut engine = settings.engine.as_str().to_owned();
        if let Access::Endpoint(endpoint) = self.workspace.engine_options(Isolation::Default).access
        {
            // Another engine than the one that is installed here.
            engine = format!("{engine}@{endpoint}");
        }
        format!(
            "{} {} {} {} {} {}",
            engine,
            or_none(&settings.model),
            or_none(&settings.effort),
            settings.strategy,
            settings.pre_push.fail_on,
            env!("CARGO_PKG_VERSION"),
        )
    }

    fn ask(
        &self,
        base: Option<&ObjectId>,
        head: &ObjectId,
        record: PushRecord,
        share: &Share,
        ui: &Ui,
    ) -> Result<Option<PushRecord>, Failure> {
        let over = || {
            Some(PushRecord {
                verdict: PushVerdict::NotJudged,
                why: share.is_over(),
                ..record.clone()
            })
        };
        if share.left() < LEAST_TIME {
            return Ok(over());
        }
        let began = Instant::now();
        let label = format!("push to {}", record.remote_ref);
        let target = self.repository.pushed_target(base, head, label);
        let options = ChangeOptions {
            // The change cannot excuse itself.
            review_ignore: base.map_or(IgnoreSource::Nothing, |base| {
                IgnoreSource::Commit(base.clone())
            }),
            secret_name: |path| is_secret_name(path),
            ..ChangeOptions::default()
        };
        let changes = self.repository.changes(&target, &options)?;
        if changes.is_empty() {
            return Ok(Some(PushRecord {
                verdict: PushVerdict::NotReviewed,
                why: "no file differs".to_owned(),
                ..record
            }));
        }
        let resolved = Resolved { target, changes };
        let context = build_context(&self.workspace, &self.repository, &resolved)?;
        let left = share.left();
        if left < LEAST_TIME {
            return Ok(over());
        }
        let mut engine = self.workspace.engine_options(Isolation::Default);
        // The push's own limit holds, and no other: a repository may set those.
        engine.budgets.turn = left;
        engine.budgets.silence = left;
        // A push is the user's own, so the working tree says what is excused, as in any review here.
        let terms = review_terms(&TermsInput {
            repository: &self.repository,
            target: &resolved.target,
            changes: &resolved.changes,
            change: change_hash(&resolved.changes),
            shard: None,
            from: SuppressFrom::New,
            filter: self.workspace.settings().filter,
            today: today(),
            configuration: &[("kind", REVIEW.name.to_owned())],
        })?;
        let plan = ReviewPlan {
            kind: &REVIEW,
            root: &self.workspace.root,
            target: &resolved.target,
            changes: &resolved.changes,
            context: Some(&context),
            focus: None,
            last_message: None,
            options: &engine,
            fail_on: self.workspace.settings().pre_push.fail_on,
            on_empty: OnEmpty::Pass,
            history: None,
            since: None,
            notes: &resolved.changes.notes,
            terms: &terms,
            took: began.elapsed(),
        };
        ui.note(&format!(
            "reviewing {}: {} (engine {}, at most {} s)",
            record.remote_ref,
            context.summary,
            engine.engine.name(),
            left.as_secs_f64().ceil()
        ));
        let summary = format!("{}: {}", resolved.target.label, context.summary);
        let ended = attend_within(&self.workspace, ui, &plan.request()?, summary, left)?;
        let Some(job) = ended else {
            return Ok(over());
        };
        let report = report_of(&job, &plan);
        Ok(record_of(&report, record))
    }
}

/// `None` when the user ended the job.
fn record_of(report: &Report, record: PushRecord) -> Option<PushRecord> {
    let findings = report.shown_findings();
    let (verdict, why) = match &report.outcome {
        Outcome::NotJudged(not_judged) if not_judged.reason == NotJudgedReason::Cancelled => {
            return None;
        }
        Outcome::NotJudged(not_judged) => (PushVerdict::NotJudged, not_judged.detail.clone()),
        Outcome::Empty => (PushVerdict::NotReviewed, "no file differs".to_owned()),
        Outcome::Judged(judgement) => {
            let verdict = if report.exit == ExitStatus::Findings {
                PushVerdict::Held
            } else {
                PushVerdict::Passed
            };
            let why = match (findings.len(), judgement.verdict) {
                (0, Verdict::Approve) => "no findings".to_owned(),
                (0, Verdict::NeedsAttention) => first_line(&judgement.summary),
                (1, _) => "1 finding".to_owned(),
                (count, _) => format!("{count} findings"),
            };
            (verdict, why)
        }
    };
    Some(PushRecord {
        verdict,
        why,
        finding_count: findings.len(),
        findings: findings
            .iter()
            .take(KEPT_FINDINGS)
            .map(|finding| PushFinding {
                severity: finding.severity.as_str().to_owned(),
                place: match finding.lines {
                    Some(lines) => format!("{}:{}", finding.file, lines.start()),
                    None => finding.file.clone(),
                },
                title: finding.title.clone(),
            })
            .collect(),
        job_id: report.job_id.clone(),
        ..record
    })
}

fn in_words(error: &ResolveError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}
