//! Claims about the Claude Code plugin: its files, and what its launcher does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{CommandOutput, Invocation, Sandbox, package_root};

/// What every command of the plugin may use without asking.
const ALLOWED_TOOLS: [&str; 3] = [
    "Bash(codex-review:*)",
    "AskUserQuestion",
    "Agent(codex:codex-rescue)",
];

/// The hooks that the plugin installs, and the seconds that the host gives each.
const HOOKS: [(&str, &str, u64); 6] = [
    ("SessionStart", "session-start", 10),
    ("UserPromptSubmit", "prompt-submit", 10),
    ("UserPromptExpansion", "prompt-expansion", 10),
    ("PreToolUse", "plan", 930),
    ("Stop", "stop", 930),
    ("SessionEnd", "session-end", 10),
];

fn plugin(relative: &str) -> PathBuf {
    package_root().join("plugin").join(relative)
}

fn read(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn json(path: &Path) -> Value {
    match serde_json::from_str(&read(path)) {
        Ok(value) => value,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The front matter of a Markdown file, as its lines `name: value`, and the text after it.
fn front_matter(path: &Path) -> (BTreeMap<String, String>, String) {
    let text = read(path);
    let (head, body) = text
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .unwrap_or_else(|| panic!("{} has no front matter", path.display()));
    let fields = head
        .lines()
        .map(|line| match line.split_once(": ") {
            Some((name, value)) => (name.to_owned(), value.trim_matches('"').to_owned()),
            None => panic!("{}: `{line}` is no `name: value`", path.display()),
        })
        .collect();
    (fields, body.to_owned())
}

fn commands() -> Vec<(String, PathBuf)> {
    let mut commands: Vec<(String, PathBuf)> = fs::read_dir(plugin("commands"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    commands.sort();
    commands
}

#[test]
fn there_is_one_command_for_each_verb_that_people_know() {
    let names: Vec<String> = commands().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "adversarial-review",
            "agent-team",
            "cancel",
            "config",
            "diff-review",
            "optimize",
            "plan-review",
            "rescue",
            "result",
            "review",
            "setup",
            "status",
            "test",
            "transfer",
            "usage",
            "watch"
        ]
    );
}

#[test]
fn every_command_describes_itself_and_may_use_only_what_it_needs() {
    for (name, path) in commands() {
        let (fields, _) = front_matter(&path);
        assert!(fields["description"].len() > 10, "{name}");
        assert!(fields.contains_key("argument-hint"), "{name}");
        for tool in fields["allowed-tools"].split(", ") {
            assert!(ALLOWED_TOOLS.contains(&tool), "{name} allows `{tool}`");
        }
    }
}

/// The arguments of a slash command used to be pasted onto a shell line, where quotes vanish and variables expand; and a
/// here-document ends at a line that anybody can type.
#[test]
fn what_is_typed_stands_in_no_command_text() {
    for (name, path) in commands() {
        let (_, body) = front_matter(&path);
        assert!(!body.contains("$ARGUMENTS"), "{name}");
        let shell_lines: Vec<&str> = body.lines().filter(|line| line.starts_with('!')).collect();
        let [line] = shell_lines.as_slice() else {
            panic!("{name} runs {shell_lines:?}");
        };
        let words = line.trim_start_matches("!`codex-review ");
        let takes_text = [
            "review",
            "adversarial-review",
            "optimize",
            "plan-review",
            "rescue",
            "test",
            "diff-review",
        ]
        .contains(&name.as_str());
        let expected = match (takes_text, name.as_str()) {
            (true, "rescue") => "estimate task --json --session-arguments`".to_owned(),
            (true, name) => format!("estimate {name} --json --session-arguments`"),
            (false, name) => format!("{name} --session-arguments`"),
        };
        assert_eq!(words, expected, "{name}");
        assert!(!body.contains("```!"), "{name}");
    }
}

#[test]
fn every_hook_names_the_launcher_and_a_verb_of_ours_and_has_a_time_limit() {
    let document = json(&plugin("hooks/hooks.json"));
    let events = document["hooks"].as_object().unwrap();
    assert_eq!(events.len(), HOOKS.len());
    for (event, verb, seconds) in HOOKS {
        let hook = &events[event][0]["hooks"][0];
        assert_eq!(hook["type"], "command", "{event}");
        assert_eq!(hook["timeout"], seconds, "{event}");
        let command = format!("\"${{CLAUDE_PLUGIN_ROOT}}/bin/codex-review\" hook {verb}");
        assert_eq!(hook["command"], command, "{event}");
    }
    assert!(plugin("bin/codex-review").is_file());
}

#[test]
fn the_hook_that_takes_arguments_runs_for_the_commands_that_need_it_and_for_no_other() {
    let document = json(&plugin("hooks/hooks.json"));
    let matcher = document["hooks"]["UserPromptExpansion"][0]["matcher"]
        .as_str()
        .unwrap();
    let matcher = regex::Regex::new(matcher).unwrap();
    for (name, path) in commands() {
        let needs = read(&path).contains("--session-arguments");
        assert_eq!(matcher.is_match(&format!("codex:{name}")), needs, "{name}");
    }
    assert!(!matcher.is_match("other:review"));
}

#[test]
fn the_agent_and_the_skills_carry_the_names_of_their_files() {
    let (agent, body) = front_matter(&plugin("agents/codex-rescue.md"));
    assert_eq!(agent["name"], "codex-rescue");
    assert_eq!(agent["tools"], "Bash");
    assert!(body.contains("exactly one Bash call"), "{body}");
    for folder in fs::read_dir(plugin("skills")).unwrap() {
        let folder = folder.unwrap().path();
        let (skill, _) = front_matter(&folder.join("SKILL.md"));
        assert_eq!(skill["name"], folder.file_name().unwrap().to_str().unwrap());
        assert!(!skill["description"].is_empty());
    }
}

#[test]
fn the_marketplace_offers_the_plugin_from_this_tree() {
    let marketplace = json(&package_root().join(".claude-plugin/marketplace.json"));
    assert_eq!(marketplace["name"], "codex-review");
    let offers = marketplace["plugins"].as_array().unwrap();
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0]["name"], "codex");
    let source = package_root().join(offers[0]["source"].as_str().unwrap());
    let manifest = json(&source.join(".claude-plugin/plugin.json"));
    assert_eq!(manifest["name"], offers[0]["name"]);
    assert_eq!(manifest["description"], offers[0]["description"]);
}

/// A launcher's world: a stand-in for the program in any place, and a PATH of the test's own.
struct Launch {
    sandbox: Sandbox,
}

impl Launch {
    fn new() -> Self {
        Launch {
            sandbox: Sandbox::new(),
        }
    }

    /// Puts a program that prints its own place and its arguments at `relative`.
    fn program(&self, relative: &str) -> PathBuf {
        self.sandbox.script(
            relative,
            format!("#!/bin/sh\nprintf '%s' '{relative}'\nprintf ' [%s]' \"$@\"\necho\n"),
        )
    }

    fn command(&self, path: &str, args: &[&str]) -> Invocation {
        self.sandbox
            .program(plugin("bin/codex-review"))
            .args(args)
            .env("PATH", path)
    }

    fn folder(&self, relative: &str) -> String {
        self.sandbox.path(relative).display().to_string()
    }
}

#[track_caller]
fn check_found(output: &CommandOutput, place: &str) {
    assert_eq!(output.code(), Some(0), "{output}");
    assert!(
        output.stdout().starts_with(&format!("{place} [status]")),
        "{output}"
    );
}

#[test]
fn without_a_program_the_launcher_says_so_once_and_exits_with_3() {
    let launch = Launch::new();
    let output = launch.command("", &["status", "--json"]).run();
    assert_eq!(output.code(), Some(3), "{output}");
    assert_eq!(output.stdout(), "", "{output}");
    let stderr = output.stderr();
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert_eq!(lines[0], "error: the codex-review program is not installed");
    assert!(
        lines[1].starts_with("hint: run `cargo install --path .`"),
        "{output}"
    );
}

#[test]
fn without_a_program_a_hook_does_not_fail_its_host() {
    let launch = Launch::new();
    for (_, verb, _) in HOOKS {
        let output = launch.command("", &["hook", verb]).stdin("{}").run();
        assert_eq!(output.code(), Some(0), "{output}");
        assert_eq!(output.stderr(), "", "{output}");
        match verb {
            "session-start" => assert!(output.json()["systemMessage"].is_string(), "{output}"),
            _ => assert_eq!(output.stdout(), "", "{output}"),
        }
    }
    let push = launch.command("", &["hook", "pre-push"]).run();
    assert_eq!(push.code(), Some(3), "{push}");
}

#[test]
fn the_launcher_finds_the_program_in_each_place_in_order() {
    let launch = Launch::new();
    let path = launch.folder("bin");

    launch.program("home/.local/bin/codex-review");
    check_found(
        &launch.command("", &["status"]).run(),
        "home/.local/bin/codex-review",
    );
    launch.program("home/.cargo/bin/codex-review");
    check_found(
        &launch.command("", &["status"]).run(),
        "home/.cargo/bin/codex-review",
    );
    launch.program("cargo/bin/codex-review");
    let with_cargo_home = launch
        .command("", &["status"])
        .env("CARGO_HOME", launch.folder("cargo"));
    check_found(&with_cargo_home.run(), "cargo/bin/codex-review");
    launch.program("bin/codex-review");
    check_found(
        &launch.command(&path, &["status"]).run(),
        "bin/codex-review",
    );
    let named = launch.program("else where/named program");
    let with_variable = launch
        .command(&path, &["status"])
        .env("CODEX_REVIEW_BIN", named);
    check_found(&with_variable.run(), "else where/named program");
}

#[test]
fn the_launcher_hands_arguments_and_standard_input_over_untouched() {
    let launch = Launch::new();
    let program = launch.sandbox.script(
        "program",
        "#!/bin/sh\nfor argument; do printf '<%s>\\n' \"$argument\"; done\n/bin/cat\n",
    );
    let args = [
        "",
        "two words",
        "$(touch marker) `touch marker`",
        "*",
        "a\nb",
        "--",
        "it's \"so\"",
    ];
    let output = launch
        .command("/nowhere", &args)
        .env("CODEX_REVIEW_BIN", program)
        .stdin("in\0put")
        .run_ok();
    let expected: String = args.iter().map(|arg| format!("<{arg}>\n")).collect();
    assert_eq!(output.stdout(), expected + "in\0put");
    assert!(!launch.sandbox.path("marker").exists());
}

#[test]
fn the_launcher_passes_on_the_exit_code() {
    let launch = Launch::new();
    let program = launch.sandbox.script("program", "#!/bin/sh\nexit 4\n");
    let output = launch
        .command("", &["review"])
        .env("CODEX_REVIEW_BIN", program)
        .run();
    assert_eq!(output.code(), Some(4), "{output}");
}

#[test]
fn the_launcher_never_takes_a_launcher_for_the_program() {
    let launch = Launch::new();
    let own = plugin("bin/codex-review");
    // Its own folder, a copy (another version of the plugin) and a link to it all come before the program.
    launch
        .sandbox
        .script("copy/codex-review", fs::read(&own).unwrap());
    fs::create_dir(launch.sandbox.path("link")).unwrap();
    std::os::unix::fs::symlink(&own, launch.sandbox.path("link/codex-review")).unwrap();
    let path = format!(
        "{}:{}:{}",
        plugin("bin").display(),
        launch.folder("copy"),
        launch.folder("link")
    );
    let none = launch.command(&path, &["status"]).run();
    assert_eq!(none.code(), Some(3), "{none}");

    launch.program("bin/codex-review");
    let path = format!("{path}:{}", launch.folder("bin"));
    check_found(
        &launch.command(&path, &["status"]).run(),
        "bin/codex-review",
    );

    let named = launch
        .command(&path, &["status"])
        .env("CODEX_REVIEW_BIN", &own);
    let output = named.run();
    assert_eq!(output.code(), Some(3), "{output}");
    output.assert_stderr_has("CODEX_REVIEW_BIN names");
}

/// A repository that holds a file `codex-review` must not have it run because PATH has an empty or relative folder.
#[test]
fn the_launcher_passes_over_folders_of_path_that_are_not_absolute() {
    let launch = Launch::new();
    launch.program("codex-review");
    launch.program("bin/codex-review");
    let output = launch.command(":.:bin:./bin:", &["status"]).run();
    assert_eq!(output.code(), Some(3), "{output}");
}

#[test]
fn the_launcher_starts_the_real_program_through_path() {
    let sandbox = Sandbox::new();
    let program = Path::new(env!("CARGO_BIN_EXE_codex-review"));
    let path = program.parent().unwrap().display().to_string();
    let output = sandbox
        .program(plugin("bin/codex-review"))
        .arg("--version")
        .env("PATH", path)
        .run();
    assert_eq!(output.code(), Some(0), "{output}");
}

#[test]
fn the_windows_launcher_is_a_twin_of_the_other() {
    let posix = read(&plugin("bin/codex-review"));
    let windows = read(&plugin("bin/codex-review.cmd"));
    for shared in [
        "CODEX_REVIEW_BIN",
        "CARGO_HOME",
        "the codex-review program is not installed",
        "in a clone of its repository, or set CODEX_REVIEW_BIN to where it is",
        "{\"systemMessage\":\"codex plugin: the codex-review program was not found. /codex:setup says more.\"}",
        "hook session-start",
        "hook session-end",
        "hook stop",
        "hook prompt-submit",
        "hook prompt-expansion",
        "exit ",
    ] {
        assert!(
            posix.contains(shared),
            "the POSIX launcher lacks `{shared}`"
        );
        assert!(
            windows.contains(shared),
            "the Windows launcher lacks `{shared}`"
        );
    }
    assert!(windows.contains("exit /b 3"));
}
