//! From a verb to what carries it out.
//!
//! Each arm hands one typed request to the library and says how the process ends.

use codex_review::review::ExitStatus;

use super::command::Verb;
use super::failure::Failure;
use super::surroundings::Surroundings;
use super::ui::Ui;
use super::{completions, config, manual};

pub(super) fn dispatch(
    verb: Verb,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match verb {
        Verb::Config(args) => config::run(args, surroundings, ui),
        Verb::Completions(args) => completions::run(&args, ui),
        Verb::Man(args) => manual::run(&args, ui),

        Verb::Review(args) => not_wired("review", args.into_request()?),
        Verb::AdversarialReview(args) => not_wired("adversarial-review", args.into_request()?),
        Verb::Context(args) => not_wired("context", args.into_request()?),
        Verb::Strategies(args) => not_wired("strategies", args.into_request()),
        Verb::Estimate(args) => not_wired("estimate", args.into_request()?),
        Verb::Task(args) => {
            let request = args.into_request(Surroundings::stdin_is_terminal())?;
            not_wired("task", request)
        }
        Verb::TaskResumeCandidate(args) => not_wired("task-resume-candidate", args.into_request()),
        Verb::Transfer(args) => not_wired("transfer", args.into_request()),
        Verb::Status(args) => not_wired("status", args.into_request()),
        Verb::Result(args) => not_wired("result", args.into_request()?),
        Verb::Logs(args) => not_wired("logs", args.into_request()),
        Verb::Cancel(args) => not_wired("cancel", args.into_request()),
        Verb::Setup(args) => not_wired("setup", args.into_request()),
        Verb::Demo(args) => not_wired("demo", args.into_request()?),
        Verb::Broker(args) => not_wired("broker", args.into_request()),
        Verb::Hook(args) => not_wired("hook", args.into_request()),
        Verb::Engine(args) => not_wired("engine", args.into_request()),
    }
}

/// The seam: a request that is understood and that nothing carries out yet. It says so, and never passes for success.
fn not_wired<T>(verb: &'static str, request: T) -> Result<ExitStatus, Failure> {
    drop(request);
    Err(Failure::NotWired { verb })
}
