//! What the gate remembers of a repository: the last verdicts, and where each session's turn began.
//!
//! Stored as one small file in the repository's state folder, written under its lock. A damaged file is an empty memory:
//! it costs one review, never a verdict. Whether the gate is *on* is not kept here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const KEPT_RECORDS: usize = 50;
const KEPT_SESSIONS: usize = 20;

/// The tree at one moment: a fingerprint of the whole, and the id of each changed path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeState {
    /// Over HEAD and every changed path with its content.
    pub fingerprint: String,
    /// The commit that HEAD pointed at.
    #[serde(default)]
    pub head: Option<String>,
    /// Changed paths (shown form) with the ids of their content. Empty when there were too many to keep.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
}

/// What is kept for one Claude session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionMemory {
    /// The tree when the session's current turn began.
    pub turn_start: Option<TreeState>,
    /// Blocks since the last turn that was allowed.
    pub blocks_in_row: u32,
    /// When this entry was last written, in milliseconds since 1970.
    pub touched_at_ms: u64,
}

/// One end of a turn, for `gate status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateRecord {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The Claude session, where it was known.
    #[serde(default)]
    pub session_id: Option<String>,
    /// `allow`, `block`, `not-judged` or `skip`.
    pub verdict: String,
    /// In a sentence, or the word of a skip.
    pub reason: String,
    /// Tokens that the question cost; `None` when the engine was not asked or did not say.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// The job that asked; `None` for a skip.
    #[serde(default)]
    pub job_id: Option<String>,
}

/// What the gate remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GateMemory {
    /// The newest tree that the engine allowed.
    pub last_allowed: Option<String>,
    /// By session id; the empty id stands for a host that names none.
    pub sessions: BTreeMap<String, SessionMemory>,
    /// Oldest first.
    pub records: Vec<GateRecord>,
}

impl GateMemory {
    /// Reads a stored memory; anything unreadable is an empty one.
    #[must_use]
    pub fn from_json(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("maps with string keys always serialise")
    }

    /// This session's entry, made when it is new. The oldest entries go when there are too many.
    pub fn session(&mut self, session_id: &str, now_ms: u64) -> &mut SessionMemory {
        while self.sessions.len() >= KEPT_SESSIONS && !self.sessions.contains_key(session_id) {
            let oldest = self
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.touched_at_ms);
            let oldest = oldest
                .map(|(id, _)| id.clone())
                .expect("the map is not empty");
            self.sessions.remove(&oldest);
        }
        let session = self.sessions.entry(session_id.to_owned()).or_default();
        session.touched_at_ms = now_ms;
        session
    }

    /// Notes one end of a turn, forgetting the oldest past the bound.
    pub fn note(&mut self, record: GateRecord) {
        self.records.push(record);
        let surplus = self.records.len().saturating_sub(KEPT_RECORDS);
        self.records.drain(..surplus);
    }

    /// Milliseconds since 1970 of every question that was put to the engine and is still remembered.
    pub fn asked_at_ms(&self) -> impl Iterator<Item = u64> {
        self.records
            .iter()
            .filter(|record| record.verdict != "skip")
            .map(|record| record.at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_survives_the_disk() {
        let mut memory = GateMemory::default();
        for n in 0..1000 {
            memory.session(&format!("s{n}"), n).blocks_in_row = 1;
            memory.note(GateRecord {
                at_ms: n,
                session_id: None,
                verdict: "skip".into(),
                reason: "nothing-edited".into(),
                tokens: None,
                job_id: None,
            });
        }
        assert_eq!(memory.sessions.len(), KEPT_SESSIONS);
        assert!(memory.sessions.contains_key("s999"));
        assert_eq!(memory.records.first().map(|record| record.at_ms), Some(950));
        assert_eq!(GateMemory::from_json(&memory.to_json()), memory);
        assert_eq!(memory.asked_at_ms().count(), 0);
    }

    #[test]
    fn damage_is_an_empty_memory() {
        assert_eq!(
            GateMemory::from_json(b"{\"sessions\": 3"),
            GateMemory::default()
        );
    }
}
