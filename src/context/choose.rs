//! Which strategy: the one that was named, or the first that fits.

use std::convert::Infallible;
use std::str::FromStr;

use bstr::ByteSlice as _;

use super::collectors::least_patch_bytes;
use super::size::{counted, human_size};
use super::strategy::{Strategy, When};
use super::view::ChangeView;
use crate::prompt::show_path;
use crate::target::PathFilter;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StrategyChoice {
    /// The first strategy in the catalog's order that applies to the change and shows it without cutting it.
    #[default]
    Auto,
    /// The strategy of this name, whether it would apply or not.
    Named(String),
}

impl FromStr for StrategyChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => StrategyChoice::Auto,
            name => StrategyChoice::Named(name.to_owned()),
        })
    }
}

/// What a change measures, as far as strategies ask. The diff is measured only as far as needed.
pub(super) struct Measures<'a> {
    changes: &'a dyn ChangeView,
    secret_names: &'a [bool],
    files: u64,
    /// By index: the least bytes of that patch and all after it.
    least_rest: Vec<u64>,
    /// Patches measured so far, and their sum.
    measured: usize,
    diff_bytes: u64,
}

impl<'a> Measures<'a> {
    pub(super) fn new(changes: &'a dyn ChangeView, secret_names: &'a [bool]) -> Self {
        let paths: std::collections::BTreeSet<&[u8]> = changes
            .files()
            .iter()
            .map(|file| file.path.as_slice())
            .collect();
        let mut least_rest: Vec<u64> = changes
            .files()
            .iter()
            .zip(secret_names)
            .rev()
            .scan(0_u64, |rest, (file, secret)| {
                let least = if *secret { 0 } else { least_patch_bytes(file) };
                *rest = rest.saturating_add(least);
                Some(*rest)
            })
            .collect();
        least_rest.reverse();
        Measures {
            least_rest,
            changes,
            secret_names,
            files: paths.len() as u64,
            measured: 0,
            diff_bytes: 0,
        }
    }

    /// The bytes of all patches, or `None` when they are more than `limit`. A patch that cannot be read counts nothing:
    /// it will not be sent either.
    fn diff_within(&mut self, limit: u64) -> Option<u64> {
        let files = self.changes.files();
        while self.measured < files.len() && self.diff_bytes <= limit {
            // Most changes that are too large show that without rendering anything.
            let least = self.least_rest[self.measured];
            if self.diff_bytes.saturating_add(least) > limit {
                return None;
            }
            if !self.secret_names[self.measured]
                && let Ok(patch) = self.changes.patch(self.measured, 3)
            {
                self.diff_bytes += patch.len() as u64;
            }
            self.measured += 1;
        }
        (self.diff_bytes <= limit).then_some(self.diff_bytes)
    }

    /// Whether a strategy applies, and why or why not.
    pub(super) fn judge(&mut self, strategy: &Strategy) -> Result<String, String> {
        if strategy.when.is_empty() {
            return Ok("it fits any change".to_owned());
        }
        let mut misses = Vec::new();
        for when in &strategy.when {
            match self.judge_one(when) {
                Ok(reason) => return Ok(reason),
                Err(miss) if misses.contains(&miss) => {}
                Err(miss) => misses.push(miss),
            }
        }
        Err(misses.join(", and "))
    }

    fn judge_one(&mut self, when: &When) -> Result<String, String> {
        let mode = self.changes.target().mode;
        if !when.modes.is_empty() && !when.modes.contains(&mode) {
            return Err(format!("it is not for a {} target", mode.as_str()));
        }
        let mut reasons = Vec::new();
        if !when.paths.is_empty() {
            let files = self.changes.files();
            let matching = PathFilter::compile(&when.paths)
                .ok()
                .and_then(|filter| files.iter().find(|file| filter.passes(file.path.as_bstr())));
            let Some(file) = matching else {
                return Err(format!("no changed file matches {}", when.paths.join(", ")));
            };
            reasons.push(format!("{} is changed", show_path(&file.path)));
        }
        if let Some(most) = when.max_files {
            let files = counted(self.files, "file");
            if self.files > most {
                return Err(format!("{files} (at most {most})"));
            }
            reasons.push(format!("{files} (at most {most})"));
        }
        if let Some(most) = when.max_diff_bytes {
            let limit = human_size(most);
            match self.diff_within(most) {
                Some(bytes) => {
                    reasons.push(format!("{} of diff (at most {limit})", human_size(bytes)))
                }
                None => {
                    reasons.push(format!("more than {limit} of diff"));
                    return Err(reasons.join(" with "));
                }
            }
        }
        if reasons.is_empty() {
            reasons.push(format!("a {} target", mode.as_str()));
        }
        Ok(reasons.join(" and "))
    }
}
