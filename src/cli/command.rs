//! The tree of verbs.
//!
//! An ordinary run needs one verb's options, and making those of all verbs takes longer than much that a verb does: so
//! [`branch_of`] grows the branch that was asked for alone. Whoever needs the whole tree (help, completions, the manual,
//! words that are no verb) takes [`whole_tree`], and both come from one list.

use std::ffi::OsString;

use clap::{Args, Command, CommandFactory as _, Parser, Subcommand};

use super::options::GlobalArgs;
use super::{
    account, agent_team, baseline, broker, cancel, ci, completions, config, context, demo,
    diff_review, engine, estimate, gate, hook, logs, manual, merge, optimize, plan_review, result,
    resume_candidate, review, setup, status, strategies, task, test, transfer, trust, verbs, watch,
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
pub(crate) struct Typed<V: Subcommand> {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) verb: V,
}

/// Everything that can be typed.
pub(crate) type Cli = Typed<Verb>;

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

/// Declares the verbs by their names.
macro_rules! verbs {
    ($($name:literal => $verb:ident($args:ty),)*) => {
        /// What can be done.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Verb {
            $(#[command(name = $name)] $verb($args),)*
        }

        /// Each verb's name, and what puts its options on a command.
        const BRANCHES: &[(&str, fn(Command) -> Command)] =
            &[$(($name, <$args as Args>::augment_args),)*];
    };
}

verbs! {
    "review" => Review(review::ReviewArgs),
    "adversarial-review" => AdversarialReview(review::AdversarialReviewArgs),
    "optimize" => Optimize(optimize::OptimizeArgs),
    "diff-review" => DiffReview(diff_review::DiffReviewArgs),
    "plan-review" => PlanReview(plan_review::PlanReviewArgs),
    "context" => Context(context::ContextArgs),
    "strategies" => Strategies(strategies::StrategiesArgs),
    "trust" => Trust(trust::TrustArgs),
    "estimate" => Estimate(estimate::EstimateArgs),
    "task" => Task(task::TaskArgs),
    "test" => Test(test::TestArgs),
    "task-resume-candidate" => TaskResumeCandidate(resume_candidate::ResumeCandidateArgs),
    "agent-team" => AgentTeam(agent_team::AgentTeamArgs),
    "transfer" => Transfer(transfer::TransferArgs),
    "status" => Status(status::StatusArgs),
    "result" => Result(result::ResultArgs),
    "logs" => Logs(logs::LogsArgs),
    "cancel" => Cancel(cancel::CancelArgs),
    "setup" => Setup(setup::SetupArgs),
    "config" => Config(config::ConfigArgs),
    "usage" => Usage(account::UsageArgs),
    "watch" => Watch(watch::WatchArgs),
    "demo" => Demo(demo::DemoArgs),
    "broker" => Broker(broker::BrokerArgs),
    "baseline" => Baseline(baseline::BaselineArgs),
    "merge" => Merge(merge::MergeArgs),
    "gate" => Gate(gate::GateArgs),
    "hook" => Hook(hook::HookArgs),
    "ci" => Ci(ci::CiArgs),
    "engine" => Engine(engine::EngineArgs),
    "worker" => Worker(verbs::worker::WorkerArgs),
    "completions" => Completions(completions::CompletionsArgs),
    "man" => Man(manual::ManArgs),
}

/// The trunk alone.
#[derive(Debug, Subcommand)]
enum NoVerb {}

/// The command with all its verbs, built.
pub(super) fn whole_tree() -> Command {
    let mut tree = Cli::command();
    tree.build();
    tree
}

/// The command with the one verb that `argv` asks for, built; `None` where it does not begin with a verb.
pub(super) fn branch_of(argv: &[OsString]) -> Option<Command> {
    let asked = argv.get(1)?.to_str()?;
    let (name, grow) = BRANCHES.iter().find(|(name, _)| *name == asked)?;
    let mut tree = Typed::<NoVerb>::command().subcommand(grow(Command::new(*name)));
    tree.build();
    Some(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(words: &[&str]) -> Option<Command> {
        let words = ["codex-review"].iter().chain(words);
        branch_of(&words.map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn each_branch_alone_is_the_one_of_the_whole_tree() {
        let mut whole = whole_tree();
        let mut count = 0;
        for verb in whole.get_subcommands_mut() {
            let name = verb.get_name().to_owned();
            let mut alone = branch(&[&name, "x"]).unwrap();
            let names: Vec<&str> = alone.get_subcommands().map(Command::get_name).collect();
            assert_eq!(names, [&name]);
            let branch = alone.find_subcommand_mut(&name).unwrap();
            assert_eq!(
                branch.render_long_help().to_string(),
                verb.render_long_help().to_string()
            );
            let arguments =
                |verb: &Command| format!("{:?}", verb.get_arguments().collect::<Vec<_>>());
            assert_eq!(arguments(branch), arguments(verb));
            count += 1;
        }
        assert_eq!(count, BRANCHES.len());
    }

    #[test]
    fn there_is_a_branch_only_for_what_begins_with_a_verb() {
        for words in [
            &[][..],
            &["--help"],
            &["-C", "x", "review"],
            &["reviw"],
            &["Review"],
        ] {
            assert!(branch(words).is_none(), "{words:?}");
        }
    }
}
