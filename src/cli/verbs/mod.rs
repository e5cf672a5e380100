//! What carries a typed request out: one file for a verb, or for verbs that are one subject.
//!
//! The files beside this folder say what was typed and what it means; these here call the library, and hand what it
//! returns to [`super::ui`].

pub(crate) mod account;
pub(crate) mod agent_team;
mod agent_team_start;
mod agent_team_view;
mod asked_to_end;
pub(crate) mod attend;
pub(crate) mod baseline;
pub(crate) mod broker;
pub(crate) mod ci;
pub(crate) mod config;
mod config_change;
mod config_codex;
pub(crate) mod context;
pub(crate) mod decide;
mod delivery;
pub(crate) mod demo;
mod diff_choice;
mod effort;
pub(crate) mod engine;
pub(crate) mod estimate;
pub(crate) mod gate;
pub(crate) mod gate_question;
pub(crate) mod gate_record;
pub(crate) mod git_hook;
pub(crate) mod hook;
pub(crate) mod host;
mod memory_file;
mod output_file;
pub(crate) mod plan_gate;
pub(crate) mod plan_review;
mod plan_source;
pub(crate) mod pre_push;
mod push_input;
mod push_telling;
pub(crate) mod review;
pub(crate) mod saved;
pub(crate) mod setup;
pub(crate) mod status;
pub(crate) mod strategies;
mod strategies_check;
mod strategies_explain;
mod strategies_new;
pub(crate) mod stream;
pub(crate) mod task;
pub(crate) mod test;
mod tmux;
pub(crate) mod transfer;
pub(crate) mod trust;
pub(crate) mod typed_store;
pub(crate) mod watch;
pub(crate) mod watch_round;
pub(crate) mod watch_telling;
pub(crate) mod watch_worker;
pub(crate) mod worker;
pub(crate) mod workspace;

use super::failure::Failure;

/// A runtime for a verb that talks to an engine or a broker.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::Runtime { source })
}
