//! Did you mean: the one known word that a mistyped one is close to.

/// The candidate that is nearest to `word`, if it is near enough to be what was meant: at most one edit per three
/// letters. An edit inserts, deletes or replaces a letter, or swaps two neighbours.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| {
            *distance
                <= candidate
                    .chars()
                    .count()
                    .max(word.chars().count())
                    .div_ceil(3)
                    .min(4)
                && *distance < candidate.chars().count()
        })
        .map(|(_, candidate)| candidate)
}

fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(from != to);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped =
                row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_slips_are_near_and_other_words_are_not() {
        let words = ["model", "effort", "strategy", "gate.max_blocks"];
        for (typed, meant) in [
            ("modle", Some("model")),
            ("Model", Some("model")),
            ("efort", Some("effort")),
            ("stratergy", Some("strategy")),
            ("gate.max-blocks", Some("gate.max_blocks")),
            ("", None),
            ("x", None),
            ("colour", None),
            (&"m".repeat(10_000), None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
    }
}
