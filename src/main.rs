//! The `codex-review` command.

fn main() {}
