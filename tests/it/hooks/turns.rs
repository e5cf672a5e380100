//! A host's session, played to the hooks: starts, prompts and ends of turns, with the fake app server as the engine.

use serde_json::{Value, json};

use crate::jobs_cli::world::World;
use crate::support::{CommandOutput, Invocation};

/// A repository whose gate is on, and a Claude session in it. Each question gets an engine of its own.
pub struct Turns {
    pub world: World,
    pub session: &'static str,
}

impl Turns {
    pub fn new() -> Turns {
        let turns = Turns {
            world: World::new(""),
            session: "one",
        };
        let on = ["setup", "--enable-review-gate", "--json"];
        let setup = turns.world.command(on).run_ok().json();
        assert_eq!(setup["reviewGateEnabled"], true);
        // The engine that `setup` asked is not one of those that a test waits for.
        turns.world.control.server().wait_end();
        turns
    }

    /// A hook as the host calls it.
    pub fn hook(&self, verb: &str, more: Value) -> Invocation {
        let mut input = json!({
            "session_id": self.session,
            "transcript_path": "/tmp/t.jsonl",
            "cwd": self.world.repo.path(),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        self.world
            .command(["hook", verb])
            .stdin(input.to_string())
            .env("FAKE_APP_SERVER_LOG", self.world.sandbox.path("engine.log"))
            // An engine for each run, which plays the script of its own run.
            .env("CI", "1")
    }

    /// A hook that has nothing to say.
    #[track_caller]
    pub fn silent(&self, verb: &str, more: Value) {
        let output = self.hook(verb, more).run_ok();
        assert_eq!((output.stdout(), output.stderr()), Default::default());
    }

    /// The end of a turn, with what the engine says if it is asked.
    pub fn stopping(&self, script: &str) -> Invocation {
        self.hook("stop", json!({"last_assistant_message": "I did it."}))
            .env("FAKE_APP_SERVER_SCRIPT", script)
    }

    #[track_caller]
    pub fn stop(&self, script: &str) -> CommandOutput {
        self.stopping(script).run_ok()
    }

    /// The turn may end, and nobody is told anything.
    #[track_caller]
    pub fn ends(&self, script: &str) {
        let output = self.stop(script);
        assert_eq!((output.stdout(), output.stderr()), Default::default());
    }

    /// The turn goes on; the reason.
    #[track_caller]
    pub fn is_blocked(&self, script: &str) -> String {
        blocked(&self.stop(script))
    }

    /// What was sent to engines so far, call by call.
    pub fn calls(&self, method: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(self.world.sandbox.path("engine.log"));
        log.unwrap_or_default()
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("recv ")?).ok())
            .filter(|message: &Value| message["method"] == method)
            .collect()
    }

    /// How often an engine was asked.
    pub fn questions(&self) -> usize {
        self.calls("turn/start").len()
    }

    /// The text of the last question.
    #[track_caller]
    pub fn last_question(&self) -> String {
        let calls = self.calls("turn/start");
        let last = calls.last().expect("the engine was asked");
        last["params"]["input"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn status(&self) -> Value {
        self.world.json(["gate", "status"])
    }

    /// Verdict and reason of each record, newest first.
    pub fn records(&self) -> Vec<(String, String)> {
        let status = self.status();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let records = status["records"].as_array().unwrap();
        records
            .iter()
            .map(|record| (text(&record["verdict"]), text(&record["reason"])))
            .collect()
    }
}

/// The reason of a block, which always ends with the way out.
#[track_caller]
pub fn blocked(output: &CommandOutput) -> String {
    let answer = output.json();
    assert_eq!(answer["decision"], "block", "{output}");
    let reason = answer["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.ends_with("To switch it off: /codex:setup --disable-review-gate)"),
        "{reason}"
    );
    reason
}
