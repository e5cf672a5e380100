//! One turn: from its change to the notifications that end it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::checks::{Examination, examine};
use crate::rpc::codes;

use super::change_request::ChangeRequest;
use super::outlet::Outlet;
use super::server::ChangeOpener;
use super::wording;

/// What kind of answer a turn wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Codex's own review: raw JSON and text.
    Review,
    /// JSON by the findings schema.
    Structured,
    /// `ALLOW:` or `BLOCK:`.
    Gate,
    /// A conversation, which cannot be had here.
    Refusal,
}

/// A turn that is about to run.
pub(super) struct Turn {
    pub(super) thread_id: String,
    pub(super) turn_id: String,
    pub(super) cwd: PathBuf,
    pub(super) answer: Answer,
    /// What is reviewed, in a few words.
    pub(super) hint: String,
    /// `None` for a refusal alone.
    pub(super) change: Option<ChangeRequest>,
    pub(super) stop: Arc<AtomicBool>,
}

const CANNOT_CONVERSE: &str = "The builtin engine runs fixed checks over a change. It cannot answer questions, \
    investigate or edit files: use the `codex` engine for that.";

/// How a turn ended before it had an answer.
enum Unanswered {
    Stopped,
    Failed(String),
}

impl Turn {
    /// Runs the turn to its end and frees its place, whatever happens.
    pub(super) fn perform(self, outlet: &Outlet, turns: &Turns, opener: &dyn ChangeOpener) {
        outlet.notify(
            "turn/started",
            json!({"threadId": self.thread_id, "turn": {
                "id": self.turn_id, "items": [], "status": "inProgress", "error": null,
            }}),
        );
        let ended = catch_unwind(AssertUnwindSafe(|| self.answer(outlet, opener)));
        let ended = ended.unwrap_or_else(|_| {
            Err(Unanswered::Failed(
                "a check of the builtin engine failed".to_owned(),
            ))
        });
        // First the place, then the word: whoever hears that the turn is over may start the next one.
        turns.end(&self.thread_id);
        let params = match ended {
            Ok(()) => completed(&self.thread_id, &self.turn_id, "completed", None),
            Err(Unanswered::Stopped) => {
                completed(&self.thread_id, &self.turn_id, "interrupted", None)
            }
            Err(Unanswered::Failed(problem)) => {
                outlet.notify(
                    "error",
                    json!({
                        "error": fault(&problem), "willRetry": false,
                        "threadId": self.thread_id, "turnId": self.turn_id,
                    }),
                );
                completed(&self.thread_id, &self.turn_id, "failed", Some(&problem))
            }
        };
        outlet.notify("turn/completed", params);
    }

    fn answer(&self, outlet: &Outlet, opener: &dyn ChangeOpener) -> Result<(), Unanswered> {
        let Some(change) = &self.change else {
            self.message(outlet, CANNOT_CONVERSE, Some("final_answer"));
            return Ok(());
        };
        if self.answer == Answer::Review {
            self.item(
                outlet,
                json!({"type": "enteredReviewMode", "review": self.hint}),
            );
        }
        let opened = opener
            .open(&self.cwd, change)
            .map_err(|error| Unanswered::Failed(error.to_string()))?;
        let examination = examine(opened.source.as_ref(), &mut |_| {
            if self.stop.load(Ordering::Acquire) || outlet.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let mut examination: Examination = examination.map_err(|_| Unanswered::Stopped)?;
        if let Some(only) = &change.only {
            let wanted = |file: &String| file.is_empty() || only.contains(file);
            examination.findings.retain(|finding| wanted(&finding.file));
        }
        if self.stop.load(Ordering::Acquire) {
            return Err(Unanswered::Stopped);
        }
        let root = opened.root.as_path();
        match self.answer {
            Answer::Review => {
                let raw = wording::review_json(&examination, root).to_string();
                self.message(outlet, &raw, None);
                let text = wording::review_text(&examination, root);
                self.item(outlet, json!({"type": "exitedReviewMode", "review": text}));
            }
            Answer::Structured => {
                let text = wording::structured(&examination).to_string();
                self.message(outlet, &text, Some("final_answer"));
            }
            Answer::Gate => {
                self.message(outlet, &wording::gate(&examination), Some("final_answer"))
            }
            Answer::Refusal => self.message(outlet, CANNOT_CONVERSE, Some("final_answer")),
        }
        Ok(())
    }

    fn message(&self, outlet: &Outlet, text: &str, phase: Option<&str>) {
        self.item(
            outlet,
            json!({"type": "agentMessage", "text": text, "phase": phase}),
        );
    }

    /// An item that is over as soon as it begins.
    fn item(&self, outlet: &Outlet, mut item: Value) {
        let kind = item["type"].as_str().unwrap_or("item").to_owned();
        item["id"] = json!(format!("{}-{kind}", self.turn_id));
        let params = json!({"item": item, "threadId": self.thread_id, "turnId": self.turn_id});
        outlet.notify("item/started", params.clone());
        outlet.notify("item/completed", params);
    }
}

fn fault(problem: &str) -> Value {
    json!({"message": problem, "codexErrorInfo": null, "additionalDetails": null})
}

/// The parameters of `turn/completed`.
pub(super) fn completed(
    thread_id: &str,
    turn_id: &str,
    status: &str,
    problem: Option<&str>,
) -> Value {
    json!({
        "threadId": thread_id,
        "turn": {"id": turn_id, "items": [], "status": status, "error": problem.map(fault)},
    })
}

/// The turns that run, at most one on each thread.
pub(super) struct Turns {
    most: usize,
    running: Mutex<BTreeMap<String, Running>>,
    ended: Condvar,
}

struct Running {
    turn_id: String,
    stop: Arc<AtomicBool>,
}

/// Why a turn cannot begin.
pub(super) struct Busy {
    pub(super) code: i64,
    pub(super) message: String,
}

impl Turns {
    pub(super) fn new(most: usize) -> Self {
        Turns {
            most,
            running: Mutex::new(BTreeMap::new()),
            ended: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place of a turn; the flag tells it to stop.
    pub(super) fn begin(&self, thread_id: &str, turn_id: &str) -> Result<Arc<AtomicBool>, Busy> {
        let mut running = self.lock();
        if let Some(other) = running.get(thread_id) {
            return Err(Busy {
                code: codes::INVALID_REQUEST,
                message: format!("turn `{}` is still running on this thread", other.turn_id),
            });
        }
        if running.len() >= self.most {
            return Err(Busy {
                code: codes::OVERLOADED,
                message: format!("{} turns are running already", running.len()),
            });
        }
        let stop = Arc::new(AtomicBool::new(false));
        running.insert(
            thread_id.to_owned(),
            Running {
                turn_id: turn_id.to_owned(),
                stop: Arc::clone(&stop),
            },
        );
        Ok(stop)
    }

    pub(super) fn end(&self, thread_id: &str) {
        self.lock().remove(thread_id);
        self.ended.notify_all();
    }

    pub(super) fn is_running(&self, thread_id: &str) -> bool {
        self.lock().contains_key(thread_id)
    }

    /// Tells a turn to stop. An empty id means whichever runs.
    pub(super) fn interrupt(&self, thread_id: &str, turn_id: &str) -> Result<(), String> {
        let running = self.lock();
        let Some(turn) = running.get(thread_id) else {
            return Err("no active turn to interrupt".to_owned());
        };
        if !turn_id.is_empty() && turn.turn_id != turn_id {
            let found = &turn.turn_id;
            return Err(format!(
                "expected active turn id `{turn_id}` but found `{found}`"
            ));
        }
        turn.stop.store(true, Ordering::Release);
        Ok(())
    }

    /// Tells every turn to stop and waits until they have, at most this long.
    pub(super) fn stop_all(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut running = self.lock();
        for turn in running.values() {
            turn.stop.store(true, Ordering::Release);
        }
        while !running.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            running = self
                .ended
                .wait_timeout(running, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
