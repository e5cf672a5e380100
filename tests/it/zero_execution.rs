//! Nothing that a repository names is ever run, whatever command reads the repository.
//!
//! A booby-trapped repository names programs in every way that git and we know. Each leaves a marker of its own when it
//! runs. Every command of ours is run in it, and no marker appears; then plain git is run in the same repository, and
//! each trap goes off: the markers work. Which commands there are is read from the command line's own reference, so that
//! a new one has to be given a place in one of the two lists here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Invocation, Repo, Sandbox, package_root};

/// A way to make git run a program, and a plain git command that falls for it.
struct Trap {
    name: &'static str,
    /// Configuration; `{}` is the trap's program.
    config: &'static [(&'static str, &'static str)],
    /// What sets it off.
    git: &'static [&'static str],
    stdin: &'static str,
}

const fn trap(
    name: &'static str,
    config: &'static [(&'static str, &'static str)],
    git: &'static [&'static str],
) -> Trap {
    Trap {
        name,
        config,
        git,
        stdin: "",
    }
}

const TRAPS: &[Trap] = &[
    trap("fsmonitor", &[("core.fsmonitor", "{}")], &["status"]),
    trap(
        "textconv",
        &[
            ("diff.trapconv.textconv", "{}"),
            ("diff.trapconv.cachetextconv", "true"),
        ],
        &["diff", "--no-ext-diff", "base", "HEAD", "--", "a.conv"],
    ),
    trap(
        "external-diff",
        &[("diff.external", "{}")],
        &["diff", "base", "HEAD", "--", "a.js"],
    ),
    trap(
        "diff-driver",
        &[("diff.trapdriver.command", "{}")],
        &["diff", "base", "HEAD", "--", "a.driver"],
    ),
    trap(
        "clean",
        &[
            ("filter.trapclean.clean", "{}"),
            ("filter.trapclean.required", "true"),
        ],
        &["hash-object", "--path=a.clean", "a.clean"],
    ),
    trap(
        "smudge",
        &[("filter.trapsmudge.smudge", "{}")],
        &["cat-file", "--filters", "HEAD:a.smudge"],
    ),
    trap(
        "process",
        &[("filter.trapprocess.process", "{}")],
        &["hash-object", "--path=a.process", "a.process"],
    ),
    trap(
        "hooks",
        &[("core.hooksPath", "{hooks}")],
        &["commit", "--allow-empty", "-m", "x"],
    ),
    trap(
        "pager",
        &[("core.pager", "{}")],
        &["grep", "--open-files-in-pager", "start"],
    ),
    trap(
        "alias",
        &[("alias.trap", "!{}"), ("alias.diff-tree", "!{}")],
        &["trap"],
    ),
    Trap {
        name: "credential-helper",
        config: &[("credential.helper", "!{}")],
        git: &["credential", "fill"],
        stdin: "protocol=https\nhost=trap.invalid\n\n",
    },
    trap(
        "submodule-update",
        &[
            ("submodule.sub.update", "!{}"),
            ("submodule.sub.url", "./.git"),
            ("submodule.sub.active", "true"),
        ],
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "update",
            "--init",
            "sub",
        ],
    ),
    trap(
        "ssh-command",
        &[("core.sshCommand", "{}")],
        &["ls-remote", "ssh://trap.invalid/x"],
    ),
    trap(
        "git-proxy",
        &[("core.gitProxy", "{}")],
        &["ls-remote", "git://trap.invalid/x"],
    ),
    trap(
        "ext-transport",
        &[
            ("protocol.ext.allow", "always"),
            ("remote.ext.url", "ext::{} %S"),
            ("remote.ext.promisor", "true"),
        ],
        &["ls-remote", "ext"],
    ),
    trap(
        "upload-pack",
        &[("remote.local.url", "."), ("remote.local.uploadpack", "{}")],
        &["fetch", "local"],
    ),
    trap(
        "editor",
        &[("core.editor", "{}")],
        &["commit", "--allow-empty", "--no-verify"],
    ),
    trap(
        "gpg",
        &[("gpg.program", "{}"), ("log.showSignature", "true")],
        &["commit", "-S", "--allow-empty", "--no-verify", "-m", "x"],
    ),
    Trap {
        name: "trailer",
        config: &[("trailer.sign.key", "Sign"), ("trailer.sign.cmd", "{}")],
        git: &["interpret-trailers", "--trailer", "sign=x"],
        stdin: "Subject\n\nbody\n",
    },
    trap(
        "merge-driver",
        &[("merge.trapmerge.driver", "{}")],
        &["merge-tree", "--write-tree", "left", "right"],
    ),
    // Configuration in files that the configuration includes.
    trap("include", &[("include.path", "{include}")], &["included"]),
    trap(
        "include-if",
        &[("includeIf.gitdir:/**.path", "{include-if}")],
        &["included-if"],
    ),
];

struct World {
    repo: Repo,
    sandbox: Sandbox,
}

impl World {
    fn new() -> World {
        let sandbox = Sandbox::new();
        let repo = sandbox.repo("trapped");
        let world = World { repo, sandbox };
        let repo = &world.repo;
        repo.write(
            ".gitattributes",
            "*.conv diff=trapconv\n*.driver diff=trapdriver\n*.clean filter=trapclean\n*.smudge filter=trapsmudge\n\
             *.process filter=trapprocess\n*.merge merge=trapmerge\n",
        );
        let names = [
            "a.js",
            "a.conv",
            "a.driver",
            "a.clean",
            "a.smudge",
            "a.process",
            "a.merge",
        ];
        for name in names {
            repo.write(name, "start();\none();\n");
        }
        // Programs that a search for `codex`, `git` or `npm` must not find.
        for name in ["codex", "git", "npm", "node"] {
            let script = trap_script(&world.marker(&format!("found-{name}")));
            repo.write(name, script).mode(name, 0o755);
        }
        repo.commit("Base");
        let commit = repo.rev("HEAD");
        repo.git([
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{commit},sub"),
        ]);
        repo.write(
            ".gitmodules",
            "[submodule \"sub\"]\n\tpath = sub\n\turl = ./.git\n\tupdate = checkout\n",
        );
        repo.git(["add", ".gitmodules"]);
        repo.commit_staged("Submodule");
        repo.git(["branch", "base"]);
        for side in ["left", "right"] {
            repo.branch(side);
            repo.write("a.merge", format!("start();\n{side}();\n"));
            repo.git(["add", "a.merge"]);
            repo.commit_staged(side);
            repo.switch("base");
        }
        repo.branch("work");
        for name in names {
            repo.write(name, "start();\none();\ndebugger;\n");
        }
        repo.git(["add", "--all", "--", ":!sub"]);
        repo.commit_staged("Work");
        world.set_traps();
        for name in names {
            repo.write(name, "start();\none();\ndebugger;\nmore();\n");
        }
        repo.write("new.clean", "new();\n");
        repo.delete("a.smudge");
        repo.write(
            ".codex-review.toml",
            format!(
                "codex_bin = \"{}\"\nengine = \"codex\"\n",
                world.program("codex-bin").display()
            ),
        );
        world.disarm();
        world
    }

    fn marker(&self, name: &str) -> PathBuf {
        self.sandbox.path("markers").join(name)
    }

    /// A program that leaves the marker of this name.
    fn program(&self, name: &str) -> PathBuf {
        std::fs::create_dir_all(self.sandbox.path("markers")).unwrap();
        let path = format!("traps/{name}");
        let script = trap_script(&self.marker(name));
        self.sandbox.script(path, script)
    }

    fn set_traps(&self) {
        let hook = trap_script(&self.marker("hooks"));
        for name in [
            "fsmonitor-watchman",
            "post-index-change",
            "pre-commit",
            "commit-msg",
            "post-commit",
            "post-checkout",
            "reference-transaction",
            "pre-push",
            "pre-auto-gc",
            "sendemail-validate",
        ] {
            self.sandbox
                .script(format!("traps/hook-folder/{name}"), &hook);
            self.sandbox
                .script(format!("trapped/.git/hooks/{name}"), &hook);
        }
        let mut config = String::new();
        for trap in TRAPS {
            let program = self.program(trap.name);
            for (key, value) in trap.config {
                let value = value.replace("{}", program.to_str().unwrap());
                let value = value.replace(
                    "{hooks}",
                    self.sandbox.path("traps/hook-folder").to_str().unwrap(),
                );
                let value = self.include(&value, &program);
                let (section, name) = key.rsplit_once('.').unwrap();
                let header = match section.split_once('.') {
                    Some((section, sub)) => format!("[{section} \"{sub}\"]"),
                    None => format!("[{section}]"),
                };
                config.push_str(&format!("{header}\n\t{name} = {value:?}\n"));
            }
        }
        let path = self.repo.join(".git/config");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, before + &config).unwrap();
    }

    /// A file that is included defines an alias that `git` runs, and takes over a filter and the monitor.
    fn include(&self, value: &str, program: &Path) -> String {
        let alias = match value {
            "{include}" => "included",
            "{include-if}" => "included-if",
            other => return other.to_owned(),
        };
        let program = program.display();
        let content = format!(
            "[alias]\n\t{alias} = \"!{program}\"\n[filter \"trapsmudge\"]\n\tclean = \"{program}\"\n"
        );
        let path = self
            .repo
            .write(format!("{alias}.gitconfig"), content)
            .join(format!("{alias}.gitconfig"));
        path.to_str().unwrap().to_owned()
    }

    fn sprung(&self) -> BTreeSet<String> {
        std::fs::read_dir(self.sandbox.path("markers"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    }

    /// Forgets what building the repository set off.
    fn disarm(&self) {
        for name in self.sprung() {
            std::fs::remove_file(self.marker(&name)).unwrap();
        }
    }

    fn command(&self, args: &[&str]) -> Invocation {
        let path = std::env::var("PATH").unwrap_or_default();
        self.sandbox
            .command(args)
            .cwd(self.repo.path())
            .env("CI", "true")
            .env("CODEX_REVIEW_ENGINE", "builtin")
            .env(
                "CODEX_REVIEW_CODEX_BIN",
                env!("CARGO_BIN_EXE_fake-app-server"),
            )
            // An empty entry of PATH is the current folder, which is the repository.
            .env("PATH", format!(":.:{path}"))
    }

    #[track_caller]
    fn run(&self, args: &[&str], stdin: &str) {
        let output = self.command(args).stdin(stdin).run();
        assert!(
            matches!(output.code(), Some(0..=5)),
            "it must end by itself: {output}"
        );
        let sprung = self.sprung();
        assert!(sprung.is_empty(), "{args:?} set off {sprung:?}\n{output}");
    }
}

fn trap_script(marker: &Path) -> String {
    format!("#!/bin/sh\n: >'{}'\nexit 0\n", marker.display())
}

/// A verb, the arguments that it is run with, and its input; `{session}` is what a hook of Claude Code is told,
/// `{push}` what git's is.
type Case = (&'static str, &'static [&'static str], &'static str);

const CASES: &[Case] = &[
    ("review", &["--scope", "working-tree"], ""),
    ("review", &["--scope", "staged", "--json-stream"], ""),
    ("review", &["--base", "base", "--strategy", "inline"], ""),
    (
        "review",
        &[
            "--base",
            "base",
            "--strategy",
            "self-collect",
            "--since-last",
        ],
        "",
    ),
    ("review", &["--commit", "HEAD", "--format", "sarif"], ""),
    ("review", &["--range", "base..HEAD", "--path", "*.js"], ""),
    ("review", &["--native"], ""),
    ("review", &["--engine", "codex"], ""),
    (
        "adversarial-review",
        &["--base", "base", "the", "traps"],
        "",
    ),
    (
        "optimize",
        &["--engine", "codex", "--base", "base", "the", "traps"],
        "",
    ),
    ("context", &["--scope", "working-tree"], ""),
    (
        "context",
        &["--base", "base", "--strategy", "self-collect", "--json"],
        "",
    ),
    ("strategies", &[], ""),
    ("strategies list", &[], ""),
    ("strategies show", &["inline"], ""),
    ("strategies explain", &[], ""),
    ("strategies check", &[], ""),
    ("strategies new", &["mine"], ""),
    ("estimate", &[], ""),
    ("plan-review", &["a.js"], ""),
    ("plan-review", &["--engine", "codex", "a.js"], ""),
    ("task", &["look", "around"], ""),
    ("task", &["--engine", "codex", "look", "around"], ""),
    (
        "agent-team start",
        &["2", "--names", "a,b", "look", "around"],
        "",
    ),
    ("agent-team list", &[], ""),
    ("agent-team attach", &[], ""),
    ("agent-team diff", &["--patch"], ""),
    ("agent-team stop", &[], ""),
    ("agent-team apply", &["a"], ""),
    ("agent-team clean", &["--force"], ""),
    ("task-resume-candidate", &[], ""),
    ("transfer", &["--source", "a.js"], ""),
    ("status", &["--all"], ""),
    ("result", &[], ""),
    ("logs", &[], ""),
    ("cancel", &[], ""),
    ("setup", &["--enable-review-gate"], ""),
    ("config list", &[], ""),
    ("config get", &["codex_bin"], ""),
    ("config path", &[], ""),
    ("config set", &["effort", "high"], ""),
    ("config unset", &["effort"], ""),
    ("config set", &["--scope", "repo", "effort", "high"], ""),
    // Without an editor of the user's own, none is started: least of all the repository's.
    ("config edit", &[], ""),
    ("config codex", &[], ""),
    ("config codex set", &["model", "m"], ""),
    ("config codex unset", &["model"], ""),
    ("usage", &[], ""),
    ("trust", &["--status"], ""),
    ("trust", &[], ""),
    ("trust", &["--revoke"], ""),
    ("ci init", &["github", "--action", "o/r@v1"], ""),
    ("ci init", &["gitlab"], ""),
    ("broker status", &[], ""),
    ("baseline add", &["--all", "--reason", "known"], ""),
    ("baseline list", &[], ""),
    ("baseline remove", &["v1:000000"], ""),
    ("baseline prune", &["--unmatched"], ""),
    ("merge", &["a.js"], ""),
    ("gate", &["a.js", "--fail-on", "high"], ""),
    ("gate status", &[], ""),
    ("hook session-start", &[], "{session}"),
    ("hook prompt-expansion", &[], "{session}"),
    ("hook prompt-submit", &[], "{session}"),
    ("hook stop", &[], "{session}"),
    ("setup", &["--enable-plan-review"], ""),
    ("hook plan", &[], "{session}"),
    ("hook session-end", &[], "{session}"),
    ("hook pre-push", &["local", "."], "{push}"),
    ("hook install", &[], ""),
    ("hook status", &[], ""),
    ("hook uninstall", &[], ""),
    ("broker stop", &["--force"], ""),
];

/// Verbs that read no repository, and verbs that others start for themselves.
const EXEMPT: &[(&str, &str)] = &[
    ("demo", "reviews a repository that it makes itself"),
    ("completions", "prints a script"),
    ("man", "prints a page"),
    (
        "worker",
        "hidden: does the work of every review and task here",
    ),
    ("engine", "hidden: is what every builtin review here asks"),
];

#[test]
fn no_command_of_ours_runs_what_the_repository_names() {
    let world = World::new();
    let session = json!({
        "session_id": "s-1", "cwd": world.repo.path().to_string_lossy(), "hook_event_name": "Stop",
        "source": "startup", "command_name": "codex:review", "command_args": "--base base",
        "stop_hook_active": false, "last_assistant_message": "done", "reason": "other",
        "tool_name": "ExitPlanMode", "tool_input": {"plan": "Change a.js and a.clean."},
    });
    let head = world.repo.rev("HEAD");
    let push = format!(
        "refs/heads/work {head} refs/heads/work {}\n",
        "0".repeat(head.len())
    );
    for (verb, args, stdin) in CASES {
        let mut all: Vec<&str> = verb.split(' ').collect();
        all.extend(*args);
        world.run(
            &all,
            &stdin
                .replace("{session}", &session.to_string())
                .replace("{push}", &push),
        );
    }
    // The same repository where its configuration moves the working tree elsewhere, and through a `.git` file.
    let elsewhere = world.sandbox.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let git_dir = world.repo.join(".git");
    std::fs::write(
        elsewhere.join(".git"),
        format!("gitdir: {}\n", git_dir.display()),
    )
    .unwrap();
    let attributes = std::fs::read(world.repo.join(".gitattributes")).unwrap();
    std::fs::write(elsewhere.join(".gitattributes"), attributes).unwrap();
    std::fs::write(elsewhere.join("a.clean"), "moved();\n").unwrap();
    let config = std::fs::read_to_string(git_dir.join("config")).unwrap();
    let moved = format!(
        "{config}\n[core]\n\tworktree = {:?}\n",
        elsewhere.to_str().unwrap()
    );
    std::fs::write(git_dir.join("config"), moved).unwrap();
    for verb in ["review", "context", "estimate", "setup", "status"] {
        world.run(&[verb], "");
        world.run(&["-C", elsewhere.to_str().unwrap(), verb], "");
    }
    std::fs::write(git_dir.join("config"), config).unwrap();
}

#[test]
fn every_trap_goes_off_under_plain_git() {
    let world = World::new();
    for trap in TRAPS {
        world.disarm();
        let command = world.repo.git_command(trap.git).env_remove("GIT_EDITOR");
        let output = command.stdin(trap.stdin).run();
        let sprung = world.sprung();
        assert!(
            sprung.contains(trap.name),
            "`{}` did not go off, but {sprung:?}\n{output}",
            trap.name
        );
    }
    // The programs that the repository holds and that its own settings file names work as well, for who trusts them.
    for (name, program) in [
        ("codex-bin", world.program("codex-bin")),
        ("found-codex", world.repo.join("codex")),
    ] {
        world.disarm();
        let user = format!("codex_bin = {program:?}\n");
        world.sandbox.write("config/codex-review/config.toml", user);
        let command = world
            .command(&["setup"])
            .env("CODEX_REVIEW_ENGINE", "codex");
        let _no_engine = command.env_remove("CODEX_REVIEW_CODEX_BIN").run();
        assert!(
            world.sprung().contains(name),
            "{name}: {:?}",
            world.sprung()
        );
    }
}

#[test]
fn every_verb_is_run_or_exempt() {
    let listed: BTreeSet<&str> = CASES
        .iter()
        .map(|case| case.0)
        .chain(EXEMPT.iter().map(|exempt| exempt.0))
        .collect();
    let reference = Sandbox::new()
        .command(["man", "--markdown"])
        .run_ok()
        .stdout();
    let headings: Vec<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## codex-review "))
        .collect();
    assert!(headings.len() > 20, "{headings:?}");
    let is_group = |verb: &str| {
        headings.iter().any(|other| {
            other
                .strip_prefix(verb)
                .is_some_and(|rest| rest.starts_with(' '))
        })
    };
    let leaves: Vec<&&str> = headings.iter().filter(|verb| !is_group(verb)).collect();
    let missing: Vec<_> = leaves
        .iter()
        .filter(|verb| !listed.contains(**verb))
        .collect();
    assert!(
        missing.is_empty(),
        "give these verbs a case, or a reason to be exempt, in this file: {missing:?}"
    );
    // Hidden verbs are in no reference.
    let source = std::fs::read_to_string(package_root().join("src/cli/command.rs")).unwrap();
    let (_, verbs) = source.split_once("\nverbs! {\n").unwrap();
    for line in verbs.lines().take_while(|line| !line.starts_with('}')) {
        let name = line
            .trim()
            .strip_prefix('"')
            .and_then(|line| line.split_once('"'));
        let (verb, _) = name.unwrap();
        let known = listed.contains(verb) || is_group(verb);
        assert!(known, "`{verb}` is neither run nor exempt");
    }
    for verb in &listed {
        let exists = headings.contains(verb) || ["worker", "engine"].contains(verb);
        assert!(exists, "`{verb}` is no verb");
    }
}
