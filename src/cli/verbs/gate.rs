//! The stop gate: gathers the facts, asks the engine where the turn edited something, and answers the host.
//!
//! The decisions are [`codex_review::hooks::decide`] and [`codex_review::hooks::conclude`]; this file is their hands.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codex_review::context::Context;
use codex_review::hooks::{
    Conclusion, Facts, GateMemory, GateRecord, HookInput, Review, Step, TreeState, conclude,
    decide, read_answer, tree_state,
};
use codex_review::jobs::{Job, Timestamp};
use codex_review::report::styled::Role;
use codex_review::report::{self, Report};
use codex_review::review::{ExitStatus, FailOn, NotJudgedReason, OnEmpty, Outcome};
use codex_review::run::{GATE, ReviewPlan, ReviewTerms, first_line};
use codex_review::target::{Repository, Select, TargetSpec, literal_glob};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::options::{Attendance, Isolation, Shape};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::attend::{Attended, Telling, attend};
use super::hook::quiet;
use super::review::{Resolved, build_context, report_of, resolve};
use super::workspace::Workspace;

/// What the gate remembers, in the repository's state folder.
const MEMORY_FILE: &str = "gate.json";
/// How long to wait for another session that writes it.
const MEMORY_WAIT: Duration = Duration::from_secs(2);
const HOUR_MS: u64 = 3_600_000;

pub(crate) fn stop(input: &HookInput, surroundings: &Surroundings, ui: &Ui) -> Result<(), Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), &quiet())?;
    if !workspace.store.settings()?.stop_review_gate() {
        return Ok(());
    }
    let Some(repository) = &workspace.repository else {
        return Ok(());
    };
    let session = input.session_id.clone().unwrap_or_default();
    let now_ms = now_ms();
    let memory = MemoryFile::of(&workspace);
    let remembered = memory.read();
    let tree = read_tree(&workspace, repository);
    let start = remembered
        .sessions
        .get(&session)
        .and_then(|own| own.turn_start.clone());
    let facts = facts(
        &workspace,
        input,
        &remembered,
        &session,
        tree.as_ref().ok(),
        now_ms,
    );
    let step = decide(&facts);
    if step == Step::Allow(codex_review::hooks::Settled::Off) {
        return Ok(());
    }
    let (conclusion, record) = match (step, &tree) {
        (Step::Allow(settled), _) => {
            let note = settled.note().map(str::to_owned);
            let record = Noted {
                verdict: "skip",
                reason: settled.as_str().to_owned(),
                ..Noted::default()
            };
            (
                Conclusion::Allow {
                    note,
                    judged: false,
                },
                record,
            )
        }
        (Step::Ask, Ok(tree)) => {
            let asked = ask(&workspace, repository, input, start.as_ref(), tree)?;
            let conclusion = conclude(asked.review.clone(), workspace.settings().gate.fail_closed);
            (conclusion, asked.noted())
        }
        (Step::Ask, Err(_)) => unreachable!("a tree that cannot be read is never asked about"),
    };
    memory.update(|memory| {
        let own = memory.session(&session, now_ms);
        match &conclusion {
            Conclusion::Block { .. } => own.blocks_in_row += 1,
            Conclusion::Allow { .. } => {
                own.blocks_in_row = 0;
                if let Ok(tree) = &tree {
                    own.turn_start = Some(tree.clone());
                }
            }
        }
        if let (Conclusion::Allow { judged: true, .. }, Ok(tree)) = (&conclusion, &tree) {
            memory.last_allowed = Some(tree.fingerprint.clone());
        }
        memory.note(GateRecord {
            at_ms: now_ms,
            session_id: input.session_id.clone(),
            verdict: record.verdict.to_owned(),
            reason: record.reason.clone(),
            tokens: record.tokens,
            job_id: record.job_id.clone(),
        });
    })?;
    match conclusion {
        Conclusion::Allow {
            note: Some(note), ..
        } => ui.note(&note),
        Conclusion::Allow { note: None, .. } => {}
        Conclusion::Block { reason } => {
            ui.result(format!("{}\n", json!({"decision": "block", "reason": reason})).as_bytes())?;
        }
    }
    Ok(())
}

/// Carries out `gate status`.
pub(crate) fn status(
    shape: Shape,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let workspace = Workspace::open(surroundings, Vec::new(), ui)?;
    let enabled = workspace.store.settings()?.stop_review_gate();
    let memory = MemoryFile::of(&workspace).read();
    let newest_first = memory.records.iter().rev();
    match shape {
        Shape::Json => {
            let records: Vec<Value> = newest_first
                .map(|record| {
                    json!({
                        "at": shown_time(record.at_ms),
                        "sessionId": record.session_id,
                        "verdict": record.verdict,
                        "reason": record.reason,
                        "tokens": record.tokens,
                        "jobId": record.job_id,
                    })
                })
                .collect();
            ui.json(&json!({"enabled": enabled, "records": records}))?;
        }
        Shape::People => {
            let word = if enabled { "on" } else { "off" };
            ui.result(format!("Review gate: {word}\n").as_bytes())?;
            let rows: Vec<[String; 4]> = newest_first
                .map(|record| {
                    [
                        shown_time(record.at_ms),
                        record.verdict.clone(),
                        record
                            .tokens
                            .map_or_else(|| "-".to_owned(), |tokens| tokens.to_string()),
                        first_line(&record.reason),
                    ]
                })
                .collect();
            if !rows.is_empty() {
                ui.table(
                    &["WHEN", "VERDICT", "TOKENS", "WHY"],
                    &[Role::Minor, Role::Heading, Role::Plain, Role::Plain],
                    &rows,
                )?;
            }
        }
    }
    Ok(ExitStatus::Passed)
}

fn shown_time(at_ms: u64) -> String {
    Timestamp::from_unix_millis(at_ms).to_string()
}

/// Remembers where a session's first turn begins. Only where the gate is on: elsewhere it would cost for nothing.
pub(crate) fn note_session_start(workspace: &Workspace, session: &str) -> Result<(), Failure> {
    if !workspace.store.settings()?.stop_review_gate() {
        return Ok(());
    }
    let Some(repository) = &workspace.repository else {
        return Ok(());
    };
    // A tree that cannot be read now makes the first turn one that is asked about, which is the safe side.
    let Ok(tree) = read_tree(workspace, repository) else {
        return Ok(());
    };
    MemoryFile::of(workspace).update(|memory| {
        memory
            .session(session, now_ms())
            .turn_start
            .get_or_insert(tree);
    })
}

fn read_tree(workspace: &Workspace, repository: &Repository) -> Result<TreeState, Failure> {
    let resolved = resolve(workspace, repository, &TargetSpec::of(Select::WorkingTree))?;
    Ok(tree_state(&resolved.target, &resolved.changes))
}

fn facts(
    workspace: &Workspace,
    input: &HookInput,
    memory: &GateMemory,
    session: &str,
    tree: Option<&TreeState>,
    now_ms: u64,
) -> Facts {
    let gate = &workspace.settings().gate;
    let own = memory.sessions.get(session).cloned().unwrap_or_default();
    // A session that nobody saw begin, in a tree without any change, has edited nothing.
    let untouched = || {
        tree.filter(|tree| tree.paths.is_empty())
            .map(|tree| tree.fingerprint.clone())
    };
    let asked_last_hour = memory
        .asked_at_ms()
        .filter(|&at| now_ms.saturating_sub(at) < HOUR_MS)
        .count();
    let last_ask = memory.asked_at_ms().max();
    Facts {
        enabled: true,
        fingerprint: tree.map(|tree| tree.fingerprint.clone()),
        at_turn_start: own
            .turn_start
            .map(|start| start.fingerprint)
            .or_else(untouched),
        last_allowed: memory.last_allowed.clone(),
        blocks_in_row: own.blocks_in_row,
        max_blocks: gate.max_blocks,
        stop_hook_active: input.stop_hook_active,
        since_last_ask: last_ask.map(|at| Duration::from_millis(now_ms.saturating_sub(at))),
        cooldown: gate.cooldown,
        asked_last_hour: u32::try_from(asked_last_hour).unwrap_or(u32::MAX),
        max_per_hour: 0,
    }
}

/// What the engine was asked, and how it ended.
struct Asked {
    review: Review,
    tokens: Option<u64>,
    job_id: Option<String>,
}

#[derive(Default)]
struct Noted {
    verdict: &'static str,
    reason: String,
    tokens: Option<u64>,
    job_id: Option<String>,
}

impl Asked {
    fn noted(self) -> Noted {
        use codex_review::hooks::GateAnswer;
        let (verdict, reason) = match self.review {
            Review::Answered(GateAnswer::Allow { reason }) => ("allow", reason),
            Review::Answered(GateAnswer::Block { reason }) => ("block", reason),
            Review::Answered(GateAnswer::Unclear { first_line }) => {
                ("not-judged", format!("unclear answer: {first_line}"))
            }
            Review::NoEngine(what) | Review::Failed(what) => ("not-judged", what),
        };
        Noted {
            verdict,
            reason,
            tokens: self.tokens,
            job_id: self.job_id,
        }
    }
}

fn ask(
    workspace: &Workspace,
    repository: &Repository,
    input: &HookInput,
    start: Option<&TreeState>,
    tree: &TreeState,
) -> Result<Asked, Failure> {
    let began = Instant::now();
    let (resolved, context) = this_turn(workspace, repository, start, tree)?;
    let gate = &workspace.settings().gate;
    let mut options = workspace.engine_options(Isolation::Default);
    options.budgets.turn = gate.timeout;
    options.model = gate.model.clone().or(options.model);
    options.effort = gate.effort.clone().or(options.effort);
    let plan = ReviewPlan {
        kind: &GATE,
        root: &workspace.root,
        target: &resolved.target,
        changes: &resolved.changes,
        context: Some(&context),
        focus: None,
        last_message: input.last_assistant_message.as_deref(),
        options: &options,
        fail_on: FailOn::Never,
        on_empty: OnEmpty::Pass,
        history: None,
        since: None,
        notes: &[],
        terms: &ReviewTerms::default(),
        took: began.elapsed(),
    };
    let summary = format!("stop gate: {}", context.summary);
    let attended = attend(
        workspace,
        &quiet(),
        &plan.request()?,
        summary,
        Attendance::Foreground,
        Telling::Progress,
    )?;
    let (Attended::Ended(job) | Attended::Queued(job) | Attended::Left(job)) = attended;
    let report = report_of(&job, &plan);
    Ok(Asked {
        review: review(&report, &job),
        tokens: tokens(&report),
        job_id: report.job_id,
    })
}

fn review(report: &Report, job: &Job) -> Review {
    match &report.outcome {
        Outcome::NotJudged(not_judged) => match not_judged.reason {
            NotJudgedReason::EngineUnavailable | NotJudgedReason::NotLoggedIn => {
                Review::NoEngine(not_judged.detail.clone())
            }
            _ => Review::Failed(format!("{} (job {})", not_judged.detail, job.id)),
        },
        Outcome::Judged(_) | Outcome::Empty => Review::Answered(read_answer(&report.raw_output)),
    }
}

fn tokens(report: &report::Report) -> Option<u64> {
    report.usage.map(|usage| usage.input + usage.output)
}

/// The change of this turn: the paths whose content is not what it was when the turn began, and the commits that it made.
fn this_turn(
    workspace: &Workspace,
    repository: &Repository,
    start: Option<&TreeState>,
    tree: &TreeState,
) -> Result<(Resolved, Context), Failure> {
    let edited = start
        .map(|start| tree.paths_since(start))
        .unwrap_or_default();
    let committed = match (start.and_then(|start| start.head.clone()), &tree.head) {
        (Some(from), Some(to)) if from != *to => Some(Select::Range {
            from,
            to: to.clone(),
            merge_base: false,
        }),
        _ => None,
    };
    let working = || TargetSpec {
        select: Select::WorkingTree,
        paths: edited.iter().map(|path| literal_glob(path)).collect(),
    };
    let Some(committed) = committed else {
        let resolved = resolve(workspace, repository, &working())?;
        let context = build_context(workspace, repository, &resolved)?;
        return Ok((resolved, context));
    };
    let commits = resolve(workspace, repository, &TargetSpec::of(committed))?;
    let mut context = build_context(workspace, repository, &commits)?;
    if edited.is_empty() {
        return Ok((commits, context));
    }
    let resolved = resolve(workspace, repository, &working())?;
    let uncommitted = build_context(workspace, repository, &resolved)?;
    context.text.push('\n');
    context.text.push_str(&uncommitted.text);
    context.summary = format!("{}; then {}", context.summary, uncommitted.summary);
    Ok((resolved, context))
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The gate's memory on disk. Reading never fails: damage is an empty memory.
struct MemoryFile {
    path: PathBuf,
}

impl MemoryFile {
    fn of(workspace: &Workspace) -> MemoryFile {
        MemoryFile {
            path: workspace.store.folder().join(MEMORY_FILE),
        }
    }

    fn read(&self) -> GateMemory {
        std::fs::read(&self.path)
            .map(|text| GateMemory::from_json(&text))
            .unwrap_or_default()
    }

    /// Reads, changes and replaces the file under its lock.
    fn update(&self, change: impl FnOnce(&mut GateMemory)) -> Result<(), Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Failure::Write { path, source }
        };
        let lock_path = self.path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
        let began = Instant::now();
        // A lock that is never freed costs a moment; what another session noted meanwhile may then be lost.
        while lock.try_lock().is_err() && began.elapsed() < MEMORY_WAIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut memory = self.read();
        change(&mut memory);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed(folder))?;
        file.write_all(&memory.to_json())
            .map_err(failed(&self.path))?;
        file.persist(&self.path)
            .map_err(|error| failed(&self.path)(error.error))?;
        Ok(())
    }
}
