//! Where the last review of a branch ended.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::entries::{Entries, Found};
use super::{Bounds, CacheError, ReviewKey};
use crate::jobs::Timestamp;

const FOLDER: &str = "cache/reviews";

/// How much is kept: the branches that a repository is worked on.
const BOUNDS: Bounds = Bounds {
    entries: 128,
    age: Duration::from_secs(90 * 24 * 3_600),
    bytes: 8 << 20,
};

/// The last review of each line of reviews in one repository.
#[derive(Debug, Clone)]
pub struct LastReviews(Entries);

/// What was put down after a review.
#[derive(Debug, Clone, PartialEq)]
pub struct RememberedReview {
    /// When it was asked for.
    pub at: Timestamp,
    /// What whoever stored it wants to know again.
    pub document: Value,
}

impl LastReviews {
    /// The reviews below a repository's state folder.
    #[must_use]
    pub fn below(state_folder: &Path) -> Self {
        LastReviews(Entries::new(state_folder.join(FOLDER), BOUNDS))
    }

    /// What the last review left. `None` without one, or where it is not whole.
    #[must_use]
    pub fn find(&self, key: &ReviewKey, now: Timestamp) -> Option<RememberedReview> {
        let Found { at, document } = self.0.find(key.as_str(), now)?;
        Some(RememberedReview { at, document })
    }

    /// Remembers a review in the place of the one before.
    ///
    /// # Errors
    ///
    /// It is too large, or cannot be written.
    pub fn store(
        &self,
        key: &ReviewKey,
        at: Timestamp,
        document: &Value,
    ) -> Result<(), CacheError> {
        self.0.store(key.as_str(), document, at)
    }
}
