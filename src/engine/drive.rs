//! Performs one turn on a connection: thread, turn, pump, end.
//!
//! The entry is [`run_turn`]. While it waits for an answer it keeps taking in what the engine sends, so that neither
//! side waits for the other; it answers the engine's requests by [`super::policy`]; and each of its waits ends by an
//! answer, the connection's loss, a [`super::Limits`] budget or the [`Cancel`].

use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::protocol::{self, ThreadState};
use super::{
    BrokerBusy, Budget, CallError, Caller, Cancel, Connection, ConnectionLost, EngineError,
    Incoming, Phase, Progress, ThreadChoice, TurnAction, TurnEvent, TurnKind, TurnReducer,
    TurnRequest, TurnResult, policy,
};

/// Performs a turn and tells `observe` what happens meanwhile.
///
/// Once there is a thread, all that is received is a [`TurnResult`], whatever its end: a turn that does not end is
/// [`super::TurnEnd::BrokenOff`]. A turn that ends by itself while it is being cancelled counts as ended: nothing finished
/// is thrown away.
///
/// # Errors
///
/// There is no thread: the engine is lost, a call is refused or not answered, or the turn is cancelled before.
pub async fn run_turn(
    connection: &mut Connection,
    request: &TurnRequest,
    observe: &mut (dyn FnMut(TurnEvent) + Send),
    cancel: &Cancel,
) -> Result<TurnResult, EngineError> {
    let caller = connection.caller();
    let mut drive = Drive {
        connection,
        caller,
        request,
        observe,
        cancel: cancel.clone(),
        reducer: None,
        turn_ends: Instant::now() + request.limits.turn,
        last_heard: Instant::now(),
    };
    drive.run().await
}

struct Drive<'a> {
    connection: &'a mut Connection,
    caller: Caller,
    request: &'a TurnRequest,
    observe: &'a mut (dyn FnMut(TurnEvent) + Send),
    cancel: Cancel,
    reducer: Option<TurnReducer>,
    turn_ends: Instant,
    last_heard: Instant,
}

impl Drive<'_> {
    async fn run(&mut self) -> Result<TurnResult, EngineError> {
        (self.observe)(TurnEvent::Phase(Phase::Starting));
        let thread_id = self.thread().await?;
        let kind = match self.request.action {
            TurnAction::Prompt { .. } => TurnKind::Turn,
            TurnAction::Review(_) => TurnKind::Review,
        };
        self.reducer = Some(TurnReducer::new(kind, thread_id.as_str()));
        let ended = self.turn(&thread_id).await;
        let reducer = self.reducer.take().expect("set above");
        Ok(match ended {
            Ok(()) => reducer.finish(),
            Err(error) => reducer.break_off(error),
        })
    }

    async fn thread(&mut self) -> Result<String, EngineError> {
        let request = self.request;
        let (model, effort) = (request.model.as_deref(), request.effort.as_deref());
        let (method, params, resumed) = match &request.thread {
            ThreadChoice::New { ephemeral, .. } => {
                let params = protocol::thread_start(
                    &request.cwd,
                    &request.sandbox,
                    *ephemeral,
                    model,
                    effort,
                );
                ("thread/start", params, false)
            }
            ThreadChoice::Resume { thread_id } => {
                let params = protocol::thread_resume(
                    thread_id,
                    &request.cwd,
                    &request.sandbox,
                    model,
                    effort,
                );
                ("thread/resume", params, true)
            }
        };
        let answer = self.call_unless_cancelled(method, params).await?;
        let thread_id = member(&answer["thread"]["id"], method, "thread.id")?;
        (self.observe)(TurnEvent::ThreadReady {
            thread_id: thread_id.clone(),
            resumed,
        });
        Ok(thread_id)
    }

    /// Starts the turn and follows it to its end.
    async fn turn(&mut self, thread_id: &str) -> Result<(), EngineError> {
        let request = self.request;
        let (method, mut params) = match &request.action {
            TurnAction::Prompt {
                text,
                output_schema,
            } => {
                let params = protocol::turn_start(
                    thread_id,
                    text,
                    output_schema.as_ref(),
                    &request.sandbox,
                    request.model.as_deref(),
                    request.effort.as_deref(),
                );
                ("turn/start", params)
            }
            TurnAction::Review(target) => {
                ("review/start", protocol::review_start(thread_id, target))
            }
        };
        if let Some(extension) = &request.extension {
            params["codexReview"] = extension.clone();
        }
        let answer = self.start(method, params).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // The engine may have started the turn without getting to say so.
                if matches!(error, EngineError::CallTimedOut { .. }) {
                    self.interrupt(thread_id).await;
                }
                return Err(error);
            }
        };
        if let Some(turn_id) = answer["turn"]["id"].as_str() {
            let reducer = self.reducer.as_mut().expect("set before the turn starts");
            reducer.answered(turn_id, &mut *self.observe);
        }
        self.last_heard = Instant::now();
        self.follow(thread_id).await
    }

    /// Calls the method that starts a turn, and waits in the broker's queue while it is busy.
    async fn start(&mut self, method: &'static str, params: Value) -> Result<Value, EngineError> {
        let limit = self.request.limits.queue;
        let queue_ends = Instant::now() + limit;
        let mut told = None;
        loop {
            if self.cancel.is_asked() {
                return Err(not_started());
            }
            // Not cut short by a cancel: a turn that was started must be known to be interrupted.
            let busy = match self.call(method, params.clone()).await {
                Err(EngineError::Refused { method, source }) => match BrokerBusy::parse(&source) {
                    Some(busy) => busy,
                    None => return Err(EngineError::Refused { method, source }),
                },
                other => {
                    // Waiting for a place is not the turn's own time.
                    self.turn_ends = Instant::now() + self.request.limits.turn;
                    return other;
                }
            };
            if Instant::now() >= queue_ends {
                return Err(EngineError::TimedOut {
                    budget: Budget::Queue,
                    limit,
                });
            }
            self.wait_while_queued(busy, &mut told).await?;
        }
    }

    /// Waits until the broker offers a place, or for a while where it does not say.
    async fn wait_while_queued(
        &mut self,
        busy: BrokerBusy,
        told: &mut Option<BrokerBusy>,
    ) -> Result<(), EngineError> {
        /// How often a broker is asked again that offers nothing.
        const AGAIN: Duration = Duration::from_millis(500);
        let again = Instant::now() + AGAIN;
        let mut busy = busy;
        loop {
            if *told != Some(busy) {
                *told = Some(busy);
                (self.observe)(TurnEvent::Queued { place: busy.place });
            }
            let mut cancel = self.cancel.clone();
            tokio::select! {
                biased;
                () = cancel.asked() => return Err(not_started()),
                incoming = self.connection.next() => match incoming {
                    Some(Incoming::Notification(news)) => {
                        match BrokerBusy::from_notification(&news) {
                            Some(BrokerBusy { place: Some(0) }) => return Ok(()),
                            Some(place) => busy = place,
                            None => self.take_in(Incoming::Notification(news)).await?,
                        }
                    }
                    Some(incoming) => self.take_in(incoming).await?,
                    None => return Err(self.lost(None).await),
                },
                () = tokio::time::sleep_until(again) => return Ok(()),
            }
        }
    }

    async fn follow(&mut self, thread_id: &str) -> Result<(), EngineError> {
        let limits = self.request.limits;
        let mut is_named = false;
        loop {
            if !is_named && self.may_be_named() {
                is_named = true;
                match self.name_thread(thread_id).await {
                    Err(EngineError::Lost { .. }) if self.progress() != Progress::Running => {
                        return Ok(());
                    }
                    named => named?,
                }
            }
            let progress = self.progress();
            if progress == Progress::Over {
                return Ok(());
            }
            let patience = match progress {
                Progress::LooksOver => limits.completion,
                _ => limits.silence,
            };
            let quiet = self.last_heard + patience;
            let mut cancel = self.cancel.clone();
            let turn_ends = self.turn_ends;
            tokio::select! {
                biased;
                incoming = self.connection.next() => {
                    let taken = match incoming {
                        Some(incoming) => self.take_in(incoming).await,
                        None => Err(self.lost(None).await),
                    };
                    match taken {
                        // The whole answer is here; only the word that it is the last one went down with the engine.
                        Err(EngineError::Lost { .. }) if self.progress() == Progress::LooksOver => {
                            return Ok(());
                        }
                        taken => taken?,
                    }
                }
                () = cancel.asked() => return self.cancelled(thread_id).await,
                () = tokio::time::sleep_until(turn_ends) => {
                    if self.interrupt(thread_id).await && self.ended_by_itself() {
                        return Ok(());
                    }
                    return Err(EngineError::TimedOut { budget: Budget::Turn, limit: limits.turn });
                }
                () = tokio::time::sleep_until(quiet) => {
                    if self.after_silence(thread_id, progress).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Whether naming the thread takes nothing from its turn any more.
    fn may_be_named(&self) -> bool {
        let reducer = self.reducer.as_ref().expect("set before the turn starts");
        reducer.model_answers() || reducer.progress() == Progress::Over
    }

    /// Names a new thread that is kept. By then the engine has made the thread's file and has asked the model: nothing waits
    /// for the name.
    async fn name_thread(&mut self, thread_id: &str) -> Result<(), EngineError> {
        let ThreadChoice::New {
            ephemeral: false,
            name: Some(name),
        } = &self.request.thread
        else {
            return Ok(());
        };
        let params = protocol::thread_name(thread_id, name);
        let limits = self.request.limits;
        let limit = limits.rpc.min(limits.completion);
        let mut cancel = self.cancel.clone();
        let call = self.call_within("thread/name/set", params, limit);
        let named = tokio::select! {
            biased;
            // It is answered where the turn is followed.
            () = cancel.asked() => return Ok(()),
            named = call => named,
        };
        // A name is a kindness: a thread without one works as well.
        let problem = match named {
            Ok(_) | Err(EngineError::TooOld { .. }) => return Ok(()),
            Err(EngineError::Refused { source, .. }) => source.to_string(),
            Err(error @ EngineError::CallTimedOut { .. }) => error.to_string(),
            Err(error) => return Err(error),
        };
        let message = format!("the thread keeps its default name: {problem}");
        (self.observe)(TurnEvent::Warning { message });
        Ok(())
    }

    /// Nothing was heard for a while: asks the engine. Returns whether the turn is over.
    async fn after_silence(
        &mut self,
        thread_id: &str,
        progress: Progress,
    ) -> Result<bool, EngineError> {
        let heard = self.last_heard;
        let limits = self.request.limits;
        // A turn that looks over is not worth a long wait for the word of it.
        let limit = match progress {
            Progress::LooksOver => limits.rpc.min(limits.completion),
            _ => limits.rpc,
        };
        let answer = self
            .call_within("thread/read", protocol::thread_read(thread_id), limit)
            .await;
        if self.progress() == Progress::Over {
            return Ok(true);
        }
        let state = match answer {
            Ok(answer) => protocol::thread_state(&answer),
            Err(EngineError::Lost { .. }) if progress == Progress::LooksOver => return Ok(true),
            Err(error @ EngineError::Lost { .. }) => return Err(error),
            Err(EngineError::CallTimedOut { .. }) if progress != Progress::LooksOver => {
                self.interrupt(thread_id).await;
                return Err(EngineError::TimedOut {
                    budget: Budget::Silence,
                    limit: limits.silence,
                });
            }
            // Refused, or not known to this version.
            Err(_) => None,
        };
        if self.last_heard > heard {
            return Ok(false);
        }
        let reducer = self.reducer.as_mut().expect("set before the turn starts");
        if let Some(state) = state
            .as_ref()
            .filter(|state| **state != ThreadState::Active)
        {
            reducer.thread_is(state, &mut *self.observe);
        }
        match (state, progress) {
            // It lives and says so; the turn's own budget is what ends it.
            (Some(ThreadState::Active), _) => {
                self.last_heard = Instant::now();
                if progress != Progress::LooksOver {
                    (self.observe)(TurnEvent::StillRunning);
                }
                Ok(false)
            }
            (_, Progress::LooksOver) => Ok(true),
            (Some(ThreadState::Idle | ThreadState::NotLoaded | ThreadState::SystemError), _) => {
                if reducer.has_answer() || reducer.has_fault() {
                    Ok(true)
                } else {
                    Err(EngineError::EndedSilently)
                }
            }
            // No word either way is silence.
            _ => {
                self.interrupt(thread_id).await;
                Err(EngineError::TimedOut {
                    budget: Budget::Silence,
                    limit: limits.silence,
                })
            }
        }
    }

    async fn cancelled(&mut self, thread_id: &str) -> Result<(), EngineError> {
        let over = self.interrupt(thread_id).await;
        if over && self.ended_by_itself() {
            return Ok(());
        }
        Err(EngineError::Cancelled { interrupted: over })
    }

    /// Whether the turn ended, and not because it was interrupted.
    fn ended_by_itself(&self) -> bool {
        let reducer = self.reducer.as_ref().expect("set before the turn starts");
        reducer.progress() == Progress::Over && !reducer.was_interrupted()
    }

    /// Interrupts the turn, tells so, and waits until it is over. Returns whether it is.
    async fn interrupt(&mut self, thread_id: &str) -> bool {
        let active = self.reducer.as_ref().and_then(TurnReducer::active_turn);
        let Some(turn_id) = active.map(str::to_owned) else {
            return false;
        };
        // Told before the wait: whoever waits for us may lose patience first.
        (self.observe)(TurnEvent::Interrupt { confirmed: false });
        let over = self.stop_turn(thread_id, turn_id).await;
        if over && !self.ended_by_itself() {
            (self.observe)(TurnEvent::Interrupt { confirmed: true });
        }
        over
    }

    async fn stop_turn(&mut self, thread_id: &str, mut turn_id: String) -> bool {
        /// An interrupt is refused for a turn that is over, whose end is heard at once, or by an engine that goes on.
        const AFTER_REFUSAL: Duration = Duration::from_secs(1);
        let mut ends = Instant::now() + self.request.limits.interrupt;
        // A review runs under another id than the one it was announced with; the refusal tells it.
        for _ in 0..2 {
            let params = protocol::turn_interrupt(thread_id, &turn_id);
            let left = ends.saturating_duration_since(Instant::now());
            let refusal = match self.call_within("turn/interrupt", params, left).await {
                Err(EngineError::Lost { .. }) => return true,
                Err(EngineError::Refused { source, .. }) => protocol::running_turn(&source.message),
                Err(EngineError::TooOld { .. }) => None,
                _ => break,
            };
            let Some(running) = refusal else {
                ends = ends.min(Instant::now() + AFTER_REFUSAL);
                break;
            };
            turn_id = running;
        }
        while self.progress() != Progress::Over {
            tokio::select! {
                incoming = self.connection.next() => match incoming {
                    Some(incoming) => {
                        if self.take_in(incoming).await.is_err() {
                            return true;
                        }
                    }
                    // Without an engine there is no turn.
                    None => return true,
                },
                () = tokio::time::sleep_until(ends) => return false,
            }
        }
        true
    }

    fn progress(&self) -> Progress {
        self.reducer
            .as_ref()
            .map_or(Progress::Running, TurnReducer::progress)
    }

    async fn call(&mut self, method: &str, params: Value) -> Result<Value, EngineError> {
        self.call_within(method, params, self.request.limits.rpc)
            .await
    }

    async fn call_unless_cancelled(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<Value, EngineError> {
        let mut cancel = self.cancel.clone();
        let call = self.call(method, params);
        tokio::select! {
            biased;
            () = cancel.asked() => Err(not_started()),
            answer = call => answer,
        }
    }

    /// Calls a method and keeps taking in what the engine sends meanwhile.
    async fn call_within(
        &mut self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, EngineError> {
        let caller = self.caller.clone();
        let mut call = pin!(caller.request(method, params, limit));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return self.settle(answer).await,
                incoming = self.connection.next() => match incoming {
                    Some(incoming) => self.take_in(incoming).await?,
                    // The call learns of the loss by itself, at once.
                    None => {
                        let answer = call.await;
                        return self.settle(answer).await;
                    }
                },
            }
        }
    }

    async fn settle(&mut self, answer: Result<Value, CallError>) -> Result<Value, EngineError> {
        match answer {
            Ok(value) => Ok(value),
            Err(CallError::Lost { method, .. }) => Err(self.lost(Some(method)).await),
            Err(error) => Err(error.into()),
        }
    }

    async fn lost(&mut self, during: Option<String>) -> EngineError {
        EngineError::Lost {
            during,
            source: self.connection.loss().await,
        }
    }

    async fn take_in(&mut self, incoming: Incoming) -> Result<(), EngineError> {
        match incoming {
            Incoming::Notification(notification) => {
                if let Some(reducer) = &mut self.reducer {
                    if reducer.apply(&notification, &mut *self.observe) {
                        self.last_heard = Instant::now();
                    }
                    if let Some(reason) = reducer.engine_gone() {
                        return Err(EngineError::Lost {
                            during: None,
                            source: ConnectionLost::EngineGone(reason.to_owned()),
                        });
                    }
                }
            }
            Incoming::Request(request) => {
                self.last_heard = Instant::now();
                let answer = policy::answer(&request);
                let limit = self.request.limits.rpc;
                // A peer that is gone, or does not read, shows in the next read.
                let _unread = self.caller.respond(&request, answer, limit).await;
            }
        }
        Ok(())
    }
}

fn not_started() -> EngineError {
    EngineError::Cancelled { interrupted: false }
}

fn member(value: &Value, method: &str, name: &'static str) -> Result<String, EngineError> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| EngineError::UnexpectedAnswer {
            method: method.to_owned(),
            member: name,
        })
}

#[cfg(test)]
mod tests;
