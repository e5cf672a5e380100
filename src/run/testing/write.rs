//! One run that writes tests, from its worktree to its result.

use std::ffi::OsString;

use bstr::BStr;

use super::order::{RunTests, TestOrder};
use super::runs::Bench;
use super::site::{Site, Use, failed};
use super::touched::{picture, touched};
use super::written::{PackageRuns, WrittenTests};
use crate::jobs::{CancelToken, EventSink, JobEvent, JobId};
use crate::review::NotJudged;
use crate::suites::{Package, Policy};
use crate::worktrees::{Git, Worktree};

use super::super::redaction::RunRedactor;
use super::super::{RunEnd, RunRequest, Surroundings, TaskAnswer, execute};

/// What was accepted and refused, and what the runs showed.
#[derive(Default)]
struct Made {
    policy: Policy,
    patch: String,
    runs: Vec<PackageRuns>,
}

/// Writes tests. Always comes back with a result; the worktrees are gone by then.
pub(in crate::run) async fn write_tests(
    request: &RunRequest,
    order: &TestOrder,
    job: &JobId,
    surroundings: &Surroundings,
    sink: &mut dyn EventSink,
    cancelled: &CancelToken,
) -> WrittenTests {
    let packages = order.packages();
    let mut writing = Writing {
        request,
        order,
        packages: &packages,
        job,
        surroundings,
        answer: TaskAnswer::nothing(),
    };
    let mut made = Made::default();
    if let Err(not_judged) = writing.perform(&mut made, sink, cancelled).await {
        writing.answer.failure.get_or_insert(not_judged);
    }
    let mut answer = writing.answer;
    let redactor = RunRedactor::after(0);
    redactor.answer(&mut answer);
    redactor.text(&mut made.patch);
    for side in made.runs.iter_mut().flat_map(|runs| &mut runs.sides) {
        redactor.text(&mut side.tail);
    }
    WrittenTests {
        job: job.as_str().to_owned(),
        order: order.clone(),
        packages,
        answer,
        policy: made.policy,
        patch: made.patch,
        runs: made.runs,
    }
}

struct Writing<'a> {
    request: &'a RunRequest,
    order: &'a TestOrder,
    packages: &'a [Package],
    job: &'a JobId,
    surroundings: &'a Surroundings,
    answer: TaskAnswer,
}

impl Writing<'_> {
    async fn perform(
        &mut self,
        made: &mut Made,
        sink: &mut dyn EventSink,
        cancelled: &CancelToken,
    ) -> Result<(), NotJudged> {
        let site = Site::open(
            &self.request.cwd,
            self.job,
            &self.surroundings.state_folder,
            &self.surroundings.git,
            Git::new(self.surroundings.variables.iter().cloned()),
        )?;
        let (work, lacks) = site.changed_worktree(Use::Work, self.order)?;
        self.answer.notes.extend(lacks);
        // Made now, because the user's tree goes on meanwhile.
        let change = match self.order.run {
            RunTests::No => None,
            RunTests::OnBothSides => Some(site.changed_worktree(Use::Change, self.order)?.0),
        };
        let repository = site.read(&work)?;
        let before = picture(&repository, &self.order.commit)?;
        self.turn(&work, &site, sink, cancelled).await?;
        // Opened anew: nothing that was read before the turn is taken for what is there now.
        let repository = site.read(&work)?;
        let after = picture(&repository, &self.order.commit)?;
        let (files, unseen) = touched(&repository, &before, &after);
        made.policy = Policy::of(self.packages, files);
        made.policy.refused.extend(unseen);
        made.policy
            .refused
            .sort_by(|one, other| one.path.cmp(&other.path));
        for kept in &made.policy.kept {
            let path = BStr::new(kept.accepted.path.as_str());
            let old = kept.before.as_deref().map(str::as_bytes);
            let patch = repository
                .patch_between(path, old, kept.after.as_bytes())
                .map_err(|error| failed("no patch can be made", &error))?;
            made.patch.push_str(&String::from_utf8_lossy(&patch));
        }
        let Some(change) = change.filter(|_| !made.policy.kept.is_empty()) else {
            return Ok(());
        };
        self.run_tests(made, &site, &change, sink, cancelled).await
    }

    async fn run_tests(
        &self,
        made: &mut Made,
        site: &Site,
        change: &Worktree,
        sink: &mut dyn EventSink,
        cancelled: &CancelToken,
    ) -> Result<(), NotJudged> {
        let variables: Vec<(OsString, OsString)> = self
            .surroundings
            .variables
            .iter()
            .filter(|(name, _)| {
                crate::external::TRIAL_VARIABLES
                    .iter()
                    .any(|known| name == known)
            })
            .cloned()
            .collect();
        let bench = Bench {
            site,
            order: self.order,
            packages: self.packages,
            policy: &made.policy,
            variables: &variables,
            search_path: &self.surroundings.search_path,
            job: self.job.as_str(),
            cancelled,
        };
        made.runs = bench.run(change, sink).await?;
        Ok(())
    }

    /// The engine's turn, in the worktree.
    async fn turn(
        &mut self,
        work: &Worktree,
        site: &Site,
        sink: &mut dyn EventSink,
        cancelled: &CancelToken,
    ) -> Result<(), NotJudged> {
        let request = RunRequest {
            cwd: work.root().to_owned(),
            scratch: Some(site.scratch()),
            ..self.request.clone()
        };
        sink.emit(JobEvent::Log {
            title: None,
            body: "Tests are written in a worktree of their own.".to_owned(),
        });
        let RunEnd::Answered(answer) = execute(&request, self.surroundings, sink, cancelled).await
        else {
            unreachable!("a run without a change is answered");
        };
        let notes = std::mem::take(&mut self.answer.notes);
        self.answer = answer;
        self.answer.notes.splice(0..0, notes);
        match &self.answer.failure {
            None => Ok(()),
            Some(failure) => Err(failure.clone()),
        }
    }
}

impl TaskAnswer {
    /// Before anybody was asked.
    fn nothing() -> Self {
        TaskAnswer {
            failure: None,
            thread_id: None,
            message: String::new(),
            touched_files: Vec::new(),
            reasoning: Vec::new(),
            notes: Vec::new(),
            usage: None,
        }
    }
}
