//! Starts that are killed at every step: `clean` leaves the repository as it was.

use std::fs;
use std::io::Write as _;

use super::world::World;

/// Stands in for git: fails where an argument holds `word`.
fn git_that_fails(world: &World, word: &str) -> std::path::PathBuf {
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *{word}*) echo broken >&2; exit 1 ;; esac\nexec '{}' \"$@\"\n",
        real_git().display()
    );
    world.sandbox.script("fake-bin/git", script);
    world.sandbox.path("fake-bin")
}

fn real_git() -> std::path::PathBuf {
    let path = std::env::var("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file())
        .unwrap()
}

/// Stands in for git: at its Nth call it kills its parent, before or behind the real one's work.
fn git_that_kills(world: &World, at: usize, moment: &str) -> std::path::PathBuf {
    let real = real_git();
    let count = world.sandbox.path("calls");
    fs::write(&count, "").unwrap();
    let script = format!(
        "#!/bin/sh\nprintf x >> '{count}'\nif [ $(wc -c < '{count}') -eq {at} ]; then\n\
         [ {moment} = behind ] && '{real}' \"$@\"\nkill -9 $PPID\nexit 1\nfi\nexec '{real}' \"$@\"\n",
        count = count.display(),
        real = real.display(),
    );
    world.sandbox.script("fake-bin/git", script);
    world.sandbox.path("fake-bin")
}

#[test]
fn a_start_that_is_killed_at_any_step_is_cleaned_without_a_trace() {
    let world = World::new("");
    world
        .repo
        .write("src/a.rs", "fn dirty() {}\n")
        .stage(["src/a.rs"])
        .write("new.txt", "new\n")
        .delete("gone.txt");
    let before = world.everything();
    let mut kills = 0;
    for moment in ["before", "behind"] {
        for at in 1.. {
            let folder = git_that_kills(&world, at, moment);
            let start = world.team(&["start", "2", "x"]).path_prepend(folder);
            if start.run().code() == Some(0) {
                // More calls than there are: it was not killed.
                let started = world.json(&["list"]);
                world.wait_for_all(&started["teams"][0]);
                world.json(&["clean", "--force"]);
                world.assert_same(&before, "after a start that went through");
                break;
            }
            kills += 1;
            let when = format!("{moment} call {at}");
            // A start in the same place says what is there; cleaning goes without force: nobody did anything yet.
            let cleaned = world.team(&["clean", "--json"]).run();
            match cleaned.code() {
                Some(0) => {}
                // Killed before it wrote its first word.
                _ => cleaned.assert_stderr_has("there is no team"),
            }
            world.assert_same(&before, &when);
            let teams = world.json(&["list"]);
            assert_eq!(teams["teams"].as_array().unwrap().len(), 0, "{when}");
        }
    }
    assert!(kills > 20, "{kills}");
}

#[test]
fn cleaning_waits_for_the_git_of_a_start_that_was_killed() {
    let world = World::new("");
    let before = world.everything();
    // It kills its parent, and makes the worktree once it is told to.
    let pipe = world.sandbox.path("go-on");
    world.sandbox.program("mkfifo").arg(&pipe).run_ok();
    let real = real_git();
    let script = format!(
        "#!/bin/sh\nif [ \"$1 $2\" = 'worktree add' ]; then\nkill -9 $PPID\nread line < '{pipe}'\nfi\nexec '{real}' \"$@\"\n",
        pipe = pipe.display(),
        real = real.display(),
    );
    world.sandbox.script("fake-bin/git", script);
    // For both, so that neither side waits for the other to open it.
    let mut go_on = fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    let start = world.team(&["start", "2", "x"]);
    let killed = start.path_prepend(world.sandbox.path("fake-bin")).run();
    assert_eq!(killed.code(), None, "{killed}");
    let clean = world.team(&["clean", "--json"]).spawn();
    clean.stderr_line(|line| line.contains("waiting for"));
    go_on.write_all(b"go on\n").unwrap();
    let cleaned = clean.wait().expect_code(0).json();
    assert_eq!(
        cleaned["branches"].as_array().unwrap().len(),
        1,
        "{cleaned:#}"
    );
    world.assert_same(&before, "after a clean that waited");
}

#[test]
fn a_start_that_fails_takes_everything_back_and_nothing_that_was_there() {
    let world = World::new("");
    world.repo.write("new.txt", "new\n");
    let clean = world.everything();
    // The second agent's worktree cannot be made.
    let folder = git_that_fails(&world, "codex-team--ben");
    let start = ["start", "3", "--names", "ada,ben,cleo", "x"];
    let failed = world.team(&start).path_prepend(folder).run().expect_code(4);
    failed.assert_stderr_has("`git worktree add` failed");
    world.assert_same(&clean, "after a start that failed halfway");
    world
        .repo
        .git(["update-ref", "refs/heads/codex-team/team/ben", "HEAD"]);
    let before = world.everything();
    let refused = world
        .team(&["start", "3", "--names", "ada,ben,cleo", "x"])
        .run();
    refused
        .expect_code(2)
        .assert_stderr_has("the branch `codex-team/team/ben` already exists");
    world.assert_same(&before, "after a start that failed");
    world.team(&["list"]).run_ok().assert_stdout_has("No team.");
}
