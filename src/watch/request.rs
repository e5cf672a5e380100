//! What a watch is asked to do, as it is stored with its job.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Trigger;
use super::notices::Eyes;

/// The kind of a watch's job.
pub const JOB_KIND: &str = "watch";
/// The same for people.
pub const JOB_LABEL: &str = "watch";

const VERSION: u32 = 1;

/// A watch, as it is asked for. What is not given is a setting, and is read anew for every review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRequest {
    /// The root of the working tree, as a real path.
    pub root: PathBuf,
    /// What makes it look.
    pub trigger: Trigger,
    /// How it sees changes.
    pub eyes: Eyes,
    /// Path globs, as `--path` takes them.
    pub paths: Vec<String>,
    /// Settings that were given as options: the key, the option, and the value.
    pub settings: Vec<(String, String)>,
    /// Every review has an engine of its own.
    pub isolated: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    root: PathBuf,
    trigger: String,
    polls: bool,
    paths: Vec<String>,
    settings: Vec<(String, String)>,
    isolated: bool,
}

impl WatchRequest {
    /// The stored form; `None` where the root has no UTF-8 name.
    #[must_use]
    pub fn to_json(&self) -> Option<Value> {
        let stored = Stored {
            version: VERSION,
            root: self.root.clone(),
            trigger: self.trigger.as_str().to_owned(),
            polls: self.eyes == Eyes::Polling,
            paths: self.paths.clone(),
            settings: self.settings.clone(),
            isolated: self.isolated,
        };
        serde_json::to_value(stored).ok()
    }

    /// Reads what [`WatchRequest::to_json`] made; `None` for anything else, and for what a newer version made.
    #[must_use]
    pub fn from_json(json: &Value) -> Option<Self> {
        let stored = Stored::deserialize(json).ok()?;
        if stored.version > VERSION {
            return None;
        }
        Some(WatchRequest {
            root: stored.root,
            trigger: Trigger::parse(&stored.trigger)?,
            eyes: if stored.polls {
                Eyes::Polling
            } else {
                Eyes::Events
            },
            paths: stored.paths,
            settings: stored.settings,
            isolated: stored.isolated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_stored_and_a_newer_one_is_not() {
        let request = WatchRequest {
            root: "/w".into(),
            trigger: Trigger::OnCommit,
            eyes: Eyes::Polling,
            paths: vec!["src/**".into()],
            settings: vec![("watch.quiet_seconds".into(), "5".into())],
            isolated: true,
        };
        let mut json = request.to_json().unwrap();
        assert_eq!(WatchRequest::from_json(&json), Some(request));
        json["version"] = 2.into();
        assert_eq!(WatchRequest::from_json(&json), None);
        assert_eq!(WatchRequest::from_json(&Value::Null), None);
    }
}
