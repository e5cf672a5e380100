//! Means with a bootstrap interval, by a generator of its own: the same input gives the same numbers.

/// A mean with the bounds within which 95 % of resampled means lie.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
    pub n: usize,
}

const RESAMPLES: usize = 2_000;

/// Of the values that are there.
pub fn estimate(values: &[f64]) -> Option<Estimate> {
    if values.is_empty() {
        return None;
    }
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        // A xorshift: good enough to draw cases.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| (0..n).map(|_| values[next()]).sum::<f64>() / n as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    Some(Estimate {
        mean,
        low: means[RESAMPLES * 25 / 1000],
        high: means[RESAMPLES * 975 / 1000],
        n,
    })
}

/// The difference of two methods over the cases that have both.
pub fn paired(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Estimate> {
    let differences: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .filter_map(|(ours, theirs)| Some((*ours)? - (*theirs)?))
        .collect();
    estimate(&differences)
}
