//! One part of a change that is too large for one run (`--shard i/n`), and which files belong to it.
//!
//! [`partition`] is pure and the same on every machine: it looks at paths and weights alone, never at the order in which
//! they come. Every path is in exactly one shard.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// More shards than this are a mistake.
const MOST_SHARDS: u32 = 1000;

/// The `index`th of `count` shards, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// A shard; `None` unless `1 <= index <= count` and there are not absurdly many.
    #[must_use]
    pub fn new(index: u32, count: u32) -> Option<Self> {
        let valid = (1..=count).contains(&index) && count <= MOST_SHARDS;
        valid.then_some(Shard { index, count })
    }

    /// Which one, from 1.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The text names no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no shard (expected `i/n` with i from 1 to n, and n at most {MOST_SHARDS}, such as `2/4`)"
)]
pub struct NotAShard(pub String);

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let number = |text: &str| {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten()
            };
            Shard::new(number(index)?, number(count)?)
        };
        parse().ok_or_else(|| NotAShard(text.to_owned()))
    }
}

/// Which shard each path belongs to, from 1 to `count`. The heaviest paths are dealt first, each to the lightest shard so
/// far; paths of one weight are dealt in the order of their hashes. A path that occurs twice counts with its whole weight.
#[must_use]
pub fn partition<'a>(
    files: impl IntoIterator<Item = (&'a [u8], u64)>,
    count: u32,
) -> BTreeMap<&'a [u8], u32> {
    let mut weights: BTreeMap<&[u8], u64> = BTreeMap::new();
    for (path, weight) in files {
        let sum = weights.entry(path).or_default();
        *sum = sum.saturating_add(weight);
    }
    let mut dealt: Vec<(u64, [u8; 32], &[u8])> = weights
        .into_iter()
        .map(|(path, weight)| (weight, Sha256::digest(path).into(), path))
        .collect();
    dealt.sort_by(|left, right| {
        (right.0.cmp(&left.0)).then_with(|| (left.1, left.2).cmp(&(right.1, right.2)))
    });
    let mut loads: Vec<(u64, u64)> = vec![(0, 0); count.max(1) as usize];
    let mut shards = BTreeMap::new();
    for (weight, _, path) in dealt {
        let lightest = (0..loads.len())
            .min_by_key(|&at| loads[at])
            .expect("there is at least one shard");
        loads[lightest].0 = loads[lightest].0.saturating_add(weight);
        loads[lightest].1 += 1;
        shards.insert(path, u32::try_from(lightest + 1).unwrap_or(u32::MAX));
    }
    shards
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shard_is_read_as_it_is_shown_and_nothing_else_is_one() {
        for text in ["1/1", "2/4", "1000/1000"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in [
            "", "1", "0/2", "3/2", "1/0", "+1/2", "1/2/3", "1/1001", " 1/2", "a/b",
        ] {
            assert_eq!(text.parse::<Shard>(), Err(NotAShard(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn every_path_is_in_one_shard_whatever_the_order(
            files in proptest::collection::vec(("[a-z/]{1,12}", 0u64..10_000), 0..60),
            count in 1u32..9,
            turn in any::<proptest::sample::Index>(),
        ) {
            let entries: Vec<(&[u8], u64)> = files.iter().map(|(path, weight)| (path.as_bytes(), *weight)).collect();
            let shards = partition(entries.iter().copied(), count);
            for (path, _) in &entries {
                prop_assert!((1..=count).contains(&shards[path]));
            }
            let mut turned = entries.clone();
            if !turned.is_empty() {
                let by = turn.index(turned.len());
                turned.rotate_left(by);
            }
            turned.reverse();
            prop_assert_eq!(&partition(turned, count), &shards);
            // Balanced: no two shards differ by more than the heaviest path.
            let mut loads = vec![0u64; count as usize];
            let mut weights: BTreeMap<&[u8], u64> = BTreeMap::new();
            for (path, weight) in &entries {
                *weights.entry(path).or_default() += weight;
            }
            for (path, weight) in &weights {
                loads[shards[path] as usize - 1] += weight;
            }
            let heaviest = weights.values().copied().max().unwrap_or_default();
            let spread = loads.iter().max().unwrap() - loads.iter().min().unwrap();
            prop_assert!(spread <= heaviest, "{:?}", loads);
        }
    }
}
