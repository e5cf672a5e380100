//! Which jobs stay. The plan is a pure function; deleting is a separate step.
//!
//! Every job that is not over stays. Of those that are, the newest `keep` by their end stay, so that a result is never
//! pushed out by jobs that still run.

use super::{Job, JobId, Timestamp};

/// How many finished jobs a store keeps unless told otherwise.
pub const DEFAULT_KEEP_FINISHED: usize = 50;

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionPlan {
    /// The jobs to delete, newest first.
    pub delete: Vec<JobId>,
}

/// Plans what to delete so that at most `keep` finished jobs stay.
#[must_use]
pub fn plan_retention<'a>(jobs: impl IntoIterator<Item = &'a Job>, keep: usize) -> RetentionPlan {
    let mut finished: Vec<(Timestamp, &JobId)> = jobs
        .into_iter()
        .filter(|job| job.is_ended())
        .map(|job| (job.completed_at.unwrap_or(job.updated_at), &job.id))
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
    use crate::jobs::{CreatedFacts, JobClass, JobStatus};
    use proptest::prelude::*;

    fn job(number: usize, status: JobStatus, ended: u64) -> Job {
        let facts = CreatedFacts {
            class: JobClass::Review,
            kind: "review".into(),
            kind_label: String::new(),
            title: String::new(),
            summary: String::new(),
            write: false,
            ephemeral: false,
            session_id: None,
            workspace_root: "/w".into(),
        };
        let id = JobId::parse(&format!("review-{number}")).unwrap();
        let mut job = Job::created(id, Timestamp::from_unix_millis(0), &facts);
        job.status = status;
        job.completed_at = status.is_end().then(|| Timestamp::from_unix_millis(ended));
        job
    }

    proptest! {
        #[test]
        fn what_runs_stays_and_what_goes_is_the_oldest(
            states in prop::collection::vec((0..5usize, 0..20u64), 0..80),
            keep in 0..60usize,
        ) {
            let all = [
                JobStatus::Queued,
                JobStatus::Running,
                JobStatus::Completed,
                JobStatus::Failed,
                JobStatus::Cancelled,
            ];
            let jobs: Vec<Job> = states
                .iter()
                .enumerate()
                .map(|(number, (status, ended))| job(number, all[*status], *ended))
                .collect();
            let plan = plan_retention(&jobs, keep);
            let gone = |job: &Job| plan.delete.contains(&job.id);
            prop_assert!(jobs.iter().filter(|job| !job.is_ended()).all(|job| !gone(job)));
            let finished = jobs.iter().filter(|job| job.is_ended()).count();
            prop_assert_eq!(plan.delete.len(), finished.saturating_sub(keep));
            let youngest_gone = jobs.iter().filter(|job| gone(job)).map(|job| job.completed_at).max();
            let oldest_kept = jobs
                .iter()
                .filter(|job| job.is_ended() && !gone(job))
                .map(|job| job.completed_at)
                .min();
            if let (Some(gone), Some(kept)) = (youngest_gone, oldest_kept) {
                prop_assert!(gone <= kept);
            }
            prop_assert_eq!(plan, plan_retention(jobs.iter().rev(), keep), "order does not matter");
        }
    }
}
