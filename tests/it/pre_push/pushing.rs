//! What is reviewed of a push, and what becomes of it.

use std::time::Duration;

use super::{CONFLICT, Pushing};

const ZERO: &str = "0000000000000000000000000000000000000000";

#[test]
fn a_push_of_several_refs_goes_or_stays_whole() {
    let pushing = Pushing::new();
    let repo = &pushing.repo;
    repo.git(["branch", "old"]);
    pushing.push(&["origin", "old"]).run_ok();
    repo.branch("good");
    let good = repo.write("b.txt", "fine\n").commit("Good");
    repo.git(["tag", "-m", "Release", "v1"]);
    repo.git(["tag", "light"]);
    let blob = repo.rev("HEAD:b.txt");
    repo.git(["tag", "blob", &blob]);

    // An update, a new branch, an annotated and a light tag, a tag of a blob, a deletion.
    let output = pushing
        .push(&["origin", "good", "v1", "light", "blob", ":old"])
        .run_ok();
    output.assert_stderr_has("refs/heads/good: passed: no findings");
    output.assert_stderr_has("refs/tags/blob: not reviewed: no commit");
    output.assert_stderr_has("refs/heads/old: not reviewed: a deletion");
    assert_eq!(pushing.at_remote("refs/heads/good"), Some(good.clone()));
    assert_eq!(pushing.at_remote("refs/heads/old"), None);
    // Three names of one commit are one question.
    assert_eq!(pushing.jobs(), 1, "{:?}", pushing.verdicts());

    repo.branch("bad").write("c.txt", CONFLICT).commit("Bad");
    repo.switch("good").write("d.txt", "fine\n").commit("More");
    let output = pushing
        .push(&["origin", "good", "bad"])
        .run()
        .expect_code(1);
    output.assert_stderr_has("refs/heads/good: passed");
    output.assert_stderr_has("refs/heads/bad: held");
    // Each question has its part of the time; what the first does not need is the second's.
    let stderr = output.stderr();
    let seconds: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.split_once(", at most ")?.1.strip_suffix(" s)"))
        .collect();
    assert_eq!(seconds, ["60", "120"], "{stderr}");
    output.assert_stderr_has("c.txt:1");
    output.assert_stderr_has("push blocked by refs/heads/bad: findings at or above high");
    output.assert_stderr_has("details: codex-review result review-");
    output.assert_stderr_has("CODEX_REVIEW_SKIP='why' git push");
    assert_eq!(pushing.at_remote("refs/heads/good"), Some(good));
    assert_eq!(pushing.at_remote("refs/heads/bad"), None);
}

#[test]
fn an_answered_question_is_not_asked_again() {
    let pushing = Pushing::new();
    let repo = &pushing.repo;
    repo.write("b.txt", "fine\n").commit("Good");
    pushing.push(&["--dry-run", "origin", "main"]).run_ok();
    assert_eq!(pushing.jobs(), 1);
    let again = pushing.push(&["origin", "main"]).run_ok();
    again.assert_stderr_has("refs/heads/main: passed: no findings (reviewed before)");
    assert_eq!(pushing.jobs(), 1);

    repo.write("c.txt", CONFLICT).commit("Bad");
    pushing.push(&["origin", "main"]).run().expect_code(1);
    let again = pushing.push(&["origin", "main"]).run().expect_code(1);
    again.assert_stderr_has("(reviewed before)");
    again.assert_stderr_has("c.txt:1");
    assert_eq!(pushing.jobs(), 2);

    // Another policy is another question.
    let lax = pushing
        .push(&["--dry-run", "origin", "main"])
        .env("CODEX_REVIEW_PRE_PUSH_FAIL_ON", "none")
        .run_ok();
    assert!(!lax.stderr().contains("reviewed before"), "{lax}");
    assert_eq!(pushing.jobs(), 3);
}

#[test]
fn a_skip_lets_the_push_go_and_is_logged_with_its_reason() {
    let pushing = Pushing::new();
    let head = pushing.repo.write("c.txt", CONFLICT).commit("Bad");
    let output = pushing
        .push(&["origin", "main"])
        .env("CODEX_REVIEW_SKIP", "the build is on fire")
        .run_ok();
    output.assert_stderr_has("review of this push skipped: the build is on fire");
    assert_eq!(pushing.at_remote("refs/heads/main"), Some(head.clone()));
    let push = &pushing.status()["pushes"][0];
    assert_eq!(push["verdict"], "skipped");
    assert_eq!(push["why"], "the build is on fire");
    assert_eq!(push["head"], head);
    assert_eq!(pushing.jobs(), 0);
    let shown = pushing.command(["hook", "status"]).run_ok();
    shown.assert_stdout_has("the build is on fire");

    // A blank reason is none.
    pushing.repo.write("d.txt", CONFLICT).commit("Worse");
    pushing
        .push(&["origin", "main"])
        .env("CODEX_REVIEW_SKIP", " ")
        .run()
        .expect_code(1);
}

#[test]
fn only_what_is_new_to_the_remote_is_reviewed() {
    let pushing = Pushing::new();
    let repo = &pushing.repo;
    // The remote has a held change already; a branch from it is judged by its own lines alone.
    repo.write("old.txt", CONFLICT).commit("Old sin");
    pushing
        .push(&["origin", "main"])
        .env("CODEX_REVIEW_SKIP", "known")
        .run_ok();
    repo.branch("topic")
        .write("b.txt", "fine\n")
        .commit("Topic");
    let output = pushing.push(&["origin", "topic"]).run_ok();
    output.assert_stderr_has("reviewing refs/heads/topic: 1 file,");

    // A forced push over it.
    repo.git(["commit", "--quiet", "--amend", "-m", "Topic again"]);
    let output = pushing.push(&["--force", "origin", "topic"]).run_ok();
    output.assert_stderr_has("refs/heads/topic: passed");
    // Nothing new under another name.
    let output = pushing.push(&["origin", "topic:other"]).run_ok();
    output.assert_stderr_has("refs/heads/other: not reviewed: the remote has it already");
    // By address, the remote is still the one that has that address.
    let address = pushing.remote.to_str().unwrap();
    let output = pushing
        .push(&[address, "HEAD:refs/heads/by-address"])
        .run_ok();
    output.assert_stderr_has("the remote has it already");
}

#[test]
fn sha_256_repositories_are_reviewed_too() {
    let pushing = Pushing::without_hook();
    let sandbox = &pushing.sandbox;
    let repo = crate::support::Repo::init(sandbox, sandbox.path("wide"), "sha256");
    repo.write("a.txt", "one\n").commit("Start");
    let remote = sandbox.path("wide.git");
    sandbox
        .program("git")
        .args(["init", "--quiet", "--bare", "--object-format=sha256"])
        .arg(&remote)
        .run_ok();
    repo.git_command(["remote", "add", "origin"])
        .arg(&remote)
        .run_ok();
    pushing
        .command(["hook", "install"])
        .cwd(repo.path())
        .run_ok();
    // Everything is new: the whole tree is reviewed.
    let output = super::push_from(&repo, &["origin", "main"]).run_ok();
    output.assert_stderr_has("reviewing refs/heads/main: 1 file,");
    repo.write("b.txt", CONFLICT).commit("Bad");
    let output = super::push_from(&repo, &["origin", "main"])
        .run()
        .expect_code(1);
    output.assert_stderr_has("b.txt:1");
}

#[test]
fn a_push_from_a_linked_worktree_is_reviewed_there() {
    let pushing = Pushing::new();
    let linked = pushing.repo.worktree(&pushing.sandbox, "linked", "topic");
    linked.write("b.txt", CONFLICT).commit("Bad");
    let output = super::push_from(&linked, &["origin", "topic"])
        .run()
        .expect_code(1);
    output.assert_stderr_has("b.txt:1");
    // The record is the repository's.
    assert_eq!(pushing.verdicts(), ["refs/heads/topic held"]);
}

#[test]
fn input_that_is_not_git_s_hangs_nothing_and_hides_nothing() {
    let pushing = Pushing::new();
    let empty = pushing.hook("").expect_code(0);
    assert_eq!(
        (empty.stdout(), empty.stderr()),
        (String::new(), String::new())
    );

    let head = pushing.repo.write("c.txt", CONFLICT).commit("Bad");
    let lines = format!("nonsense\nrefs/heads/main {head} refs/heads/main {ZERO}\n");
    let output = pushing.hook(&lines).expect_code(1);
    output.assert_stderr_has("line 1: not judged");
    output.assert_stderr_has("push blocked by refs/heads/main");

    let malformed = pushing.hook("nonsense\n").expect_code(0);
    malformed.assert_stderr_has("warning: this push could not be judged; it goes on");
    let missing = format!(
        "refs/heads/main {} refs/heads/main {ZERO}\n",
        "ab".repeat(20)
    );
    pushing
        .hook(&missing)
        .expect_code(0)
        .assert_stderr_has("unknown revision");
    let strict = pushing
        .command(["hook", "pre-push", "origin", "url", "--unjudged", "block"])
        .stdin("nonsense\n")
        .run()
        .expect_code(1);
    strict.assert_stderr_has("push blocked by line 1: it could not be judged");

    let open = pushing
        .command(["hook", "pre-push", "origin", "url"])
        .stdin(format!("refs/heads/main {head} refs/heads/main {ZERO}\n"))
        .hold_stdin()
        .time_limit(Duration::from_secs(60))
        .run()
        .expect_code(0);
    open.assert_stderr_has("standard input did not end within 5 s");
    open.assert_stderr_has("could not be judged");
}

#[test]
fn what_could_not_be_judged_passes_with_a_warning_or_is_blocked_as_the_user_says() {
    let pushing = Pushing::new();
    pushing.repo.write("b.txt", "fine\n").commit("Good");
    let without_codex = |policy: &str| {
        pushing
            .push(&["--dry-run", "origin", "main", "main:again"])
            .env("CODEX_REVIEW_PRE_PUSH_ENGINE", "codex")
            .env("CODEX_REVIEW_CODEX_BIN", "/nowhere/codex")
            .env("CODEX_REVIEW_PRE_PUSH_UNJUDGED", policy)
            .run()
    };
    let warned = without_codex("pass").expect_code(0);
    warned.assert_stderr_has("refs/heads/main: not judged: the Codex CLI is not installed");
    warned.assert_stderr_has("refs/heads/again: not judged: the Codex CLI is not installed");
    warned.assert_stderr_has("it goes on");
    assert_eq!(pushing.jobs(), 1, "a second name is not tried again");
    let blocked = without_codex("block").expect_code(1);
    blocked.assert_stderr_has("push blocked by ");
    blocked.assert_stderr_has(": it could not be judged");
    // An answer that nobody gave is not remembered as one.
    pushing
        .push(&["origin", "main"])
        .run_ok()
        .assert_stderr_has("passed");
}

/// Whoever lets pass what cannot be judged does not let pass what was judged beside it.
#[test]
fn a_ref_that_cannot_be_read_takes_nothing_from_what_was_found_in_another() {
    let pushing = Pushing::new();
    let repo = &pushing.repo;
    repo.branch("bad");
    let bad = repo.write("c.txt", CONFLICT).commit("Bad");
    repo.switch("main").branch("lost");
    let lost = repo.write("d.txt", "fine\n").commit("Lost");
    repo.lose("lost:d.txt");
    let line = |name: &str, id: &str| format!("refs/heads/{name} {id} refs/heads/{name} {ZERO}\n");
    let lines = format!("{}{}", line("bad", &bad), line("lost", &lost));
    let output = pushing.hook(&lines).expect_code(1);
    output.assert_stderr_has("refs/heads/bad: held");
    output.assert_stderr_has("refs/heads/lost: not judged: nothing of this change can be read");
    output.assert_stderr_has("push blocked by refs/heads/bad");
    assert_eq!(pushing.jobs(), 1, "{:?}", pushing.verdicts());
}

#[test]
fn a_repository_s_file_tunes_and_does_not_weaken() {
    let pushing = Pushing::new();
    let repo = &pushing.repo;
    repo.write(
        ".codex-review.toml",
        "[pre_push]\nfail_on = 'none'\ntimeout_seconds = 5\n",
    );
    repo.write("c.txt", CONFLICT).commit("Bad");
    pushing
        .push(&["origin", "main"])
        .run()
        .expect_code(1)
        .assert_stderr_has("findings at or above high");
    // A stricter one counts.
    repo.write(".codex-review.toml", "[pre_push]\nunjudged = 'block'\n");
    assert_eq!(pushing.status()["policy"]["unjudged"], "block");
    // One that cannot be read leaves the user's policy in force.
    repo.write(".codex-review.toml", "[pre_push\n");
    let passed = pushing
        .push(&["--dry-run", "origin", "main"])
        .run()
        .expect_code(0);
    passed.assert_stderr_has("is not TOML");
    passed.assert_stderr_has("could not be judged");
    pushing
        .push(&["--dry-run", "origin", "main"])
        .env("CODEX_REVIEW_PRE_PUSH_UNJUDGED", "block")
        .run()
        .expect_code(1);
    // The user's own cannot be read: there is no policy, so nothing goes.
    pushing
        .push(&["--dry-run", "origin", "main"])
        .env("CODEX_REVIEW_PRE_PUSH_UNJUDGED", "perhaps")
        .run()
        .expect_code(1)
        .assert_stderr_has("CODEX_REVIEW_PRE_PUSH_UNJUDGED");
}

#[test]
fn thousands_of_refs_cost_what_they_are_and_ask_once_for_each_change() {
    let pushing = Pushing::new();
    let repo = &pushing.repo;
    let known = repo.rev("HEAD");
    let fresh = repo.write("b.txt", "fine\n").commit("More");
    let nothing = "0".repeat(40);
    let lines: String = (0..6_000)
        .map(|n| {
            // Each of the first also tells a commit that the remote has.
            let (id, has) = match n {
                0..3_000 => (&known, &known),
                _ => (&fresh, &nothing),
            };
            format!("refs/tags/t{n} {id} refs/tags/t{n} {has}\n")
        })
        .collect();
    // Work that grows with the square of them does not end within the limit of a command here.
    let output = pushing.hook(&lines);
    output.expect_code(0);
    assert_eq!(pushing.jobs(), 1);
}
