//! A full disk, played by a file-size limit for everything that a command starts: from some byte on, no file grows.

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
                    assert!(matches!(code, 2..=4), "{output}");
                    let said = output.stderr() + &output.stdout();
                    assert!(
                        said.contains("error: ") || said.contains("not-judged"),
                        "{blocks} blocks: {output}"
                    );
                }
            }
            // Once there is room again, everything that was there is there, and nothing runs.
            let overview = world.json(["status", "--all"]);
            assert_eq!(
                overview["running"],
                serde_json::json!([]),
                "{blocks}: {output}"
            );
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
        .expect_code(2);
    refused.assert_stderr_has("free some space on the disk");
    assert_eq!(refused.stdout(), "");
}
