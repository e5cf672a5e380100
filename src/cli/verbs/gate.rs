//! The stop gate: gathers the facts, asks the engine where the turn edited something, and answers the host.
//!
//! The decisions are [`codex_review::hooks::decide`] and [`codex_review::hooks::conclude`]; this file is their hands.
//! [`super::gate_question`] asks the engine, [`super::memory_file`] keeps what is remembered, [`super::gate_record`] shows it.

use std::time::{Duration, UNIX_EPOCH};

use bstr::ByteSlice as _;
use codex_review::hooks::{
    Conclusion, Facts, GateMemory, GateRecord, Gated, HookInput, SessionMemory, Settled, Step,
    TreeState, conclude, decide, tree_state,
};
use codex_review::target::{ChangeOptions, LeftOut, Repository, Select, TargetSpec};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

use super::gate_question::{Answer, ask};
use super::memory_file::{now_ms, recall, remember};
use super::review::change_options;
use super::workspace::Workspace;

/// So many files that are not read are still told apart one by one.
const STAMPED_FILES: usize = 20_000;

/// Answers a turn that wants to end.
pub(crate) fn stop(input: &HookInput, surroundings: &Surroundings, ui: &Ui) -> Result<(), Failure> {
    let mut workspace = Workspace::open_in_hook(surroundings)?;
    let is_on = workspace.store.settings()?.stop_review_gate();
    workspace.tell_warnings();
    if !is_on {
        return Ok(());
    }
    // The host says whose turn it is; the environment may not.
    if let Some(session) = input.session_id.clone() {
        workspace.session = Some(session);
    }
    let Some(repository) = &workspace.repository else {
        return Ok(());
    };
    let session = input.session_id.clone().unwrap_or_default();
    let now_ms = now_ms();
    let remembered: GateMemory = recall(&workspace);
    let own = remembered
        .sessions
        .get(&session)
        .cloned()
        .unwrap_or_default();
    let tree = read_tree(&workspace, repository, &whole_tree()).ok();
    let facts = facts(&workspace, input, &remembered, &own, tree.as_ref(), now_ms);
    let end = match (decide(&facts), &tree) {
        (Step::Allow(settled), _) => End::settled(settled, Gated::Turn),
        (Step::Ask, None) => End::settled(Settled::Unreadable, Gated::Turn),
        (Step::Ask, Some(tree)) => {
            let start = own.unreviewed_since.as_ref().or(own.turn_start.as_ref());
            match ask(&workspace, repository, input, start, tree)? {
                Answer::Given(asked) => {
                    End::asked(asked, workspace.settings().gate.fail_closed, Gated::Turn)
                }
                Answer::NothingToShow => End::settled(Settled::NothingToShow, Gated::Turn),
                // Nobody is there any more who could be answered.
                Answer::HostGone => return Ok(()),
            }
        }
    };
    remember(&workspace, |memory: &mut GateMemory| {
        end.remember(memory, &session, tree.as_ref(), now_ms);
        end.note(memory, input, now_ms);
    })?;
    end.answer(ui, |reason| json!({"decision": "block", "reason": reason}))
}

/// How a turn's end was decided, or what becomes of a plan.
pub(super) struct End {
    pub(super) conclusion: Conclusion,
    settled: Option<Settled>,
    /// Whether the engine objected, and did not merely fail.
    pub(super) objected: bool,
    /// Without time and session.
    pub(super) record: GateRecord,
}

impl End {
    /// Puts the decision on record.
    pub(super) fn note(&self, memory: &mut GateMemory, input: &HookInput, now_ms: u64) {
        memory.note(GateRecord {
            at_ms: now_ms,
            session_id: input.session_id.clone(),
            ..self.record.clone()
        });
    }

    /// Tells people a note, or the host why it is to stop: `blocking` is its word for that.
    pub(super) fn answer(
        self,
        ui: &Ui,
        blocking: impl FnOnce(String) -> Value,
    ) -> Result<(), Failure> {
        match self.conclusion {
            Conclusion::Allow {
                note: Some(note), ..
            } => ui.note(&note),
            Conclusion::Allow { note: None, .. } => {}
            Conclusion::Block { reason } => {
                ui.result(format!("{}\n", blocking(reason)).as_bytes())?;
            }
        }
        Ok(())
    }

    pub(super) fn settled(settled: Settled, gated: Gated) -> End {
        End {
            conclusion: Conclusion::Allow {
                note: settled.note(gated).map(str::to_owned),
                judged: false,
            },
            settled: Some(settled),
            objected: false,
            record: GateRecord {
                at_ms: 0,
                gated,
                session_id: None,
                verdict: "skip".to_owned(),
                reason: settled.as_str().to_owned(),
                tokens: None,
                job_id: None,
            },
        }
    }

    pub(super) fn asked(
        asked: super::gate_question::Asked,
        fail_closed: bool,
        gated: Gated,
    ) -> End {
        let record = asked.record(gated);
        End {
            objected: record.verdict == "block",
            settled: None,
            conclusion: conclude(asked.review, fail_closed, gated),
            record,
        }
    }

    fn remember(
        &self,
        memory: &mut GateMemory,
        session: &str,
        tree: Option<&TreeState>,
        now_ms: u64,
    ) {
        let own = memory.session(session, now_ms);
        let is_judged = match &self.conclusion {
            Conclusion::Block { .. } => {
                own.blocks_in_row += 1;
                if self.objected {
                    own.last_blocked = tree.map(|tree| tree.fingerprint.clone());
                }
                return;
            }
            Conclusion::Allow { judged, .. } => *judged,
        };
        own.blocks_in_row = 0;
        own.turn_open = false;
        let began = match tree {
            Some(tree) => own.turn_start.replace(tree.clone()),
            None => None,
        };
        match self.settled {
            Some(settled) if settled.leaves_unreviewed() => {
                own.unreviewed_since = own.unreviewed_since.take().or(began);
            }
            Some(Settled::NothingEdited) => {}
            _ => own.unreviewed_since = None,
        }
        if let (true, Some(tree)) = (is_judged, tree) {
            memory.last_allowed = Some(tree.fingerprint.clone());
        }
    }
}

/// Remembers where a session's first turn begins, for hosts that do not tell of each prompt.
pub(crate) fn session_began(workspace: &Workspace, session: &str) -> Result<(), Failure> {
    remember_start(workspace, session, |own, tree| {
        own.turn_start.get_or_insert(tree);
    })
}

/// Remembers where a turn begins: what was edited before it, by its user, is not its doing.
pub(crate) fn turn_began(workspace: &Workspace, input: &HookInput) -> Result<(), Failure> {
    let session = input.session_id.as_deref().unwrap_or_default();
    remember_start(workspace, session, |own, tree| {
        if !own.turn_open {
            own.turn_open = true;
            own.turn_start = Some(tree);
        }
    })
}

/// Only where the gate is on: elsewhere reading the tree would cost for nothing.
fn remember_start(
    workspace: &Workspace,
    session: &str,
    note: impl FnOnce(&mut SessionMemory, TreeState),
) -> Result<(), Failure> {
    if !workspace.store.settings()?.stop_review_gate() {
        return Ok(());
    }
    let Some(repository) = &workspace.repository else {
        return Ok(());
    };
    // A tree that cannot be read now makes this turn one that is asked about, which is the safe side.
    let Ok(tree) = read_tree(workspace, repository, &whole_tree()) else {
        return Ok(());
    };
    remember(workspace, |memory: &mut GateMemory| {
        note(memory.session(session, now_ms()), tree);
    })
}

fn whole_tree() -> TargetSpec {
    TargetSpec::of(Select::WorkingTree)
}

/// What differs from HEAD, as far as `spec` takes it in, as a fingerprint.
pub(crate) fn read_tree(
    workspace: &Workspace,
    repository: &Repository,
    spec: &TargetSpec,
) -> Result<TreeState, Failure> {
    let target = repository.resolve(spec)?;
    let options = ChangeOptions {
        left_out_limit: STAMPED_FILES,
        ..change_options(workspace)
    };
    let changes = repository.changes(&target, &options)?;
    Ok(tree_state(&target, &changes, |left_out| {
        stamp(workspace, left_out)
    }))
}

/// Size and time of a file that is not read. One that was only touched counts as edited, which costs a question.
fn stamp(workspace: &Workspace, left_out: &LeftOut) -> String {
    let path = workspace.root.join(left_out.path.to_path_lossy());
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return "gone".to_owned();
    };
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{} {}", metadata.len(), modified.as_nanos())
}

fn facts(
    workspace: &Workspace,
    input: &HookInput,
    memory: &GateMemory,
    own: &SessionMemory,
    tree: Option<&TreeState>,
    now_ms: u64,
) -> Facts {
    let gate = &workspace.settings().gate;
    // A session that nobody saw begin, in a tree without any change, has edited nothing.
    let untouched = || {
        tree.filter(|tree| tree.is_clean())
            .map(|tree| tree.fingerprint.clone())
    };
    let last_hour = memory.last_hour(now_ms);
    Facts {
        enabled: true,
        fingerprint: tree.map(|tree| tree.fingerprint.clone()),
        at_turn_start: own
            .turn_start
            .as_ref()
            .map(|start| start.fingerprint.clone())
            .or_else(untouched),
        last_blocked: own.last_blocked.clone(),
        last_allowed: memory.last_allowed.clone(),
        blocks_in_row: own.blocks_in_row,
        max_blocks: gate.max_blocks,
        stop_hook_active: input.stop_hook_active,
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
