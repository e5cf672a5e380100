//! What the gate remembers of a repository: the last verdicts, and where each session's turn began.
//!
//! Stored as one small file in the repository's state folder, written under its lock. A damaged file is an empty memory:
//! it costs one review, never a verdict. Whether the gate is *on* is not kept here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Gated;

const KEPT_VERDICTS: usize = 50;
/// Most turns edit nothing: their records must not push out what the engine said.
const KEPT_SKIPS: usize = 20;
/// The budgets look back one hour; more questions than these are never asked in one.
const KEPT_QUESTIONS: usize = 500;
const SKIP: &str = "skip";
const HOUR_MS: u64 = 3_600_000;
const KEPT_SESSIONS: usize = 20;

/// The tree at one moment: a fingerprint of the whole, and the id of each changed path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeState {
    /// Over HEAD and every changed path with its content.
    pub fingerprint: String,
    /// The commit that HEAD pointed at.
    #[serde(default)]
    pub head: Option<String>,
    /// Changed paths (shown form) with the ids of their content.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// Whether there were too many paths to keep; then there are none.
    #[serde(default)]
    pub too_many: bool,
}

/// What is kept for one Claude session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionMemory {
    /// The tree when the session's current turn began.
    pub turn_start: Option<TreeState>,
    /// Whether that turn has begun by a prompt and was not allowed to end yet. What is typed meanwhile begins no new one.
    pub turn_open: bool,
    /// The tree before the edits that cooldown or budgets let go by unseen.
    pub unreviewed_since: Option<TreeState>,
    /// The tree that the engine last objected to.
    pub last_blocked: Option<String>,
    /// Blocks since the last turn that was allowed.
    pub blocks_in_row: u32,
    /// The plans that the session presented.
    pub plan: PlanMemory,
    /// When this entry was last written, in milliseconds since 1970.
    pub touched_at_ms: u64,
}

/// What is kept of a session's plans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanMemory {
    /// The plan that the engine last objected to, as a hash of its text.
    pub last_blocked: Option<String>,
    /// Plans that were held since the last one that was let through.
    pub blocks_in_row: u32,
}

/// One end of a turn, or one plan, for `gate status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateRecord {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What it was about. Older records, which did not say, count as turns.
    #[serde(default)]
    pub gated: Gated,
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

/// One question to the engine, for the budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What it cost, where the engine said.
    #[serde(default)]
    pub tokens: Option<u64>,
}

/// What was asked in the last hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastHour {
    /// Questions.
    pub asked: u32,
    /// Tokens that they cost, as far as the engine said.
    pub tokens: u64,
}

/// What the gate remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GateMemory {
    /// The newest tree that the engine allowed.
    pub last_allowed: Option<String>,
    /// The newest plan that the engine allowed, as a hash of its text.
    pub last_allowed_plan: Option<String>,
    /// By session id; the empty id stands for a host that names none.
    pub sessions: BTreeMap<String, SessionMemory>,
    /// Oldest first.
    pub records: Vec<GateRecord>,
    /// Oldest first.
    pub questions: Vec<Question>,
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
        serde_json::to_vec(self).expect("maps with string keys always serialise")
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

    /// Notes one end of a turn, forgetting the oldest of its sort past the bound.
    pub fn note(&mut self, record: GateRecord) {
        let is_skip = record.verdict == SKIP;
        if !is_skip {
            self.questions.push(Question {
                at_ms: record.at_ms,
                tokens: record.tokens,
            });
            let surplus = self.questions.len().saturating_sub(KEPT_QUESTIONS);
            self.questions.drain(..surplus);
        }
        self.records.push(record);
        let same_sort = |record: &GateRecord| (record.verdict == SKIP) == is_skip;
        let bound = if is_skip { KEPT_SKIPS } else { KEPT_VERDICTS };
        let count = self
            .records
            .iter()
            .filter(|record| same_sort(record))
            .count();
        let mut surplus = count.saturating_sub(bound);
        self.records.retain(|record| {
            let goes = surplus > 0 && same_sort(record);
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// What was asked in the hour before `now_ms`.
    #[must_use]
    pub fn last_hour(&self, now_ms: u64) -> LastHour {
        let recent = self
            .questions
            .iter()
            .filter(|question| now_ms.saturating_sub(question.at_ms) < HOUR_MS);
        recent.fold(LastHour::default(), |sum, question| LastHour {
            asked: sum.asked + 1,
            tokens: sum
                .tokens
                .saturating_add(question.tokens.unwrap_or_default()),
        })
    }

    /// When the engine was asked last, in milliseconds since 1970.
    #[must_use]
    pub fn last_asked_at_ms(&self) -> Option<u64> {
        self.questions.iter().map(|question| question.at_ms).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at_ms: u64, verdict: &str) -> GateRecord {
        GateRecord {
            at_ms,
            gated: Gated::Turn,
            session_id: None,
            verdict: verdict.into(),
            reason: "nothing-edited".into(),
            tokens: (verdict != SKIP).then_some(7),
            job_id: None,
        }
    }

    #[test]
    fn memory_is_bounded_and_survives_the_disk() {
        let mut memory = GateMemory::default();
        for n in 0..1000 {
            memory.session(&format!("s{n}"), n).blocks_in_row = 1;
            memory.note(record(n, "allow"));
        }
        assert_eq!(memory.sessions.len(), KEPT_SESSIONS);
        assert!(memory.sessions.contains_key("s999"));
        assert_eq!(memory.records.first().map(|record| record.at_ms), Some(950));
        assert_eq!(memory.questions.len(), KEPT_QUESTIONS);
        assert_eq!(GateMemory::from_json(&memory.to_json()), memory);
    }

    #[test]
    fn turns_without_edits_push_out_no_verdict_and_count_as_no_question() {
        let mut memory = GateMemory::default();
        memory.note(record(0, "block"));
        for n in 1..1000 {
            memory.note(record(n, SKIP));
        }
        assert_eq!(memory.records.len(), 1 + KEPT_SKIPS);
        assert_eq!(memory.records[0].verdict, "block");
        assert_eq!(memory.last_asked_at_ms(), Some(0));
    }

    #[test]
    fn the_last_hour_is_what_the_budgets_count() {
        let mut memory = GateMemory::default();
        for at_ms in [0, 1, HOUR_MS, HOUR_MS + 5] {
            memory.note(record(at_ms, "not-judged"));
        }
        let hour = memory.last_hour(HOUR_MS + 5);
        assert_eq!((hour.asked, hour.tokens), (2, 14));
        assert_eq!(
            memory.last_hour(10 * HOUR_MS),
            LastHour::default(),
            "old questions do not count"
        );
    }

    #[test]
    fn a_record_says_what_it_was_about_and_an_older_one_was_about_a_turn() {
        let mut memory = GateMemory::default();
        memory.note(GateRecord {
            gated: Gated::Plan,
            ..record(1, "allow")
        });
        let text = String::from_utf8(memory.to_json()).unwrap();
        assert_eq!(GateMemory::from_json(text.as_bytes()), memory);
        let older = text.replace("\"gated\":\"plan\",", "");
        assert_ne!(older, text);
        let older = GateMemory::from_json(older.as_bytes());
        assert_eq!(older.records[0].gated, Gated::Turn);
    }

    #[test]
    fn damage_is_an_empty_memory() {
        assert_eq!(
            GateMemory::from_json(b"{\"sessions\": 3"),
            GateMemory::default()
        );
    }
}
