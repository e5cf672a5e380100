//! A full disk, played by a file-size limit for everything that a command starts: from some byte on, no file grows.

use serde_json::json;

use super::world::{World, fake};
use crate::support::Invocation;

impl World {
    /// The command with files limited to `blocks` of 512 bytes, and the limit an error of the write as on a full disk.
    fn limited(&self, blocks: u32, args: &[&str]) -> Invocation {
        let (name, address) = self.control.variable();
        self.sandbox
            .program("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$0\" && exec \"$@\""])
            .arg(blocks.to_string())
            .arg(env!("CARGO_BIN_EXE_codex-review"))
            .args(args)
            .cwd(self.repo.path())
            .env("CODEX_REVIEW_CODEX_BIN", fake())
            .env("FAKE_APP_SERVER_SCRIPT", self.script())
            .env(name, address)
    }
}

#[test]
fn a_disk_that_is_full_from_any_byte_on_ends_every_run_with_its_reason() {
    for engine in ["builtin", "codex"] {
        let world = World::new("");
        let earlier = world.background(["review", "--engine", "builtin"]);
        let kept = world.ended(&earlier);
        let mut completed = 0;
        for blocks in [0, 1, 2, 4, 8, 12, 16, 24, 64] {
            let output = world
                .limited(blocks, &["review", "--engine", engine, "--json"])
                .run();
            let code = output.code().unwrap_or_else(|| panic!("killed: {output}"));
            match code {
                // The result was there: then it is whole.
                0 => {
                    completed += 1;
                    let outcome = output.json()["outcome"].clone();
                    assert!(outcome == "passed" || outcome == "findings", "{output}");
                    let id = output.json()["jobId"].as_str().unwrap().to_owned();
                    let stored = world.json(["result", &id]);
                    assert_eq!(stored["storedJob"]["result"]["outcome"], outcome);
                }
                _ => {
                    assert!(matches!(code, 3 | 4), "{output}");
                    let said = output.stderr() + &output.stdout();
                    assert!(
                        said.contains("error: ") || said.contains("not-judged"),
                        "{blocks} blocks: {output}"
                    );
                }
            }
            // Once there is room again, everything that was there is there, and nothing runs.
            let overview = world.json(["status", "--all"]);
            assert_eq!(overview["running"], json!([]), "{blocks}: {output}");
            let result = world.json(["result", earlier.as_str()]);
            assert_eq!(result["job"]["status"], "completed");
            assert_eq!(result["job"]["completedAt"], kept["completedAt"]);
            // The broker that was started under the limit keeps it.
            let _ended = world.command(["broker", "stop", "--force"]).run_ok();
        }
        assert!(completed > 0, "{engine}: the last limit leaves room enough");
        let next = world.background(["review", "--engine", "builtin"]);
        assert_eq!(world.ended(&next)["status"], "completed");
    }
}

#[test]
fn a_disk_that_is_full_is_named_with_what_to_do() {
    let world = World::new("");
    let refused = world
        .limited(0, &["review", "--engine", "builtin"])
        .run()
        .expect_code(4);
    refused.assert_stderr_has("free some space on the disk");
    assert_eq!(refused.stdout(), "");
}

/// The log outgrows the limit while the turn runs; the answer is small.
#[test]
fn a_disk_that_fills_up_during_the_turn_loses_news_and_never_the_answer() {
    let command = |number: u32| {
        let item = json!({"type": "commandExecution", "id": format!("c{number}"), "status": "inProgress",
                          "command": format!("step {number} {}", "x".repeat(300)), "cwd": "/"});
        let params = json!({"threadId": "{{thread}}", "turnId": "turn-2", "item": item});
        format!("  notify item/started {params}\n")
    };
    let noise: String = (0..80).map(command).collect();
    let world = World::new(&format!(
        "answer All is well.\non turn/start\n{noise}  default\n"
    ));
    for blocks in [12, 20, 32] {
        let output = world
            .limited(blocks, &["task", "look"])
            .run()
            .expect_code(0);
        assert_eq!(output.stdout(), "All is well.\n", "{output}");
        let result = world.json(["result"]);
        let stored = &result["storedJob"];
        assert_eq!(stored["status"], "completed", "{blocks} blocks: {stored:#}");
        assert_eq!(stored["result"]["rawOutput"], "All is well.");
        assert!(
            stored["unwrittenEvents"].as_u64().unwrap() > 0,
            "{blocks} blocks: {stored:#}"
        );
        let _ended = world.command(["broker", "stop", "--force"]).run_ok();
    }
    assert_eq!(world.json(["status"])["running"], json!([]));
}
