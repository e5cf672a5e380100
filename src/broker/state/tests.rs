//! Claims about the state machine, event by event.

use super::*;
use crate::broker::frame::Frame;

const A: ClientId = ClientId(1);
const B: ClientId = ClientId(2);
const GRACE: Duration = Duration::from_secs(10);

fn refuse(request: &Request) -> Result<Value, ErrorObject> {
    match request.method.as_str() {
        "known" => Ok(json!({"decision": "decline", "saw": request.params})),
        method => Err(ErrorObject::new(codes::METHOD_NOT_FOUND, method)),
    }
}

pub(super) fn settings(max_streams: usize) -> Settings {
    Settings {
        max_streams,
        idle_timeout: Duration::from_secs(600),
        interrupt_grace: GRACE,
        offer: Duration::from_secs(5),
        hand_over: Duration::from_secs(60),
        handshake: Duration::from_secs(30),
        initialize_params: json!({"clientInfo": {"name": "test"}}),
        about: BrokerStatus {
            pid: 7,
            version: "0".into(),
            key: "k".into(),
            engine: "e".into(),
            engine_version: "1".into(),
            engine_home: "/h".into(),
            ..BrokerStatus::default()
        },
        policy: refuse,
    }
}

/// A broker whose engine answers when the test says so.
struct Bench {
    state: State,
    now: Instant,
    actions: VecDeque<Action>,
}

impl Bench {
    fn new(max_streams: usize) -> Self {
        let now = Instant::now();
        Bench {
            state: State::new(settings(max_streams), now),
            now,
            actions: VecDeque::new(),
        }
    }

    /// With an engine that has been greeted and the two clients initialised.
    fn ready(max_streams: usize) -> Self {
        let mut bench = Bench::new(max_streams);
        for client in [A, B] {
            bench.event(Event::ClientJoined(client));
            bench.says(client, r#"{"id":0,"method":"initialize","params":{}}"#);
        }
        bench.engine(r#"{"id":1,"result":{"userAgent":"fake"}}"#);
        bench.actions.clear();
        bench
    }

    fn event(&mut self, event: Event) {
        let actions = self.state.on_event(self.now, event);
        self.actions.extend(actions);
    }

    fn says(&mut self, client: ClientId, line: &str) {
        self.event(Event::ClientLine(client, line.into()));
    }

    fn engine(&mut self, line: &str) {
        let run = EngineRun(self.state.last_run);
        self.event(Event::EngineLine(run, line.into()));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.event(Event::Tick);
    }

    fn sent_to_client(&mut self, client: ClientId) -> Vec<String> {
        let mut lines = Vec::new();
        self.actions.retain(|action| match action {
            Action::ToClient(who, line) if *who == client => {
                lines.push(
                    String::from_utf8(line.clone())
                        .unwrap()
                        .trim_end()
                        .to_owned(),
                );
                false
            }
            _ => true,
        });
        lines
    }

    fn sent_to_engine(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.actions.retain(|action| match action {
            Action::ToEngine(_, line) => {
                lines.push(
                    String::from_utf8(line.clone())
                        .unwrap()
                        .trim_end()
                        .to_owned(),
                );
                false
            }
            _ => true,
        });
        lines
    }

    /// Starts a turn on a thread, returning the engine's id for the call.
    fn start_turn(&mut self, client: ClientId, thread: &str) -> u64 {
        self.says(
            client,
            &format!(r#"{{"id":9,"method":"turn/start","params":{{"threadId":"{thread}"}}}}"#),
        );
        let sent = self.sent_to_engine();
        assert_eq!(sent.len(), 1, "{sent:?}");
        Frame::parse(sent[0].as_bytes())
            .unwrap()
            .upstream_id()
            .unwrap()
    }

    fn run_turn(&mut self, client: ClientId, thread: &str, turn: &str) {
        let id = self.start_turn(client, thread);
        self.engine(&format!(
            r#"{{"id":{id},"result":{{"turn":{{"id":"{turn}"}}}}}}"#
        ));
        self.sent_to_client(client);
    }

    fn complete(&mut self, thread: &str, turn: &str) {
        self.engine(&format!(
            r#"{{"method":"turn/completed","params":{{"threadId":"{thread}","turn":{{"id":"{turn}"}}}}}}"#
        ));
    }
}

#[track_caller]
fn has(lines: &[String], part: &str) {
    assert!(
        lines.iter().any(|line| line.contains(part)),
        "no {part} in {lines:?}"
    );
}

#[test]
fn the_first_request_starts_the_engine_and_waits_for_its_greeting() {
    let mut bench = Bench::new(1);
    bench.event(Event::ClientJoined(A));
    assert!(bench.actions.is_empty());
    bench.says(A, r#"{"id":"x","method":"initialize","params":{}}"#);
    assert_eq!(
        bench.actions.pop_front(),
        Some(Action::StartEngine(EngineRun(1)))
    );
    assert_eq!(
        bench.sent_to_engine(),
        [r#"{"id":1,"method":"initialize","params":{"clientInfo":{"name":"test"}}}"#]
    );
    bench.says(A, r#"{"method":"initialized"}"#);
    bench.says(A, r#"{"id":2,"method":"thread/start","params":{}}"#);
    assert!(bench.actions.is_empty());
    bench.engine(r#"{"id":1,"result":{"userAgent":"fake"}}"#);
    assert_eq!(
        bench.sent_to_client(A),
        [
            r#"{"id":"x","result":{"userAgent":"fake","broker":{"version":"0","pid":7,"key":"k","maxStreams":1}}}"#
        ]
    );
    assert_eq!(
        bench.sent_to_engine(),
        [
            r#"{"method":"initialized"}"#,
            r#"{"id":2,"method":"thread/start","params":{}}"#
        ]
    );
}

#[test]
fn each_client_gets_its_own_replies_under_its_own_ids() {
    let mut bench = Bench::ready(4);
    bench.says(A, r#"{"id":5,"method":"thread/list","params":{"of":"a"}}"#);
    bench.says(B, r#"{"id":5,"method":"thread/list","params":{"of":"b"}}"#);
    let sent = bench.sent_to_engine();
    let ids: Vec<u64> = sent
        .iter()
        .map(|line| {
            Frame::parse(line.as_bytes())
                .unwrap()
                .upstream_id()
                .unwrap()
        })
        .collect();
    bench.engine(&format!(r#"{{"id":{},"result":"b"}}"#, ids[1]));
    bench.engine(&format!(
        r#"{{"id":{},"error":{{"code":1,"message":"a"}}}}"#,
        ids[0]
    ));
    bench.engine(&format!(r#"{{"id":{},"result":"again"}}"#, ids[1]));
    assert_eq!(
        bench.sent_to_client(A),
        [r#"{"id":5,"error":{"code":1,"message":"a"}}"#]
    );
    assert_eq!(bench.sent_to_client(B), [r#"{"id":5,"result":"b"}"#]);
    assert_eq!(bench.state.late_answers, 1);
}

#[test]
fn notifications_go_to_the_owner_of_their_thread_and_to_its_sub_agents_owner() {
    let mut bench = Bench::ready(4);
    bench.says(A, r#"{"id":1,"method":"thread/start","params":{}}"#);
    // It speaks of its thread before it answers.
    bench.engine(r#"{"method":"thread/started","params":{"thread":{"id":"t"}}}"#);
    assert!(
        bench
            .actions
            .iter()
            .all(|action| !matches!(action, Action::ToClient(..)))
    );
    bench.engine(r#"{"id":2,"result":{"thread":{"id":"t"}}}"#);
    let lines = bench.sent_to_client(A);
    assert_eq!(lines.len(), 2, "{lines:?}");
    has(&lines[1..], "thread/started");
    bench.engine(
        r#"{"method":"thread/started","params":{"thread":{"id":"sub","parentThreadId":"t"}}}"#,
    );
    bench.engine(r#"{"method":"item/started","params":{"threadId":"sub","item":{"type":"x"}}}"#);
    assert_eq!(bench.sent_to_client(A).len(), 2);
    bench.engine(r#"{"method":"item/started","params":{"threadId":"stranger"}}"#);
    assert_eq!(bench.state.unowned_notifications, 1);
    bench.engine(r#"{"method":"account/updated","params":{}}"#);
    assert_eq!(bench.sent_to_client(A).len(), 1);
    assert_eq!(bench.sent_to_client(B).len(), 1);
}

#[test]
fn a_client_never_gets_what_it_opted_out_of() {
    let mut bench = Bench::ready(4);
    bench.says(
        B,
        r#"{"id":1,"method":"initialize","params":{"capabilities":{"optOutNotificationMethods":["account/updated"]}}}"#,
    );
    bench.sent_to_client(B);
    bench.engine(r#"{"method":"account/updated","params":{}}"#);
    assert_eq!(bench.sent_to_client(A).len(), 1);
    assert!(bench.sent_to_client(B).is_empty());
}

#[test]
fn past_the_limit_a_turn_is_refused_with_its_place_and_told_when_it_can_come() {
    let mut bench = Bench::ready(1);
    bench.run_turn(A, "a", "1");
    bench.says(
        B,
        r#"{"id":3,"method":"review/start","params":{"threadId":"b"}}"#,
    );
    assert_eq!(
        bench.sent_to_client(B),
        [
            r#"{"id":3,"error":{"code":-32001,"message":"Shared Codex broker is busy.","data":{"source":"broker","reason":"busy","running":1,"limit":1,"place":1}}}"#
        ]
    );
    // An interrupt passes all the same, from anybody.
    bench.says(
        B,
        r#"{"id":4,"method":"turn/interrupt","params":{"threadId":"a","turnId":"1"}}"#,
    );
    has(&bench.sent_to_engine(), "turn/interrupt");
    bench.complete("a", "1");
    assert_eq!(
        bench.sent_to_client(B),
        [
            r#"{"method":"broker/queue","params":{"place":0,"running":0,"limit":1,"reservedMs":5000}}"#
        ]
    );
    bench.run_turn(B, "b", "2");
    assert_eq!(bench.state.streams.running(), 1);
}

#[test]
fn a_start_that_the_engine_refuses_frees_its_slot() {
    let mut bench = Bench::ready(1);
    let id = bench.start_turn(A, "t");
    assert_eq!(bench.state.streams.running(), 1);
    bench.engine(&format!(
        r#"{{"id":{id},"error":{{"code":-32001,"message":"Server overloaded; retry later."}}}}"#
    ));
    let refused = bench.sent_to_client(A);
    has(&refused, "Server overloaded");
    assert!(
        !refused[0].contains("broker"),
        "the engine's own error: {refused:?}"
    );
    assert_eq!(bench.state.streams.running(), 0);
}

#[test]
fn a_thread_with_a_running_turn_is_not_taken_away() {
    let mut bench = Bench::ready(4);
    bench.run_turn(A, "t", "1");
    bench.says(
        B,
        r#"{"id":1,"method":"turn/start","params":{"threadId":"t"}}"#,
    );
    has(&bench.sent_to_client(B), "thread-in-use");
    bench.says(
        B,
        r#"{"id":2,"method":"thread/resume","params":{"threadId":"t"}}"#,
    );
    let sent = bench.sent_to_engine();
    let id = Frame::parse(sent[0].as_bytes())
        .unwrap()
        .upstream_id()
        .unwrap();
    bench.engine(&format!(
        r#"{{"id":{id},"result":{{"thread":{{"id":"t"}}}}}}"#
    ));
    bench.sent_to_client(B);
    bench.complete("t", "1");
    has(&bench.sent_to_client(A), "turn/completed");
    assert!(bench.sent_to_client(B).is_empty());
}

#[test]
fn a_client_that_leaves_has_its_turn_interrupted_and_its_slot_freed() {
    let mut bench = Bench::ready(1);
    bench.run_turn(A, "t", "1");
    bench.event(Event::ClientLeft(A));
    let sent = bench.sent_to_engine();
    has(
        &sent,
        r#""method":"turn/interrupt","params":{"threadId":"t","turnId":"1"}"#,
    );
    assert_eq!(bench.state.streams.running(), 1);
    bench.complete("t", "1");
    assert_eq!(bench.state.streams.running(), 0);
    has(&bench.sent_to_engine(), "thread/unsubscribe");
}

#[test]
fn a_start_that_is_answered_after_its_client_left_is_interrupted_then() {
    let mut bench = Bench::ready(1);
    let id = bench.start_turn(A, "t");
    bench.event(Event::ClientLeft(A));
    assert!(bench.sent_to_engine().is_empty());
    bench.engine(&format!(
        r#"{{"id":{id},"result":{{"turn":{{"id":"1"}}}}}}"#
    ));
    has(&bench.sent_to_engine(), "turn/interrupt");
    assert!(bench.sent_to_client(A).is_empty());
    assert!(bench.sent_to_client(B).is_empty());
}

#[test]
fn an_engine_that_does_not_end_an_unowned_turn_is_ended() {
    let mut bench = Bench::ready(1);
    bench.run_turn(A, "t", "1");
    bench.event(Event::ClientLeft(A));
    bench.pass(GRACE);
    assert!(
        bench.actions.contains(&Action::KillEngine(EngineRun(1))),
        "{:?}",
        bench.actions
    );
    assert_eq!(bench.state.streams.running(), 0);
}

#[test]
fn an_engine_that_others_use_is_left_alone_and_the_slot_freed_all_the_same() {
    let mut bench = Bench::ready(1);
    bench.run_turn(A, "t", "1");
    bench.says(B, r#"{"id":1,"method":"model/list","params":{}}"#);
    bench.event(Event::ClientLeft(A));
    bench.pass(GRACE);
    assert!(!bench.actions.contains(&Action::KillEngine(EngineRun(1))));
    assert_eq!(bench.state.streams.running(), 0);
}

#[test]
fn a_handed_over_turn_survives_its_client_and_is_adopted() {
    let mut bench = Bench::ready(1);
    bench.run_turn(A, "t", "1");
    bench.says(
        A,
        r#"{"id":2,"method":"broker/handOver","params":{"threadId":"t"}}"#,
    );
    assert_eq!(bench.sent_to_client(A), [r#"{"id":2,"result":{}}"#]);
    bench.event(Event::ClientLeft(A));
    assert!(bench.sent_to_engine().is_empty());
    bench.says(
        B,
        r#"{"id":3,"method":"broker/adopt","params":{"threadId":"t"}}"#,
    );
    assert_eq!(bench.sent_to_client(B), [r#"{"id":3,"result":{}}"#]);
    bench.complete("t", "1");
    has(&bench.sent_to_client(B), "turn/completed");
}

#[test]
fn a_thread_that_nobody_has_any_more_is_released_unless_somebody_resumes_it() {
    let mut bench = Bench::ready(1);
    for thread in ["kept", "left"] {
        bench.run_turn(A, thread, "1");
        bench.complete(thread, "1");
    }
    bench.says(
        B,
        r#"{"id":1,"method":"thread/resume","params":{"threadId":"kept"}}"#,
    );
    bench.sent_to_engine();
    bench.event(Event::ClientLeft(A));
    let sent = bench.sent_to_engine();
    assert_eq!(sent.len(), 1, "{sent:?}");
    has(
        &sent,
        r#""method":"thread/unsubscribe","params":{"threadId":"left"}"#,
    );
}

#[test]
fn a_dead_engine_fails_what_is_open_and_the_next_request_starts_another() {
    let mut bench = Bench::ready(2);
    bench.run_turn(A, "t", "1");
    bench.says(B, r#"{"id":4,"method":"model/list","params":{}}"#);
    bench.actions.clear();
    bench.event(Event::EngineExited(
        EngineRun(1),
        "exited with status 3".into(),
    ));
    let lines = bench.sent_to_client(A);
    assert_eq!(lines.len(), 2, "{lines:?}");
    has(
        &lines[..1],
        r#"{"method":"broker/engineLost","params":{"reason":"exited with status 3","threadIds":["t"]}}"#,
    );
    has(&lines[1..], r#""method":"turn/completed""#);
    has(
        &lines[1..],
        r#""status":"failed","error":{"message":"the engine ended: exited with status 3""#,
    );
    assert_eq!(
        bench.sent_to_client(B),
        [
            r#"{"id":4,"error":{"code":-32603,"message":"the engine ended: exited with status 3","data":{"source":"broker","reason":"engine-ended","exit":"exited with status 3"}}}"#
        ]
    );
    assert_eq!(bench.state.streams.running(), 0);
    bench.says(B, r#"{"id":5,"method":"model/list","params":{}}"#);
    assert_eq!(
        bench.actions.pop_front(),
        Some(Action::StartEngine(EngineRun(2)))
    );
    // What the first run still says is nobody's any more.
    bench.event(Event::EngineLine(
        EngineRun(1),
        br#"{"id":2,"result":1}"#.to_vec(),
    ));
    assert!(bench.sent_to_client(B).is_empty());
}

#[test]
fn an_engine_that_cannot_start_fails_its_waiters_with_the_reason_each_time() {
    let mut bench = Bench::new(1);
    bench.event(Event::ClientJoined(A));
    for run in 1..3 {
        bench.says(A, r#"{"id":1,"method":"initialize","params":{}}"#);
        bench.event(Event::EngineExited(
            EngineRun(run),
            "no such program".into(),
        ));
        has(
            &bench.sent_to_client(A),
            "the engine did not start: no such program",
        );
    }
    assert_eq!(bench.state.engine_exits, 2);
}

#[test]
fn an_engine_that_does_not_greet_is_given_up_and_late_comers_get_the_next_one() {
    let mut bench = Bench::new(1);
    bench.event(Event::ClientJoined(A));
    bench.event(Event::ClientJoined(B));
    bench.says(A, r#"{"id":1,"method":"initialize","params":{}}"#);
    assert_eq!(
        bench.state.next_deadline(),
        Some(bench.now + Duration::from_secs(30))
    );
    bench.pass(Duration::from_secs(30));
    has(&bench.sent_to_client(A), "did not answer `initialize`");
    assert!(bench.actions.contains(&Action::KillEngine(EngineRun(1))));
    bench.says(B, r#"{"id":1,"method":"initialize","params":{}}"#);
    bench.event(Event::EngineExited(EngineRun(1), "killed".into()));
    assert!(bench.actions.contains(&Action::StartEngine(EngineRun(2))));
    bench.actions.clear();
    bench.engine(r#"{"id":2,"result":{}}"#);
    has(&bench.sent_to_client(B), r#"{"id":1,"result":{"broker":"#);
}

#[test]
fn garbage_is_answered_to_a_client_and_counted_from_the_engine() {
    let mut bench = Bench::ready(1);
    bench.says(A, "\u{1b}[31mnoise");
    has(
        &bench.sent_to_client(A),
        r#"{"id":null,"error":{"code":-32700"#,
    );
    bench.says(A, "[]");
    has(
        &bench.sent_to_client(A),
        r#"{"id":null,"error":{"code":-32600"#,
    );
    bench.engine("\u{1b}[31mnoise");
    bench.engine("[1]");
    bench.event(Event::EngineLineTooLong(EngineRun(1)));
    assert!(bench.actions.is_empty());
    bench.says(A, r#"{"id":1,"method":"broker/status"}"#);
    has(&bench.sent_to_client(A), r#""skippedLines":3"#);
}

#[test]
fn the_engines_questions_are_answered_by_policy_under_their_own_ids() {
    let mut bench = Bench::ready(1);
    bench.engine(r#"{"id":"q1","method":"known","params":{"x":1}}"#);
    bench.engine(r#"{"id":0,"method":"unknown"}"#);
    assert_eq!(
        bench.sent_to_engine(),
        [
            r#"{"id":"q1","result":{"decision":"decline","saw":{"x":1}}}"#,
            r#"{"id":0,"error":{"code":-32601,"message":"unknown"}}"#
        ]
    );
}

#[test]
fn nothing_is_relayed_before_initialize() {
    let mut bench = Bench::new(1);
    bench.event(Event::ClientJoined(A));
    bench.says(A, r#"{"id":1,"method":"thread/start","params":{}}"#);
    has(&bench.sent_to_client(A), "not-initialized");
    bench.says(A, r#"{"id":1,"method":"broker/status"}"#);
    has(&bench.sent_to_client(A), r#""clients":1"#);
    assert!(bench.actions.is_empty());
}

#[test]
fn one_client_cannot_open_calls_without_bound_but_can_interrupt() {
    let mut bench = Bench::ready(1);
    for id in 0..MAX_CALLS {
        bench.says(A, &format!(r#"{{"id":{id},"method":"model/list"}}"#));
    }
    let refused = bench.sent_to_client(A);
    assert_eq!(refused.len(), CALLS_FOR_INTERRUPTS);
    has(&refused, "too-many-calls");
    bench.sent_to_engine();
    bench.says(A, r#"{"id":"i","method":"turn/interrupt","params":{}}"#);
    assert_eq!(bench.sent_to_engine().len(), 1);
}

#[test]
fn shutdown_is_refused_while_turns_run_unless_it_is_forced() {
    let mut bench = Bench::ready(2);
    bench.run_turn(A, "t", "1");
    bench.says(B, r#"{"id":1,"method":"broker/shutdown"}"#);
    has(&bench.sent_to_client(B), "Shared Codex broker is busy.");
    bench.says(
        B,
        r#"{"id":2,"method":"broker/shutdown","params":{"force":true}}"#,
    );
    has(&bench.sent_to_client(B), r#"{"id":2,"result":{}}"#);
    has(&bench.sent_to_client(A), "the broker is ending");
    assert_eq!(bench.actions.back(), Some(&Action::End(Ending::Asked)));
}

#[test]
fn a_broker_without_clients_and_turns_ends_after_its_idle_time() {
    let mut bench = Bench::ready(2);
    assert_eq!(bench.state.next_deadline(), None);
    bench.event(Event::ClientLeft(A));
    bench.event(Event::ClientLeft(B));
    assert_eq!(
        bench.state.next_deadline(),
        Some(bench.now + Duration::from_secs(600))
    );
    bench.pass(Duration::from_secs(599));
    assert!(!bench.actions.contains(&Action::End(Ending::Idle)));
    bench.pass(Duration::from_secs(1));
    assert!(bench.actions.contains(&Action::End(Ending::Idle)));
}
