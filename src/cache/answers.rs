//! Answers by the question that they belong to.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::entries::{Entries, Found};
use super::{AnswerKey, Bounds, CacheError};
use crate::jobs::Timestamp;

const FOLDER: &str = "cache/answers";

/// How much is kept: a branch's worth of reviews for some weeks.
const BOUNDS: Bounds = Bounds {
    entries: 256,
    age: Duration::from_secs(14 * 24 * 3_600),
    bytes: 4 << 20,
};

/// The answers of one repository.
#[derive(Debug, Clone)]
pub struct AnswerCache(Entries);

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedAnswer {
    /// The job that asked.
    pub job: String,
    /// When it asked.
    pub at: Timestamp,
    /// The answer, as it was stored.
    pub answer: Value,
}

impl AnswerCache {
    /// The answers below a repository's state folder.
    #[must_use]
    pub fn below(state_folder: &Path) -> Self {
        AnswerCache::bounded(state_folder, BOUNDS)
    }

    /// As [`AnswerCache::below`], with other bounds.
    #[must_use]
    pub fn bounded(state_folder: &Path, bounds: Bounds) -> Self {
        AnswerCache(Entries::new(state_folder.join(FOLDER), bounds))
    }

    /// The answer to this question, if it was given lately. `None` for anything that is not whole.
    #[must_use]
    pub fn find(&self, key: &AnswerKey, now: Timestamp) -> Option<CachedAnswer> {
        let Found { at, mut document } = self.0.find(key.as_str(), now)?;
        Some(CachedAnswer {
            job: document.get("job")?.as_str()?.to_owned(),
            at,
            answer: document.get_mut("answer")?.take(),
        })
    }

    /// Keeps an answer that `job` got to a question asked at `at`.
    ///
    /// # Errors
    ///
    /// It is too large, or cannot be written.
    pub fn store(
        &self,
        key: &AnswerKey,
        job: &str,
        at: Timestamp,
        answer: &Value,
    ) -> Result<(), CacheError> {
        let document = json!({"job": job, "answer": answer});
        self.0.store(key.as_str(), &document, at)
    }
}
