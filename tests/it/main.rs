//! The one integration-test binary.
#![allow(missing_docs, reason = "test names are the documentation")]
#![allow(
    unreachable_pub,
    reason = "in a binary, `pub` can only mean this binary"
)]

mod support;

mod agent_team;
mod broker;
mod builtin;
mod cache;
mod ci_kits;
mod claude;
mod cli;
mod config;
mod context;
mod demo;
mod dependencies;
mod diff_review;
mod end_to_end;
mod engine;
mod exit_codes;
mod fixtures;
mod hooks;
mod hostile;
mod house;
mod identity;
mod jobs;
mod jobs_cli;
mod plan_review;
mod plugin;
mod pre_push;
mod real_codex;
mod report;
mod report_outputs;
mod rpc;
mod secrets;
mod strategies;
mod symbols;
mod target;
mod test_writing;
mod trust;
mod typed;
mod watch;
mod worktrees;
mod zero_execution;
