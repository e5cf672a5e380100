//! Which findings count, and which part of a change is judged: options of the reviews.

use clap::Args;

use codex_review::config::Flag;
use codex_review::near_miss::nearest;
use codex_review::review::{FindingFilter, Shard, SuppressFrom};

use super::usage::UsageError;

/// Which findings count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Findings")]
pub(crate) struct TermsArgs {
    /// Where findings count: added (lines), diff, file (anywhere in changed files) or none (everywhere)
    #[arg(long, value_name = "WHERE")]
    filter: Option<String>,
    /// Which side says what is excused (baseline, markers, .codexreviewignore) and how it is reviewed (.codex-review.toml): base (where CI is set) or new
    #[arg(long, value_name = "SIDE")]
    suppress_from: Option<String>,
    /// Review one of n parts of the change; `codex-review merge` makes one report of all
    #[arg(
        long,
        value_name = "I/N",
        help_heading = "Target",
        conflicts_with = "since_last"
    )]
    shard: Option<String>,
}

/// Which findings count, as it is meant.
#[derive(Debug, Default)]
pub(crate) struct TermsRequest {
    /// Which side says what is excused; `None` leaves it to the surroundings.
    pub(crate) from: Option<SuppressFrom>,
    /// Which part of the change.
    pub(crate) shard: Option<Shard>,
}

impl TermsArgs {
    pub(crate) fn into_flags(self) -> Result<(Vec<Flag>, TermsRequest), UsageError> {
        if let Some(filter) = &self.filter {
            filter
                .parse::<FindingFilter>()
                .map_err(|unknown| UsageError::UnknownFilter {
                    nearest: nearest(filter, FindingFilter::WORDS),
                    unknown,
                })?;
        }
        let from = self.suppress_from.map(|word| {
            SuppressFrom::from_word(&word).ok_or_else(|| UsageError::UnknownSide {
                nearest: nearest(&word, SuppressFrom::WORDS),
                word,
            })
        });
        let flags = self.filter.map(|value| Flag {
            key: "filter",
            flag: "--filter",
            value,
        });
        let request = TermsRequest {
            from: from.transpose()?,
            shard: self.shard.map(|shard| shard.parse()).transpose()?,
        };
        Ok((flags.into_iter().collect(), request))
    }
}
