//! codex-review asks a second model family to review work in a git repository.
//!
//! # The map
//!
//! Data flows one way; each stage is a type:
//!
//! ```text
//! TargetSpec → ResolvedTarget → ChangeSet → Context → Prompt → Turn (via broker) → Outcome → Report
//!   cli           target/         target/   context/  prompt/   engine/ broker/     review/    report/
//!                               ── a job (jobs/) owns everything from Prompt to Outcome ──
//! ```
//!
//! - [`review`]: findings, verdicts and the three-valued outcome, as plain values.
//! - [`rpc`]: JSON-RPC lines as values; knows no method and no process.
//! - [`target`]: what is under review, from a git repository, read in process by gix.
//! - [`checks`]: deterministic rules over a change, for our own engine and for contexts.
//! - [`secrets`]: finds and redacts credentials in text, by rules that are data.
//! - [`symbols`]: what a source file defines and names, by tree-sitter grammars, and a cache of it.
//! - [`plan`]: what counts as a plan, and the one that a Claude session presented last.
//! - [`context`]: what the reviewer is shown: strategies, collectors, budget, ledger.
//! - [`baseline`]: the file that says which findings were accepted, why and until when.
//! - [`external`]: starts the programs that trusted strategies name, and ends them.
//! - [`prompt`]: templates, and the envelope around text that nobody vouches for.
//! - [`engine`]: an app-server child: spawn, handshake, the turn as a reducer; and our own engine.
//! - [`broker`]: one app server shared by many clients: a state machine, and thin tasks around it.
//! - [`jobs`]: one owner per engine run; event log, record, index, lock, retention.
//! - [`cache`]: answers and last reviews that later runs build on.
//! - [`worktrees`]: linked worktrees, made with uncommitted work in them and removed, by git as a program.
//! - [`team`]: several agents at one task, each in a worktree of its own; compared, applied, cleared away.
//! - [`run`]: the kinds of run (prompt, schema, sandbox) declared in one place, and their execution.
//! - [`report`]: one findings model to text, markdown and json.
//! - [`hooks`]: what Claude Code and git call: session start and end, the stop gate, pre-push.
//! - [`watch`]: reviews a working tree whenever the work pauses: a state machine, and thin tasks around it.
//! - [`config`]: layered settings, each with its provenance.
//! - [`process_identity`]: a pid with the start of its process, so that no other one is taken for it.
//! - [`atomic_file`]: a file that is either the old or the new one, never half of each.
//! - [`suites`]: the test suites of a project: how they run, and what a writer of tests may change in them.
//! - [`timestamp`]: wall-clock moments and the clock that tells them.
//! - [`causes`]: an error with its causes, in one line.
//! - [`hunk_header`]: the line that begins a hunk of a unified diff.
//! - [`near_miss`]: the known word that a mistyped one is close to.
//!
//! # Invariants
//!
//! - The library returns values; only the binary (`src/cli/`) prints, reads flags or exits.
//! - Time, ids, environment and home enter as parameters.
//! - `target`, `context`, `prompt`, `review`, `rpc`, `report`, `secrets`, `suites` and `checks` never touch a terminal, the
//!   environment, HOME or a process. `broker` and `jobs` never know `context`. `rpc` and `review` depend on nothing
//!   else in the crate. gix types are named only below `target/repo/`.
//! - Reading a repository never runs a program that the repository names.

pub mod atomic_file;
pub mod baseline;
pub mod broker;
pub mod cache;
pub mod causes;
pub mod checks;
pub mod config;
pub mod context;
pub mod engine;
pub mod external;
pub mod hooks;
pub mod hunk_header;
pub mod jobs;
pub mod near_miss;
pub mod plan;
pub mod process_identity;
pub mod prompt;
pub mod report;
pub mod review;
pub mod rpc;
pub mod run;
pub mod secrets;
pub mod suites;
pub mod symbols;
pub mod target;
pub mod team;
pub mod timestamp;
pub mod watch;
pub mod worktrees;
