//! Makes a job of a run, and does a job's work in its worker.

use serde_json::Value;

use crate::jobs::{
    CancelToken, EventSink, Job, JobClass, JobEnd, JobEvent, JobId, JobRequest, JobStore,
    JobsError, NewJob, OwnedJob, WorkerLimits, run_worker,
};
use crate::report::KeptHunks;
use crate::review::Outcome;

use super::kind::Thread;
use super::redaction::RunRedactor;
use super::{
    RunEnd, RunRequest, Surroundings, asked_before, execute, hunks, since_last, testing,
    unreadable_request,
};

/// What a job says about its run before there is any answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// One line that names the job; `None` takes the kind's own title.
    pub title: Option<String>,
    /// One line on what is asked.
    pub summary: String,
    /// The Claude session that asks.
    pub session_id: Option<String>,
    /// Whether nobody waits for it.
    pub background: bool,
    /// A random number for the job's id.
    pub random: u64,
}

/// Makes the job. It is queued, and this process owns it until its worker is started.
///
/// # Errors
///
/// The store refuses.
pub fn submit(
    store: &JobStore,
    request: &RunRequest,
    submission: Submission,
) -> Result<OwnedJob, JobsError> {
    let kind = request.kind;
    let redactor = RunRedactor::after(0);
    let (mut title, mut summary) = (submission.title, submission.summary);
    title.iter_mut().for_each(|title| redactor.text(title));
    redactor.text(&mut summary);
    store.create(NewJob {
        class: JobClass::parse(kind.job_class).expect("a kind's class is one of the two"),
        kind: kind.name.to_owned(),
        kind_label: kind.label.to_owned(),
        title: title.unwrap_or_else(|| kind.title.to_owned()),
        summary,
        write: request.write,
        ephemeral: kind.thread == Thread::Ephemeral,
        background: submission.background,
        session_id: submission.session_id,
        request: request.to_json(),
        random: submission.random,
    })
}

/// Does the work of one job in this process, which is its detached worker.
///
/// # Errors
///
/// As [`run_worker`].
pub fn work(store: &JobStore, id: &JobId, surroundings: &Surroundings) -> Result<Job, JobsError> {
    run_worker(
        store,
        id,
        &WorkerLimits::default(),
        |job, sink, cancelled| carry_out(job, surroundings, sink, cancelled),
    )
}

/// Does the work of a job in this process, without a worker: where none can be started.
///
/// # Errors
///
/// As [`OwnedJob::run_here`].
pub fn work_here(job: OwnedJob, surroundings: &Surroundings) -> Result<Job, JobsError> {
    job.run_here(&WorkerLimits::default(), |job, sink, cancelled| {
        carry_out(job, surroundings, sink, cancelled)
    })
}

/// Carries a run out, or takes the answer that was given before; then remembers what the next review builds on.
async fn answer(
    request: &RunRequest,
    job: &Job,
    surroundings: &Surroundings,
    sink: &mut dyn EventSink,
    cancelled: &CancelToken,
) -> RunEnd {
    if let Some(order) = &request.tests {
        let tests =
            testing::write_tests(request, order, &job.id, surroundings, sink, cancelled).await;
        return RunEnd::Tested(Box::new(tests));
    }
    let (id, at) = (job.id.as_str(), job.created_at);
    let question = asked_before::Question::of(request, surroundings, at).await;
    let mut end = match question.as_ref().and_then(asked_before::Question::answered) {
        Some(report) => {
            let earlier = report.cached.as_ref().expect("it says where it comes from");
            sink.emit(JobEvent::Log {
                title: None,
                body: format!("Answered as in job {} ({}).", earlier.job, earlier.at),
            });
            RunEnd::Reviewed(Box::new(report))
        }
        None => {
            let end = execute(request, surroundings, sink, cancelled).await;
            if let (Some(question), RunEnd::Reviewed(report)) = (&question, &end) {
                question.keep(id, report);
            }
            end
        }
    };
    if let (RunEnd::Reviewed(report), Some(change)) = (&mut end, &request.change) {
        if let Outcome::Judged(carried) = &change.draft.outcome {
            let carried = carried.findings.clone();
            since_last::carry_over(report, carried, &request.engine, change.on_empty);
        }
        change.counted.apply(
            report,
            &request.cwd,
            &surroundings.git,
            &request.engine,
            change.on_empty,
        );
        let taken = KeptHunks {
            hunks: change.draft.hunks.clone(),
            is_cut: change.draft.hunks_cut,
        };
        hunks::keep_beside_findings(&taken, report);
        since_last::remember(request, change, report, surroundings, id, at);
    }
    end
}

fn carry_out(
    job: &JobRequest,
    surroundings: &Surroundings,
    sink: &mut dyn EventSink,
    cancelled: &CancelToken,
) -> JobEnd {
    let request = match RunRequest::from_json(&job.request) {
        Ok(request) => request,
        Err(error) => return unreadable_request(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return unreadable_request(&error),
    };
    let mut end = runtime
        .block_on(answer(&request, &job.job, surroundings, sink, cancelled))
        .into_job_end();
    // A result names its job, so that a document that travels alone can be asked about.
    if let Value::Object(members) = &mut end.result {
        members.insert("jobId".to_owned(), Value::from(job.job.id.as_str()));
    }
    end
}
