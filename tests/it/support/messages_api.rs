//! A stand-in for the assistant's Messages API on loopback.
//!
//! Each request is kept for assertions. A request that offers tools is answered by a function that the test sets; the
//! client's small questions of its own (titles, counts) get a word. Dropping it ends every connection.

use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::loopback::{HttpServer, http};

/// Requests kept; the oldest go first.
const MAX_KEPT: usize = 1000;

/// What the assistant does next.
#[derive(Debug, Clone)]
pub enum Say {
    /// It speaks, and its turn ends.
    Text(String),
    /// It calls a tool; the next request carries the result.
    Tool {
        /// The tool.
        name: &'static str,
        /// Its input.
        input: Value,
    },
}

impl Say {
    /// A shell command.
    pub fn bash(command: impl Into<String>) -> Say {
        let command = command.into();
        Say::Tool {
            name: "Bash",
            input: json!({"command": command, "description": "as told", "timeout": 600_000}),
        }
    }

    /// A sentence.
    pub fn text(text: impl Into<String>) -> Say {
        Say::Text(text.into())
    }
}

/// One request to the assistant's model.
#[derive(Debug, Clone)]
pub struct MessagesRequest {
    body: Value,
}

impl MessagesRequest {
    /// Everything that the user's side has said, tool results apart, in order.
    pub fn user_text(&self) -> String {
        self.blocks("user")
            .filter_map(|block| block["text"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// What the user's side said last, tool results apart.
    pub fn last_user_text(&self) -> String {
        let messages = self.body["messages"].as_array();
        let last = messages
            .into_iter()
            .flatten()
            .rev()
            .find(|message| message["role"] == "user");
        last.map(|message| text_of(&message["content"]))
            .unwrap_or_default()
    }

    /// What the client itself has told the assistant between the turns, in order.
    pub fn client_notes(&self) -> String {
        self.blocks("system")
            .filter_map(|block| block["text"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The text of each tool result so far, in order.
    pub fn tool_results(&self) -> Vec<String> {
        self.blocks("user")
            .filter(|block| block["type"] == "tool_result")
            .map(|block| text_of(&block["content"]))
            .collect()
    }

    /// Whether the system prompt, as text, holds this.
    pub fn system_has(&self, text: &str) -> bool {
        text_of(&self.body["system"]).contains(text)
    }

    fn blocks(&self, role: &'static str) -> impl Iterator<Item = Value> {
        let messages = self.body["messages"].as_array().cloned();
        messages
            .unwrap_or_default()
            .into_iter()
            .filter(move |message| message["role"] == role)
            .flat_map(|message| match &message["content"] {
                Value::String(text) => vec![json!({"type": "text", "text": text})],
                Value::Array(blocks) => blocks.clone(),
                _ => Vec::new(),
            })
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

type Assistant = Arc<dyn Fn(&MessagesRequest) -> Say + Send + Sync>;

struct State {
    requests: Vec<MessagesRequest>,
    assistant: Assistant,
    answers: u64,
}

/// The stand-in.
pub struct MessagesApi {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for MessagesApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessagesApi({})", self.server.address())
    }
}

impl MessagesApi {
    /// Starts on a free port, with an assistant that says one word.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            requests: Vec::new(),
            assistant: Arc::new(|_| Say::text("Understood.")),
            answers: 0,
        }));
        let server = HttpServer::start({
            let state = Arc::clone(&state);
            move |path, body| Some(answer(&state, path, body))
        });
        MessagesApi { server, state }
    }

    /// What the client is to use as its base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Sets what the assistant does from now on.
    pub fn respond(&self, assistant: impl Fn(&MessagesRequest) -> Say + Send + Sync + 'static) {
        self.state
            .lock()
            .expect("no holder of the lock panics")
            .assistant = Arc::new(assistant);
    }

    /// Forgets the requests so far and returns them: those that offered tools, oldest first.
    pub fn take_requests(&self) -> Vec<MessagesRequest> {
        let mut state = self.state.lock().expect("no holder of the lock panics");
        std::mem::take(&mut state.requests)
    }
}

fn answer(state: &Mutex<State>, path: &str, body: &[u8]) -> Vec<u8> {
    let small = |value: Value| http(200, "application/json", value.to_string().as_bytes());
    if path.contains("count_tokens") {
        return small(json!({"input_tokens": 10}));
    }
    if !path.contains("/messages") {
        return small(json!({}));
    }
    let request = MessagesRequest {
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
    };
    let offers_tools = request.body["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    let mut now = state.lock().expect("no holder of the lock panics");
    now.answers += 1;
    let number = now.answers;
    let say = if offers_tools {
        if now.requests.len() == MAX_KEPT {
            now.requests.remove(0);
        }
        now.requests.push(request.clone());
        let assistant = Arc::clone(&now.assistant);
        drop(now);
        assistant(&request)
    } else {
        drop(now);
        Say::text("ok")
    };
    if request.body["stream"] == true {
        http(
            200,
            "text/event-stream",
            stream(&request, &say, number).as_bytes(),
        )
    } else {
        let (content, stop_reason) = content(&say, number);
        let mut message = head(&request, number);
        message["content"] = json!([content]);
        message["stop_reason"] = json!(stop_reason);
        small(message)
    }
}

fn head(request: &MessagesRequest, number: u64) -> Value {
    json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant",
        "model": request.body["model"], "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    })
}

fn content(say: &Say, number: u64) -> (Value, &'static str) {
    match say {
        Say::Text(text) => (json!({"type": "text", "text": text}), "end_turn"),
        Say::Tool { name, input } => {
            let id = format!("toolu_{number}");
            let call = json!({"type": "tool_use", "id": id, "name": name, "input": input});
            (call, "tool_use")
        }
    }
}

fn stream(request: &MessagesRequest, say: &Say, number: u64) -> String {
    let (content, stop_reason) = content(say, number);
    let (start, delta) = match say {
        Say::Text(text) => (
            json!({"type": "text", "text": ""}),
            json!({"type": "text_delta", "text": text}),
        ),
        Say::Tool { input, .. } => {
            let mut start = content;
            start["input"] = json!({});
            (
                start,
                json!({"type": "input_json_delta", "partial_json": input.to_string()}),
            )
        }
    };
    [
        json!({"type": "message_start", "message": head(request, number)}),
        json!({"type": "content_block_start", "index": 0, "content_block": start}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "usage": {"output_tokens": 5},
               "delta": {"stop_reason": stop_reason, "stop_sequence": null}}),
        json!({"type": "message_stop"}),
    ]
    .iter()
    .map(|event| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap_or("")
        )
    })
    .collect()
}
