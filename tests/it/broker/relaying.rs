//! Claims about a broker that serves in this process, with an engine that the test plays.

use codex_review::broker::{self, BrokerReason, Ending, QueuePlace, StopOutcome};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::peers::{Played, PlayedEngines};
use super::{LIMIT, options, serve_options, within};
use crate::support::Sandbox;

#[tokio::test]
async fn two_clients_get_their_own_replies_and_their_own_notifications() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    // Both use the same id.
    a.call("1", "thread/start", json!({"cwd": "/a"})).await;
    let for_a = engine.expect("thread/start").await;
    b.call("1", "thread/start", json!({"cwd": "/b"})).await;
    let for_b = engine.expect("thread/start").await;
    assert_eq!(for_a["params"]["cwd"], "/a");
    assert_ne!(for_a["id"], for_b["id"]);
    engine.answer(&for_b, json!({"thread": {"id": "tb"}})).await;
    engine.answer(&for_a, json!({"thread": {"id": "ta"}})).await;
    for thread in ["tb", "ta", "tb"] {
        engine
            .say(json!({"method": "item/started", "params": {"threadId": thread}}))
            .await;
    }
    assert_eq!(a.answer("1").await["result"]["thread"]["id"], "ta");
    assert_eq!(b.answer("1").await["result"]["thread"]["id"], "tb");
    assert_eq!(a.read().await["params"]["threadId"], "ta");
    assert_eq!(b.read().await["params"]["threadId"], "tb");
    assert_eq!(b.read().await["params"]["threadId"], "tb");
    let status = a.status().await;
    assert_eq!((status.clients, status.threads), (2, 2));
    played.end(engine).await;
}

#[tokio::test]
async fn initialize_is_answered_by_the_broker_from_what_the_engine_said_once() {
    let mut played = Played::start(4).await;
    let mut a = played.client().await;
    let mut engine = played.engine().await;
    engine.greet().await;
    let greeting = a.answer("hello").await;
    assert_eq!(greeting["result"]["userAgent"], "played/1");
    assert_eq!(greeting["result"]["broker"]["maxStreams"], 4);
    let mut b = played.client().await;
    a.write("{\"method\":\"initialized\"}\n").await;
    assert_eq!(b.answer("hello").await["result"], greeting["result"]);
    // The engine has seen no second greeting: the next it reads is the next request.
    b.call("1", "model/list", json!({})).await;
    engine.expect("model/list").await;
    played.end(engine).await;
}

#[tokio::test]
async fn past_the_limit_a_turn_waits_for_its_offer_and_an_interrupt_passes() {
    let mut played = Played::start(1).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    b.call("2", "turn/start", json!({"threadId": "tb"})).await;
    let busy = b.error("2").await;
    assert_eq!(busy.code, -32001);
    assert_eq!(busy.message, "Shared Codex broker is busy.");
    assert_eq!(
        busy.data,
        Some(json!({"source": "broker", "reason": "busy", "running": 1, "limit": 1, "place": 1}))
    );
    let place = QueuePlace::from_error(&busy).unwrap();
    assert_eq!((place.place, place.running, place.limit), (1, 1, 1));

    b.call(
        "3",
        "turn/interrupt",
        json!({"threadId": "ta", "turnId": "one"}),
    )
    .await;
    let interrupt = engine.expect("turn/interrupt").await;
    engine.answer(&interrupt, json!({})).await;
    b.answer("3").await;
    engine.complete("ta", "one").await;
    assert_eq!(a.read().await["method"], "turn/completed");
    let offer = b.read().await;
    assert_eq!(offer["method"], broker::QUEUE);
    assert_eq!(offer["params"]["place"], 0);
    b.call("4", "turn/start", json!({"threadId": "tb"})).await;
    engine.start_turn("two").await;
    b.answer("4").await;
    assert_eq!(b.status().await.running, 1);
    played.end(engine).await;
}

#[tokio::test]
async fn a_client_that_is_gone_has_its_turn_interrupted_and_frees_its_slot() {
    let mut played = Played::start(1).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    b.call("2", "turn/start", json!({"threadId": "tb"})).await;
    b.error("2").await;
    drop(a);
    let interrupt = engine.expect("turn/interrupt").await;
    assert_eq!(
        interrupt["params"],
        json!({"threadId": "ta", "turnId": "one"})
    );
    engine.complete("ta", "one").await;
    assert_eq!(b.read().await["params"]["place"], 0);
    played.end(engine).await;
}

#[tokio::test]
async fn a_dead_engine_fails_what_is_open_at_once_and_the_next_request_starts_another() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    b.call("2", "model/list", json!({})).await;
    engine.expect("model/list").await;
    engine.die("exited with status 3; its last words: out of memory");

    let error = b.error("2").await;
    assert_eq!(BrokerReason::of(&error), Some(BrokerReason::EngineEnded));
    assert!(error.message.contains("out of memory"), "{error}");
    let lost = a.read().await;
    assert_eq!(lost["method"], broker::ENGINE_LOST);
    assert_eq!(lost["params"]["threadIds"], json!(["ta"]));
    let end = a.read().await;
    assert_eq!(end["method"], "turn/completed");
    assert_eq!(end["params"]["turn"]["status"], "failed");

    b.call("3", "model/list", json!({})).await;
    let mut engine = played.engine().await;
    engine.greet().await;
    let call = engine.expect("model/list").await;
    engine.answer(&call, json!({"data": []})).await;
    assert_eq!(b.answer("3").await["result"], json!({"data": []}));
    let status = b.status().await;
    assert_eq!((status.engine_exits, status.running), (1, 0));
    assert!(status.last_exit.unwrap().contains("out of memory"));
    played.end(engine).await;
}

#[tokio::test]
async fn garbage_from_either_side_costs_a_line_and_nothing_else() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, _b) = played.pair().await;
    a.write("\u{1b}[31mnoise\n\n{\"id\":1}\n").await;
    let parse_error = a.read().await;
    assert_eq!(
        (&parse_error["id"], &parse_error["error"]["code"]),
        (&Value::Null, &json!(-32700))
    );
    assert_eq!(a.read().await["error"]["code"], -32600);
    engine.write("\u{1b}[33mWARN\u{1b}[0m noise\nnull\n").await;
    a.call("1", "model/list", json!({})).await;
    let call = engine.expect("model/list").await;
    engine.write("more noise\n").await;
    engine.answer(&call, json!({})).await;
    a.answer("1").await;
    assert_eq!(a.status().await.skipped_lines, 3);
    played.end(engine).await;
}

#[tokio::test]
async fn what_the_engine_asks_is_answered_without_any_client() {
    let mut played = Played::start(4).await;
    let (mut engine, _a, _b) = played.pair().await;
    engine
        .say(json!({"id": "q", "method": "item/commandExecution/requestApproval", "params": {"threadId": "t"}}))
        .await;
    engine
        .say(json!({"id": 0, "method": "item/unheardOf"}))
        .await;
    let approval = engine.read().await;
    assert_eq!(
        approval,
        json!({"id": "q", "result": {"decision": "decline"}})
    );
    let unknown = engine.read().await;
    assert_eq!(
        (&unknown["id"], &unknown["error"]["code"]),
        (&json!(0), &json!(-32601))
    );
    played.end(engine).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_stalls_nobody() {
    let mut played = Played::start(4).await;
    let (mut engine, mut slow, mut other) = played.pair().await;
    slow.call("1", "turn/start", json!({"threadId": "slow"}))
        .await;
    engine.start_turn("one").await;
    // Far more than a socket and the queue hold together, and nobody reads it.
    let text = "x".repeat(1 << 20);
    let line = format!(
        "{}\n",
        json!({"method": "item/agentMessage/delta", "params": {"threadId": "slow", "delta": text}})
    );
    for _ in 0..24 {
        engine.write(&line).await;
    }
    // The turn of the one who was cut is interrupted, and the other is served as ever.
    engine.expect("turn/interrupt").await;
    other.call("2", "model/list", json!({})).await;
    let call = engine.expect("model/list").await;
    engine.answer(&call, json!({})).await;
    other.answer("2").await;
    assert_eq!(other.status().await.clients, 1);
    assert!(slow.is_cut().await);
    played.end(engine).await;
}

#[tokio::test]
async fn a_big_line_passes_unchanged() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, _b) = played.pair().await;
    let text = "é\"\\".repeat(3 << 20);
    a.call("1", "turn/steer", json!({"text": text})).await;
    let call = engine.expect("turn/steer").await;
    assert_eq!(call["params"]["text"], *text);
    engine.answer(&call, json!({"text": text})).await;
    assert_eq!(a.answer("1").await["result"]["text"], *text);
    played.end(engine).await;
}

#[tokio::test]
async fn shutdown_is_refused_while_a_turn_runs_and_obeyed_when_it_is_forced() {
    let mut played = Played::start(4).await;
    let (mut engine, mut a, mut b) = played.pair().await;
    a.call("1", "turn/start", json!({"threadId": "ta"})).await;
    engine.start_turn("one").await;
    a.answer("1").await;
    let stopped = broker::stop_all(&played.options.state_dir, false, LIMIT).await;
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Busy { running: 1 })]),
        "{stopped:?}"
    );
    b.call("2", "model/list", json!({})).await;
    engine.expect("model/list").await;

    b.call("3", "broker/shutdown", json!({"force": true})).await;
    b.answer("3").await;
    assert_eq!(
        BrokerReason::of(&b.error("2").await),
        Some(BrokerReason::ShuttingDown)
    );
    assert_eq!(a.read().await["method"], broker::ENGINE_LOST);
    assert!(a.is_cut().await);
    let eof = within("the end of the engine's input", engine.lines.next_line()).await;
    assert_eq!(eof.unwrap(), None);
    engine.die("ended");
    let ending = within("the end", played.serving).await.unwrap().unwrap();
    assert_eq!(ending, Ending::Asked);
    let left = broker::status_all(&played.options.state_dir, LIMIT).await;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(
        broker::newest_record(&played.options.state_dir).unwrap(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_broker_ends_by_itself_when_its_time_is_over() {
    let sandbox = Sandbox::new();
    let options = options(&sandbox);
    let began = tokio::time::Instant::now();
    let (runs, _never) = mpsc::unbounded_channel();
    let ending = broker::serve_with(
        serve_options(&options),
        Box::new(PlayedEngines { runs }),
        |_| {},
        std::future::pending(),
    )
    .await
    .unwrap();
    assert_eq!(ending, Ending::Idle);
    assert_eq!(began.elapsed().as_secs(), 600);
    assert!(!sandbox.path("state/ws/broker.json").exists());
}
