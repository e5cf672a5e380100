//! `watch`: reviews by themselves, whenever the work pauses.

use clap::{ArgAction, Args, Subcommand};

use codex_review::config::Flag;
use codex_review::target::{SpecArguments, TargetSpec};
use codex_review::watch::{Eyes, Trigger};

use super::options::{Attendance, EngineOptions, Isolation, JsonArgs, Shape, StrategyArgs};
use super::usage::UsageError;

const QUIET: &str = "--quiet-for";
const MAX_PER_HOUR: &str = "--max-per-hour";
const BUDGET: &str = "--budget";

/// The options of a watch that are settings, for a worker that reads them again.
const SETTINGS: [(&str, &str); 7] = [
    ("watch.quiet_seconds", QUIET),
    ("watch.max_per_hour", MAX_PER_HOUR),
    ("watch.budget_tokens", BUDGET),
    ("engine", "--engine"),
    ("model", "--model"),
    ("effort", "--effort"),
    ("strategy", "--strategy"),
];

/// Review by itself whenever the work pauses, within hard limits
///
/// Reviews what is new since the last time, in the background, until `watch stop` or Ctrl-C. On a terminal it shows what it
/// does; elsewhere, and with --background, it returns at once. Started in a Claude session, it ends with that session.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WatchArgs {
    #[command(subcommand)]
    verb: Option<WatchVerb>,
    /// Review each change of the working tree once it has settled, and new commits (the default)
    #[arg(long, conflicts_with = "on_commit")]
    every_change: bool,
    /// Review new commits alone
    #[arg(long)]
    on_commit: bool,
    /// How long nothing may change before it reviews (default: 20s)
    #[arg(long, value_name = "TIME")]
    quiet_for: Option<String>,
    /// The most reviews in an hour; 0 for no limit (default: 12)
    #[arg(long, value_name = "N")]
    max_per_hour: Option<String>,
    /// The most tokens in 24 hours, such as 200k; 0 for no limit (default: 1m)
    #[arg(long, value_name = "TOKENS")]
    budget: Option<String>,
    /// Only paths that match this glob; one that begins with ! takes paths out (repeatable)
    #[arg(long = "path", alias = "paths", value_name = "GLOB", action = ArgAction::Append)]
    paths: Vec<String>,
    /// Look at the tree from time to time instead of waiting for the system's events (network drives)
    #[arg(long)]
    poll: bool,
    /// Show what it does, also where this is no terminal
    #[arg(long, short = 'f', conflicts_with_all = ["background", "json"])]
    follow: bool,
    /// Return at once
    #[arg(long)]
    background: bool,
    #[command(flatten)]
    strategy: StrategyArgs,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    json: JsonArgs,
}

#[derive(Debug, Subcommand)]
enum WatchVerb {
    /// Show what the watch of this working tree has done
    Status {
        #[command(flatten)]
        json: JsonArgs,
    },
    /// End the watch of this working tree
    Stop {
        #[command(flatten)]
        json: JsonArgs,
    },
}

/// What about a watch is meant.
#[derive(Debug)]
pub(crate) enum WatchAsked {
    /// Begin one.
    Start(Box<WatchStart>),
    /// How it stands.
    Status(Shape),
    /// End it.
    Stop(Shape),
}

/// A watch that is to begin.
#[derive(Debug)]
pub(crate) struct WatchStart {
    pub(crate) trigger: Trigger,
    pub(crate) eyes: Eyes,
    pub(crate) paths: Vec<String>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) isolation: Isolation,
    /// `None` depends on whether this is a terminal.
    pub(crate) attendance: Option<Attendance>,
    pub(crate) shape: Shape,
}

impl WatchArgs {
    pub(crate) fn into_request(self) -> Result<WatchAsked, UsageError> {
        match self.verb {
            Some(WatchVerb::Status { json }) => return Ok(WatchAsked::Status(json.shape())),
            Some(WatchVerb::Stop { json }) => return Ok(WatchAsked::Stop(json.shape())),
            None => {}
        }
        TargetSpec::parse(&SpecArguments {
            paths: self.paths.clone(),
            ..SpecArguments::default()
        })?;
        let quiet = self.quiet_for.map(|given| seconds(&given)).transpose()?;
        let budget = self.budget.map(|given| tokens(&given)).transpose()?;
        let flag = |key, flag, value: Option<String>| value.map(|value| Flag { key, flag, value });
        let limits = [
            flag("watch.quiet_seconds", QUIET, quiet),
            flag("watch.max_per_hour", MAX_PER_HOUR, self.max_per_hour),
            flag("watch.budget_tokens", BUDGET, budget),
        ];
        let (engine, isolation) = self.engine.into_flags()?;
        let shape = self.json.shape();
        let attendance = match (self.follow, self.background || shape == Shape::Json) {
            (true, _) => Some(Attendance::Foreground),
            (false, true) => Some(Attendance::Background),
            (false, false) => None,
        };
        Ok(WatchAsked::Start(Box::new(WatchStart {
            // `--every-change` says what holds anyway.
            trigger: if self.on_commit && !self.every_change {
                Trigger::OnCommit
            } else {
                Trigger::EveryChange
            },
            eyes: if self.poll {
                Eyes::Polling
            } else {
                Eyes::Events
            },
            paths: self.paths,
            flags: limits
                .into_iter()
                .flatten()
                .chain(engine)
                .chain(self.strategy.into_flags())
                .collect(),
            isolation,
            attendance,
            shape,
        })))
    }
}

/// The options that were given when a watch began.
pub(crate) fn flags_of(settings: &[(String, String)]) -> Vec<Flag> {
    let known = settings.iter().filter_map(|(name, value)| {
        let (key, flag) = SETTINGS.into_iter().find(|(key, _)| key == name)?;
        Some(Flag {
            key,
            flag,
            value: value.clone(),
        })
    });
    known.collect()
}

/// `20s`, `2m`, `1h`, or a number of seconds; as the setting takes it.
fn seconds(given: &str) -> Result<String, UsageError> {
    let text = given.trim();
    let (digits, factor) = match text.chars().last() {
        Some('s') => (&text[..text.len() - 1], 1),
        Some('m') => (&text[..text.len() - 1], 60),
        Some('h') => (&text[..text.len() - 1], 3_600),
        _ => (text, 1),
    };
    number(digits, factor).ok_or_else(|| UsageError::NotATime {
        option: QUIET,
        given: given.to_owned(),
    })
}

/// `200000`, `200k` or `1m`; as the setting takes it.
fn tokens(given: &str) -> Result<String, UsageError> {
    let text = given.trim();
    let (digits, factor) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 1_000),
        Some('m' | 'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    number(digits, factor).ok_or_else(|| UsageError::NotTokens {
        option: BUDGET,
        given: given.to_owned(),
    })
}

fn number(digits: &str, factor: u64) -> Option<String> {
    let number = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_tokens_are_read_as_people_write_them() {
        for (given, expected) in [("20s", "20"), ("2m", "120"), ("1h", "3600"), (" 7 ", "7")] {
            assert_eq!(seconds(given).as_deref(), Ok(expected), "{given}");
        }
        for (given, expected) in [("200000", "200000"), ("200k", "200000"), ("1M", "1000000")] {
            assert_eq!(tokens(given).as_deref(), Ok(expected), "{given}");
        }
        for bad in [
            "",
            "x",
            "s",
            "-1s",
            "1.5m",
            "20d",
            "é",
            "99999999999999999999h",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_setting_of_a_watch_is_one_that_exists() {
        for (key, flag) in SETTINGS {
            assert!(codex_review::config::find_key(key).is_ok(), "{key}");
            assert!(flag.starts_with("--"));
        }
    }
}
