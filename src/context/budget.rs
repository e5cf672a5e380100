//! How much may be sent, and how much something costs.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use super::token_bound::{bound, bound_within};

/// The most that a whole context may be, envelopes and ledger included. Never exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most bytes of UTF-8.
    pub bytes: u64,
    /// The most tokens, counted with a [bound](super::bound_tokens) that the text never exceeds; `None` for no limit of
    /// its own.
    pub tokens: Option<u64>,
}

/// What a piece of text costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// The most tokens that it can be.
    pub tokens: u64,
}

impl Cost {
    /// The cost of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Cost {
            bytes: text.len() as u64,
            tokens: bound(text),
        }
    }
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            bytes: self.bytes.saturating_add(other.bytes),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), Add::add)
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    bytes: u64,
    tokens: u64,
}

impl Room {
    /// All of a budget.
    #[must_use]
    pub fn of(budget: Budget) -> Self {
        Room {
            bytes: budget.bytes,
            tokens: budget.tokens.unwrap_or(u64::MAX),
        }
    }

    /// The bytes left.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// What `text` costs; `None` when it does not fit, which takes no longer to find out than it must.
    #[must_use]
    pub fn price(self, text: &str) -> Option<Cost> {
        let bytes = text.len() as u64;
        if bytes > self.bytes {
            return None;
        }
        let tokens = bound_within(text, self.tokens)?;
        Some(Cost { bytes, tokens })
    }

    /// Whether `cost` fits.
    #[must_use]
    pub fn fits(self, cost: Cost) -> bool {
        cost.bytes <= self.bytes && cost.tokens <= self.tokens
    }

    /// What is left after `cost`; `None` when it does not fit.
    #[must_use]
    pub fn without(self, cost: Cost) -> Option<Self> {
        self.fits(cost).then(|| self.less(cost))
    }

    /// What is left after `cost`, at least nothing.
    #[must_use]
    pub fn less(self, cost: Cost) -> Self {
        Room {
            bytes: self.bytes.saturating_sub(cost.bytes),
            tokens: self.tokens.saturating_sub(cost.tokens),
        }
    }

    /// With `cost` given back.
    #[must_use]
    pub fn plus(self, cost: Cost) -> Self {
        Room {
            bytes: self.bytes.saturating_add(cost.bytes),
            tokens: self.tokens.saturating_add(cost.tokens),
        }
    }

    /// The smaller of the two in each measure.
    #[must_use]
    pub fn min(self, other: Room) -> Self {
        Room {
            bytes: self.bytes.min(other.bytes),
            tokens: self.tokens.min(other.tokens),
        }
    }

    /// So many percent of it, rounded down.
    #[must_use]
    pub fn percent(self, percent: u8) -> Self {
        let part = |whole: u64| match whole {
            u64::MAX => u64::MAX,
            whole => (u128::from(whole) * u128::from(percent) / 100) as u64,
        };
        Room {
            bytes: part(self.bytes),
            tokens: part(self.tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost {
        bytes: 60,
        tokens: 10,
    };

    #[test]
    fn both_measures_limit() {
        let room = Room::of(Budget {
            bytes: 100,
            tokens: Some(15),
        });
        let rest = room.without(COST).unwrap();
        assert_eq!(rest.bytes(), 40);
        assert_eq!(rest.without(COST), None);
        assert_eq!(rest.plus(COST), room);
        let few_tokens = Room::of(Budget {
            bytes: 100,
            tokens: Some(9),
        });
        assert!(!few_tokens.fits(COST));
    }

    #[test]
    fn no_token_limit_means_none_in_a_share_either() {
        let room = Room::of(Budget {
            bytes: 101,
            tokens: None,
        });
        let half = room.percent(50);
        assert_eq!(half.bytes(), 50);
        let wordy = Cost {
            bytes: 50,
            tokens: u64::MAX / 2,
        };
        assert!(half.fits(wordy));
    }
}
