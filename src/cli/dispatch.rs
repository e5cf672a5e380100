//! From a verb to what carries it out.
//!
//! Each arm hands one typed request to the library and says how the process ends.

use codex_review::review::ExitStatus;

use super::command::Verb;
use super::failure::Failure;
use super::gate::GateRequest;
use super::hook::HookRequest;
use super::surroundings::Surroundings;
use super::ui::Ui;
use super::{completions, manual, verbs};

pub(super) fn dispatch(
    verb: Verb,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match verb {
        Verb::Config(args) => verbs::config::run(args.into_request(), surroundings, ui),
        Verb::Usage(args) => verbs::account::run(args.into_request(), surroundings, ui),
        Verb::Completions(args) => completions::run(&args, ui),
        Verb::Man(args) => manual::run(&args, ui),

        Verb::Review(args) => verbs::review::run(args.into_request()?, surroundings, ui),
        Verb::AdversarialReview(args) => verbs::review::run(args.into_request()?, surroundings, ui),
        Verb::DiffReview(args) => verbs::review::run(args.into_request()?, surroundings, ui),
        Verb::Optimize(args) => verbs::review::run(args.into_request()?, surroundings, ui),
        Verb::PlanReview(args) => verbs::plan_review::run(args.into_request()?, surroundings, ui),
        Verb::Context(args) => verbs::context::run(args.into_request()?, surroundings, ui),
        Verb::Strategies(args) => verbs::strategies::run(args.into_request()?, surroundings, ui),
        Verb::Trust(args) => verbs::trust::run(args.into_request(), surroundings, ui),
        Verb::Estimate(args) => verbs::estimate::run(args.into_request()?, surroundings, ui),
        Verb::Task(args) => {
            let request = args.into_request(Surroundings::stdin_is_terminal())?;
            verbs::task::run(request, surroundings, ui)
        }
        Verb::Test(args) => verbs::test::run(args.into_request()?, surroundings, ui),
        Verb::TaskResumeCandidate(args) => {
            verbs::task::candidate(args.into_request(), surroundings, ui)
        }
        Verb::AgentTeam(args) => verbs::agent_team::run(args.into_request()?, surroundings, ui),
        Verb::Transfer(args) => verbs::transfer::run(args.into_request(), surroundings, ui),
        Verb::Status(args) => verbs::status::run(args.into_request(), surroundings, ui),
        Verb::Result(args) => verbs::status::result(args.into_request()?, surroundings, ui),
        Verb::Logs(args) => verbs::status::logs(args.into_request(), surroundings, ui),
        Verb::Cancel(args) => verbs::status::cancel_job(args.into_request(), surroundings, ui),
        Verb::Setup(args) => verbs::setup::run(args.into_request(), surroundings, ui),
        Verb::Watch(args) => verbs::watch::run(args.into_request()?, surroundings, ui),
        Verb::Demo(args) => verbs::demo::run(args.into_request()?, ui),
        Verb::Broker(args) => verbs::broker::run(args.into_request(), surroundings, ui),
        Verb::Baseline(args) => verbs::baseline::run(args.into_request()?, surroundings, ui),
        Verb::Merge(args) => verbs::decide::merge(args.into_request()?, surroundings, ui),
        Verb::Gate(args) => match args.into_request()? {
            GateRequest::Status(shape) => verbs::gate_record::status(shape, surroundings, ui),
            GateRequest::Decide(request) => verbs::decide::gate(&request, surroundings, ui),
        },
        Verb::Hook(args) => match args.into_request()? {
            HookRequest::Claude(hook) => verbs::hook::run(&hook, surroundings, ui),
            HookRequest::PrePush(request) => verbs::pre_push::run(&request, surroundings, ui),
            HookRequest::Install(scope) => verbs::git_hook::install(scope, surroundings, ui),
            HookRequest::Uninstall(scope) => verbs::git_hook::uninstall(scope, surroundings, ui),
            HookRequest::Status(shape) => verbs::git_hook::status(shape, surroundings, ui),
        },
        Verb::Ci(args) => verbs::ci::init(args.into_request(), surroundings, ui),
        Verb::Engine(args) => verbs::engine::run(args.into_request()),
        Verb::Worker(args) => verbs::worker::run(args),
    }
}
