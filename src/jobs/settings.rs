//! What a repository's store remembers between jobs, above all whether the stop gate is on.
//!
//! Settings stand twice on disk: in `state.json`, where scripts look, and in `settings.json`, a copy that is written
//! first. Whatever happens to either file, a gate that was on stays on.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{StoreWarning, stored_file};
use crate::atomic_file::{self, Durability, Readers};

/// The member that says whether the stop gate is on.
pub const STOP_REVIEW_GATE: &str = "stopReviewGate";

/// The member that says whether presented plans are reviewed; without it a setting says so.
pub const PLAN_REVIEW: &str = "planReview";

/// The copy's file name.
pub(crate) const SETTINGS_FILE: &str = "settings.json";

/// The `config` member of `state.json`. Members that this version does not know are kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    members: Map<String, Value>,
}

impl Settings {
    pub(crate) fn from_members(members: Map<String, Value>) -> Self {
        Settings { members }
    }

    /// Whether the stop gate is on. Off by default.
    #[must_use]
    pub fn stop_review_gate(&self) -> bool {
        self.members.get(STOP_REVIEW_GATE).and_then(Value::as_bool) == Some(true)
    }

    /// Switches the stop gate.
    pub fn set_stop_review_gate(&mut self, on: bool) {
        self.set(STOP_REVIEW_GATE, Value::Bool(on));
    }

    /// Whether presented plans are reviewed here; `None` where nobody switched that for this repository.
    #[must_use]
    pub fn plan_review(&self) -> Option<bool> {
        self.members.get(PLAN_REVIEW).and_then(Value::as_bool)
    }

    /// Switches the review of presented plans.
    pub fn set_plan_review(&mut self, on: bool) {
        self.set(PLAN_REVIEW, Value::Bool(on));
    }

    /// One member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// Sets one member.
    pub fn set(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    /// As the JSON document that interfaces show; the gate is always in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members = self.members.clone();
        members
            .entry(STOP_REVIEW_GATE)
            .or_insert(Value::Bool(false));
        Value::Object(members)
    }
}

#[derive(Serialize, Deserialize)]
struct SettingsFileV1 {
    version: u64,
    config: Map<String, Value>,
}

/// What the copy says.
pub(crate) enum SettingsCopy {
    Missing,
    Damaged,
    Intact(Settings),
}

pub(crate) fn read_copy(folder: &Path) -> SettingsCopy {
    match stored_file::read(&folder.join(SETTINGS_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => SettingsCopy::Missing,
        Err(_) => SettingsCopy::Damaged,
        Ok(bytes) => match serde_json::from_slice::<SettingsFileV1>(&bytes) {
            Ok(file) => SettingsCopy::Intact(Settings::from_members(file.config)),
            Err(_) => SettingsCopy::Damaged,
        },
    }
}

/// Whether there is a copy, and it makes no sense.
pub(crate) fn is_copy_damaged(folder: &Path) -> bool {
    matches!(read_copy(folder), SettingsCopy::Damaged)
}

pub(crate) fn write_copy(folder: &Path, settings: &Settings) -> io::Result<()> {
    let file = SettingsFileV1 {
        version: 1,
        config: settings.members.clone(),
    };
    let bytes = serde_json::to_vec(&file).expect("a map of JSON values serialises");
    atomic_file::write(
        &folder.join(SETTINGS_FILE),
        &bytes,
        Durability::Synced,
        Readers::Owner,
    )
}

/// The settings that stand in a damaged `state.json`, if that part of it is whole.
pub(crate) fn salvage(damaged: &[u8]) -> Option<Settings> {
    const MEMBER: &[u8] = b"\"config\"";
    let at = damaged
        .windows(MEMBER.len())
        .position(|window| window == MEMBER)?;
    let rest = damaged[at + MEMBER.len()..]
        .trim_ascii_start()
        .strip_prefix(b":")?;
    serde_json::Deserializer::from_slice(rest)
        .into_iter::<Map<String, Value>>()
        .next()?
        .ok()
        .map(Settings::from_members)
}

/// The settings to go on with when `state.json` is missing (`None`) or damaged.
pub(crate) fn recover(
    folder: &Path,
    damaged: Option<&[u8]>,
    warnings: &mut Vec<StoreWarning>,
) -> Settings {
    let salvaged = damaged.and_then(salvage);
    match (read_copy(folder), salvaged) {
        (SettingsCopy::Intact(mut settings), salvaged) => {
            if salvaged.is_some_and(|settings| settings.stop_review_gate()) {
                settings.set_stop_review_gate(true);
            }
            if damaged.is_some() {
                warnings.push(StoreWarning::SettingsRecovered);
            }
            settings
        }
        (_, Some(settings)) => {
            warnings.push(StoreWarning::SettingsRecovered);
            settings
        }
        (SettingsCopy::Missing, None) if damaged.is_none() => Settings::default(),
        (SettingsCopy::Missing | SettingsCopy::Damaged, None) => {
            // There was a file that may have said so (an older tool writes no copy): the safe guess is the gate.
            let mut settings = Settings::default();
            settings.set_stop_review_gate(true);
            warnings.push(StoreWarning::GateAssumedOn);
            settings
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_salvaged_from_a_cut_file() {
        let whole = br#"{"version":1,"config":{"stopReviewGate":true,"x":{"y":1}},"jobs":[{"id":"#;
        let settings = salvage(whole).unwrap();
        assert!(settings.stop_review_gate());
        assert_eq!(settings.get("x").unwrap()["y"], 1);
        assert_eq!(salvage(&whole[..40]), None);
        assert_eq!(salvage(b""), None);
        assert_eq!(salvage(b"\"config\""), None);
    }

    /// An older tool writes `state.json` alone. Its damage used to switch the gate off, and nothing was said.
    #[test]
    fn a_damaged_index_without_a_copy_leaves_the_gate_on_and_says_so() {
        let temp = tempfile::tempdir().unwrap();
        let null = br#"{"version":1,"config":null,"jobs":[]}"#;
        for damaged in [&b""[..], &[0; 90], b"{\"version\":1,", b"[]", null] {
            let mut warnings = Vec::new();
            let settings = recover(temp.path(), Some(damaged), &mut warnings);
            assert!(settings.stop_review_gate());
            assert_eq!(warnings, [StoreWarning::GateAssumedOn]);
        }
    }

    #[test]
    fn the_gate_survives_any_one_damage_and_a_double_one_leaves_it_on() {
        let temp = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.set_stop_review_gate(true);
        write_copy(temp.path(), &settings).unwrap();
        let recovered = |damaged: Option<&[u8]>| {
            recover(temp.path(), damaged, &mut Vec::new()).stop_review_gate()
        };
        assert!(recovered(None));
        assert!(recovered(Some(b"garbage")));
        std::fs::write(temp.path().join(SETTINGS_FILE), "garbage").unwrap();
        assert!(recovered(Some(b"garbage")));
        std::fs::remove_file(temp.path().join(SETTINGS_FILE)).unwrap();
        assert!(!recovered(None), "nobody ever set anything");
    }
}
