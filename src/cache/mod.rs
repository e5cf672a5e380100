//! What earlier runs leave for later ones: answers, so that the same question is not asked twice, and where the last
//! review of a branch ended, so that the next one can begin there.
//!
//! ```text
//! <state folder>/cache/answers/<key>   one answer, by the hash of everything that was asked (AnswerKey)
//! <state folder>/cache/reviews/<key>   one line of reviews: what the last one saw and what it left open
//! ```
//!
//! An entry is one file with a checksum, written beside its place and renamed there: readers need no lock, and of two
//! writers the later one wins. Both stores are bounded in number, size and age, and what is in them is private to the
//! user.
//!
//! What it does not do: know what an answer or a review is. Contents are JSON documents of whoever stores them.
//!
//! Failure policy: whatever is wrong with an entry (absent, cut, changed, too old, of another version) makes it a miss.
//! Only storing has errors, and nobody has to heed them: the worst that follows is a question that is asked again.

mod answers;
mod entries;
mod error;
mod key;
mod reviews;

pub use answers::{AnswerCache, CachedAnswer};
pub use entries::Bounds;
pub use error::CacheError;
pub use key::{AnswerKey, ReviewKey};
pub use reviews::{LastReviews, RememberedReview};
