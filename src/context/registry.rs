//! The collectors by name.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::collector::{Collector, Rung};
use super::collectors;
use super::program::Programs;

/// Makes a collector from the options that a strategy gives its section.
pub type Factory = fn(&toml::Table) -> Result<Box<dyn Collector>, OptionsError>;

/// A collector as it is registered.
#[derive(Debug, Clone, Copy)]
pub struct CollectorInfo {
    /// The name that strategies use.
    pub name: &'static str,
    /// One sentence on what it shows.
    pub about: &'static str,
    /// The rungs that it can render, from the most to the least; never empty.
    pub rungs: &'static [Rung],
    /// The names of its options.
    pub options: &'static [&'static str],
    /// Makes one.
    pub make: Factory,
}

/// The collectors that strategies can name.
#[derive(Debug, Clone)]
pub struct Registry {
    collectors: BTreeMap<&'static str, CollectorInfo>,
    programs: Option<Arc<dyn Programs>>,
}

impl Registry {
    /// No collector at all.
    #[must_use]
    pub fn empty() -> Self {
        Registry {
            collectors: BTreeMap::new(),
            programs: None,
        }
    }

    /// Every collector of this crate.
    #[must_use]
    pub fn builtin() -> Self {
        let mut registry = Registry::empty();
        for info in collectors::ALL {
            registry.register(info);
        }
        registry
    }

    /// Adds a collector, in place of one of the same name.
    pub fn register(&mut self, info: CollectorInfo) {
        self.collectors.insert(info.name, info);
    }

    /// Lets the collector `exec` start programs, through `programs`. Without this its sections say that none are started.
    #[must_use]
    pub fn with_programs(mut self, programs: Arc<dyn Programs>) -> Self {
        self.programs = Some(programs);
        self
    }

    /// What starts programs for collectors.
    #[must_use]
    pub fn programs(&self) -> Option<&dyn Programs> {
        self.programs.as_deref()
    }

    /// The collector of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CollectorInfo> {
        self.collectors.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &CollectorInfo> {
        self.collectors.values()
    }
}

/// The options of a section do not fit its collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(pub String);

/// Reads options into the collector's own struct.
///
/// # Errors
///
/// When an option is unknown or has the wrong type.
pub fn parse_options<T: DeserializeOwned>(options: &toml::Table) -> Result<T, OptionsError> {
    toml::Value::Table(options.clone())
        .try_into()
        .map_err(|error: toml::de::Error| OptionsError(error.message().to_owned()))
}

/// Checks that the number which an option gives is one of `allowed`.
///
/// # Errors
///
/// When it is none.
pub(super) fn check_range<N: PartialOrd + Default + fmt::Display>(
    option: &str,
    given: N,
    allowed: RangeInclusive<N>,
) -> Result<(), OptionsError> {
    let (first, last) = (allowed.start(), allowed.end());
    if allowed.contains(&given) {
        Ok(())
    } else if *first == N::default() {
        Err(OptionsError(format!(
            "`{option}` is {given}, at most {last} are allowed"
        )))
    } else {
        Err(OptionsError(format!(
            "`{option}` is {given}, expected {first} to {last}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_its_range_is_told_with_what_is_allowed() {
        let said = |result: Result<(), OptionsError>| result.map_err(|OptionsError(said)| said);
        assert_eq!(said(check_range("limit", 1, 1..=10)), Ok(()));
        assert_eq!(said(check_range("limit", 10, 1..=10)), Ok(()));
        let between = Err("`limit` is 0, expected 1 to 10".to_owned());
        assert_eq!(said(check_range("limit", 0, 1..=10)), between);
        let above = Err("`lines` is 11, at most 10 are allowed".to_owned());
        assert_eq!(said(check_range("lines", 11, 0..=10)), above);
    }
}
