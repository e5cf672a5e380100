//! Job ids: how they are made, read and found by the first characters that a person types.
//!
//! An id is `<class>-<time in base 36>-<random in base 36>`: unique without a coordinator, sortable by eye, and safe
//! as a file name on every system. Time and randomness are parameters.

use std::fmt;

use super::{JobClass, Timestamp};

const MAX_ID_BYTES: usize = 64;
const RANDOM_DIGITS: usize = 6;
/// How many near or matching ids an error names.
const MAX_CANDIDATES: usize = 8;

/// The name of one job, valid as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(String);

/// The text cannot be a job id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a job id")]
pub struct InvalidJobId(pub String);

impl JobId {
    /// Makes an id from the job's class, the time and a random number.
    #[must_use]
    pub fn generate(class: JobClass, at: Timestamp, random: u64) -> Self {
        let space = 36u64.pow(u32::try_from(RANDOM_DIGITS).expect("six fits"));
        let random = base36(random % space);
        JobId(format!(
            "{}-{}-{random:0>RANDOM_DIGITS$}",
            class.as_str(),
            base36(at.unix_millis())
        ))
    }

    /// Reads an id: lower-case letters, digits and hyphens, beginning with a letter.
    ///
    /// # Errors
    ///
    /// Anything else, so that an id never leaves its folder when it becomes part of a path.
    pub fn parse(text: &str) -> Result<Self, InvalidJobId> {
        let fits = (1..=MAX_ID_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && text.as_bytes()[0].is_ascii_lowercase();
        if fits {
            Ok(JobId(text.to_owned()))
        } else {
            Err(InvalidJobId(text.chars().take(MAX_ID_BYTES).collect()))
        }
    }

    /// The time in an id that was [made](JobId::generate). `None` for any other.
    pub(crate) fn made_at(&self) -> Option<Timestamp> {
        let mut parts = self.0.split('-');
        JobClass::parse(parts.next()?)?;
        let millis = u64::from_str_radix(parts.next()?, 36).ok()?;
        let random = parts.next()?;
        (random.len() == RANDOM_DIGITS && parts.next().is_none())
            .then(|| Timestamp::from_unix_millis(millis))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).expect("a remainder below 36 fits");
        digits.push(char::from_digit(digit, 36).expect("below the radix"));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// Why what was typed names no single job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveIdError {
    /// No id begins with it.
    #[error("no job `{typed}`")]
    Unknown {
        /// What was typed.
        typed: String,
        /// Some ids that exist, newest first.
        existing: Vec<JobId>,
    },
    /// Several ids begin with it.
    #[error("`{typed}` names more than one job")]
    Ambiguous {
        /// What was typed.
        typed: String,
        /// The first of the ids that begin with it.
        candidates: Vec<JobId>,
        /// How many begin with it in all.
        total: usize,
    },
}

impl ResolveIdError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        let list = |ids: &[JobId]| {
            ids.iter()
                .map(|id| format!("`{id}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            ResolveIdError::Unknown { existing, .. } if existing.is_empty() => {
                "this repository has no jobs yet".to_owned()
            }
            ResolveIdError::Unknown { existing, .. } => {
                format!("the newest jobs here are {}", list(existing))
            }
            ResolveIdError::Ambiguous {
                candidates, total, ..
            } => {
                let more = total - candidates.len();
                let rest = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                format!("type more of it: {}{rest}", list(candidates))
            }
        }
    }
}

/// Finds the one id that `typed` names: the id itself, or the only one that begins with it.
///
/// # Errors
///
/// None or several match; the error lists what there is.
pub fn resolve_id<'a>(
    typed: &str,
    newest_first: impl IntoIterator<Item = &'a JobId>,
) -> Result<JobId, ResolveIdError> {
    let typed = typed.trim();
    let mut existing = Vec::new();
    let mut candidates = Vec::new();
    let mut total = 0;
    for id in newest_first {
        if id.as_str() == typed {
            return Ok(id.clone());
        }
        if !typed.is_empty() && id.as_str().starts_with(typed) {
            total += 1;
            if candidates.len() < MAX_CANDIDATES {
                candidates.push(id.clone());
            }
        }
        if existing.len() < MAX_CANDIDATES {
            existing.push(id.clone());
        }
    }
    let typed = typed.chars().take(MAX_ID_BYTES).collect();
    match total {
        0 => Err(ResolveIdError::Unknown { typed, existing }),
        1 => Ok(candidates.remove(0)),
        _ => Err(ResolveIdError::Ambiguous {
            typed,
            candidates,
            total,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> JobId {
        JobId::parse(text).unwrap()
    }

    #[test]
    fn an_id_holds_class_time_and_randomness() {
        let at = Timestamp::from_unix_millis(1_785_499_199_999);
        let made = JobId::generate(JobClass::Review, at, 35);
        assert_eq!(made.as_str(), "review-ms8w4fzz-00000z");
        assert_eq!(JobId::parse(made.as_str()).unwrap(), made);
        assert_eq!(made.made_at(), Some(at));
        assert_eq!(id("task-a").made_at(), None);
        assert!(
            JobId::generate(JobClass::Task, at, u64::MAX)
                .as_str()
                .starts_with("task-")
        );
    }

    #[test]
    fn text_that_could_leave_the_folder_is_no_id() {
        for text in ["", "..", "../x", "a/b", "A-1", "-a", "9a", "a\0b", "a.b"] {
            assert!(JobId::parse(text).is_err(), "accepted {text:?}");
        }
        assert!(JobId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_unique_prefix_is_enough_and_the_full_id_always_wins() {
        let ids = [id("task-a"), id("task-ab"), id("review-c")];
        assert_eq!(resolve_id("review", &ids).unwrap(), ids[2]);
        assert_eq!(resolve_id("task-a", &ids).unwrap(), ids[0]);
        let error = resolve_id("task", &ids).unwrap_err();
        assert_eq!(error.to_string(), "`task` names more than one job");
        assert_eq!(error.hint(), "type more of it: `task-a`, `task-ab`");
    }

    #[test]
    fn an_unknown_id_lists_what_there_is() {
        let ids = [id("task-a")];
        let error = resolve_id("nope", &ids).unwrap_err();
        assert_eq!(error.hint(), "the newest jobs here are `task-a`");
        assert_eq!(
            resolve_id("", &[]).unwrap_err().hint(),
            "this repository has no jobs yet"
        );
    }
}
