//! A stand-in for the model provider's Responses API on loopback.
//!
//! Each request is kept for assertions and answered by a function that the test sets; without one, a review gets a
//! review, a request with a schema gets JSON by our schema, and everything else a sentence. Answers can be held back
//! until the test releases them. Dropping it ends every connection and joins its thread.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::loopback::{HttpServer, http};

/// How long a test waits for a request.
const LIMIT: Duration = Duration::from_secs(60);
/// Requests kept; the oldest go first.
const MAX_KEPT: usize = 1000;

/// What the model says.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A message.
    Text(String),
    /// A message that a reasoning summary precedes.
    Reasoned {
        /// The summary.
        summary: String,
        /// The message.
        text: String,
    },
    /// A call of a tool; the next request carries its output.
    Tool {
        /// The tool.
        name: String,
        /// Its arguments.
        arguments: Value,
    },
    /// An HTTP error with a JSON body.
    Failure {
        /// The status.
        status: u16,
        /// The body.
        body: Value,
    },
}

/// One request to the model.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// The path.
    pub path: String,
    /// The body.
    pub body: Value,
    /// When it had arrived.
    pub at: Instant,
}

impl ModelRequest {
    /// Everything that the model would read: instructions and the text of every message, in order.
    pub fn prompt(&self) -> String {
        let mut text = self.body["instructions"].as_str().unwrap_or("").to_owned();
        for item in self.body["input"].as_array().into_iter().flatten() {
            for part in item["content"].as_array().into_iter().flatten() {
                text.push('\n');
                text.push_str(part["text"].as_str().unwrap_or(""));
            }
            if let Some(output) = item["output"].as_str() {
                text.push('\n');
                text.push_str(output);
            }
        }
        text
    }

    /// The text of the last message of the user.
    pub fn last_user_text(&self) -> String {
        let input = self.body["input"].as_array();
        let last = input
            .into_iter()
            .flatten()
            .rev()
            .find(|item| item["role"] == "user");
        let parts = last.and_then(|item| item["content"].as_array());
        parts
            .into_iter()
            .flatten()
            .filter_map(|part| part["text"].as_str())
            .collect()
    }

    /// The schema that the answer must fit.
    pub fn schema(&self) -> Option<&Value> {
        let format = &self.body["text"]["format"];
        (format["type"] == "json_schema").then(|| &format["schema"])
    }

    /// Whether Codex's reviewer asks.
    pub fn is_review(&self) -> bool {
        self.prompt().contains("overall_correctness")
    }
}

type Responder = Arc<dyn Fn(&ModelRequest) -> Answer + Send + Sync>;

struct State {
    requests: VecDeque<ModelRequest>,
    responder: Responder,
    /// Answers wait while this many requests have not come together.
    together: usize,
    in_flight: usize,
    held: bool,
    delay: Duration,
    stopped: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

/// The stand-in.
pub struct ResponsesApi {
    server: HttpServer,
    shared: Arc<Shared>,
}

impl fmt::Debug for ResponsesApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponsesApi({})", self.server.address())
    }
}

impl ResponsesApi {
    /// Starts on a free port.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                requests: VecDeque::new(),
                responder: Arc::new(usual_answer),
                together: 0,
                in_flight: 0,
                held: false,
                delay: Duration::ZERO,
                stopped: false,
            }),
            changed: Condvar::new(),
        });
        let server = HttpServer::start({
            let shared = Arc::clone(&shared);
            move |path, body| {
                if !path.contains("/responses") {
                    let empty = br#"{"object":"list","data":[]}"#;
                    return Some(http(200, "application/json", empty));
                }
                let request = ModelRequest {
                    path: path.to_owned(),
                    body: serde_json::from_slice(body).unwrap_or(Value::Null),
                    at: Instant::now(),
                };
                answer(&shared, request).map(|answer| encode(&answer))
            }
        });
        ResponsesApi { server, shared }
    }

    /// The base URL for a provider's configuration.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.server.address())
    }

    /// Sets how requests are answered from now on.
    pub fn respond(&self, responder: impl Fn(&ModelRequest) -> Answer + Send + Sync + 'static) {
        self.shared.state().responder = Arc::new(responder);
    }

    /// Answers everything with this text from now on.
    pub fn say(&self, text: &str) {
        let text = text.to_owned();
        self.respond(move |_| Answer::Text(text.clone()));
    }

    /// A model that thinks for so long before each answer. For measurements; to prove an order, hold answers back.
    pub fn delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// Holds every answer back until [`ResponsesApi::release`].
    pub fn hold(&self) {
        self.shared.state().held = true;
    }

    /// Lets held answers go.
    pub fn release(&self) {
        self.shared.state().held = false;
        self.shared.changed.notify_all();
    }

    /// Holds answers back until this many requests wait at once: they can only be answered if they run together.
    pub fn hold_until_together(&self, requests: usize) {
        self.shared.state().together = requests;
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.shared.state().requests.iter().cloned().collect()
    }

    /// Waits until there were this many requests, and returns them; fails the test after a while.
    #[track_caller]
    pub fn wait_for_requests(&self, count: usize) -> Vec<ModelRequest> {
        let deadline = Instant::now() + LIMIT;
        let mut state = self.shared.state();
        while state.requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "only {} of {count} requests came",
                state.requests.len()
            );
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.expect("no holder of the lock panics").0;
        }
        state.requests.iter().cloned().collect()
    }
}

impl Drop for ResponsesApi {
    fn drop(&mut self) {
        // Answers that are held back end; the server then ends its connections.
        self.shared.state().stopped = true;
        self.shared.changed.notify_all();
    }
}

/// Notes the request and waits until it may be answered; `None` when the stand-in stops first.
fn answer(shared: &Shared, request: ModelRequest) -> Option<Answer> {
    let mut state = shared.state();
    if state.requests.len() == MAX_KEPT {
        state.requests.pop_front();
    }
    state.requests.push_back(request.clone());
    state.in_flight += 1;
    if state.in_flight >= state.together {
        state.together = 0;
    }
    shared.changed.notify_all();
    let due = Instant::now() + state.delay;
    loop {
        if state.stopped {
            return None;
        }
        let left = due.saturating_duration_since(Instant::now());
        if !state.held && state.together == 0 && left.is_zero() {
            break;
        }
        let wait = if left.is_zero() { LIMIT } else { left };
        let waited = shared.changed.wait_timeout(state, wait);
        state = waited.expect("no holder of the lock panics").0;
    }
    state.in_flight -= 1;
    let responder = Arc::clone(&state.responder);
    drop(state);
    Some(responder(&request))
}

/// What is answered when the test does not say otherwise.
pub fn usual_answer(request: &ModelRequest) -> Answer {
    Answer::Text(if request.schema().is_some() {
        sample_findings().to_string()
    } else if request.is_review() {
        sample_review().to_string()
    } else {
        "Done: looked at it.".to_owned()
    })
}

/// A review as Codex's reviewer writes it.
pub fn sample_review() -> Value {
    json!({
        "findings": [{
            "title": "[P1] Off by one", "body": "The loop reads past the end.", "confidence_score": 0.9, "priority": 1,
            "code_location": {"absolute_file_path": "/x/src/a.rs", "line_range": {"start": 3, "end": 4}},
        }],
        "overall_correctness": "patch is incorrect", "overall_explanation": "One bug.",
        "overall_confidence_score": 0.8,
    })
}

/// An answer by our schema.
pub fn sample_findings() -> Value {
    json!({
        "verdict": "needs-attention", "summary": "A retry can drop a write.",
        "findings": [{
            "severity": "high", "title": "Retry loses data", "body": "The second write is not checked.",
            "file": "src/a.rs", "line_start": 3, "line_end": 4, "confidence": 0.8,
            "recommendation": "Check both writes.",
        }],
        "next_steps": ["Add a test for the failing second write."],
    })
}

fn encode(answer: &Answer) -> Vec<u8> {
    let message = |text: &str| json!({"type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": text}]});
    let items = match answer {
        Answer::Text(text) => vec![message(text)],
        Answer::Reasoned { summary, text } => vec![
            json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": summary}]}),
            message(text),
        ],
        Answer::Tool { name, arguments } => {
            vec![
                json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments.to_string()}),
            ]
        }
        Answer::Failure { status, body } => {
            return http(*status, "application/json", body.to_string().as_bytes());
        }
    };
    let mut events = String::new();
    let mut event = |kind: &str, mut value: Value| {
        value["type"] = json!(kind);
        events.push_str(&format!("event: {kind}\ndata: {value}\n\n"));
    };
    event("response.created", json!({"response": {"id": "resp_1"}}));
    for (index, item) in items.iter().enumerate() {
        event(
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
        );
    }
    let usage = json!({"input_tokens": 100, "input_tokens_details": null, "output_tokens": 20,
                       "output_tokens_details": null, "total_tokens": 120});
    event(
        "response.completed",
        json!({"response": {"id": "resp_1", "usage": usage}}),
    );
    http(200, "text/event-stream", events.as_bytes())
}
