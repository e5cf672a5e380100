//! The hidden verb that is a job's launcher and its worker. Nobody types it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use codex_review::jobs::{
    Clock, JOB_ID_VARIABLE, JobId, JobStore, StateRoot, StoreOptions, WorkerProgram, launch,
};
use codex_review::review::ExitStatus;
use codex_review::run::work;
use codex_review::watch::JOB_KIND;

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;

use super::workspace::{run_surroundings, self_exe, worker_arguments};

/// Be a job's worker (started by the program itself)
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct WorkerArgs {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Start the worker, detached, and end
    Launch(Place),
    /// Be the worker
    Run(Place),
}

#[derive(Debug, Args)]
struct Place {
    #[arg(long)]
    state_root: PathBuf,
    #[arg(long)]
    workspace: PathBuf,
}

pub(crate) fn run(args: WorkerArgs) -> Result<ExitStatus, Failure> {
    match args.part {
        Part::Launch(place) => {
            let program = self_exe()?;
            let worker = WorkerProgram {
                args: worker_arguments("run", &StateRoot::at(place.state_root), &place.workspace),
                program: program.clone(),
                env: Vec::new(),
            };
            launch(&worker).map_err(|source| Failure::Start { program, source })?;
            Ok(ExitStatus::Passed)
        }
        Part::Run(place) => {
            let id = Surroundings::variable(JOB_ID_VARIABLE)
                .and_then(|id| id.into_string().ok())
                .and_then(|id| JobId::parse(&id).ok())
                .ok_or(Failure::NoJobId)?;
            let root = StateRoot::at(place.state_root);
            let options = StoreOptions::new(Clock::system());
            let store = JobStore::open(&root, &place.workspace, options)?;
            let job = if store.load(&id)?.kind == JOB_KIND {
                super::watch_worker::work(&store, &id, &root)?
            } else {
                work(&store, &id, &run_surroundings(store.folder())?)?
            };
            super::hook::job_ended(&store, &job)?;
            Ok(ExitStatus::Passed)
        }
    }
}
