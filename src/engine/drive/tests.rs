//! Claims about driving a turn, against a peer in the same process and with the clock paused.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::time::Instant;

use super::*;
use crate::engine::{ConnectionBounds, Limits, ReviewTarget, Sandbox, TurnEnd};
use crate::review::NotJudgedReason;

/// The engine's side of the pipe.
struct Engine {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
}

impl Engine {
    async fn hear(&mut self) -> Value {
        let line = self
            .lines
            .next_line()
            .await
            .unwrap()
            .expect("the client is there");
        serde_json::from_str(&line).unwrap()
    }

    /// The next line, which must call this method.
    #[track_caller]
    fn expect(&mut self, method: &'static str) -> impl Future<Output = Value> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let call = self.hear().await;
            assert_eq!(call["method"], method, "at {place}: {call}");
            call
        }
    }

    async fn say(&mut self, value: Value) {
        let line = format!("{value}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn answer(&mut self, call: &Value, result: Value) {
        self.say(json!({"id": call["id"], "result": result})).await;
    }

    async fn refuse(&mut self, call: &Value, code: i64, message: &str, data: Value) {
        let error = json!({"code": code, "message": message, "data": data});
        self.say(json!({"id": call["id"], "error": error})).await;
    }

    async fn notify(&mut self, method: &str, params: Value) {
        self.say(json!({"method": method, "params": params})).await;
    }

    async fn start_thread(&mut self) {
        let call = self.expect("thread/start").await;
        self.answer(&call, json!({"thread": {"id": "main"}})).await;
    }

    async fn start_turn(&mut self) {
        let call = self.expect("turn/start").await;
        self.answer(&call, json!({"turn": {"id": "t"}})).await;
        self.notify(
            "turn/started",
            json!({"threadId": "main", "turn": {"id": "t"}}),
        )
        .await;
    }

    async fn message(&mut self, text: &str) {
        let item = json!({"type": "agentMessage", "id": "m", "text": text});
        self.notify("item/completed", json!({"threadId": "main", "item": item}))
            .await;
    }

    async fn status(&mut self, status: &str) {
        let params = json!({"threadId": "main", "status": {"type": status}});
        self.notify("thread/status/changed", params).await;
    }

    async fn complete(&mut self, status: &str) {
        let turn = json!({"id": "t", "status": status, "items": []});
        self.notify("turn/completed", json!({"threadId": "main", "turn": turn}))
            .await;
    }

    async fn thread_read(&mut self, status: &str) {
        let call = self.expect("thread/read").await;
        self.answer(
            &call,
            json!({"thread": {"id": "main", "status": {"type": status}}}),
        )
        .await;
    }

    /// Reads and ignores until the client goes away.
    async fn stay_silent(&mut self) {
        while let Ok(Some(_)) = self.lines.next_line().await {}
    }
}

fn pair() -> (Connection, Engine) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(ours);
    let (their_reader, their_writer) = tokio::io::split(theirs);
    let engine = Engine {
        lines: BufReader::new(their_reader).lines(),
        writer: their_writer,
    };
    let connection = Connection::over(reader, writer, ConnectionBounds::default());
    (connection, engine)
}

fn request() -> TurnRequest {
    TurnRequest {
        cwd: "/repo".into(),
        sandbox: Sandbox::ReadOnly,
        thread: ThreadChoice::New {
            ephemeral: true,
            name: None,
        },
        action: TurnAction::Prompt {
            text: "hello".to_owned(),
            output_schema: None,
        },
        model: None,
        effort: None,
        extension: None,
        limits: Limits::default(),
    }
}

struct Run {
    /// A turn that broke off is its error here.
    result: Result<TurnResult, EngineError>,
    /// What there was of one that broke off.
    broken: Option<TurnResult>,
    events: Vec<TurnEvent>,
    took: Duration,
}

impl Run {
    /// Whether each interrupt that was told of was confirmed.
    fn interrupts(&self) -> Vec<bool> {
        let interrupt = |event: &TurnEvent| match event {
            TurnEvent::Interrupt { confirmed } => Some(*confirmed),
            _ => None,
        };
        self.events.iter().filter_map(interrupt).collect()
    }
}

/// Runs the request against the script; the connection goes away when the turn is over.
async fn run<F>(request: TurnRequest, cancel: Cancel, script: impl FnOnce(Engine) -> F) -> Run
where
    F: Future<Output = ()>,
{
    let (mut connection, engine) = pair();
    let began = Instant::now();
    let turn = async {
        let mut events = Vec::new();
        let result = run_turn(
            &mut connection,
            &request,
            &mut |event| events.push(event),
            &cancel,
        )
        .await;
        drop(connection);
        (result, events, began.elapsed())
    };
    let ((result, events, took), ()) = tokio::join!(turn, script(engine));
    let (result, broken) = match result {
        Ok(broken) => match broken.end.clone() {
            TurnEnd::BrokenOff(error) => (Err(error), Some(broken)),
            _ => (Ok(broken), None),
        },
        Err(error) => (Err(error), None),
    };
    Run {
        result,
        broken,
        events,
        took,
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_says_it_is_over_is_over_at_once() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        let call = engine.expect("thread/start").await;
        assert_eq!(call["params"]["approvalPolicy"], "never");
        engine
            .answer(&call, json!({"thread": {"id": "main"}}))
            .await;
        engine.start_turn().await;
        engine.message("done").await;
        engine.complete("completed").await;
    })
    .await;
    let result = run.result.unwrap();
    assert_eq!((result.message.as_str(), result.inferred), ("done", false));
    assert_eq!(run.took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_missing_completion_is_inferred_after_the_grace_and_a_question() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.message("done").await;
        engine.status("idle").await;
        engine.thread_read("idle").await;
        engine.stay_silent().await;
    })
    .await;
    let result = run.result.unwrap();
    assert_eq!((result.end, result.inferred), (TurnEnd::Completed, true));
    assert_eq!(run.took, Limits::default().completion);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_it_works_is_not_given_up_on() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.thread_read("active").await;
        engine.thread_read("active").await;
        engine.message("done").await;
        engine.complete("completed").await;
    })
    .await;
    assert_eq!(run.result.unwrap().message, "done");
    assert_eq!(run.took, 2 * Limits::default().silence);
    assert!(run.events.contains(&TurnEvent::StillRunning));
}

#[tokio::test(start_paused = true)]
async fn silence_that_answers_nothing_ends_the_turn() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.stay_silent().await;
    })
    .await;
    let error = run.result.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::TimedOut {
                budget: Budget::Silence,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.reason(), NotJudgedReason::TimedOut);
    let limits = Limits::default();
    assert!(
        run.took <= limits.silence + limits.rpc + 2 * limits.interrupt,
        "{:?}",
        run.took
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_forgot_the_turn_is_lost_and_not_silent_approval() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.thread_read("notLoaded").await;
        engine.stay_silent().await;
    })
    .await;
    let error = run.result.unwrap_err();
    assert_eq!(error, EngineError::EndedSilently);
    assert_eq!(error.reason(), NotJudgedReason::EngineLost);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_asked_and_names_a_system_error_has_failed() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.message("I look first.").await;
        engine.thread_read("systemError").await;
        engine.stay_silent().await;
    })
    .await;
    let not_judged = run.result.unwrap().not_judged().unwrap();
    assert_eq!(not_judged.reason, NotJudgedReason::TurnFailed);
    assert!(not_judged.detail.contains("system error"), "{not_judged:?}");
}

#[tokio::test(start_paused = true)]
async fn chatter_does_not_outlast_the_turn_budget() {
    let mut request = request();
    request.limits.turn = Duration::from_secs(100);
    let run = run(request, Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => engine.message("still at it").await,
                call = engine.lines.next_line() => {
                    let call: Value = serde_json::from_str(&call.unwrap().unwrap()).unwrap();
                    assert_eq!(call["method"], "turn/interrupt");
                    engine.answer(&call, json!({})).await;
                    engine.complete("interrupted").await;
                    return;
                }
            }
        }
    })
    .await;
    let error = run.result.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::TimedOut {
                budget: Budget::Turn,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(run.took, Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn every_call_has_an_end() {
    for answered in 0..2 {
        let run = run(request(), Cancel::never(), async |mut engine| {
            if answered > 0 {
                engine.start_thread().await;
            }
            engine.stay_silent().await;
        })
        .await;
        let error = run.result.unwrap_err();
        assert!(
            matches!(error, EngineError::CallTimedOut { .. }),
            "{error:?}"
        );
        assert_eq!(run.took, Limits::default().rpc);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_the_turn_at_once_and_keeps_a_finished_answer() {
    let lost = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.message("half").await;
    })
    .await;
    let error = lost.result.unwrap_err();
    assert_eq!(error.reason(), NotJudgedReason::EngineLost);
    assert_eq!(lost.took, Duration::ZERO);

    let finished = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.message("whole").await;
        engine.status("idle").await;
    })
    .await;
    assert_eq!(finished.result.unwrap().message, "whole");
}

/// What used to happen: the error was all that was left of a turn.
#[tokio::test(start_paused = true)]
async fn what_was_received_outlives_a_lost_engine_a_cancel_and_a_budget() {
    async fn half(engine: &mut Engine) {
        engine.start_thread().await;
        engine.start_turn().await;
        let items = [
            json!({"type": "reasoning", "id": "r", "summary": ["a thought"]}),
            json!({"type": "fileChange", "id": "f", "status": "completed",
                   "changes": [{"path": "a.txt", "kind": {"type": "update"}, "diff": ""}]}),
        ];
        for item in items {
            let params = json!({"threadId": "main", "item": item});
            engine.notify("item/completed", params).await;
        }
        engine.message("half way").await;
    }
    let lost = run(request(), Cancel::never(), async |mut engine| {
        half(&mut engine).await;
    })
    .await;
    let (canceller, cancel) = Cancel::new();
    let cancelled = run(request(), cancel, async |mut engine| {
        half(&mut engine).await;
        canceller.cancel();
        engine.stay_silent().await;
    })
    .await;
    let late = run(request(), Cancel::never(), async |mut engine| {
        half(&mut engine).await;
        engine.stay_silent().await;
    })
    .await;
    for (run, reason) in [
        (lost, NotJudgedReason::EngineLost),
        (cancelled, NotJudgedReason::Cancelled),
        (late, NotJudgedReason::TimedOut),
    ] {
        assert_eq!(run.result.unwrap_err().reason(), reason);
        let broken = run.broken.unwrap();
        assert_eq!(broken.not_judged().unwrap().reason, reason);
        assert_eq!(broken.thread_id, "main");
        assert_eq!(broken.message, "half way");
        assert_eq!(broken.touched_files, ["a.txt"]);
        assert_eq!(broken.reasoning, ["a thought"]);
        assert!(broken.is_partial() && !broken.inferred, "{broken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_refused_still_names_its_thread() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        let call = engine.expect("turn/start").await;
        engine.refuse(&call, -32603, "no", Value::Null).await;
        engine.stay_silent().await;
    })
    .await;
    let broken = run.broken.unwrap();
    assert_eq!(broken.thread_id, "main");
    assert!(!broken.is_partial(), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_brokers_word_that_its_engine_is_gone_ends_the_turn() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        let params = json!({"reason": "killed by signal 9", "threadIds": ["main"]});
        engine.notify("broker/engineLost", params).await;
        engine.stay_silent().await;
    })
    .await;
    let detail = run.result.unwrap_err().not_judged().detail;
    assert!(detail.contains("killed by signal 9"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_review_is_interrupted_under_the_id_that_runs() {
    let mut request = request();
    request.action = TurnAction::Review(ReviewTarget::Custom("look".to_owned()));
    let (canceller, cancel) = Cancel::new();
    let run = run(request, cancel, async |mut engine| {
        engine.start_thread().await;
        let call = engine.expect("review/start").await;
        assert_eq!(call["params"]["target"]["instructions"], "look");
        engine
            .answer(
                &call,
                json!({"turn": {"id": "t"}, "reviewThreadId": "main"}),
            )
            .await;
        // `turn/started` with the id that runs is not there yet.
        canceller.cancel();
        let call = engine.expect("turn/interrupt").await;
        assert_eq!(call["params"]["turnId"], "t");
        engine
            .refuse(
                &call,
                -32600,
                "expected active turn id t but found inner",
                Value::Null,
            )
            .await;
        let call = engine.expect("turn/interrupt").await;
        assert_eq!(call["params"]["turnId"], "inner");
        engine.answer(&call, json!({})).await;
        engine.complete("interrupted").await;
        engine.stay_silent().await;
    })
    .await;
    assert_eq!(run.interrupts(), [false, true], "asked once and confirmed");
    let error = run.result.unwrap_err();
    assert_eq!(error, EngineError::Cancelled { interrupted: true });
    assert_eq!(error.reason(), NotJudgedReason::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_nobody_confirms_ends_in_time() {
    let (canceller, cancel) = Cancel::new();
    let run = run(request(), cancel, async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        canceller.cancel();
        engine.stay_silent().await;
    })
    .await;
    assert_eq!(run.interrupts(), [false]);
    let error = run.result.unwrap_err();
    assert_eq!(error, EngineError::Cancelled { interrupted: false });
    assert!(run.took <= Limits::default().interrupt, "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_refuses_to_be_interrupted_is_not_waited_for() {
    let (canceller, cancel) = Cancel::new();
    let run = run(request(), cancel, async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        canceller.cancel();
        let call = engine.expect("turn/interrupt").await;
        engine.refuse(&call, -32603, "busy", Value::Null).await;
        engine.stay_silent().await;
    })
    .await;
    assert_eq!(run.interrupts(), [false]);
    assert_eq!(
        run.result.unwrap_err(),
        EngineError::Cancelled { interrupted: false }
    );
    assert!(run.took <= Duration::from_secs(1), "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_finishes_while_it_is_cancelled_is_kept() {
    let (canceller, cancel) = Cancel::new();
    let run = run(request(), cancel, async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        canceller.cancel();
        let call = engine.expect("turn/interrupt").await;
        engine.message("just in time").await;
        engine.complete("completed").await;
        engine
            .refuse(&call, -32600, "no active turn to interrupt", Value::Null)
            .await;
        engine.stay_silent().await;
    })
    .await;
    assert_eq!(run.interrupts(), [false]);
    assert_eq!(run.result.unwrap().message, "just in time");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_before_the_turn_starts_nothing() {
    let (canceller, cancel) = Cancel::new();
    let run = run(request(), cancel, async |mut engine| {
        engine.expect("thread/start").await;
        canceller.cancel();
        engine.stay_silent().await;
    })
    .await;
    assert_eq!(run.interrupts(), [false; 0]);
    assert_eq!(
        run.result.unwrap_err(),
        EngineError::Cancelled { interrupted: false }
    );
}

fn busy(place: u32) -> Value {
    json!({"source": "broker", "reason": "busy", "place": place})
}

#[tokio::test(start_paused = true)]
async fn a_busy_broker_is_waited_for_with_the_place_shown_and_an_offer_taken_at_once() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        let call = engine.expect("turn/start").await;
        engine
            .refuse(&call, -32001, "Shared Codex broker is busy.", busy(2))
            .await;
        engine.notify("broker/queue", json!({"place": 1})).await;
        engine
            .notify("broker/queue", json!({"place": 0, "reservedMs": 1000}))
            .await;
        engine.start_turn().await;
        engine.message("done").await;
        engine.complete("completed").await;
    })
    .await;
    assert_eq!(run.result.unwrap().message, "done");
    assert_eq!(run.took, Duration::ZERO);
    let places: Vec<_> = run
        .events
        .iter()
        .filter(|event| matches!(event, TurnEvent::Queued { .. }))
        .collect();
    assert_eq!(
        places,
        [
            &TurnEvent::Queued { place: Some(2) },
            &TurnEvent::Queued { place: Some(1) }
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_queue_has_an_end_as_well() {
    let mut request = request();
    request.limits.queue = Duration::from_secs(20);
    let run = run(request, Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        while let Ok(Some(line)) = engine.lines.next_line().await {
            let call: Value = serde_json::from_str(&line).unwrap();
            engine
                .refuse(&call, -32001, "Shared Codex broker is busy.", busy(1))
                .await;
        }
    })
    .await;
    let error = run.result.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::TimedOut {
                budget: Budget::Queue,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(run.took <= Duration::from_secs(21), "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_engine_fails_the_turn_and_starts_no_queue() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        let call = engine.expect("turn/start").await;
        engine
            .refuse(
                &call,
                -32001,
                "Server overloaded; retry later.",
                Value::Null,
            )
            .await;
        engine.stay_silent().await;
    })
    .await;
    let error = run.result.unwrap_err();
    assert_eq!(error.reason(), NotJudgedReason::TurnFailed);
    assert!(error.not_judged().detail.contains("overloaded"));
}

#[tokio::test(start_paused = true)]
async fn questions_are_answered_while_a_call_is_open() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        let call = engine.expect("thread/start").await;
        let ask = json!({"id": "q", "method": "mcpServer/elicitation/request", "params": {}});
        engine.say(ask).await;
        assert_eq!(engine.hear().await["result"]["action"], "decline");
        engine
            .answer(&call, json!({"thread": {"id": "main"}}))
            .await;
        engine.start_turn().await;
        engine
            .say(json!({"id": 9, "method": "item/future", "params": {}}))
            .await;
        assert_eq!(engine.hear().await["error"]["code"], -32601);
        engine.complete("completed").await;
    })
    .await;
    run.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flood_between_call_and_answer_stalls_neither_side() {
    let run = run(request(), Cancel::never(), async |mut engine| {
        let call = engine.expect("thread/start").await;
        for n in 0..5000 {
            engine
                .notify("item/agentMessage/delta", json!({"threadId": "x", "n": n}))
                .await;
        }
        engine
            .answer(&call, json!({"thread": {"id": "main"}}))
            .await;
        engine.start_turn().await;
        engine.complete("completed").await;
    })
    .await;
    run.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_old_engine_is_told_to_be_too_old() {
    let mut request = request();
    request.action = TurnAction::Review(ReviewTarget::UncommittedChanges);
    let run = run(request, Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        let call = engine.expect("review/start").await;
        engine
            .refuse(
                &call,
                -32600,
                "Invalid request: unknown variant `review/start`",
                Value::Null,
            )
            .await;
        engine.stay_silent().await;
    })
    .await;
    let error = run.result.unwrap_err();
    assert_eq!(
        error,
        EngineError::TooOld {
            method: "review/start".into()
        }
    );
    assert_eq!(error.reason(), NotJudgedReason::EngineUnavailable);
}

/// What used to happen: the turn waited for the name, and Codex for a file that it would have made with the turn.
#[tokio::test(start_paused = true)]
async fn a_thread_is_named_once_the_model_answers_and_works_without_a_name() {
    let named = || {
        let mut request = request();
        request.thread = ThreadChoice::New {
            ephemeral: false,
            name: Some("Codex Task".to_owned()),
        };
        request
    };
    let refused = run(named(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.message("I look at it.").await;
        let call = engine.expect("thread/name/set").await;
        engine
            .refuse(&call, -32600, "no metadata", Value::Null)
            .await;
        engine.complete("completed").await;
    })
    .await;
    refused.result.unwrap();
    let unanswered = run(named(), Cancel::never(), async |mut engine| {
        engine.start_thread().await;
        engine.start_turn().await;
        engine.complete("completed").await;
        engine.expect("thread/name/set").await;
        engine.stay_silent().await;
    })
    .await;
    unanswered.result.unwrap();
}
