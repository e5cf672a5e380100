//! The commands that a reviewer is handed are run by a real shell with a real git.

use codex_review::context::{HeldChanges, shell_quote};
use codex_review::target::{Endpoint, ObjectId, Part, Status};

use super::made::{add, branch, built, file, hunk};
use crate::support::{Invocation, Repo, Sandbox};

const ODD_NAMES: [&str; 8] = [
    "plain.txt",
    "it's \"quoted\" $(touch pwned) `touch pwned`.txt",
    "new\nline; touch pwned",
    "tab\tand back\\slash",
    "*?[a-z]",
    ":(top)magic",
    "-rf",
    "r\u{202e}l.txt",
];

/// The shell of POSIX: what works there works in every other one.
fn sh(repo: &Repo, script: &str) -> Invocation {
    Invocation::new("sh", repo.path())
        .args(["-c", script])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
}

fn output(repo: &Repo, script: &str) -> Vec<u8> {
    sh(repo, script).run_ok().stdout
}

fn commands(text: &str) -> Vec<&str> {
    let is_command = |line: &&str| line.starts_with("git ") || line.starts_with("cat ");
    let lines = text.lines().filter(is_command);
    lines.filter(|line| !line.contains("PATH")).collect()
}

#[test]
fn a_quoted_word_is_the_same_word_to_the_shell() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    for name in ODD_NAMES {
        let script = format!("printf %s {}", shell_quote(name.as_bytes()));
        assert_eq!(output(&repo, &script), name.as_bytes(), "{script}");
    }
    for bytes in [&b"caf\xe9\x01'\\1"[..], b"-n\t%s %%", b"two\nline ends\n\n"] {
        let script = format!("printf %s {}", shell_quote(bytes));
        assert_eq!(output(&repo, &script), bytes, "{script}");
    }
}

/// A repository in which every odd name was changed, and the change as the strategies see it.
fn odd_repository(sandbox: &Sandbox) -> (Repo, HeldChanges) {
    let repo = sandbox.repo("repo");
    for name in ODD_NAMES {
        repo.write(name, "before\n");
    }
    let old = repo.commit("before");
    for name in ODD_NAMES {
        repo.write(name, "after\n");
    }
    let new = repo.commit("after");
    let mut changes = branch();
    let id = |hex: &str| ObjectId::from_hex(hex).unwrap();
    changes.target.old = Endpoint::Commit(id(&old));
    changes.target.new = Endpoint::Commit(id(&new));
    let blob = |content: &str| {
        repo.write("../content", content);
        id(repo.git(["hash-object", "../content"]).trim())
    };
    let (before, after) = (blob("before\n"), blob("after\n"));
    for name in ODD_NAMES {
        let hunks = [hunk(1, 1, &["-before", "+after"])];
        let (mut change, patch) = file(Part::Committed, Status::Modified, name.as_bytes(), &hunks);
        change.old.as_mut().unwrap().id = before.clone();
        change.new.as_mut().unwrap().id = after.clone();
        add(&mut changes, (change, patch));
    }
    (repo, changes)
}

#[test]
fn every_command_shows_its_part_of_the_change_whatever_the_names() {
    let sandbox = Sandbox::new();
    let (repo, changes) = odd_repository(&sandbox);
    let context = built(&changes, "self-collect");
    let commands = commands(&context.text);
    // The whole change, the log, and one for each file.
    assert_eq!(commands.len(), 2 + ODD_NAMES.len(), "{}", context.text);
    let mut single = 0;
    for command in commands {
        let out = String::from_utf8_lossy(&output(&repo, command)).into_owned();
        let edits = out.matches("-before\n+after\n").count();
        if command.contains(" log ") {
            assert_eq!(out.matches("commit ").count(), 1, "{command}: {out}");
        } else if edits == ODD_NAMES.len() {
            single += 100;
        } else {
            assert_eq!(edits, 1, "{command}: {out}");
            single += 1;
        }
    }
    assert_eq!(single, 100 + ODD_NAMES.len());
    assert!(!repo.join("pwned").exists());
}

#[test]
fn secrets_are_excluded_from_the_whole_diff_and_programs_of_the_repository_do_not_run() {
    let sandbox = Sandbox::new();
    let (repo, mut changes) = odd_repository(&sandbox);
    repo.config("core.fsmonitor", "touch pwned")
        .config("core.pager", "touch pwned");
    repo.config("diff.external", "touch pwned");
    changes.files[0].path = ".env".into();
    let context = built(&changes, "self-collect");
    let whole = context
        .text
        .lines()
        .find(|line| line.contains("exclude"))
        .unwrap();
    assert!(
        whole.ends_with("-- ':(top)' ':(top,exclude,literal).env'"),
        "{whole}"
    );
    let out = output(&repo, whole);
    assert!(!out.is_empty());
    assert!(!repo.join("pwned").exists());
}

/// The commands of the working tree's own context.
fn context_of(sandbox: &Sandbox, repo: &Repo, args: &[&str]) -> String {
    let context = sandbox
        .command(["context", "-q"])
        .args(match args.contains(&"--strategy") {
            true => &[][..],
            false => &["--strategy", "self-collect"],
        })
        .args(args)
        .cwd(repo.path())
        .env("CODEX_REVIEW_STATE_DIR", sandbox.state_dir());
    context.run_ok().stdout()
}

#[test]
fn filters_that_the_settings_name_do_not_run() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    for name in ["a.txt", "b.c", "d.e"] {
        repo.write(name, "before\n");
    }
    repo.commit("before");
    repo.write(
        ".git/info/attributes",
        "*.txt filter=a\n*.c filter=b\n*.e filter=c\n",
    );
    let hostile = "filter.x'; touch pwned; '.clean";
    repo.config("filter.a.clean", "touch pwned; cat")
        .config("filter.b.process", "touch pwned; cat")
        .config("filter.c.clean", "touch pwned; cat")
        .config("filter.c.required", "true")
        .config(hostile, "touch pwned");
    for name in ["a.txt", "b.c", "d.e"] {
        repo.write(name, "after\n");
    }
    let context = context_of(&sandbox, &repo, &[]);
    let commands = commands(&context);
    assert_eq!(commands.len(), 4, "{context}");
    for command in commands {
        let shown = String::from_utf8(output(&repo, command)).unwrap();
        assert!(shown.contains("-before\n+after\n"), "{command}: {shown}");
    }
    assert!(!repo.join("pwned").exists());
    // This one cannot be switched off on a command line.
    repo.config("filter.x=y.clean", "touch pwned");
    let context = context_of(&sandbox, &repo, &[]);
    assert!(!context.contains("\ngit "), "{context}");
    assert!(context.contains("no command shows them"), "{context}");
}

#[test]
fn nothing_is_fetched_into_a_partial_clone() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    repo.write("a.txt", "before\n").commit("before");
    // The clone has what is checked out, and lacks what was there before.
    repo.write("a.txt", "after\n").write("b.txt", "new\n");
    repo.commit("after");
    repo.config("uploadpack.allowFilter", "true");
    let url = format!("file://{}", repo.path().display());
    repo.git(["clone", "-q", "--filter=blob:none", &url, "../partial"]);
    let program = "../up.sh";
    repo.write(
        program,
        "#!/bin/sh\ntouch \"$MARK\"\nexec git-upload-pack \"$@\"\n",
    );
    let mark = repo.join("../fetched");
    for allowed in [None, Some("always")] {
        let set = |key: &str, value: &str| repo.git(["-C", "../partial", "config", key, value]);
        set(
            "remote.origin.uploadpack",
            &format!("sh {}", repo.join(program).display()),
        );
        if let Some(allowed) = allowed {
            set("protocol.file.allow", allowed);
        }
        let context = sandbox
            .command([
                "context",
                "-q",
                "--strategy",
                "self-collect",
                "--commit",
                "HEAD",
            ])
            .cwd(repo.join("../partial"))
            .env("CODEX_REVIEW_STATE_DIR", sandbox.state_dir())
            .run_ok()
            .stdout();
        let commands = commands(&context);
        assert!(!commands.is_empty(), "{context}");
        for command in commands {
            // What it lacks it may not fetch: that it fails is as well.
            drop(
                sh(&repo, &format!("cd ../partial && {command}"))
                    .env("MARK", &mark)
                    .run(),
            );
        }
        assert!(!mark.exists());
    }
}

#[test]
fn no_command_shows_more_than_the_target() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    repo.write("src/a", "before\n").write("gen/b", "before\n");
    repo.commit("before");
    repo.write("src/a", "after\n")
        .write("gen/b", "not asked for\n");
    repo.commit("after");
    let check = |args: &[&str]| {
        let context = context_of(&sandbox, &repo, args);
        let commands = commands(&context);
        let shown: String = commands
            .iter()
            .map(|command| String::from_utf8(output(&repo, command)).unwrap())
            .collect();
        assert_eq!(shown.matches("-before\n+after\n").count(), 2, "{context}");
        assert!(!shown.contains("not asked for"), "{context}");
    };
    check(&["--commit", "HEAD", "--path", "src/**"]);
    repo.write(".codexreviewignore", "/gen/\n");
    check(&["--commit", "HEAD"]);
}

#[test]
fn many_files_of_a_part_of_the_change_share_a_few_commands() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    let write = |text: &str| {
        for number in 0..130 {
            repo.write(format!("f{number}"), format!("{text}\n"));
        }
        repo.write("gen", format!("not asked for, {text}\n"));
    };
    write("before");
    repo.commit("before");
    write("after");
    repo.commit("after");
    repo.write(".codexreviewignore", "/gen\n");
    let context = context_of(&sandbox, &repo, &["--commit", "HEAD"]);
    let shown: String = commands(&context)
        .iter()
        .filter(|command| command.contains(" -- ':(top,literal)f"))
        .map(|command| String::from_utf8(output(&repo, command)).unwrap())
        .collect();
    assert_eq!(shown.matches("-before\n+after\n").count(), 100, "{context}");
    assert!(!context.contains("gen'"), "{context}");
    assert!(
        context.contains("# (30 more paths that are not named: read file by file)"),
        "{context}"
    );
}

#[test]
fn a_secret_in_a_name_is_not_sent_and_its_file_can_still_be_read() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("repo");
    let token = format!("{}_{}", "ghp", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    repo.write("a", "before\n").commit("before");
    repo.write(format!("{token}/b.rs"), "fn read_me() {}\n")
        .commit("after");
    for strategy in ["self-collect", "inline", "focused", "history", "security"] {
        let context = context_of(
            &sandbox,
            &repo,
            &["--commit", "HEAD", "--strategy", strategy],
        );
        assert!(!context.contains(&token), "{strategy}: {context}");
        assert!(
            context.contains("[redacted:github-pat#1]/b.rs"),
            "{context}"
        );
    }
    let context = context_of(&sandbox, &repo, &["--commit", "HEAD"]);
    let shown: Vec<u8> = commands(&context)
        .iter()
        .filter(|command| command.contains("cat-file blob "))
        .flat_map(|command| output(&repo, command))
        .collect();
    assert_eq!(String::from_utf8(shown).unwrap(), "fn read_me() {}\n");
    repo.write(format!("{token}.txt"), "x\n");
    let context = context_of(&sandbox, &repo, &[]);
    assert!(!context.contains(&token), "{context}");
}
