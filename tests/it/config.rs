//! `config set`, `unset`, `edit` and `codex`, as a person at a shell uses them.

use std::path::PathBuf;

use crate::support::real_codex::{RealCodex, use_api};
use crate::support::responses_api::ResponsesApi;
use crate::support::{CommandOutput, Invocation, Repo, Sandbox};

struct Place {
    repo: Repo,
    user_file: PathBuf,
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Place {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("shop");
        Place {
            repo,
            user_file: sandbox.config_dir().join("config.toml"),
            sandbox,
        }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        self.sandbox
            .command([&["config"], args].concat())
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_STATE_DIR", self.sandbox.state_dir())
    }

    fn run(&self, args: &[&str]) -> CommandOutput {
        self.command(args).run_ok()
    }

    fn write_user(&self, text: &str) {
        std::fs::create_dir_all(self.user_file.parent().unwrap()).unwrap();
        std::fs::write(&self.user_file, text).unwrap();
    }

    fn user(&self) -> String {
        std::fs::read_to_string(&self.user_file).unwrap()
    }
}

#[test]
fn a_setting_is_set_changed_and_taken_away() {
    let place = Place::new();
    place
        .run(&["set", "gate.max_blocks", "5"])
        .assert_stdout_has("gate.max_blocks = 5 in ");
    assert_eq!(place.user(), "[gate]\nmax_blocks = 5\n");
    assert_eq!(place.run(&["get", "gate.max_blocks"]).stdout(), "5\n");
    place
        .run(&["set", "gate.max_blocks", "5"])
        .assert_stdout_has("already");

    let changed = place.run(&["set", "effort", "low", "--json"]).json();
    assert_eq!(changed["changed"], true);
    assert_eq!(changed["setting"]["value"], "low");
    assert_eq!(changed["setting"]["source"], "user");
    assert_eq!(place.user(), "effort = \"low\"\n\n[gate]\nmax_blocks = 5\n");

    place
        .run(&["unset", "gate.max_blocks"])
        .assert_stdout_has("no longer set");
    assert_eq!(place.user(), "effort = \"low\"\n\n[gate]\n");
    assert_eq!(place.run(&["get", "gate.max_blocks"]).stdout(), "3\n");
}

#[test]
fn the_repositorys_file_is_changed_only_when_asked_and_only_where_it_counts() {
    let place = Place::new();
    place.run(&["set", "strategy", "inline", "--scope", "repo"]);
    let repository_file = place.repo.join(".codex-review.toml");
    assert_eq!(
        std::fs::read_to_string(&repository_file).unwrap(),
        "strategy = \"inline\"\n"
    );
    assert!(!place.user_file.exists());

    place
        .command(&["set", "codex_bin", "./evil", "--scope", "repo"])
        .run()
        .expect_code(2)
        .assert_stderr_has("`codex_bin` cannot be set by a repository");
    // What needs trust can be written, and is said not to count yet.
    place
        .run(&["set", "gate.max_blocks", "1", "--scope", "repo"])
        .assert_stderr_has("trust");
    // Something stronger is named at once.
    place
        .command(&["set", "strategy", "self-collect"])
        .run_ok()
        .assert_stderr_has("stays inline here");
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let place = Place::new();
    let text = "# mine\r\nmodel = 'x' # keep\r\n";
    place.write_user(text);
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["set", "modle", "x"],
            &["unknown setting `modle`", "did you mean `model`?"],
        ),
        (
            &["set", "broker.max_streams", "many"],
            &["does not take `many`", "from 1 to 64"],
        ),
        (&["set", "broker.max_streams", "-1"], &["from 1 to 64"]),
        (&["set", "effort", " "], &["not blank"]),
        (&["set", "effort"], &["VALUE"]),
        (&["unset", "gate"], &["unknown setting `gate`"]),
        (
            &["set", "effort", "low", "--scope", "everyone"],
            &["everyone"],
        ),
        (&["edit"], &["no editor", "EDITOR"]),
    ];
    for (args, expected) in cases {
        let output = place
            .command(args)
            .env_remove("EDITOR")
            .env_remove("VISUAL")
            .run()
            .expect_code(2);
        for text in *expected {
            output.assert_stderr_has(text);
        }
        assert_eq!(place.user(), text);
    }
    place.write_user("model = \n");
    place
        .command(&["set", "effort", "low"])
        .run()
        .expect_code(2)
        .assert_stderr_has("line 1 of");
    assert_eq!(place.user(), "model = \n");
}

#[test]
#[cfg(unix)]
fn a_failed_write_leaves_the_old_file() {
    let place = Place::new();
    let text = "model = 'x'\n";
    place.write_user(text);
    // No file may grow beyond nothing: the new text does not fit anywhere.
    let output = place
        .sandbox
        .program("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 0; exec \"$0\" config set effort low",
        ])
        .arg(env!("CARGO_BIN_EXE_codex-review"))
        .cwd(place.repo.path())
        .env("CODEX_REVIEW_STATE_DIR", place.sandbox.state_dir())
        .run();
    assert_ne!(output.code(), Some(0), "{output}");
    output.assert_stderr_has("cannot write configuration file");
    assert_eq!(place.user(), text);
    let beside = std::fs::read_dir(place.user_file.parent().unwrap()).unwrap();
    assert_eq!(beside.count(), 1, "nothing is left beside it");
}

#[test]
#[cfg(unix)]
fn an_edited_file_is_taken_only_when_it_is_valid() {
    let place = Place::new();
    place.write_user("model = 'x'\n");
    let good = place
        .sandbox
        .script("good", "#!/bin/sh\necho \"effort = 'low'\" >> \"$2\"\n");
    let editor = format!("{} --wait", good.display());
    place
        .command(&["edit"])
        .env("VISUAL", &editor)
        .run_ok()
        .assert_stderr_has("saved");
    assert_eq!(place.user(), "model = 'x'\neffort = 'low'\n");

    let bad = place
        .sandbox
        .script("bad", "#!/bin/sh\necho 'modle = 1' > \"$1\"\n");
    let output = place
        .command(&["edit"])
        .env("EDITOR", &bad)
        .run()
        .expect_code(2);
    output.assert_stderr_has("unknown setting `modle`");
    let stderr = output.stderr();
    let kept = stderr.split("your text is in ").nth(1).unwrap();
    let kept = kept.lines().next().unwrap();
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "modle = 1\n");
    assert_eq!(place.user(), "model = 'x'\neffort = 'low'\n");

    let failing = place.sandbox.script("failing", "#!/bin/sh\nexit 1\n");
    place
        .command(&["edit"])
        .env("EDITOR", &failing)
        .run()
        .expect_code(2)
        .assert_stderr_has("failed");
    // Somebody else writes while the editor is open.
    let slow = place.sandbox.script(
        "slow",
        format!(
            "#!/bin/sh\necho \"model = 'theirs'\" > '{}'\necho \"model = 'mine'\" > \"$1\"\n",
            place.user_file.display()
        ),
    );
    place
        .command(&["edit"])
        .env("EDITOR", &slow)
        .run()
        .expect_code(2)
        .assert_stderr_has("changed by somebody else");
    assert_eq!(place.user(), "model = 'theirs'\n");
}

#[test]
fn codex_own_settings_are_changed_by_codex_alone() {
    let Some(codex) = RealCodex::find() else {
        return;
    };
    let place = Place::new();
    let api = ResponsesApi::start();
    use_api(&place.sandbox, &api);
    let file = place.sandbox.codex_home().join("config.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let command = |args: &[&str]| {
        place
            .command(&[&["codex"], args].concat())
            .env("CODEX_REVIEW_CODEX_BIN", codex.launcher())
    };
    let shown = command(&["--json"]).run_ok().json();
    assert_eq!(shown["codex"]["provider"]["value"], "mock", "{shown}");
    assert_eq!(
        shown["codex"]["model"]["from"],
        file.canonicalize().unwrap().to_str().unwrap()
    );

    command(&["set", "effort", "high"])
        .run_ok()
        .assert_stdout_has("high");
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(
        after.contains("model_reasoning_effort = \"high\""),
        "{after}"
    );
    command(&["unset", "effort"]).run_ok();
    let restored = std::fs::read_to_string(&file).unwrap();
    assert_eq!(restored.trim(), before.trim());

    for (args, expected) in [
        (["set", "effort", "hihg"], "did you mean `high`?"),
        (["set", "provider", "mokc"], "did you mean `mock`?"),
        (["set", "model", " "], "knows no model"),
        (["set", "colour", "red"], "colour"),
    ] {
        command(&args)
            .run()
            .expect_code(2)
            .assert_stderr_has(expected);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), restored);
    assert!(api.requests().is_empty(), "settings cost no model request");
}

#[test]
fn codex_own_settings_without_codex_are_out_of_reach() {
    let place = Place::new();
    place
        .command(&["codex"])
        .env("CODEX_REVIEW_CODEX_BIN", place.sandbox.path("nothing"))
        .run()
        .expect_code(3)
        .assert_stderr_has("codex-review setup");
}
