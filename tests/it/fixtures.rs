//! Claims about the tests' own ground: sandboxes, commands and fixture repositories.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::support::fixture::{Fixture, id_of};
use crate::support::{Sandbox, processes, snapshot};

#[test]
fn every_fixture_repository_comes_to_the_ids_it_declares() {
    for name in Fixture::names() {
        let sandbox = Sandbox::new();
        let fixture = Fixture::load(&name);
        assert!(
            !fixture.expect.is_empty(),
            "fixture `{name}` declares no ids"
        );
        assert!(
            !fixture.description.is_empty(),
            "fixture `{name}` says nothing"
        );
        fixture.build(&sandbox, &name);
    }
}

/// Prints `[expect]` for a fixture that is being written: `FIXTURE=name cargo test -- --ignored print_ids`.
#[test]
#[ignore = "prints the ids of one fixture, named by FIXTURE, for its author"]
fn print_ids() {
    let name = std::env::var("FIXTURE").expect("FIXTURE names a file in fixtures/repos");
    let sandbox = Sandbox::new();
    let mut fixture = Fixture::load(&name);
    let expected = std::mem::take(&mut fixture.expect);
    let repo = fixture.build(&sandbox, &name);
    let lines: Vec<String> = expected
        .keys()
        .map(|revision| format!("\"{revision}\" = \"{}\"", id_of(&repo, revision)))
        .collect();
    panic!("{name}:\n[expect]\n{}", lines.join("\n"));
}

#[test]
fn a_program_past_its_time_limit_is_killed_with_its_group_and_fails_the_test() {
    let sandbox = Sandbox::new();
    let program = sandbox
        .program("sh")
        .args(["-c", "echo before; sleep 1000 & wait"])
        .time_limit(Duration::from_millis(300));
    let failure = catch_unwind(AssertUnwindSafe(|| drop(program.run()))).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(
        message.contains("did not end within its time limit"),
        "{message}"
    );
    assert!(message.contains("before"), "{message}");
    sandbox.assert_no_process_left();
}

#[test]
fn a_process_that_outlives_its_test_is_found_by_its_environment_and_killed() {
    let sandbox = Sandbox::new();
    let left = sandbox.program("sleep").arg("1000").cwd("/").spawn();
    let found = processes::wait_until_gone(sandbox.root(), Duration::ZERO).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].command_line, "sleep 1000");
    processes::kill(&found);
    let output = left.wait();
    assert_eq!(output.code(), None, "{output}");
}

#[test]
fn a_program_that_leaves_its_output_open_to_another_fails_the_test() {
    let sandbox = Sandbox::new();
    // The pipe is held by a child in a session of its own, as a careless daemon would.
    let program = sandbox
        .program("sh")
        .args(["-c", "setsid sleep 1000 & exit 0"]);
    let failure = catch_unwind(AssertUnwindSafe(|| drop(program.run()))).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(message.contains("holds its output open"), "{message}");
    processes::kill(&processes::naming(sandbox.root()));
}

#[test]
fn redaction_replaces_what_differs_from_run_to_run_and_keeps_widths() {
    let sandbox = Sandbox::new();
    let text = format!(
        "{}/repo 2026-11-24T17:00:29.123Z review-mkd03x1a-9f2b3c pid 4711 1.25 s 0b5c1f9e-1d2c-4b5a-8f00-aa11bb22cc33 |",
        sandbox.root().display()
    );
    let redacted = snapshot::redact(&sandbox, &text);
    assert_eq!(
        redacted,
        "/sandbox________/repo 0000-00-00T00:00:00.000Z review-xxxxxxxx-xxxxxx pid 9999 [time] \
         00000000-0000-0000-0000-000000000000 |"
    );
}
