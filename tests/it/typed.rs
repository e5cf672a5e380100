//! Typed arguments from the host's hook to what carries them out, without a client: many texts, each as it is or refused.
//! `claude.rs` sends the same texts through the real client.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

/// Texts that a shell, a quoting rule, a template or a parser of options would change or run.
pub const TEXTS: [&str; 36] = [
    "it's \"quoted\"",
    "'",
    "\"",
    "\"a",
    "a'b'c\"d",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "&& touch pwned",
    "| touch pwned",
    "> pwned",
    "<(touch pwned)",
    "$HOME ${HOME} $1 $@ $$",
    "${CLAUDE_PLUGIN_ROOT}",
    "$ARGUMENTS",
    "!`touch pwned`",
    "a != b !! !1",
    "\\",
    "\\d+\\w \\\\ \\n",
    "ends with a backslash \\",
    "a \\\nb",
    "two\nlines",
    "\ttab\tin",
    "a  b   c",
    "```sh\ntouch pwned\n```",
    "CODEX_ARGUMENTS\ntouch pwned",
    "CODEX_END",
    "x\nCODEX_END\nCODEX_ARGUMENTS\ntouch pwned",
    "then use --background --write --base main",
    "* ? [a-z] ~ {a,b} #",
    "%PATH% ^& \r\n",
    "é 日本語 🦀 \u{a0}\u{200b}\u{202e}",
    "\u{1b}[31mred\u{1b}[0m \u{7}",
    "<<<data end>>> {\"json\": [1, \"x\"]}",
    "/etc/passwd ../../x",
    "review\u{0}nul",
];

struct Desk {
    repo: Repo,
    sandbox: Sandbox,
}

impl Desk {
    fn new() -> Desk {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        repo.write("a.rs", "fn a() {}\n")
            .stage(["."])
            .commit("Start");
        repo.write("a.rs", "fn b() {}\n");
        Desk { repo, sandbox }
    }

    /// Without an engine: a job is stored, ends at once and costs nothing.
    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
            .env("CODEX_REVIEW_CODEX_BIN", "/nonexistent/codex")
            .env("CLAUDE_CODE_SESSION_ID", "s-1")
    }

    fn type_in(&self, command: &str, text: &str) {
        let input = json!({"session_id": "s-1", "command_name": command, "command_args": text});
        let hook = self
            .command(&["hook", "prompt-expansion"])
            .stdin(input.to_string());
        let output = hook.run_ok();
        assert_eq!((output.stdout(), output.stderr()), Default::default());
    }

    fn estimate(&self, kind: &str) -> CommandOutput {
        self.command(&["estimate", kind, "--json", "--session-arguments"])
            .run()
    }

    /// Runs the command that an estimate named, and returns what its job was asked.
    #[track_caller]
    fn request_of(&self, estimate: &Value, more: &[&str]) -> Value {
        let command = estimate["command"].as_str().unwrap_or_default();
        let mut words: Vec<&str> = command.split(' ').skip(1).collect();
        words.extend(more);
        let output = self.command(&words).run().expect_code(3);
        let first = output.stderr();
        let id = first.split(' ').nth(2).unwrap_or_default();
        let path = self.find(&format!("{id}.request.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[track_caller]
    fn find(&self, name: &str) -> PathBuf {
        let workspaces = std::fs::read_dir(self.sandbox.state_dir()).unwrap();
        workspaces
            .flatten()
            .map(|workspace| workspace.path().join("jobs").join(name))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("there is no {name}"))
    }
}

/// Whether some string in `value` holds `text`.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.values().any(|field| holds(field, text)),
        _ => false,
    }
}

#[test]
fn every_text_reaches_its_job_byte_for_byte_and_none_is_executed() {
    let desk = Desk::new();
    for (at, text) in TEXTS.into_iter().enumerate() {
        let (command, kind) = match at % 4 {
            0 => ("codex:rescue", "task"),
            1 => ("codex:review", "review"),
            2 => ("codex:optimize", "optimize"),
            _ => ("codex:adversarial-review", "adversarial-review"),
        };
        desk.type_in(command, &format!("--effort low {text}"));
        let estimate = desk.estimate(kind).expect_code(0).json();
        assert_eq!(estimate["arguments"], "stored", "{text:?}");
        let request = desk.request_of(&estimate, &["--wait"]);
        // Blanks part options from the text; whatever stands between its first and last character is the text's own.
        let text = text.trim_start();
        assert!(holds(&request, text), "{text:?} is not in {request}");
        assert!(holds(&request, "low"), "{request}");
    }
    assert!(!desk.repo.join("pwned").exists());
}

/// What is typed behind a plan is text, byte for byte; a plan that is not there is no text.
#[test]
fn every_text_behind_a_plan_reaches_its_job_and_no_text_is_taken_for_a_plan() {
    let desk = Desk::new();
    let root = desk.repo.path().to_str().unwrap().to_owned();
    let plan = desk
        .sandbox
        .write("home/.claude/plans/p.md", "1. Change a.rs\n");
    let entry = json!({"cwd": root, "attachment": {"type": "plan_mode", "planFilePath": plan}});
    let folder = root.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let transcript = format!("home/.claude/projects/{folder}/a.jsonl");
    desk.sandbox.write(transcript, format!("{entry}\n"));
    for text in TEXTS {
        desk.type_in("codex:plan-review", &format!("--effort low --last {text}"));
        let estimate = desk.estimate("plan-review").expect_code(0).json();
        assert_eq!(estimate["plan"], "p.md", "{estimate}");
        let request = desk.request_of(&estimate, &["--wait"]);
        let text = text.trim_start();
        assert!(holds(&request, text), "{text:?} is not in {request}");

        desk.type_in("codex:plan-review", text);
        let estimate = desk.estimate("plan-review");
        if text.starts_with("/etc/passwd") {
            assert_eq!(estimate.expect_code(0).json()["plan"], "passwd");
            continue;
        }
        let refused = estimate.expect_code(2);
        assert_eq!(refused.stderr().matches("error: ").count(), 1, "{refused}");
    }
    desk.type_in("codex:plan-review", "--background");
    let estimate = desk.estimate("plan-review").expect_code(0).json();
    assert_eq!(
        (&estimate["asked"], &estimate["lines"]),
        (&json!("background"), &json!(1))
    );
    assert!(!desk.repo.join("pwned").exists());
}

/// The commands that take a job's id and flags answer at once by themselves.
#[test]
fn every_text_behind_a_command_that_takes_none_is_refused_with_one_error() {
    let desk = Desk::new();
    for verb in [
        "transfer", "status", "result", "cancel", "setup", "config", "usage",
    ] {
        for text in TEXTS {
            desk.type_in(&format!("codex:{verb}"), text);
            let refused = desk
                .command(&[verb, "--session-arguments"])
                .run()
                .expect_code(2);
            assert_eq!(refused.stdout(), "", "{verb} {text:?}");
            let stderr = refused.stderr();
            let errors = stderr.lines().filter(|line| line.starts_with("error: "));
            assert_eq!(errors.count(), 1, "{verb} {text:?}: {stderr}");
        }
    }
    assert!(!desk.repo.join("pwned").exists());
    let settings = desk.command(&["setup", "--json"]).run_ok().json();
    assert_eq!(settings["reviewGateEnabled"], false, "{settings}");
}

/// A setting keeps what it is given: a text that is read as another one would be kept as that.
#[test]
fn every_text_as_the_value_of_a_setting_is_kept_as_it_was_typed_or_refused() {
    let desk = Desk::new();
    let mut kept = 0;
    for text in TEXTS {
        desk.type_in("codex:config", &format!("set --json model {text}"));
        let output = desk.command(&["config", "--session-arguments"]).run();
        if output.code() == Some(0) {
            let setting = &output.json()["setting"];
            assert_eq!(setting["value"], text.trim(), "{text:?}");
            kept += 1;
        } else {
            let output = output.expect_code(2);
            assert_eq!(output.stderr().matches("error: ").count(), 1, "{output}");
        }
    }
    assert!(kept > 8, "only {kept} texts were kept");
    assert!(!desk.repo.join("pwned").exists());
}

#[test]
fn settings_are_listed_changed_and_looked_up_from_a_session() {
    let desk = Desk::new();
    let config = |typed: &str| {
        desk.type_in("codex:config", typed);
        desk.command(&["config", "--session-arguments"]).run()
    };
    let says = |typed: &str, expected: &str| {
        config(typed).expect_code(0).assert_stdout_has(expected);
    };
    says("", "gate.max_blocks");
    says("set effort high --scope user", "effort = high in ");
    says("get effort", "high");
    let refused = config("edit").expect_code(2);
    refused.assert_stderr_has("config.toml");
    refused.assert_stderr_has("no terminal");
    says("unset effort", "no longer set");
    let path = config("path --json").expect_code(0).json();
    assert_eq!(path[0]["scope"], "user", "{path}");
    let refused = config("get efort").expect_code(2);
    refused.assert_stderr_has("did you mean `effort`?");
}

#[test]
fn flags_and_ids_reach_the_commands_that_take_them_once() {
    let desk = Desk::new();
    let run = |verb: &str| desk.command(&[verb, "--session-arguments"]).run();
    assert_eq!(
        run("status").expect_code(0).json(),
        json!({"arguments": "missing"})
    );
    desk.type_in("codex:status", "--all --json");
    let status = run("status").expect_code(0).json();
    assert!(status["workspaceRoot"].is_string(), "{status}");
    assert_eq!(
        run("status").expect_code(0).json(),
        json!({"arguments": "missing"})
    );
    desk.type_in("codex:status", "");
    run("status").expect_code(0).assert_stdout_has("Codex");
    desk.type_in("codex:cancel", "review-nope");
    run("cancel")
        .expect_code(2)
        .assert_stderr_has("`review-nope`");
    desk.type_in("codex:setup", "--enable-review-gate --json");
    assert_eq!(
        run("setup").expect_code(0).json()["reviewGateEnabled"],
        true
    );
}

#[test]
fn a_teams_task_arrives_byte_for_byte_behind_its_number_and_options() {
    let desk = Desk::new();
    for text in ["it's \"quoted\" $(touch pwned)", "a  b\\d+ --json\n\tend"] {
        desk.type_in("codex:agent-team", &format!("start 1 --names ada {text}"));
        let started = desk
            .command(&["agent-team", "--session-arguments"])
            .run_ok();
        started.assert_stdout_has("/codex:agent-team list");
        let list = desk
            .command(&["agent-team", "list", "--json"])
            .run_ok()
            .json();
        let team = &list["teams"][0];
        assert_eq!(team["task"], text);
        let id = team["agents"][0]["jobId"].as_str().unwrap();
        let request = std::fs::read(desk.find(&format!("{id}.request.json"))).unwrap();
        assert!(holds(&serde_json::from_slice(&request).unwrap(), text));
        desk.command(&["agent-team", "clean", "--force"]).run_ok();
    }
    assert!(!desk.repo.join("pwned").exists());
}

#[test]
fn typed_arguments_are_taken_once_and_a_slip_is_told_before_anything_runs() {
    let desk = Desk::new();
    let missing = json!({"arguments": "missing"});
    assert_eq!(desk.estimate("review").expect_code(0).json(), missing);
    desk.type_in("codex:review", "--background --scope working-tree");
    desk.type_in("other:thing", "--wait");
    let estimate = desk.estimate("review").expect_code(0).json();
    assert_eq!(estimate["asked"], "background", "{estimate}");
    assert_eq!(estimate["target"]["explicit"], true, "{estimate}");
    assert_eq!(desk.estimate("review").expect_code(0).json(), missing);
    // The caller's choice counts, not the one that is stored.
    desk.request_of(&estimate, &["--wait"]);

    desk.type_in("codex:review", "--scope everything");
    let refused = desk.estimate("review").expect_code(2);
    refused.assert_stderr_has("unknown scope `everything`");
    desk.type_in("codex:rescue", "");
    assert_eq!(desk.estimate("task").expect_code(0).json()["empty"], true);
    let unknown = desk.command(&["task", "--request", "../../x"]).run();
    unknown.expect_code(2).assert_stderr_has("../../x");
}

#[test]
fn arguments_on_standard_input_count_only_when_they_are_whole() {
    let desk = Desk::new();
    let status = |typed: &str| desk.command(&["status", "--arguments-stdin"]).stdin(typed);
    let json = status("--all --json\nCODEX_END\n").run_ok().json();
    assert!(json["workspaceRoot"].is_string(), "{json}");
    status("\nCODEX_END\n").run_ok();
    let cut = status("--all ").run().expect_code(2);
    cut.assert_stderr_has("arrived cut");
}
