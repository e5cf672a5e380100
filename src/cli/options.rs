//! Groups of options that several verbs share, and what they mean.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use codex_review::config::Flag;
use codex_review::report::Format;
use codex_review::review::{FailOn, OnEmpty};
use codex_review::target::{SpecArguments, TargetSpec};

use super::outputs::{FileOutput, OutputArgs, format_help};
use super::usage::UsageError;

/// Options of every verb.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Run as if started in this folder
    #[arg(
        long,
        short = 'C',
        value_name = "DIR",
        global = true,
        help_heading = "General"
    )]
    pub(crate) cwd: Option<PathBuf>,
    /// Print nothing but the result and errors
    #[arg(long, short = 'q', global = true, help_heading = "General")]
    pub(crate) quiet: bool,
    /// When to use colours: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true,
        global = true,
        help_heading = "General"
    )]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--json`, for verbs whose result has one other form.
#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Print one JSON document
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    People,
    Json,
}

impl JsonArgs {
    pub(crate) fn shape(&self) -> Shape {
        if self.json {
            Shape::Json
        } else {
            Shape::People
        }
    }
}

/// `--json` and `--json-stream`, for runs whose result is no report.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RunJsonArgs {
    /// Print one JSON document
    #[arg(long, conflicts_with = "json_stream")]
    json: bool,
    /// Print one event per line as JSON while the run goes on, and the result last
    #[arg(long)]
    json_stream: bool,
}

/// How a run that can be followed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunShape {
    People,
    Json,
    /// One event per line.
    Stream,
}

impl RunJsonArgs {
    pub(crate) fn shape(&self) -> RunShape {
        match (self.json, self.json_stream) {
            (_, true) => RunShape::Stream,
            (true, false) => RunShape::Json,
            (false, false) => RunShape::People,
        }
    }
}

impl From<Shape> for RunShape {
    fn from(shape: Shape) -> RunShape {
        match shape {
            Shape::People => RunShape::People,
            Shape::Json => RunShape::Json,
        }
    }
}

/// What is reviewed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// Compare HEAD with the merge base with this revision
    #[arg(long, value_name = "REF", conflicts_with_all = ["commit", "range"])]
    base: Option<String>,
    /// What to review: auto, working-tree, branch or staged
    #[arg(long, value_name = "SCOPE", conflicts_with_all = ["commit", "range"])]
    scope: Option<String>,
    /// Review one commit
    #[arg(long, value_name = "REV", conflicts_with = "range")]
    commit: Option<String>,
    /// Review a range, A..B or A...B
    #[arg(long, value_name = "RANGE")]
    range: Option<String>,
    /// Only paths that match this glob; one that begins with ! takes paths out (repeatable)
    #[arg(long = "path", value_name = "GLOB", action = ArgAction::Append)]
    paths: Vec<String>,
}

impl TargetArgs {
    /// The target that is meant.
    pub(crate) fn into_spec(self) -> Result<TargetSpec, UsageError> {
        Ok(TargetSpec::parse(&SpecArguments {
            base: self.base,
            scope: self.scope,
            commit: self.commit,
            range: self.range,
            paths: self.paths,
        })?)
    }
}

/// How the context is built.
#[derive(Debug, Args)]
#[command(next_help_heading = "Context")]
pub(crate) struct StrategyArgs {
    /// The context strategy, or auto
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
}

impl StrategyArgs {
    pub(crate) fn into_flags(self) -> Vec<Flag> {
        flag("strategy", "--strategy", self.strategy)
            .into_iter()
            .collect()
    }
}

/// Who reviews, and how hard.
#[derive(Debug, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineOptions {
    /// Who reviews: codex or builtin
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// The model to ask for (spark is gpt-5.3-codex-spark)
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// The reasoning effort: none, minimal, low, medium, high, xhigh, or what the model offers
    #[arg(long, value_name = "EFFORT")]
    effort: Option<String>,
    /// Use an engine of this run's own (the default when CI is set)
    #[arg(long)]
    isolated: bool,
}

/// How the engine is reached, as far as the command line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// The shared one, or what the environment makes the default.
    Default,
    /// One of this run's own.
    Isolated,
}

impl EngineOptions {
    pub(crate) fn into_flags(self) -> Result<(Vec<Flag>, Isolation), UsageError> {
        if let Some(engine) = &self.engine
            && !matches!(engine.as_str(), "codex" | "builtin")
        {
            return Err(UsageError::UnknownEngine(engine.clone()));
        }
        let flags = [
            flag("engine", "--engine", self.engine),
            flag("model", "--model", self.model),
            flag("effort", "--effort", self.effort),
        ];
        let isolation = if self.isolated {
            Isolation::Isolated
        } else {
            Isolation::Default
        };
        Ok((flags.into_iter().flatten().collect(), isolation))
    }
}

/// How the report is shown and what it means.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Print one JSON document: the same as --format json
    #[arg(long, conflicts_with_all = ["format", "json_stream"])]
    json: bool,
    /// Print one event per line as JSON while the run goes on: the same as --format jsonl
    #[arg(long, conflicts_with = "format")]
    json_stream: bool,
    #[arg(long, value_name = "FORMAT", help = format_help("How to print the report"))]
    format: Option<String>,
    #[command(flatten)]
    outputs: OutputArgs,
    /// Exit with 1 from this severity on: none, critical, high, medium, low or any
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<String>,
    /// Exit with 5 when there is nothing to review
    #[arg(long)]
    fail_on_empty: bool,
}

/// How the report is shown and what it means.
#[derive(Debug)]
pub(crate) struct ReportRequest {
    /// The files that the report goes to as well. What goes to standard output is a setting.
    pub(crate) files: Vec<FileOutput>,
    /// What an empty target means.
    pub(crate) on_empty: OnEmpty,
}

impl ReportArgs {
    pub(crate) fn into_flags(self) -> Result<(Vec<Flag>, ReportRequest), UsageError> {
        let outputs = self.outputs.into_outputs()?;
        let said = if self.json {
            flag("format", "--json", Some("json".to_owned()))
        } else if self.json_stream {
            flag("format", "--json-stream", Some("jsonl".to_owned()))
        } else {
            if let Some(format) = &self.format {
                Format::find(format)?;
            }
            flag("format", "--format", self.format)
        };
        let given = said.as_ref().map(|said| said.flag.to_owned());
        let printed = outputs.printed_unless(given)?;
        let format = said.or_else(|| {
            let printed = printed.map(|format| format.name.to_owned());
            flag("format", "--output", printed)
        });
        if let Some(fail_on) = &self.fail_on {
            fail_on.parse::<FailOn>()?;
        }
        let flags = [format, flag("fail_on", "--fail-on", self.fail_on)];
        let request = ReportRequest {
            files: outputs.files,
            on_empty: if self.fail_on_empty {
                OnEmpty::Fail
            } else {
                OnEmpty::Pass
            },
        };
        Ok((flags.into_iter().flatten().collect(), request))
    }
}

/// What of earlier runs counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Earlier reviews")]
pub(crate) struct MemoryArgs {
    /// Review only what is new since the last review of this branch, and look again at its open findings
    #[arg(long)]
    since_last: bool,
    /// Ask again, even if the same was asked before
    #[arg(long)]
    no_cache: bool,
}

/// What of earlier runs counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryRequest {
    /// Go on from the last review.
    pub(crate) since_last: bool,
    /// An answer that was given before does not count.
    pub(crate) asks_anyway: bool,
}

impl MemoryArgs {
    pub(crate) fn into_request(self) -> MemoryRequest {
        MemoryRequest {
            since_last: self.since_last,
            asks_anyway: self.no_cache,
        }
    }
}

/// Whether the command waits for the run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Job")]
pub(crate) struct WaitArgs {
    /// Wait for the result and print it (the default)
    #[arg(long, conflicts_with = "background")]
    wait: bool,
    /// Print the job's id and return at once
    #[arg(long)]
    background: bool,
}

/// Whether the command waits for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attendance {
    /// It follows the job to its end.
    Foreground,
    /// It starts the job and returns.
    Background,
}

impl WaitArgs {
    pub(crate) fn attendance(&self) -> Attendance {
        // `--wait` says what holds anyway; it is accepted because callers like to say it.
        if self.background && !self.wait {
            Attendance::Background
        } else {
            Attendance::Foreground
        }
    }
}

fn flag(key: &'static str, flag: &'static str, value: Option<String>) -> Option<Flag> {
    value.map(|value| Flag { key, flag, value })
}
