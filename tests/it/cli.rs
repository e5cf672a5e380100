//! Claims about cli: what does not need the pipeline. Parsing itself has its tables beside the code.

use std::process::Stdio;

use crate::support::{Sandbox, package_root};

#[test]
fn help_says_what_there_is_and_how_it_ends() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(["--help"]).run_ok();
    insta::assert_snapshot!("cli_help", output.stdout());
    assert!(output.stderr.is_empty(), "{output}");
}

#[test]
fn without_a_verb_help_goes_to_stderr_and_the_exit_code_is_two() {
    let sandbox = Sandbox::new();
    let output = sandbox.command([] as [&str; 0]).run().expect_code(2);
    assert!(output.stdout.is_empty(), "{output}");
    output.assert_stderr_has("Usage: codex-review");
}

#[test]
fn the_version_is_the_package_s() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(["--version"]).run_ok();
    assert_eq!(
        output.stdout(),
        format!("codex-review {}\n", env!("CARGO_PKG_VERSION"))
    );
}

/// Write it again with `UPDATE_REFERENCE=1 cargo test --test it cli`.
#[test]
fn the_reference_is_what_the_program_says() {
    let sandbox = Sandbox::new();
    let made = sandbox.command(["man", "--markdown"]).run_ok().stdout();
    let path = package_root().join("docs/cli.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/cli.md is out of date: run UPDATE_REFERENCE=1 cargo test --test it cli"
    );
}

#[test]
fn the_manual_page_and_completions_are_made_from_the_same_tree() {
    let sandbox = Sandbox::new();
    let page = sandbox.command(["man"]).run_ok();
    page.assert_stdout_has(".TH codex-review 1");
    page.assert_stdout_has("adversarial\\-review");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = sandbox.command(["completions", shell]).run_ok();
        script.assert_stdout_has("adversarial-review");
    }
    sandbox.command(["completions", "csh"]).run().expect_code(2);
}

/// Each line is one mistake: what was typed and what must be on stderr.
#[test]
fn mistakes_are_named_with_a_way_out_and_exit_with_two() {
    let sandbox = Sandbox::new();
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["review", "--scope", "foo"],
            &[
                "unknown scope `foo`",
                "auto, working-tree, branch or staged",
            ],
        ),
        (&["review", "--scope foo"], &["unknown scope `foo`"]),
        (
            &["review", "--native", "look", "here"],
            &["hint:", "/codex:adversarial-review"],
        ),
        (
            &["review", "--native look here"],
            &["/codex:adversarial-review"],
        ),
        (
            &["review", "--format", "xml"],
            &["unknown format `xml`", "sarif"],
        ),
        (
            &["review", "--fail-on", "severe"],
            &["unknown threshold `severe`"],
        ),
        (
            &["review", "--engine", "other"],
            &["unknown engine `other`"],
        ),
        (&["review", "--range", "main"], &["`main` is not a range"]),
        (&["review", "--range", ".."], &["`..` is not a range"]),
        (&["review", "--base", " "], &["`--base` needs a revision"]),
        (
            &["review", "--base", "main", "--scope", "staged"],
            &["`--scope staged`"],
        ),
        (
            &["review", "--base", "a", "--commit", "b"],
            &["cannot be used with"],
        ),
        (
            &["review", "--wait", "--background"],
            &["cannot be used with"],
        ),
        (
            &["review", "--bse main"],
            &["unknown option `--bse`", "did you mean `--base`?"],
        ),
        (
            &["review", "--bse", "main"],
            &["unknown option `--bse`", "did you mean `--base`?"],
        ),
        (
            &["review", "--write"],
            &["no option `--write`", "`codex-review task` has it"],
        ),
        (
            &["task", "--json", "--json-stream", "x"],
            &["cannot be used with"],
        ),
        (
            &["review", "--prompt-file", "f", "text"],
            &["`--prompt-file`", "hint:"],
        ),
        (&["context", "--format", "xml"], &["unknown format `xml`"]),
        (
            &["task", "--resume", "--fresh", "x"],
            &["cannot be used with"],
        ),
        (&["status", "--timeout-ms", "soon"], &["soon"]),
        (
            &["config", "get", "modle"],
            &["unknown setting `modle`", "did you mean `model`?"],
        ),
        (&["revew"], &["revew", "review"]),
        (
            &["-C", "no/such/folder", "config", "list"],
            &["no/such/folder", "--cwd"],
        ),
    ];
    for (argv, expected) in cases {
        let output = sandbox.command(*argv).run().expect_code(2);
        assert!(output.stdout.is_empty(), "{output}");
        for text in *expected {
            output.assert_stderr_has(text);
        }
        assert!(
            !output.stderr().contains('\x1b'),
            "colours without a terminal\n{output}"
        );
    }
}

#[test]
fn settings_show_where_they_come_from() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    let user_file = sandbox.config_dir().join("config.toml");
    std::fs::create_dir_all(user_file.parent().unwrap()).unwrap();
    std::fs::write(&user_file, "model = 'from-user'\neffort = 'low'\n").unwrap();
    std::fs::write(
        repo.path().join(".codex-review.toml"),
        "effort = 'from-repository'\ncodex_bin = './evil'\n[gate]\nmax_blocks = 0\n",
    )
    .unwrap();
    let run = |argv: &[&str]| {
        sandbox
            .command(argv)
            .cwd(repo.path())
            .env("CODEX_REVIEW_STRATEGY", "inline")
            .env_remove("CODEX_REVIEW_CODEX_BIN")
            .run_ok()
    };

    let settings = run(&["config", "list", "--json"]);
    let document = settings.json();
    let setting = |key: &str| {
        let all = document.as_array().unwrap();
        let found = all.iter().find(|setting| setting["key"] == key).unwrap();
        (
            found["value"].clone(),
            found["source"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(setting("model"), ("from-user".into(), "user".to_owned()));
    assert_eq!(
        setting("effort"),
        ("from-repository".into(), "repository".to_owned())
    );
    assert_eq!(
        setting("strategy"),
        ("inline".into(), "environment".to_owned())
    );
    assert_eq!(setting("fail_on"), ("none".into(), "default".to_owned()));
    assert_eq!(
        setting("codex_bin"),
        (serde_json::Value::Null, "unset".to_owned())
    );
    assert_eq!(setting("gate.max_blocks"), (3.into(), "default".to_owned()));
    settings.assert_stderr_has("`codex_bin` in `");
    settings.assert_stderr_has("`gate.max_blocks` in `");

    assert_eq!(
        run(&["config", "get", "effort"]).stdout(),
        "from-repository\n"
    );
    let quiet = run(&["--quiet", "config", "get", "model"]);
    assert_eq!(
        (quiet.stdout().as_str(), quiet.stderr().as_str()),
        ("from-user\n", "")
    );
    let list = run(&["config", "list"]);
    list.assert_stdout_has(
        "strategy                       inline           $CODEX_REVIEW_STRATEGY",
    );
    let in_ci = |argv: &[&str]| {
        let command = sandbox.command(argv).cwd(repo.path()).env("CI", "true");
        command.run_ok()
    };
    assert_eq!(in_ci(&["config", "get", "fail_on"]).stdout(), "high\n");
    let document = in_ci(&["config", "get", "fail_on", "--json"]).json();
    assert_eq!(
        (&document["default"], &document["from"]),
        (&"high".into(), &"default in CI".into())
    );
    let path = run(&["config", "path", "--json"]).json();
    assert_eq!(path[0]["exists"], true);
    assert_eq!(path[1]["scope"], "repository");
}

#[test]
fn a_broken_configuration_is_an_error_everywhere_it_counts() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("shop");
    std::fs::write(
        repo.path().join(".codex-review.toml"),
        "[gate]\nmax_bloks = 1\n",
    )
    .unwrap();
    let output = sandbox
        .command(["config", "list"])
        .cwd(repo.path())
        .run()
        .expect_code(2);
    output.assert_stderr_has("error: in configuration file `");
    output.assert_stderr_has("caused by: unknown setting `gate.max_bloks`");
    output.assert_stderr_has("hint: did you mean `gate.max_blocks`?");
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let sandbox = Sandbox::new();
    let list = |argv: &[&str]| sandbox.command(argv).run_ok().stdout();
    assert!(!list(&["config", "list"]).contains('\x1b'));
    assert!(list(&["--color", "always", "config", "list"]).contains('\x1b'));
    assert!(!list(&["--color", "never", "config", "list"]).contains('\x1b'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_codex-review"));
    command
        .args(["man", "--markdown"])
        .env_clear()
        .envs(sandbox.environment())
        .current_dir(sandbox.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn options_behind_the_text_are_pointed_out() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .command(["review", "--native", "look", "--json"])
        .run()
        .expect_code(2);
    output.assert_stderr_has("warning: `--json` stands behind the text and belongs to it");
}
