//! How much a watch may spend, and what was spent.

use std::collections::VecDeque;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// More than any limit lets through in a day; without limits the oldest are forgotten.
const MOST_KEPT: usize = 20_000;

/// What a watch keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long nothing may change before the tree is looked at.
    pub quiet: Duration,
    /// Reviews in an hour; 0 for no limit.
    pub max_per_hour: u32,
    /// Tokens in 24 hours; 0 for no limit.
    pub tokens_per_day: u64,
    /// More changed files than this are not reviewed.
    pub most_files: usize,
}

/// One review that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// When it began, on the clock of the watch.
    pub at: Duration,
    /// Tokens that it used.
    pub tokens: u64,
}

/// Whether a review may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It may, and use so many tokens; `None` for no limit.
    Free {
        /// Tokens that are left.
        allowance: Option<u64>,
    },
    /// The hour is full.
    HourFull {
        /// When it no longer is.
        until: Duration,
    },
    /// The tokens are used up.
    DayFull {
        /// Tokens of the last 24 hours.
        spent: u64,
        /// When there are some again.
        until: Duration,
    },
}

/// The reviews of the last 24 hours, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    entries: VecDeque<Spent>,
}

impl Spending {
    /// What was spent before, in any order.
    #[must_use]
    pub fn restored(entries: impl IntoIterator<Item = Spent>) -> Self {
        let mut entries: Vec<Spent> = entries.into_iter().collect();
        entries.sort_by_key(|entry| entry.at);
        let surplus = entries.len().saturating_sub(MOST_KEPT);
        Spending {
            entries: entries.split_off(surplus).into(),
        }
    }

    /// Each review that still counts for something.
    pub fn entries(&self) -> impl Iterator<Item = &Spent> {
        self.entries.iter()
    }

    /// Notes that a review begins: from now on it counts, whatever becomes of it.
    pub fn begin(&mut self, now: Duration) {
        if self.entries.len() >= MOST_KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Spent { at: now, tokens: 0 });
    }

    /// What the review that began last used; `None` takes it back, because nobody was asked.
    pub fn end(&mut self, tokens: Option<u64>) {
        match (self.entries.back_mut(), tokens) {
            (Some(last), Some(tokens)) => last.tokens = tokens,
            _ => drop(self.entries.pop_back()),
        }
    }

    /// Tokens of the 24 hours before `now`.
    #[must_use]
    pub fn tokens_of_day(&self, now: Duration) -> u64 {
        self.within(now, DAY)
            .fold(0, |sum, entry| sum.saturating_add(entry.tokens))
    }

    /// Reviews of the hour before `now`.
    #[must_use]
    pub fn reviews_of_hour(&self, now: Duration) -> usize {
        self.within(now, HOUR).count()
    }

    fn within(&self, now: Duration, window: Duration) -> impl Iterator<Item = &Spent> {
        self.entries
            .iter()
            .filter(move |entry| now.saturating_sub(entry.at) < window)
    }

    /// Whether a review may begin.
    pub fn room(&mut self, now: Duration, limits: &Limits) -> Room {
        while self
            .entries
            .front()
            .is_some_and(|entry| now.saturating_sub(entry.at) >= DAY)
        {
            self.entries.pop_front();
        }
        let most = usize::try_from(limits.max_per_hour).unwrap_or(usize::MAX);
        let in_hour = self.reviews_of_hour(now);
        if most > 0 && in_hour >= most {
            let leaves = self.within(now, HOUR).nth(in_hour - most);
            let leaves = leaves.expect("there are at least as many as the limit");
            return Room::HourFull {
                until: leaves.at.saturating_add(HOUR),
            };
        }
        if limits.tokens_per_day == 0 {
            return Room::Free { allowance: None };
        }
        let spent = self.tokens_of_day(now);
        match limits.tokens_per_day.checked_sub(spent) {
            Some(left) if left > 0 => Room::Free {
                allowance: Some(left),
            },
            _ => Room::DayFull {
                spent,
                until: self.room_for(1, now, limits),
            },
        }
    }

    /// When so many tokens are free again; where they never are, when everything has been forgotten.
    #[must_use]
    pub fn room_for(&self, tokens: u64, now: Duration, limits: &Limits) -> Duration {
        let mut spent = self.tokens_of_day(now);
        for entry in self.within(now, DAY) {
            spent = spent.saturating_sub(entry.tokens);
            if spent.saturating_add(tokens) <= limits.tokens_per_day {
                return entry.at.saturating_add(DAY);
            }
        }
        now.saturating_add(DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        quiet: Duration::from_secs(20),
        max_per_hour: 2,
        tokens_per_day: 100,
        most_files: 10,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_hour_has_room_again_when_its_first_review_has_left_it() {
        let mut spending = Spending::default();
        for at in [10, 20] {
            assert!(matches!(
                spending.room(seconds(at), &LIMITS),
                Room::Free { .. }
            ));
            spending.begin(seconds(at));
            spending.end(Some(1));
        }
        let until = seconds(10 + 3_600);
        assert_eq!(
            spending.room(seconds(30), &LIMITS),
            Room::HourFull { until }
        );
        assert!(matches!(spending.room(until, &LIMITS), Room::Free { .. }));
    }

    #[test]
    fn tokens_are_counted_over_a_day_and_what_nobody_was_asked_is_not() {
        let mut spending = Spending::default();
        spending.begin(seconds(0));
        spending.end(Some(60));
        spending.begin(seconds(4_000));
        spending.end(None);
        assert_eq!(
            spending.room(seconds(5_000), &LIMITS),
            Room::Free {
                allowance: Some(40)
            }
        );
        spending.begin(seconds(5_000));
        spending.end(Some(70));
        let until = DAY;
        assert_eq!(
            spending.room(seconds(10_000), &LIMITS),
            Room::DayFull { spent: 130, until }
        );
        assert_eq!(
            spending.room(until, &LIMITS),
            Room::Free {
                allowance: Some(30)
            }
        );
        assert_eq!(
            spending.room_for(40, until, &LIMITS),
            seconds(5_000) + DAY,
            "more than is left waits for the next one to leave"
        );
    }

    #[test]
    fn zero_is_no_limit_and_memory_is_bounded_all_the_same() {
        let limits = Limits {
            max_per_hour: 0,
            tokens_per_day: 0,
            ..LIMITS
        };
        let mut spending = Spending::default();
        for at in 0..30_000 {
            assert_eq!(
                spending.room(seconds(at), &limits),
                Room::Free { allowance: None }
            );
            spending.begin(seconds(at));
            spending.end(Some(u64::MAX));
        }
        assert_eq!(spending.entries().count(), MOST_KEPT);
        assert_eq!(spending.tokens_of_day(seconds(30_000)), u64::MAX);
    }
}
