//! Which jobs stay. The plan is a pure function; deleting is a separate step.
//!
//! Every job that is not over stays. Of those that are, the newest `keep` by their end stay, so that a result is never
//! pushed out by jobs that still run.

use super::{JobId, Timestamp};

/// How many finished jobs a store keeps unless told otherwise.
pub const DEFAULT_KEEP_FINISHED: usize = 50;

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionPlan {
    /// The jobs to delete, newest first.
    pub delete: Vec<JobId>,
}

/// Plans what to delete so that at most `keep` finished jobs stay. Each job comes with the time of its end, which is
/// `None` while it is not over.
#[must_use]
pub fn plan_retention<'a>(
    jobs: impl IntoIterator<Item = (&'a JobId, Option<Timestamp>)>,
    keep: usize,
) -> RetentionPlan {
    let mut finished: Vec<(Timestamp, &JobId)> = jobs
        .into_iter()
        .filter_map(|(id, ended_at)| Some((ended_at?, id)))
        .collect();
    finished.sort_by(|left, right| right.cmp(left));
    RetentionPlan {
        delete: finished
            .into_iter()
            .skip(keep)
            .map(|(_, id)| id.clone())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_runs_stays_and_what_goes_is_the_oldest(
            ends in prop::collection::vec(prop::option::of(0..20u64), 0..80),
            keep in 0..60usize,
        ) {
            let jobs: Vec<(JobId, Option<Timestamp>)> = ends
                .iter()
                .enumerate()
                .map(|(number, ended)| {
                    let id = JobId::parse(&format!("review-{number}")).unwrap();
                    (id, ended.map(Timestamp::from_unix_millis))
                })
                .collect();
            let facts = || jobs.iter().map(|(id, ended)| (id, *ended));
            let plan = plan_retention(facts(), keep);
            let gone = |id: &JobId| plan.delete.contains(id);
            prop_assert!(facts().all(|(id, ended)| ended.is_some() || !gone(id)));
            let finished = facts().filter(|(_, ended)| ended.is_some()).count();
            prop_assert_eq!(plan.delete.len(), finished.saturating_sub(keep));
            let youngest_gone = facts().filter(|(id, _)| gone(id)).filter_map(|job| job.1).max();
            let oldest_kept = facts().filter(|(id, _)| !gone(id)).filter_map(|job| job.1).min();
            if let (Some(gone), Some(kept)) = (youngest_gone, oldest_kept) {
                prop_assert!(gone <= kept);
            }
            let mut reversed: Vec<_> = facts().collect();
            reversed.reverse();
            prop_assert_eq!(&plan, &plan_retention(reversed, keep), "order does not matter");
        }
    }
}
