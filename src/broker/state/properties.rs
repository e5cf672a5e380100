//! Invariants of the state machine under any interleaving of clients, engine and time.
//!
//! A model engine holds the requests that it got and answers any of them at any time, each answer repeating the tag that
//! the client put into its request. What arrives at clients is checked against what they asked.

use std::collections::HashMap;

use proptest::prelude::*;

use super::tests::settings;
use super::*;

const CLIENTS: u64 = 4;
const LIMIT: usize = 2;

#[derive(Debug, Clone)]
enum Op {
    Join(u64),
    Leave(u64),
    Ask(u64, u8),
    Turn(u64, u8),
    Garbage(u64),
    /// The engine answers one of the requests that it holds, well or badly.
    Answer(prop::sample::Index, bool),
    /// The engine answers a request a second time.
    AnswerAgain(prop::sample::Index),
    /// A turn that the engine runs ends.
    EndTurn(prop::sample::Index),
    Crash,
    Noise,
    Wait(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        2 => client.clone().prop_map(Op::Join),
        1 => client.clone().prop_map(Op::Leave),
        4 => (client.clone(), 0..3u8).prop_map(|(c, t)| Op::Ask(c, t)),
        4 => (client.clone(), 0..4u8).prop_map(|(c, t)| Op::Turn(c, t)),
        1 => client.prop_map(Op::Garbage),
        8 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(i, ok)| Op::Answer(i, ok)),
        1 => any::<prop::sample::Index>().prop_map(Op::AnswerAgain),
        4 => any::<prop::sample::Index>().prop_map(Op::EndTurn),
        1 => Just(Op::Crash),
        1 => Just(Op::Noise),
        2 => (0..20_000u16).prop_map(Op::Wait),
    ]
}

struct World {
    state: State,
    now: Instant,
    /// The connection of each of the clients, while it is connected.
    connected: HashMap<u64, ClientId>,
    last_client: u64,
    last_tag: u64,
    /// Requests that have no answer yet, by connection and tag, which is their id too.
    waiting: HashMap<(ClientId, u64), ()>,
    run: Option<EngineRun>,
    /// What the engine holds: its id, method, params.
    held: Vec<(u64, String, Value)>,
    answered: Vec<u64>,
    turns: Vec<(String, String)>,
    last_turn: u64,
    ended: bool,
}

impl World {
    fn event(&mut self, event: Event) {
        let mut actions: VecDeque<Action> = self.state.on_event(self.now, event).into();
        while let Some(action) = actions.pop_front() {
            match action {
                Action::StartEngine(run) => {
                    assert_eq!(self.run, None, "two engines at once");
                    self.run = Some(run);
                    self.held.clear();
                    self.turns.clear();
                }
                Action::ToEngine(run, line) => {
                    assert_eq!(Some(run), self.run);
                    let line: Value = serde_json::from_slice(&line).unwrap();
                    if let (Some(id), Some(method)) = (line["id"].as_u64(), line["method"].as_str())
                    {
                        assert!(!self.answered.contains(&id), "an id came twice");
                        self.held
                            .push((id, method.to_owned(), line["params"].clone()));
                    }
                }
                Action::KillEngine(run) => {
                    assert_eq!(Some(run), self.run);
                    self.run = None;
                    self.held.clear();
                    self.turns.clear();
                    actions.extend(
                        self.state
                            .on_event(self.now, Event::EngineExited(run, "killed".into())),
                    );
                }
                Action::ToClient(client, line) => self.delivered(client, &line),
                Action::End(_) => self.ended = true,
            }
        }
        let running = self.state.streams.running();
        assert!(running <= LIMIT, "{running} slots of {LIMIT}");
    }

    fn delivered(&mut self, client: ClientId, line: &[u8]) {
        assert!(
            self.connected.values().any(|known| *known == client),
            "a line for a client that is gone"
        );
        let line: Value = serde_json::from_slice(line).unwrap();
        if line.get("method").is_some() {
            if let Some(owner) = line["params"]["turn"]["owner"].as_u64() {
                assert_eq!(owner, client.0, "another client's notification");
            }
            return;
        }
        let Some(tag) = line["id"].as_u64() else {
            assert!(line["id"].is_null());
            return;
        };
        assert!(
            self.waiting.remove(&(client, tag)).is_some(),
            "an answer twice, or to a stranger: {line}"
        );
        if let Some(echo) = line["result"]["tag"].as_u64() {
            assert_eq!(echo, tag, "another request's answer");
        }
    }

    fn request(&mut self, client: u64, method: &str, thread: u8) {
        let Some(&id) = self.connected.get(&client) else {
            return;
        };
        self.last_tag += 1;
        let tag = self.last_tag;
        self.waiting.insert((id, tag), ());
        let line = json!({"id": tag, "method": method, "params": {"tag": tag, "threadId": format!("t{thread}")}});
        self.event(Event::ClientLine(id, line.to_string().into()));
    }

    fn answer(&mut self, index: usize, well: bool) {
        let (Some(run), Some(_)) = (self.run, self.held.get(index)) else {
            return;
        };
        let (id, method, params) = self.held.remove(index);
        self.answered.push(id);
        let tag = &params["tag"];
        let line = if !well && method != "initialize" {
            json!({"id": id, "error": {"code": 1, "message": "no"}})
        } else if method == "turn/start" {
            self.last_turn += 1;
            let turn = format!("turn{}", self.last_turn);
            let thread = params["threadId"].as_str().unwrap().to_owned();
            self.turns.push((thread, turn.clone()));
            json!({"id": id, "result": {"tag": tag, "turn": {"id": turn}}})
        } else if method == "turn/interrupt" {
            let (thread, turn) = (params["threadId"].as_str(), params["turnId"].as_str());
            let found = self
                .turns
                .iter()
                .position(|(a, b)| Some(&**a) == thread && Some(&**b) == turn);
            self.event(Event::EngineLine(
                run,
                json!({"id": id, "result": {}}).to_string().into(),
            ));
            if let Some(found) = found {
                self.end_turn(found);
            }
            return;
        } else {
            json!({"id": id, "result": {"tag": tag, "thread": {"id": params["threadId"]}}})
        };
        self.event(Event::EngineLine(run, line.to_string().into()));
    }

    fn end_turn(&mut self, index: usize) {
        let Some(run) = self.run else { return };
        let (thread, turn) = self.turns.remove(index);
        let owner = self.state.threads.owner(&thread).map(|owner| owner.0);
        let line = json!({"method": "turn/completed", "params": {"threadId": thread, "turn": {"id": turn, "owner": owner}}});
        self.event(Event::EngineLine(run, line.to_string().into()));
    }

    fn leave(&mut self, client: u64) {
        if let Some(id) = self.connected.remove(&client) {
            self.waiting.retain(|(who, _), ()| *who != id);
            self.event(Event::ClientLeft(id));
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Join(client) => {
                if !self.connected.contains_key(&client) {
                    self.last_client += 1;
                    self.connected.insert(client, ClientId(self.last_client));
                    self.event(Event::ClientJoined(ClientId(self.last_client)));
                    self.request(client, "initialize", 0);
                }
            }
            Op::Leave(client) => self.leave(client),
            Op::Ask(client, thread) => {
                let method = ["thread/start", "thread/resume", "model/list"][usize::from(thread)];
                self.request(client, method, thread);
            }
            Op::Turn(client, thread) => self.request(client, "turn/start", thread),
            Op::Garbage(client) => {
                if let Some(&id) = self.connected.get(&client) {
                    self.event(Event::ClientLine(id, b"{".to_vec()));
                }
            }
            Op::Answer(index, well) => {
                if !self.held.is_empty() {
                    self.answer(index.index(self.held.len()), well);
                }
            }
            Op::AnswerAgain(index) => {
                if let (Some(run), false) = (self.run, self.answered.is_empty()) {
                    let id = self.answered[index.index(self.answered.len())];
                    let line = json!({"id": id, "result": {"tag": 0}});
                    self.event(Event::EngineLine(run, line.to_string().into()));
                }
            }
            Op::EndTurn(index) => {
                if !self.turns.is_empty() {
                    self.end_turn(index.index(self.turns.len()));
                }
            }
            Op::Crash => {
                if let Some(run) = self.run.take() {
                    self.held.clear();
                    self.turns.clear();
                    self.event(Event::EngineExited(run, "crashed".into()));
                }
            }
            Op::Noise => {
                if let Some(run) = self.run {
                    self.event(Event::EngineLine(run, b"noise".to_vec()));
                }
            }
            Op::Wait(millis) => self.wait(Duration::from_millis(millis.into())),
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.event(Event::Tick);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_client_gets_its_own_replies_once_and_slots_never_leak(ops in prop::collection::vec(op(), 1..120)) {
        let now = Instant::now();
        let mut world = World {
            state: State::new(settings(LIMIT), now),
            now,
            connected: HashMap::new(),
            last_client: 0,
            last_tag: 0,
            waiting: HashMap::new(),
            run: None,
            held: Vec::new(),
            answered: Vec::new(),
            turns: Vec::new(),
            last_turn: 0,
            ended: false,
        };
        for op in ops {
            world.apply(op);
        }
        // Whatever was asked and not answered is what the engine still holds, or waits for its greeting.
        for _ in 0..1000 {
            if world.held.is_empty() {
                break;
            }
            world.answer(0, true);
        }
        prop_assert!(world.held.is_empty(), "answers beget calls without end");
        prop_assert!(world.ended || world.waiting.is_empty(), "never answered: {:?}", world.waiting);
        // Every start was answered: with its turns ended, no slot is held, although the clients are still there.
        while !world.turns.is_empty() {
            world.end_turn(0);
        }
        prop_assert_eq!(world.state.streams.running(), 0);
        // Nobody is left: after the grace nothing is either.
        for client in 0..CLIENTS {
            world.leave(client);
        }
        world.wait(Duration::from_secs(61));
        world.wait(Duration::from_secs(11));
        prop_assert_eq!(world.state.streams.running(), 0);
        prop_assert_eq!(world.state.streams.queued(), 0);
        prop_assert_eq!(world.state.threads.len(), 0);
        prop_assert!(world.state.clients.is_empty());
        if !world.ended {
            world.wait(Duration::from_secs(600));
            prop_assert!(world.ended, "an idle broker stays");
        }
    }
}
