//! Carries out `watch`, `watch status` and `watch stop`. [`super::watch_worker`] is the watch itself.

use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codex_review::jobs::{
    CancelLimits, Job, JobClass, JobStatus, NewJob, OwnedJob, Surface, cancel, ensure_private,
};
use codex_review::review::ExitStatus;
use codex_review::watch::{JOB_KIND, JOB_LABEL, WatchFiles, WatchRecord, WatchRequest};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::options::{Attendance, Isolation, Shape};
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;
use crate::cli::watch::{WatchAsked, WatchStart};

use super::attend::{Attended, Telling, attend_owned};
use super::effort;
use super::watch_telling;
use super::workspace::{Workspace, random};

/// How long one start waits for another of the same working tree.
const START_WAIT: Duration = Duration::from_secs(10);
const START_POLL: Duration = Duration::from_millis(10);

pub(crate) fn run(
    asked: WatchAsked,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    match asked {
        WatchAsked::Start(start) => begin(*start, surroundings, ui),
        WatchAsked::Status(shape) => status(shape, surroundings, ui),
        WatchAsked::Stop(shape) => stop(shape, surroundings, ui),
    }
}

/// A working tree that can be watched.
struct Place {
    workspace: Workspace,
    root: PathBuf,
    files: WatchFiles,
}

impl Place {
    fn open(
        surroundings: &Surroundings,
        flags: Vec<codex_review::config::Flag>,
        ui: &Ui,
    ) -> Result<Place, Failure> {
        let (workspace, repository) = Workspace::open_repository(surroundings, flags, ui)?;
        if repository.is_bare() {
            return Err(Failure::NothingToWatch);
        }
        let root = real(repository.root());
        Ok(Place {
            files: WatchFiles::of(workspace.store.folder(), &root),
            workspace,
            root,
        })
    }

    /// The job that watches it, if one does.
    fn running(&self) -> Result<Option<Job>, Failure> {
        running(&self.workspace, &self.root)
    }
}

/// The root by which a working tree is known.
pub(crate) fn real(root: &Path) -> PathBuf {
    std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned())
}

/// The job that watches the working tree with this root, if one does.
pub(crate) fn running(workspace: &Workspace, root: &Path) -> Result<Option<Job>, Failure> {
    let store = &workspace.store;
    let jobs = store.jobs()?;
    Ok(jobs.into_iter().find(|job| {
        let is_of_this_tree = || {
            let request = store.request(&job.id).ok()?;
            Some(WatchRequest::from_json(&request)?.root == root)
        };
        !job.is_ended() && job.kind == JOB_KIND && is_of_this_tree().unwrap_or(false)
    }))
}

fn begin(start: WatchStart, surroundings: &Surroundings, ui: &Ui) -> Result<ExitStatus, Failure> {
    let place = Place::open(surroundings, start.flags.clone(), ui)?;
    let options = place.workspace.engine_options(start.isolation);
    effort::check(&options, &place.workspace, ui)?;
    let attendance = start.attendance.unwrap_or({
        if std::io::stdout().is_terminal() {
            Attendance::Foreground
        } else {
            Attendance::Background
        }
    });
    // Held until the job is there: two starts at once must see each other.
    let starting = lock(&place.files)?;
    if let Some(job) = place.running()? {
        return Err(Failure::AlreadyWatched {
            root: place.root,
            id: job.id,
        });
    }
    let owned = create(&place, &start)?;
    drop(starting);
    let Place { workspace, .. } = &place;
    match attendance {
        Attendance::Background => {
            let job = owned.start(&workspace.launcher()?)?;
            workspace.tell_warnings();
            say_started(&place, &job, start.shape, ui)?;
        }
        Attendance::Foreground => {
            let attended = attend_owned(workspace, ui, owned, Telling::Progress, |owned| {
                owned.start(&workspace.launcher()?)?;
                Ok(())
            })?;
            if let Attended::Left(_) = attended {
                return Ok(ExitStatus::Interrupted);
            }
            if let Attended::Ended(job) = attended {
                let rendered = job.outcome.as_ref().map(|outcome| &outcome.rendered);
                ui.result(rendered.map_or(&[], |rendered| rendered.as_bytes()))?;
                if job.status == JobStatus::Failed {
                    let reason = job.error_message.as_deref().unwrap_or("it gave no reason");
                    ui.warning(&format!("the watch failed: {reason}"));
                    return Ok(ExitStatus::Incomplete);
                }
            }
        }
    }
    Ok(ExitStatus::Passed)
}

fn lock(files: &WatchFiles) -> Result<File, Failure> {
    ensure_private(&files.folder).map_err(codex_review::jobs::JobsError::from)?;
    let failed = |source| Failure::Write {
        path: files.starting.clone(),
        source,
    };
    let file = File::create(&files.starting).map_err(failed)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) if began.elapsed() < START_WAIT => {
                std::thread::sleep(START_POLL);
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
}

fn create(place: &Place, start: &WatchStart) -> Result<OwnedJob, Failure> {
    let request = WatchRequest {
        root: place.root.clone(),
        trigger: start.trigger,
        eyes: start.eyes,
        paths: start.paths.clone(),
        settings: start
            .flags
            .iter()
            .map(|flag| (flag.key.to_owned(), flag.value.clone()))
            .collect(),
        isolated: start.isolation == Isolation::Isolated,
    };
    let request = request
        .to_json()
        .ok_or_else(|| codex_review::run::PrepareError::RootNotUtf8(place.root.clone()))?;
    let session = place.workspace.session.clone();
    Ok(place.workspace.store.create(NewJob {
        class: JobClass::Review,
        kind: JOB_KIND.to_owned(),
        kind_label: JOB_LABEL.to_owned(),
        title: "Codex Watch".to_owned(),
        summary: format!("{} in {}", start.trigger.as_str(), place.root.display()),
        write: false,
        ephemeral: true,
        // The end of a Claude session ends the watch that it began; one from a terminal goes on.
        background: session.is_none(),
        session_id: session,
        request,
        random: random(),
    })?)
}

fn say_started(place: &Place, job: &Job, shape: Shape, ui: &Ui) -> Result<(), Failure> {
    let Place {
        workspace, root, ..
    } = place;
    match shape {
        Shape::Json => ui.json(&json!({
            "jobId": job.id.as_str(),
            "status": job.status.as_str(),
            "title": job.title,
            "root": root,
            "logFile": workspace.store.files(&job.id).log,
        }))?,
        Shape::People => {
            let command = match workspace.surface() {
                Surface::ClaudeCode => "/codex:",
                Surface::Shell => "codex-review ",
            };
            let watch = workspace.settings().watch;
            let limit = |number: u64| match number {
                0 => "any number of".to_owned(),
                number => format!("at most {}", codex_review::report::grouped(number)),
            };
            ui.result(
                format!(
                    "Watching `{}` as job {}: it reviews after {} s without a change, {} times an hour and with {} tokens in 24 hours.\n\
                     `{command}watch status` shows what it finds, `{command}watch stop` ends it.\n",
                    root.display(),
                    job.id,
                    watch.quiet.as_secs(),
                    limit(watch.max_per_hour.into()),
                    limit(watch.budget_tokens),
                )
                .as_bytes(),
            )?;
        }
    }
    Ok(())
}

fn status(shape: Shape, surroundings: &Surroundings, ui: &Ui) -> Result<ExitStatus, Failure> {
    let place = Place::open(surroundings, Vec::new(), ui)?;
    let running = place.running()?;
    let record = WatchRecord::load(&place.files);
    match shape {
        Shape::Json => ui.json(&watch_telling::document(
            record.as_ref(),
            running.as_ref(),
            &place.root,
        ))?,
        Shape::People => {
            let page = match (&record, &running) {
                (Some(record), _) => watch_telling::page(record, running.as_ref()),
                (None, Some(job)) => format!("Job {} begins to watch.\n", job.id),
                (None, None) => format!("`{}` is not watched.\n", place.root.display()),
            };
            ui.result(page.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}

fn stop(shape: Shape, surroundings: &Surroundings, ui: &Ui) -> Result<ExitStatus, Failure> {
    let place = Place::open(surroundings, Vec::new(), ui)?;
    let Some(job) = place.running()? else {
        return Err(Failure::NotWatched { root: place.root });
    };
    let store = &place.workspace.store;
    let cancelled = cancel(
        store,
        &job.id,
        Some("`watch stop`"),
        &CancelLimits::default(),
    )?;
    let record = WatchRecord::load(&place.files);
    match shape {
        Shape::Json => {
            let mut document = watch_telling::document(record.as_ref(), None, &place.root);
            document["job"] = job.id.as_str().into();
            document["status"] = cancelled.job.status.as_str().into();
            ui.json(&document)?;
        }
        Shape::People => {
            let mut page = format!("The watch of `{}` has ended.\n", place.root.display());
            if !cancelled.job.is_ended() {
                page = codex_review::jobs::render_cancelled(&cancelled);
            }
            if let Some(record) = record {
                page.push_str(&watch_telling::page(&record, None));
            }
            ui.result(page.as_bytes())?;
        }
    }
    Ok(ExitStatus::Passed)
}
