//! The tree of verbs.

use clap::{Parser, Subcommand};

use super::options::GlobalArgs;
use super::{
    account, agent_team, baseline, broker, cancel, ci, completions, config, context, demo, diff_review, engine,
    estimate, gate, hook, logs, manual, merge, optimize, plan_review, result, resume_candidate,
    review, setup, status, strategies, task, transfer, trust, verbs,
};

/// Asks a second model family to review work in a git repository
#[derive(Debug, Parser)]
#[command(
    name = "codex-review",
    version,
    propagate_version = false,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  codex-review review                          review what is not committed, or else the branch
  codex-review review --base origin/main       review the branch against a base
  codex-review adversarial-review --base main is the retry safe?
  codex-review review --engine builtin         without an account or a network
  codex-review context --base main             what would be sent, spending nothing
  codex-review review --format sarif --fail-on high > review.sarif

Exit codes:
  0 passed or below the threshold   1 findings   2 usage or configuration   3 engine not available
  4 incomplete: not judged          5 nothing to review, with --fail-on-empty   130 interrupted";

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Review(review::ReviewArgs),
    AdversarialReview(review::AdversarialReviewArgs),
    Optimize(optimize::OptimizeArgs),
    DiffReview(diff_review::DiffReviewArgs),
    PlanReview(plan_review::PlanReviewArgs),
    Context(context::ContextArgs),
    Strategies(strategies::StrategiesArgs),
    Trust(trust::TrustArgs),
    Estimate(estimate::EstimateArgs),
    Task(task::TaskArgs),
    TaskResumeCandidate(resume_candidate::ResumeCandidateArgs),
    AgentTeam(agent_team::AgentTeamArgs),
    Transfer(transfer::TransferArgs),
    Status(status::StatusArgs),
    Result(result::ResultArgs),
    Logs(logs::LogsArgs),
    Cancel(cancel::CancelArgs),
    Setup(setup::SetupArgs),
    Config(config::ConfigArgs),
    Usage(account::UsageArgs),
    Demo(demo::DemoArgs),
    Broker(broker::BrokerArgs),
    Baseline(baseline::BaselineArgs),
    Merge(merge::MergeArgs),
    Gate(gate::GateArgs),
    Hook(hook::HookArgs),
    Ci(ci::CiArgs),
    Engine(engine::EngineArgs),
    Worker(verbs::worker::WorkerArgs),
    Completions(completions::CompletionsArgs),
    Man(manual::ManArgs),
}
