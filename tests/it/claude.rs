//! The whole chain from the other end: the real Claude Code client with the plugin and a stand-in for its model, our
//! binary, and the real Codex CLI with a stand-in for its own. The assistant does what the commands' texts tell it; what
//! counts is what it was shown, and what reached Codex.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::messages_api::{MessagesApi, MessagesRequest, Say};
use crate::support::real_claude::RealClaude;
use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::{Answer, ResponsesApi};
use crate::support::{CommandOutput, Invocation, Repo, Sandbox, package_root};
use crate::typed::TEXTS;

/// Text that means something to every shell, quoting and host on its way.
const HOSTILE: &str = "it's \"quoted\"; touch pwned; $(touch pwned) `touch pwned` && a != b \\d+ \\\n\
                       second line | touch pwned > pwned\n```\n--background $HOME ${CLAUDE_PLUGIN_ROOT} é\u{a0}*";

/// What an assistant says when it has been asked everything.
const LAST_WORD: &str = "That was all.";

/// A host with the plugin, in a repository with a change.
struct Host {
    claude: &'static RealClaude,
    codex: &'static RealCodex,
    assistant: MessagesApi,
    model: ResponsesApi,
    repo: Repo,
    // Last, so that its check for processes that were left comes after everything else has ended.
    sandbox: Sandbox,
}

impl Host {
    /// `None` without npm, which says so in one line.
    fn start() -> Option<Host> {
        let claude = RealClaude::find()?;
        let codex = RealCodex::find()?;
        let sandbox = Sandbox::new();
        let model = ResponsesApi::start();
        use_api(&sandbox, &model);
        let repo = sandbox.repo("shop");
        repo.write("src/a.rs", "fn a() {\n    one();\n    two();\n}\n");
        repo.stage(["."]).commit("Start");
        repo.write("src/a.rs", "fn a() {\n    one();\n    changed();\n}\n");
        Some(Host {
            claude,
            codex,
            assistant: MessagesApi::start(),
            model,
            repo,
            sandbox,
        })
    }

    fn ours(&self, invocation: Invocation) -> Invocation {
        invocation
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_BIN", env!("CARGO_BIN_EXE_codex-review"))
            .env("CODEX_REVIEW_CODEX_BIN", self.codex.launcher())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .time_limit(Duration::from_secs(60))
    }

    /// Our binary, as a person in a terminal starts it.
    fn command(&self, args: &[&str]) -> Invocation {
        self.ours(self.sandbox.command(args))
    }

    /// A whole session of the client: one prompt, and its end.
    fn session(&self, prompt: &str) -> Invocation {
        let client = self.claude.program(&self.sandbox, &self.assistant);
        self.ours(client)
            .args(["-p", prompt, "--plugin-dir"])
            .arg(package_root().join("plugin"))
            .args([
                "--allowedTools",
                "Bash(codex-review:*),Bash(printenv:*),Write",
            ])
    }

    /// A session that is told and tells in events, as long as its input is held open.
    fn events(&self) -> Invocation {
        let client = self.claude.program(&self.sandbox, &self.assistant);
        self.ours(client)
            .args(["-p", "--input-format", "stream-json", "--verbose"])
            .args(["--output-format", "stream-json", "--plugin-dir"])
            .arg(package_root().join("plugin"))
            .hold_stdin()
    }

    /// One session that gets prompt after prompt, and at last one that its assistant answers with [`LAST_WORD`].
    /// Returns what the client told of each, in order.
    #[track_caller]
    fn prompts(&self, prompts: &[String]) -> Vec<String> {
        let input: String = prompts
            .iter()
            .map(String::as_str)
            .chain(["Say the last word."])
            .map(message)
            .collect();
        let client = self
            .events()
            // More than anybody should allow: what is typed must not run even here.
            .args(["--allowedTools", "Bash"])
            .stdin(input)
            .time_limit(Duration::from_secs(300));
        let mut client = client.spawn();
        client.stdout_line(|line| line.contains(LAST_WORD));
        client.end_stdin();
        let output = client.wait().expect_code(0);
        let mut told = vec![String::new()];
        for line in output.stdout().lines() {
            let event: Value = serde_json::from_str(line).expect("the client writes JSON lines");
            let last = told.last_mut().expect("there is one");
            match event["type"].as_str() {
                Some("result") => told.push(String::new()),
                Some("user" | "assistant") => last.push_str(&event["message"].to_string()),
                _ => {}
            }
        }
        told.truncate(prompts.len());
        assert_eq!(told.len(), prompts.len(), "{output}");
        told
    }

    /// A session in plan mode whose user is asked, by events, and agrees to the first plan that is shown. `prompt` follows.
    /// Returns what the client told.
    #[track_caller]
    fn planning(&self, prompt: &str) -> String {
        let line = |value: Value| format!("{value}\n");
        let begin = json!({"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}});
        let client = self
            .events()
            .args(["--permission-mode", "plan"])
            .args(["--permission-prompt-tool", "stdio"])
            .args(["--allowedTools", "Bash(codex-review:*)"])
            .stdin(line(begin) + &message("Make a plan."));
        let mut client = client.spawn();
        let asked = client.stdout_line(|line| line.contains("\"can_use_tool\""));
        let asked: Value = serde_json::from_str(&asked).expect("the client writes JSON lines");
        client.write_stdin(line(json!({"type": "control_response", "response": {
            "subtype": "success", "request_id": asked["request_id"],
            "response": {"behavior": "allow", "updatedInput": asked["request"]["input"]},
        }})));
        client.stdout_line(|line| line.contains("\"result\"") && line.contains("I have planned."));
        client.write_stdin(message(prompt));
        client.stdout_line(|line| line.contains("\"result\"") && line.contains(LAST_WORD));
        client.end_stdin();
        client.wait().expect_code(0).stdout()
    }

    /// Runs a session and returns the requests that its assistant got.
    #[track_caller]
    fn ask(&self, prompt: &str) -> (CommandOutput, Vec<MessagesRequest>) {
        let output = self.session(prompt).run_ok();
        let requests = self.assistant.take_requests();
        assert!(!requests.is_empty(), "no model was asked: {output}");
        (output, requests)
    }

    /// What a request was stored as.
    #[track_caller]
    fn stored_request(&self, id: &str) -> String {
        let workspaces = std::fs::read_dir(self.sandbox.state_dir()).unwrap();
        workspaces
            .flatten()
            .map(|workspace| workspace.path().join("typed").join(format!("request-{id}")))
            .find_map(|path| std::fs::read_to_string(path).ok())
            .unwrap_or_else(|| panic!("there is no request {id}"))
    }

    #[track_caller]
    fn assert_nothing_ran(&self) {
        let found = self.repo.join("pwned").exists() || self.sandbox.path("pwned").exists();
        assert!(!found, "a typed text was executed");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let stopped = self.command(&["broker", "stop", "--force"]).run();
        assert!(
            std::thread::panicking() || stopped.code() == Some(0),
            "the broker did not stop: {stopped:?}"
        );
    }
}

/// What a user types, as an event.
fn message(text: &str) -> String {
    let message = json!({
        "type": "user", "parent_tool_use_id": null, "session_id": "",
        "message": {"role": "user", "content": [{"type": "text", "text": text}]},
    });
    format!("{message}\n")
}

/// The JSON that a command's estimate put into the prompt.
fn estimate(request: &MessagesRequest) -> Option<Value> {
    let text = request.user_text();
    let begin = text.find("\n{\n")? + 1;
    serde_json::Deserializer::from_str(&text[begin..])
        .into_iter()
        .next()?
        .ok()
}

/// An assistant that runs the command which a review's estimate names, and shows what it printed.
fn obedient(request: &MessagesRequest) -> Say {
    if let Some(result) = request.tool_results().first() {
        return Say::text(result);
    }
    let Some(estimate) = estimate(request) else {
        return Say::text(format!("There is no estimate in: {}", request.user_text()));
    };
    let how = estimate["asked"]
        .as_str()
        .or(estimate["recommended"].as_str());
    Say::bash(format!(
        "{} --{}",
        estimate["command"].as_str().unwrap_or_default(),
        how.unwrap_or_default()
    ))
}

#[test]
fn the_client_validates_and_installs_the_plugin_from_this_tree() {
    let Some(claude) = RealClaude::find() else {
        return;
    };
    let sandbox = Sandbox::new();
    let assistant = MessagesApi::start();
    let client = |args: &[&str]| claude.program(&sandbox, &assistant).args(args).run_ok();
    let root = package_root().display().to_string();
    for place in [root.clone(), format!("{root}/plugin")] {
        let said = client(&["plugin", "validate", &place]);
        assert!(said.stdout().contains("Validation passed"), "{said}");
    }
    client(&["plugin", "marketplace", "add", &root]);
    client(&["plugin", "install", "codex@codex-review"]);
    let list = client(&["plugin", "list"]);
    assert!(list.stdout().contains("codex@codex-review"), "{list}");
}

#[test]
fn setup_status_result_and_cancel_put_what_the_program_says_into_the_prompt() {
    let Some(host) = Host::start() else { return };
    let (_, asked) = host.ask("/codex:setup --enable-review-gate");
    let prompt = asked[0].user_text();
    let setup = host.command(&["setup"]).run_ok().stdout();
    let first = setup.lines().next().unwrap();
    assert!(prompt.contains(first), "{setup}\nis not in\n{prompt}");
    let json = host.command(&["setup", "--json"]).run_ok().json();
    assert_eq!(json["reviewGateEnabled"], true, "{json}");
    host.command(&["setup", "--disable-review-gate"]).run_ok();

    host.model.hold();
    let queued = host.command(&["review", "--background", "--json"]).run_ok();
    let id = queued.json()["jobId"].as_str().unwrap().to_owned();
    host.model.wait_for_requests(1);
    let (_, asked) = host.ask(&format!("/codex:status {id}"));
    let prompt = asked[0].user_text();
    assert!(
        prompt.contains(&id) && prompt.contains("running"),
        "{prompt}"
    );
    let (_, asked) = host.ask(&format!("/codex:cancel {id}"));
    let prompt = asked[0].user_text();
    assert!(
        prompt.contains(&id) && prompt.contains("ancelled"),
        "{prompt}"
    );
    host.model.release();
    let job = host.command(&["status", &id, "--json"]).run_ok().json();
    assert_eq!(job["job"]["status"], "cancelled", "{job}");

    host.command(&["review"]).run_ok();
    let (_, asked) = host.ask("/codex:result");
    let prompt = asked[0].user_text();
    // Hints name slash commands inside the client.
    let inside = host
        .command(&["result"])
        .env("CLAUDE_CODE_SESSION_ID", "another");
    let result = inside.run_ok().stdout();
    assert!(result.contains("Off by one"), "{result}");
    assert!(
        prompt.contains(result.trim()),
        "{result}\nis not in\n{prompt}"
    );
}

#[test]
fn a_review_that_is_waited_for_comes_back_word_for_word_and_leaves_no_process() {
    let Some(host) = Host::start() else { return };
    host.assistant.respond(obedient);
    // The program's own copy of what it prints.
    let program = env!("CARGO_BIN_EXE_codex-review");
    let copy = host.sandbox.path("printed");
    let copying = host.sandbox.script(
        "program",
        format!(
            "#!/bin/sh\ncase $1 in\nreview) {program} \"$@\" | tee {} ;;\n*) exec {program} \"$@\" ;;\nesac\n",
            copy.display()
        ),
    );
    let output = host
        .session("/codex:review --wait")
        .env("CODEX_REVIEW_BIN", copying)
        .run_ok();
    let asked = host.assistant.take_requests();
    let estimate = estimate(&asked[0]).unwrap_or_else(|| panic!("{}", asked[0].user_text()));
    assert_eq!(
        (
            &estimate["arguments"],
            &estimate["asked"],
            &estimate["files"]
        ),
        (&json!("stored"), &json!("wait"), &json!(1)),
        "{estimate}"
    );
    let result = asked.last().unwrap().tool_results().remove(0);
    assert!(output.stdout().contains("Off by one"), "{output}");
    // No broker was stopped by hand: the end of the only session did it.
    host.sandbox.assert_no_process_left();
    let printed = std::fs::read_to_string(copy).unwrap();
    assert!(printed.contains("src/a.rs:3-4"), "{printed}");
    assert!(
        result.contains(printed.trim_end()),
        "{printed}\nis not in\n{result}"
    );
    let prompt = host.model.requests()[0].prompt();
    assert!(prompt.contains("+    changed();"), "{prompt}");
}

#[test]
fn an_adversarial_review_in_the_background_gets_its_focus_byte_for_byte() {
    let Some(host) = Host::start() else { return };
    host.assistant.respond(obedient);
    let (output, asked) = host.ask(&format!("/codex:adversarial-review --background {HOSTILE}"));
    let estimate = estimate(&asked[0]).unwrap_or_else(|| panic!("{}", asked[0].user_text()));
    assert_eq!(estimate["asked"], "background", "{estimate}");
    let said = output.stdout();
    let id = said
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .find(|word| word.starts_with("review-"))
        .unwrap_or_else(|| panic!("no job is named: {output}"));
    // The session is over; its background work is not.
    let waited = host.command(&["status", id, "--wait", "--json"]).run_ok();
    let job = &waited.json()["job"];
    assert_eq!(
        job["sessionId"].as_str().map(str::len),
        Some(36),
        "the job belongs to its session: {job}"
    );
    let result = host.command(&["result", id]).run_ok().stdout();
    assert!(result.contains("Retry loses data"), "{result}");
    let prompt = host.model.requests()[0].prompt();
    assert!(prompt.contains(HOSTILE), "{prompt}");
    host.assert_nothing_ran();
}

#[test]
fn tests_are_written_from_inside_and_go_into_the_working_tree_when_the_user_says_so() {
    let Some(host) = Host::start() else { return };
    let manifest = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n";
    host.repo.write("Cargo.toml", manifest);
    let tree = || host.repo.git(["status", "--porcelain", "-uall"]);
    let before = tree();
    host.model.respond(|request| {
        let input = request.body["input"].as_array();
        let mut items = input.into_iter().flatten();
        if items.any(|item| item["type"] == "function_call_output") {
            return Answer::Text("One test is there.".to_owned());
        }
        let cmd = "mkdir tests && echo '#[test]' > tests/a.rs && echo 'fn a() {}' >> tests/a.rs && rm src/a.rs";
        Answer::Tool {
            name: "exec_command".to_owned(),
            arguments: json!({"cmd": cmd}),
        }
    });
    host.assistant.respond(obedient);
    let (output, _) = host.ask(&format!("/codex:test --wait {HOSTILE}"));
    let said = output.stdout();
    for part in [
        "`tests/a.rs` (new, +2)",
        "`src/a.rs` (deleted)",
        "One test is there.",
    ] {
        assert!(said.contains(part), "{part:?} is not in {output}");
    }
    let prompt = host.model.requests()[0].prompt();
    assert!(prompt.contains(HOSTILE), "{prompt}");
    assert_eq!(tree(), before);

    let (_, id) = said.split_once("--apply=").expect("the job is named");
    let id: String = id.chars().take_while(|c| *c != '`').collect();
    let (output, _) = host.ask(&format!("/codex:test --apply={id}"));
    assert!(output.stdout().contains("Applied: tests/a.rs"), "{output}");
    assert!(host.repo.join("tests/a.rs").is_file());
    host.assert_nothing_ran();
}

#[test]
fn a_patch_and_a_search_for_waste_reach_codex_through_the_client() {
    let Some(host) = Host::start() else { return };
    host.assistant.respond(obedient);
    let patch = host.sandbox.path("fix.patch");
    let text = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -2,3 +2,4 @@\n     one();\n+    between();\n     two();\n }\n";
    std::fs::write(&patch, text).unwrap();
    let typed = format!(
        "/codex:diff-review --wait --patch {} {HOSTILE}",
        patch.display()
    );
    let (output, asked) = host.ask(&typed);
    let estimate = estimate(&asked[0]).unwrap_or_else(|| panic!("{}", asked[0].user_text()));
    assert_eq!(
        (&estimate["target"]["mode"], &estimate["addedLines"]),
        (&json!("patch"), &json!(1)),
        "{estimate}"
    );
    assert!(output.stdout().contains("Retry loses data"), "{output}");
    let prompt = host
        .model
        .requests()
        .pop()
        .expect("Codex was asked")
        .prompt();
    for part in [HOSTILE, "+    between();", "the patch is not applied"] {
        assert!(prompt.contains(part), "{part:?} is not in {prompt}");
    }
    let (output, _) = host.ask(&format!("/codex:optimize --wait {HOSTILE}"));
    assert!(output.stdout().contains("Retry loses data"), "{output}");
    let prompt = host
        .model
        .requests()
        .pop()
        .expect("Codex was asked")
        .prompt();
    for part in [HOSTILE, "+    changed();", "slow, wasteful"] {
        assert!(prompt.contains(part), "{part:?} is not in {prompt}");
    }
    host.assert_nothing_ran();
}

/// What the plugin's commands used to be: a line of a shell, or a here-document that a typed line could end.
#[test]
fn every_text_behind_every_command_arrives_byte_for_byte_or_is_refused_and_nothing_runs() {
    let Some(host) = Host::start() else { return };
    host.assistant.respond(|request| {
        let text = request.last_user_text();
        if text.contains("the last word") {
            return Say::text(LAST_WORD);
        }
        // What the command put into the prompt.
        Say::text(format!("Seen: {text}"))
    });
    let prompts = |commands: &[&str]| -> Vec<(String, &str)> {
        let texts = |command: &&str| {
            let command = (*command).to_owned();
            TEXTS.map(move |text| (command.clone(), text))
        };
        commands.iter().flat_map(texts).collect()
    };

    let typed = |(command, text): &(String, &str)| format!("/codex:{command} {text}");
    for command in [
        "review",
        "adversarial-review",
        "optimize",
        "diff-review",
        "rescue",
    ] {
        let stored = prompts(&[command]);
        let told = host.prompts(&stored.iter().map(typed).collect::<Vec<_>>());
        for ((_, text), told) in stored.iter().zip(told) {
            let Some((_, request)) = told.split_once("--request ") else {
                panic!("/codex:{command} {text:?} was not taken: {told}");
            };
            let id: String = request
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .collect();
            let request = host.stored_request(&id);
            assert_eq!(request, text.trim(), "/codex:{command} {text:?}");
        }
    }

    let values = prompts(&["config set --json model"]);
    let told = host.prompts(&values.iter().map(typed).collect::<Vec<_>>());
    for ((command, text), told) in values.iter().zip(told) {
        // As JSON in a JSON string.
        let value = json!(format!("\"value\": {}", json!(text.trim()))).to_string();
        let kept = told.contains(&value[1..value.len() - 1]);
        let refused = told.matches("error: ").count() == 1 && !told.contains("Seen: ");
        assert!(kept != refused, "/codex:{command} {text:?}: {told}");
    }

    let refused = prompts(&[
        "transfer", "status", "result", "cancel", "setup", "usage", "watch",
    ]);
    let told = host.prompts(&refused.iter().map(typed).collect::<Vec<_>>());
    for ((command, text), told) in refused.iter().zip(told) {
        assert_eq!(
            told.matches("error: ").count(),
            1,
            "/codex:{command} {text:?}: {told}"
        );
        assert!(!told.contains("Seen: "), "a model was asked: {told}");
    }
    host.assert_nothing_ran();
}

#[test]
fn a_team_is_started_compared_applied_and_cleared_away_from_the_client() {
    let Some(host) = Host::start() else { return };
    host.model.respond(crate::agent_team::real::busy_agent);
    host.assistant.respond(|request| {
        if request.last_user_text().contains("the last word") {
            return Say::text(LAST_WORD);
        }
        // What the command put into the prompt.
        Say::text(format!("Seen: {}", request.last_user_text()))
    });
    let typed = |line: &str| format!("/codex:agent-team {line}");
    let told = host.prompts(&[
        typed(&format!("start 2 --names ada,ben {HOSTILE}")),
        typed("start 0 nobody"),
        typed("apply adda"),
        typed("nonsense"),
    ]);
    assert!(told[0].contains("codex-team/team/ada"), "{}", told[0]);
    assert!(told[0].contains("/codex:agent-team list"), "{}", told[0]);
    for (told, said) in told[1..]
        .iter()
        .zip(["1..=12", "did you mean `ada`?", "nonsense"])
    {
        assert!(told.contains(said) && !told.contains("Seen: "), "{told}");
    }
    // The session is over; the agents are not.
    let listed = host
        .command(&["agent-team", "list", "--json"])
        .run_ok()
        .json();
    for agent in listed["teams"][0]["agents"].as_array().unwrap() {
        let id = agent["jobId"].as_str().unwrap();
        let status = host.command(&["status", id, "--wait", "--json"]);
        let status = status.args(["--poll-interval-ms", "20"]).run_ok().json();
        assert_eq!(status["job"]["status"], "completed", "{status}");
    }
    assert!(host.model.requests()[0].prompt().contains(HOSTILE));
    host.assert_nothing_ran();
    let told = host.prompts(&[
        typed("list"),
        typed("diff ada"),
        typed("apply ada"),
        typed("clean"),
        typed("clean --force"),
    ]);
    for (told, said) in told.iter().zip([
        "completed",
        "collides, hunks overlap",
        "Applied `ada`: 2 files",
        "the work of ben was not applied",
        "Removed the team `team`: worktrees 2, branches 2.",
    ]) {
        assert!(told.contains(said), "{said} is not in {told}");
    }
    let written = std::fs::read_to_string(host.repo.join("ada.txt")).unwrap();
    assert_eq!(written, "by ada\n");
}

#[test]
fn rescue_carries_a_task_through_the_agent_byte_for_byte_and_runs_nothing_in_it() {
    let Some(host) = Host::start() else { return };
    host.model.say("The cause is `two()`; it's \"gone\".");
    host.assistant.respond(|request| {
        if let Some(result) = request.tool_results().first() {
            return Say::text(result);
        }
        let text = request.user_text();
        if request.system_has("You are a wire between the caller and Codex") {
            let command = text
                .lines()
                .find(|line| line.starts_with("codex-review task --request "));
            return Say::bash(command.unwrap_or("codex-review no-command-arrived"));
        }
        let Some(estimate) = estimate(request) else {
            return Say::text(format!("There is no estimate in: {text}"));
        };
        Say::Tool {
            name: "Agent",
            input: json!({
                "description": "Ask Codex",
                "subagent_type": "codex:codex-rescue",
                "prompt": estimate["command"],
            }),
        }
    });
    let (output, _) = host.ask(&format!("/codex:rescue {HOSTILE}"));
    assert!(
        output
            .stdout()
            .contains("The cause is `two()`; it's \"gone\"."),
        "{output}"
    );
    let requests = host.model.requests();
    let task = requests.first().expect("Codex was asked");
    assert!(task.prompt().contains(HOSTILE), "{}", task.prompt());
    host.assert_nothing_ran();
}

#[test]
fn a_session_is_handed_over_to_codex_from_inside() {
    let Some(host) = Host::start() else { return };
    host.assistant.respond(|request| {
        let text = request.last_user_text();
        Say::text(if text.contains("the last word") {
            LAST_WORD.to_owned()
        } else {
            format!("Seen: {text}")
        })
    });
    let prompts = ["Remember the number 7291.", "/codex:transfer"].map(str::to_owned);
    let told = host.prompts(&prompts);
    assert!(told[1].contains("codex resume "), "{}", told[1]);
}

#[test]
fn settings_and_usage_are_shown_and_changed_from_inside() {
    let Some(host) = Host::start() else { return };
    host.command(&["review"]).run_ok();
    host.assistant.respond(|request| {
        let text = request.last_user_text();
        Say::text(if text.contains("the last word") {
            LAST_WORD.to_owned()
        } else {
            format!("Seen: {text}")
        })
    });
    let prompts = [
        ("/codex:config", "broker.max_streams"),
        (
            "/codex:config set gate.max_blocks 2 --scope user",
            "gate.max_blocks = 2 in ",
        ),
        ("/codex:config get gate.max_blocks", "Seen: "),
        (
            "/codex:config unset gate.max_blocks",
            "gate.max_blocks is no longer set in ",
        ),
        ("/codex:config path", ".codex-review.toml"),
        ("/codex:config codex", "provider"),
        ("/codex:config edit", "no terminal here for one"),
        ("/codex:usage", "review"),
        ("/codex:watch --quiet-for soon", "not `soon`"),
        (
            "/codex:watch --engine builtin --quiet-for 1h",
            "it reviews after 3600 s without a change",
        ),
        ("/codex:watch status", "waiting for a pause in the work"),
        ("/codex:watch --on-commit", "is watched already"),
        ("/codex:watch stop", "has ended"),
        ("/codex:watch --engine builtin --quiet-for 1h", "as job "),
    ];
    let told = host.prompts(&prompts.map(|(prompt, _)| prompt.to_owned()));
    for ((prompt, expected), told) in prompts.iter().zip(&told) {
        assert!(told.contains(expected), "{prompt}: {told}");
        // What ends with another exit code than 0 is shown to the user, and no model is asked.
        let was_asked = told.contains("Seen: ");
        let fails = [" edit", " soon", " --on-commit"]
            .iter()
            .any(|end| prompt.ends_with(end));
        assert_eq!(was_asked, !fails, "{prompt}: {told}");
    }
    // The watch that was left ended with its session.
    let watch = host.command(&["watch", "status", "--json"]).run_ok().json();
    let id = watch["job"].as_str().unwrap();
    let job = host.command(&["status", id, "--wait", "--json"]).run_ok();
    assert_eq!(job.json()["job"]["status"], "cancelled", "{job}");
}

/// Beside those of `agent-team`, which its own session has.
#[test]
fn what_a_command_cannot_do_is_one_error_in_the_client_and_no_model_is_asked() {
    let Some(host) = Host::start() else { return };
    host.assistant.respond(|request| {
        let text = request.last_user_text();
        Say::text(if text.contains("the last word") {
            LAST_WORD.to_owned()
        } else {
            format!("Seen: {text}")
        })
    });
    let cases = [
        (
            "diff-review --patch none.patch look",
            "cannot read the patch from",
        ),
        ("diff-review --base nope", "unknown revision `nope`"),
        ("diff-review --patch x --commit HEAD", "cannot be used with"),
        ("optimize --base nope", "unknown revision `nope`"),
        ("optimize --scope everything", "unknown scope `everything`"),
        ("optimize --path [", "invalid path glob `[`"),
        ("plan-review missing.md", "there is no plan `missing.md`"),
        ("plan-review src", "a folder"),
        ("plan-review -", "a slash command has not"),
        ("test --commit nowhere", "unknown revision `nowhere`"),
        ("test --scope everything", "unknown scope `everything`"),
        ("test --comit HEAD", "did you mean `--commit`?"),
        ("watch --quiet-for soon", "not `soon`"),
        ("watch --budget lots", "not `lots`"),
        ("watch status x", "unexpected argument"),
        ("config get modle", "did you mean `model`?"),
        ("config set gate.max_blocks many", "does not take `many`"),
        ("config set no.such 1", "unknown setting `no.such`"),
        ("usage --jsn", "--jsn"),
        ("usage now", "unexpected argument"),
        ("usage --json=yes", "unexpected value"),
    ];
    let told = host.prompts(&cases.map(|(typed, _)| format!("/codex:{typed}")));
    for ((typed, expected), told) in cases.iter().zip(told) {
        assert!(told.contains(expected), "{typed}: {told}");
        assert_eq!(told.matches("error: ").count(), 1, "{typed}: {told}");
        assert!(
            !told.contains("Seen: "),
            "a model was asked: {typed}: {told}"
        );
    }
    assert!(host.model.requests().is_empty());
}

#[test]
fn an_outage_of_codex_is_told_as_one_in_the_client_and_tried_again() {
    let Some(host) = Host::start() else { return };
    host.command(&["setup", "--enable-review-gate"]).run_ok();
    let questions = AtomicUsize::new(0);
    host.model.respond(move |_| {
        if questions.fetch_add(1, Ordering::SeqCst) == 0 {
            let body = json!({"error": {"message": "The lights are out."}});
            Answer::Failure { status: 500, body }
        } else {
            Answer::Text("ALLOW: fine.".to_owned())
        }
    });
    let file = host.repo.join("src/b.rs");
    host.assistant.respond(move |request| {
        let told = request.user_text().contains("could not be judged");
        match (request.tool_results().len(), told) {
            (0, _) => Say::Tool {
                name: "Write",
                input: json!({"file_path": file, "content": "fn b() {}\n"}),
            },
            (_, false) => Say::text("I have written it."),
            (_, true) => Say::text("I try to end again."),
        }
    });
    let (output, asked) = host.ask("Write b.");
    assert!(output.stdout().contains("I try to end again."), "{output}");
    let told = asked.last().unwrap().user_text();
    assert!(!told.contains("something to mend"), "{told}");
    assert_eq!(host.model.requests().len(), 2);
    let status = host.command(&["gate", "status", "--json"]).run_ok().json();
    let verdicts: Vec<_> = status["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["allow", "not-judged"], "{status}");
}

#[test]
fn a_session_has_its_variables_and_its_gate_blocks_once_then_allows_and_is_free_without_an_edit() {
    let Some(host) = Host::start() else { return };
    host.command(&["setup", "--enable-review-gate"]).run_ok();
    host.assistant
        .respond(|request| match request.tool_results().first() {
            Some(result) => Say::text(result),
            None => {
                Say::bash("printenv CODEX_COMPANION_SESSION_ID CODEX_COMPANION_TRANSCRIPT_PATH")
            }
        });
    let (output, asked) = host.ask("Which session is this?");
    let said = output.stdout();
    let (id, transcript) = said.trim().split_once('\n').expect("two variables");
    assert_eq!(id.len(), 36, "{said}");
    assert!(transcript.ends_with(&format!("/{id}.jsonl")), "{said}");
    assert_eq!(asked.len(), 2, "a turn without edits was blocked");
    assert_eq!(host.model.requests().len(), 0);

    let questions = AtomicUsize::new(0);
    host.model.respond(move |_| {
        let first = questions.fetch_add(1, Ordering::SeqCst) == 0;
        Answer::Text(if first {
            "BLOCK: `b` divides by zero.".to_owned()
        } else {
            "ALLOW: nothing is left.".to_owned()
        })
    });
    let file = host.repo.join("src/b.rs");
    host.assistant.respond(move |request| {
        let write = |content: &str| Say::Tool {
            name: "Write",
            input: json!({"file_path": file, "content": content}),
        };
        let blocked = request.user_text().contains("divides by zero");
        match (request.tool_results().len(), blocked) {
            (0, false) => write("fn b() -> u32 { 1 / 0 }\n"),
            (1, true) => write("fn b() -> u32 { 1 }\n"),
            (1, false) => Say::text("I have written it."),
            _ => Say::text("I have mended it."),
        }
    });
    let (output, asked) = host.ask("Write b.");
    assert!(output.stdout().contains("I have mended it."), "{output}");
    let last = asked.last().unwrap().user_text();
    assert!(last.contains("--disable-review-gate"), "{last}");
    let questions = host.model.requests();
    assert_eq!(questions.len(), 2, "one block and one allowance");
    assert!(questions[0].prompt().contains("1 / 0"));
    assert!(questions[0].prompt().contains("I have written it."));
    assert!(
        !questions[0].prompt().contains("changed();"),
        "not of this turn"
    );
    host.sandbox.assert_no_process_left();

    host.assistant.respond(|_| Say::text("Nothing to do."));
    host.ask("And now?");
    assert_eq!(
        host.model.requests().len(),
        2,
        "a turn without edits is free"
    );
}

#[test]
fn a_plan_is_held_once_as_it_is_presented_and_the_one_that_was_agreed_on_is_reviewed_on_request() {
    let Some(host) = Host::start() else { return };
    host.command(&["setup", "--enable-plan-review"]).run_ok();
    let questions = AtomicUsize::new(0);
    host.model.respond(move |_| {
        let verdict = match questions.fetch_add(1, Ordering::SeqCst) {
            0 => "needs-attention",
            _ => "approve",
        };
        let findings = match verdict {
            "approve" => json!([]),
            _ => json!([{
                "severity": "high", "title": "There is no `b`", "body": "Only `a` is there.", "file": "src/a.rs",
                "line_start": 1, "line_end": 1, "confidence": 0.9, "recommendation": "Call `a`.",
            }]),
        };
        let answer = json!({
            "verdict": verdict, "summary": "Judged.", "findings": findings, "next_steps": [],
        });
        Answer::Text(answer.to_string())
    });
    // The assistant that the client has today writes its plan to a file and presents it without a word.
    host.assistant.respond(|request| {
        let results = request.tool_results();
        let notes = request.client_notes();
        let write = |plan: &str| {
            let (_, path) = notes.split_once("create your plan at ").unwrap_or_default();
            let path = path.split(' ').next().unwrap_or_default();
            Say::Tool {
                name: "Write",
                input: json!({"file_path": path, "content": plan}),
            }
        };
        match (results.len(), estimate(request)) {
            (0, _) => write("1. Call `b` in src/a.rs.\n"),
            (2, _) => write("1. Call `a` in src/a.rs.\n"),
            (1 | 3, _) => Say::Tool {
                name: "ExitPlanMode",
                input: json!({}),
            },
            (4, None) => Say::text("I have planned."),
            (4, Some(estimate)) => Say::bash(format!(
                "{} --{}",
                estimate["command"].as_str().unwrap_or_default(),
                estimate["asked"].as_str().unwrap_or_default()
            )),
            _ => Say::text(format!("{}\n{LAST_WORD}", results.last().unwrap())),
        }
    });
    let told = host.planning(&format!("/codex:plan-review --wait --last {HOSTILE}"));
    let asked = host.assistant.take_requests();
    let results = asked.last().unwrap().tool_results();
    for part in [
        "Codex found something to change in this plan before it is carried out: Judged.",
        "- high: There is no `b` (src/a.rs:1-1)",
        "/codex:setup --disable-plan-review",
    ] {
        assert!(
            results[1].contains(part),
            "{part:?} is not in {}",
            results[1]
        );
    }
    assert_eq!(
        told.matches("\"can_use_tool\"").count(),
        1,
        "the held plan was shown: {told}"
    );
    assert!(results[4].contains("plan make-a-plan-"), "{}", results[4]);

    let questions: Vec<String> = host
        .model
        .requests()
        .iter()
        .map(|request| request.prompt())
        .collect();
    assert_eq!(questions.len(), 3, "{questions:#?}");
    assert!(
        questions[0].contains("   1 1. Call `b` in src/a.rs.\n"),
        "{}",
        questions[0]
    );
    assert!(
        questions[0].contains("src/a.rs (4 lines):\n  1-4 fn a() {\n"),
        "{}",
        questions[0]
    );
    for question in &questions[1..] {
        assert!(
            question.contains("   1 1. Call `a` in src/a.rs.\n"),
            "{question}"
        );
    }
    assert!(questions[2].contains(HOSTILE), "{}", questions[2]);
    host.assert_nothing_ran();
    let records = host.command(&["gate", "status", "--json"]).run_ok().json();
    let verdicts: Vec<&Value> = records["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["verdict"])
        .collect();
    assert_eq!(verdicts, ["allow", "block"], "{records}");
}
