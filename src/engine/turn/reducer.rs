//! The reducer. What single items come to is in [`items`].

mod items;

use std::collections::{BTreeSet, VecDeque};

use crate::rpc::Notification;

use super::super::EngineError;
use super::super::protocol::{News, ThreadState, TurnFault, TurnStatus};
use super::agents::Agents;
use super::{CommandRun, Phase, TokenUsage, TurnEnd, TurnEvent, TurnFailure, TurnResult};

/// Summaries and commands kept for the result.
const KEPT: usize = 500;
/// Pieces of work that are followed at once.
const KEPT_OPEN: usize = 500;
/// Touched files kept for the result.
const KEPT_FILES: usize = 10_000;

/// Which method started the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnKind {
    /// `turn/start`.
    Turn,
    /// `review/start`.
    Review,
}

/// Where a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It runs.
    Running,
    /// Everything says that it is over, but the engine has not said so.
    LooksOver,
    /// It is over.
    Over,
}

/// Why nothing seems to run on the turn's thread any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    /// It is idle, as it is after every turn.
    Idle,
    /// The engine has put it away, which is no way for a turn to end.
    Closed,
}

/// Follows one turn on one thread, and the sub-agents that it spawns.
#[derive(Debug)]
pub struct TurnReducer {
    kind: TurnKind,
    thread_id: String,
    /// What the answer to the starting call named.
    turn_id: Option<String>,
    /// What `turn/started` named since: a review runs under another id than the one it was announced with.
    started: BTreeSet<String>,
    latest_turn: Option<String>,
    agents: Agents,
    phase: Option<Phase>,
    in_review: bool,
    model_answers: bool,
    /// Commands, changes and calls that began and have not ended.
    open_work: BTreeSet<String>,
    message: String,
    final_message: Option<String>,
    /// Whether a message was more than a remark on the way.
    has_spoken: bool,
    repeated_message: Option<String>,
    review_json: Option<String>,
    review_text: Option<String>,
    fault: Option<TurnFault>,
    quiet: Option<Quiet>,
    reasoning: VecDeque<String>,
    commands: VecDeque<CommandRun>,
    touched: Vec<String>,
    touched_once: BTreeSet<String>,
    usage: Option<TokenUsage>,
    /// How it ended, once the engine has said that it is over.
    status: Option<TurnStatus>,
    gone: Option<String>,
}

impl TurnReducer {
    /// A turn that is about to start on a thread.
    #[must_use]
    pub fn new(kind: TurnKind, thread_id: impl Into<String>) -> Self {
        TurnReducer {
            kind,
            thread_id: thread_id.into(),
            turn_id: None,
            started: BTreeSet::new(),
            latest_turn: None,
            agents: Agents::default(),
            phase: None,
            in_review: false,
            model_answers: false,
            open_work: BTreeSet::new(),
            message: String::new(),
            final_message: None,
            has_spoken: false,
            repeated_message: None,
            review_json: None,
            review_text: None,
            fault: None,
            quiet: None,
            reasoning: VecDeque::new(),
            commands: VecDeque::new(),
            touched: Vec::new(),
            touched_once: BTreeSet::new(),
            usage: None,
            status: None,
            gone: None,
        }
    }

    /// The starting call was answered with this turn.
    pub fn answered(&mut self, turn_id: impl Into<String>, emit: &mut dyn FnMut(TurnEvent)) {
        let turn_id = turn_id.into();
        // The notification may have come first, and names the turn that runs.
        if self.latest_turn.is_none() {
            emit(TurnEvent::TurnStarted {
                turn_id: turn_id.clone(),
            });
        }
        self.turn_id = Some(turn_id);
    }

    /// The id to name in an interrupt; `None` before the engine named one.
    #[must_use]
    pub fn active_turn(&self) -> Option<&str> {
        self.latest_turn.as_deref().or(self.turn_id.as_deref())
    }

    /// Where the turn stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.status.is_some() {
            return Progress::Over;
        }
        let looks_over = self.quiet.is_some() || self.fault.is_some() || self.has_final_answer();
        if looks_over && !self.agents.any_works() {
            Progress::LooksOver
        } else {
            Progress::Running
        }
    }

    /// Whether the model was heard of: the engine has asked it, and has nothing left to prepare.
    #[must_use]
    pub fn model_answers(&self) -> bool {
        self.model_answers
    }

    /// Whether there is anything that an answer could be read from. A message that the engine declares to be a remark on
    /// the way is none.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.has_spoken
            || self.repeated_message.is_some()
            || self.review_json.is_some()
            || self.review_text.is_some()
    }

    /// Whether the answer is there, and was declared to be the whole of it.
    fn has_final_answer(&self) -> bool {
        self.final_message.is_some()
            || (self.kind == TurnKind::Review && self.review_text.is_some() && !self.in_review)
    }

    /// Whether the engine named a failure that it does not retry.
    #[must_use]
    pub fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether the turn ended because somebody interrupted it, or does not say plainly that it ended otherwise.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        matches!(
            self.status,
            Some(TurnStatus::Interrupted | TurnStatus::Unknown(_) | TurnStatus::Missing)
        )
    }

    /// Why a broker says that the engine is gone, if it does.
    #[must_use]
    pub fn engine_gone(&self) -> Option<&str> {
        self.gone.as_deref()
    }

    /// Takes in a notification. Those of other threads, and those that are not known, change nothing. Returns whether
    /// it was a sign of life of this turn or of one of its sub-agents, known or not.
    pub fn apply(&mut self, notification: &Notification, emit: &mut dyn FnMut(TurnEvent)) -> bool {
        let news = News::parse(notification);
        if let News::EngineGone { reason } = news {
            self.gone = Some(reason);
            return false;
        }
        if let News::ThreadStarted {
            thread_id,
            parent_id: Some(parent),
            agent,
        } = &news
            && self.is_ours(parent)
        {
            self.agent_works(thread_id, agent.as_deref(), true, emit);
            return true;
        }
        match news.thread_id() {
            Some(id) if id == self.thread_id => {
                self.apply_own(news, emit);
                true
            }
            Some(id) if self.agents.contains(id) => {
                let id = id.to_owned();
                self.apply_agent(&id, news, emit);
                true
            }
            Some(_) => false,
            None => {
                match news {
                    News::Error {
                        fault, will_retry, ..
                    } => self.stumble(fault, will_retry, emit),
                    News::Warning { message, .. } if !message.is_empty() => {
                        emit(TurnEvent::Warning { message });
                    }
                    _ => {}
                }
                false
            }
        }
    }

    fn is_ours(&self, thread_id: &str) -> bool {
        thread_id == self.thread_id || self.agents.contains(thread_id)
    }

    fn apply_own(&mut self, news: News, emit: &mut dyn FnMut(TurnEvent)) {
        match news {
            News::ThreadStatus { state, .. } => self.thread_is(&state, emit),
            News::TurnStarted { turn_id, .. } => {
                self.quiet = None;
                if !turn_id.is_empty() {
                    self.started.insert(turn_id.clone());
                    if self.latest_turn.as_deref() != Some(turn_id.as_str()) {
                        self.latest_turn = Some(turn_id.clone());
                        emit(TurnEvent::TurnStarted { turn_id });
                    }
                }
                if self.kind == TurnKind::Turn {
                    self.enter(Phase::Investigating, emit);
                }
            }
            News::TurnCompleted {
                turn_id,
                status,
                fault,
                message,
                ..
            } => {
                let named = self.turn_id.as_deref();
                let ours = turn_id.is_empty()
                    || named.is_none_or(|id| id == turn_id)
                    || self.started.contains(&turn_id);
                if !ours {
                    return;
                }
                self.repeated_message = message;
                self.fault = fault.or(self.fault.take());
                self.status = Some(status);
            }
            News::ItemStarted { item_id, item, .. } => {
                let is_followed = !item_id.is_empty() && self.open_work.len() < KEPT_OPEN;
                if is_followed && item.is_work() {
                    self.open_work.insert(item_id);
                }
                self.item(item, true, None, emit);
            }
            News::ItemCompleted { item_id, item, .. } => {
                self.open_work.remove(&item_id);
                self.item(item, false, None, emit);
            }
            News::Error {
                fault, will_retry, ..
            } => self.stumble(fault, will_retry, emit),
            News::Usage { usage, .. } => {
                let usage = TokenUsage {
                    input: usage.input_tokens,
                    cached_input: usage.cached_input_tokens,
                    output: usage.output_tokens,
                    reasoning_output: usage.reasoning_output_tokens,
                    total: usage.total_tokens,
                };
                self.usage = Some(usage);
                emit(TurnEvent::Usage(usage));
            }
            News::Warning { message, .. } if !message.is_empty() => {
                emit(TurnEvent::Warning { message });
            }
            _ => {}
        }
    }

    /// The engine says how the thread stands, by itself or because it was asked.
    pub(in crate::engine) fn thread_is(
        &mut self,
        state: &ThreadState,
        emit: &mut dyn FnMut(TurnEvent),
    ) {
        let has_begun = self.active_turn().is_some();
        match state {
            ThreadState::Active => self.quiet = None,
            // Before the turn has begun, an idle thread is just what it should be.
            ThreadState::Idle if self.latest_turn.is_some() => {
                self.quiet.get_or_insert(Quiet::Idle);
            }
            ThreadState::NotLoaded if has_begun => {
                self.quiet.get_or_insert(Quiet::Closed);
            }
            ThreadState::SystemError if has_begun && self.fault.is_none() => {
                let fault = TurnFault {
                    message: "the thread ran into a system error".to_owned(),
                    ..TurnFault::default()
                };
                self.stumble(fault, false, emit);
            }
            _ => {}
        }
    }

    fn apply_agent(&mut self, id: &str, news: News, emit: &mut dyn FnMut(TurnEvent)) {
        match news {
            News::TurnStarted { .. } => self.agent_works(id, None, true, emit),
            News::TurnCompleted { .. } => self.agent_works(id, None, false, emit),
            News::ThreadStatus { state, .. } => match state {
                ThreadState::Active => self.agent_works(id, None, true, emit),
                ThreadState::Unknown(_) => {}
                _ => self.agent_works(id, None, false, emit),
            },
            News::ItemStarted { item, .. } => self.item(item, true, Some(id), emit),
            News::ItemCompleted { item, .. } => self.item(item, false, Some(id), emit),
            News::Error {
                fault,
                will_retry: true,
                ..
            } => emit(TurnEvent::Retrying {
                message: fault.message,
            }),
            News::Error { fault, .. } => emit(TurnEvent::Warning {
                message: fault.message,
            }),
            _ => {}
        }
    }

    fn stumble(&mut self, fault: TurnFault, will_retry: bool, emit: &mut dyn FnMut(TurnEvent)) {
        if will_retry {
            let message = match fault.details {
                Some(details) => format!("{} ({details})", fault.message),
                None => fault.message,
            };
            emit(TurnEvent::Retrying { message });
        } else {
            emit(TurnEvent::Warning {
                message: fault.message.clone(),
            });
            self.fault = Some(fault);
        }
    }

    fn agent_works(
        &mut self,
        id: &str,
        name: Option<&str>,
        works: bool,
        emit: &mut dyn FnMut(TurnEvent),
    ) {
        if id != self.thread_id && !id.is_empty() {
            self.agents.note(id, name, works, emit);
        }
    }

    fn enter(&mut self, phase: Phase, emit: &mut dyn FnMut(TurnEvent)) {
        if self.phase != Some(phase) {
            self.phase = Some(phase);
            emit(TurnEvent::Phase(phase));
        }
    }

    /// How the turn ended. Where the engine does not say it, only an answer makes it a good end; where it says it in a word
    /// that is not known, what was said is no judgement.
    fn end(&self) -> TurnEnd {
        let cut_short = !self.open_work.is_empty() || !self.has_final_answer();
        let problem = match &self.status {
            Some(TurnStatus::Completed) => return TurnEnd::Completed,
            Some(TurnStatus::Interrupted) => return TurnEnd::Interrupted,
            Some(TurnStatus::Unknown(status)) => {
                &format!("the turn ended with the unknown status `{status}`")
            }
            Some(TurnStatus::Failed) => "the turn failed and the engine does not say why",
            _ if self.fault.is_some() => "the engine does not say why",
            None if self.quiet == Some(Quiet::Closed) && cut_short => {
                "the thread was closed before the turn had ended"
            }
            _ if !self.has_answer() => "the turn is over without an answer",
            _ => return TurnEnd::Completed,
        };
        TurnEnd::Failed(failure(self.fault.clone(), problem))
    }

    /// The result. A turn that never said how it ended, ends by what it left behind, and is marked as inferred.
    #[must_use]
    pub fn finish(self) -> TurnResult {
        let inferred = matches!(self.status, None | Some(TurnStatus::Missing));
        let end = self.end();
        self.into_result(end, inferred)
    }

    /// What there was of a turn when it broke off.
    #[must_use]
    pub fn break_off(self, error: EngineError) -> TurnResult {
        self.into_result(TurnEnd::BrokenOff(error), false)
    }

    fn into_result(self, end: TurnEnd, inferred: bool) -> TurnResult {
        let message = self.final_message.unwrap_or(self.message);
        TurnResult {
            turn_id: self.turn_id.or(self.latest_turn).unwrap_or_default(),
            thread_id: self.thread_id,
            end,
            inferred,
            message: if message.is_empty() {
                self.repeated_message.unwrap_or_default()
            } else {
                message
            },
            review_json: self.review_json,
            review_text: self.review_text,
            reasoning: self.reasoning.into(),
            commands: self.commands.into(),
            touched_files: self.touched,
            usage: self.usage,
        }
    }
}

fn keep<T>(kept: &mut VecDeque<T>, value: T, bound: usize) {
    if kept.len() == bound {
        kept.pop_front();
    }
    kept.push_back(value);
}

fn failure(fault: Option<TurnFault>, otherwise: &str) -> TurnFailure {
    let fault = fault.unwrap_or_default();
    let message = match (fault.message.is_empty(), fault.details) {
        (true, _) => otherwise.to_owned(),
        (false, Some(details)) => format!("{} ({details})", fault.message),
        (false, None) => fault.message,
    };
    TurnFailure {
        message,
        kind: fault.kind,
        http_status: fault.http_status,
    }
}
