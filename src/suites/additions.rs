//! Two versions of a text as the first with lines put in, where that is all that differs.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lines that were put in at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Behind this line of the first version, 1-based; 0 for its beginning.
    pub(super) behind: usize,
    /// The first of them in the second version, 0-based.
    pub(super) first: usize,
    /// How many they are.
    pub(super) count: usize,
}

/// The second version as the first with runs of lines put in.
#[derive(Debug)]
pub(super) struct Additions<'t> {
    pub(super) before: Vec<&'t str>,
    pub(super) after: Vec<&'t str>,
    pub(super) runs: Vec<Run>,
}

impl<'t> Additions<'t> {
    /// Compares two texts. A last line counts as ended, whether or not a line feed ends it.
    ///
    /// # Errors
    ///
    /// The first line of `before`, 1-based, that `after` lacks in its place.
    pub(super) fn between(before: &'t str, after: &'t str) -> Result<Self, usize> {
        let (before, after) = (lines(before), lines(after));
        let greedy = greedily(&before, &after)?;
        let runs = by_diff(&before, &after).unwrap_or(greedy);
        Ok(Additions {
            before,
            after,
            runs,
        })
    }

    /// The lines that were put in, with their numbers in the second version, 1-based.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &'t str)> {
        self.runs
            .iter()
            .flat_map(|run| run.first..run.first + run.count)
            .map(|index| (index + 1, self.after[index]))
    }

    /// The same addition at every place that makes the same text: a run can move over lines that equal its own.
    pub(super) fn places(&self, index: usize) -> Vec<Run> {
        let run = self.runs[index];
        let first_free = match index.checked_sub(1) {
            Some(earlier) => self.runs[earlier].first + self.runs[earlier].count,
            None => 0,
        };
        let end_free = self
            .runs
            .get(index + 1)
            .map_or(self.after.len(), |later| later.first);
        let mut places = vec![run];
        let mut at = run;
        while at.first > first_free
            && self.after[at.first - 1] == self.after[at.first + at.count - 1]
        {
            at.first -= 1;
            at.behind -= 1;
            places.push(at);
        }
        let mut at = run;
        while at.first + at.count < end_free
            && self.after[at.first] == self.after[at.first + at.count]
        {
            at.first += 1;
            at.behind += 1;
            places.push(at);
        }
        places
    }
}

/// The lines without their line feeds; a carriage return belongs to its line.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n')
        .map(|line| line.strip_suffix('\n').unwrap_or(line))
        .collect()
}

/// The earliest place for each line, which exists if any does.
fn greedily(before: &[&str], after: &[&str]) -> Result<Vec<Run>, usize> {
    let mut runs = Vec::new();
    let mut at = 0;
    for (index, line) in before.iter().enumerate() {
        let Some(skipped) = after[at..].iter().position(|other| other == line) else {
            return Err(index + 1);
        };
        push(&mut runs, index, at, skipped);
        at += skipped + 1;
    }
    push(&mut runs, before.len(), at, after.len() - at);
    Ok(runs)
}

fn push(runs: &mut Vec<Run>, behind: usize, first: usize, count: usize) {
    if count > 0 {
        runs.push(Run {
            behind,
            first,
            count,
        });
    }
}

/// As people read it; `None` where the diff takes lines out that need not go.
fn by_diff(before: &[&str], after: &[&str]) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, before, after) {
        match operation {
            DiffOp::Equal { .. } => {}
            DiffOp::Insert {
                old_index,
                new_index,
                new_len,
            } => push(&mut runs, old_index, new_index, new_len),
            DiffOp::Delete { .. } | DiffOp::Replace { .. } => return None,
        }
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(before: &str, after: &str) -> Result<Vec<(usize, String)>, usize> {
        let additions = Additions::between(before, after)?;
        Ok(additions
            .runs
            .iter()
            .map(|run| {
                let lines = &additions.after[run.first..run.first + run.count];
                (run.behind, lines.join("|"))
            })
            .collect())
    }

    #[test]
    fn lines_that_were_put_in_are_told_from_lines_that_changed() {
        let at = |behind: usize, lines: &str| (behind, lines.to_owned());
        assert_eq!(runs("a\nb\n", "a\nb\n"), Ok(vec![]));
        assert_eq!(
            runs("a\nb\n", "x\na\nb\ny\nz\n"),
            Ok(vec![at(0, "x"), at(2, "y|z")])
        );
        assert_eq!(runs("", "a\n"), Ok(vec![at(0, "a")]));
        assert_eq!(runs("a", "a\nb\n"), Ok(vec![at(1, "b")]));
        assert_eq!(runs("a\nb\n", "a\n"), Err(2));
        assert_eq!(runs("a\nb\nc\n", "a\nB\nc\n"), Err(2));
        assert_eq!(runs("a\nb\n", "b\na\n"), Err(2));
    }

    #[test]
    fn a_run_can_stand_at_every_place_that_makes_the_same_text() {
        let before = "fn a() {\n}\n";
        let after = "fn a() {\n}\nfn b() {\n}\n";
        let additions = Additions::between(before, after).unwrap();
        let places: Vec<usize> = additions.places(0).iter().map(|run| run.behind).collect();
        assert!(places.contains(&2) && places.contains(&1), "{places:?}");
    }
}
