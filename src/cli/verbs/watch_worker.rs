//! A watch at work, in its detached worker: the machine, its driver, and the threads around them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use codex_review::causes::with_causes;
use codex_review::jobs::{
    CancelToken, Clock, EndStatus, EventSink, Job, JobEnd, JobEvent, JobId, JobRequest, JobStore,
    Phase, ProcessIdentity, StateRoot, Timestamp, WorkerLimits, ensure_private, run_worker,
    sessions,
};
use codex_review::watch::{
    Action, Baseline, Event, Limits, Notice, NoticeOptions, Notices, Order, Outlets, Over,
    RoundEnd, RoundOutcome, Spending, WatchFiles, WatchRecord, WatchRequest, Watcher, drive,
    elapsed_since_boot,
};
use tokio::sync::{Notify, mpsc};

use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;

use super::watch_round::Hands;
use super::watch_telling;

/// A change of more files than this is no work that paused: a checkout, a generator.
pub(super) const MOST_FILES: usize = 300;
/// Spending of a day ago must have a place on the clock.
const CLOCK_START: Duration = Duration::from_secs(48 * 3_600);
/// How long the first look of the watching thread at the folders is waited for.
const FIRST_SIGHT: Duration = Duration::from_secs(60);
/// How many new findings of one review are told one by one.
const TOLD_FINDINGS: usize = 10;

fn clock() -> Duration {
    CLOCK_START.saturating_add(elapsed_since_boot())
}

/// Does the work of a watch's job.
pub(crate) fn work(store: &JobStore, id: &JobId, state_root: &StateRoot) -> Result<Job, Failure> {
    let limits = WorkerLimits::default();
    Ok(run_worker(
        store,
        id,
        &limits,
        |request, sink, cancelled| {
            watch(store, request, state_root, sink, cancelled)
                .unwrap_or_else(|reason| JobEnd::without_result(EndStatus::Failed, reason))
        },
    )?)
}

/// Watches to the end. An error is why it could not begin.
fn watch(
    store: &JobStore,
    request: &JobRequest,
    state_root: &StateRoot,
    sink: &mut dyn EventSink,
    cancelled: &CancelToken,
) -> Result<JobEnd, String> {
    let asked = WatchRequest::from_json(&request.request)
        .ok_or("the job's stored request cannot be read")?;
    let hands = Hands {
        asked: asked.clone(),
        state_root: state_root.clone(),
        job: request.job.id.clone(),
        session: request.job.session_id.clone(),
    };
    let (workspace, repository) = hands.workspace().map_err(|failure| with_causes(&failure))?;
    let settings = workspace.settings().watch;
    let base = Baseline {
        head: repository.head().map(|head| head.as_hex().to_owned()),
        branch: repository.branch(),
    };
    drop((workspace, repository));
    let limits = Limits {
        quiet: settings.quiet,
        max_per_hour: settings.max_per_hour,
        tokens_per_day: settings.budget_tokens,
        most_files: MOST_FILES,
    };
    let files = WatchFiles::of(store.folder(), &asked.root);
    ensure_private(&files.folder).map_err(|error| error.to_string())?;
    let (now, wall) = (clock(), Clock::system().now());
    let spending = WatchRecord::load(&files)
        .map_or_else(Spending::default, |before| before.spending(now, wall));
    let mut watcher = Watcher::new(asked.trigger, limits, spending, base, now);
    let mut teller = Teller::new(&asked, request, limits, files, wall, sink);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let changed = Arc::new(Notify::new());
    let stop_round = CancelToken::new();
    let (events, mut inbox) = mpsc::channel(8);
    let (orders, to_do) = mpsc::channel(2);
    start_hands(hands.clone(), to_do, events.clone(), stop_round.clone())?;
    let options = NoticeOptions {
        root: asked.root.clone(),
        git: Surroundings::git_environment(),
        trigger: asked.trigger,
        paths: hands.paths(),
        eyes: asked.eyes,
    };
    let outlets = Outlets {
        changed: Arc::clone(&changed),
        inbox: events,
    };
    let host = host_of(store, request.job.session_id.as_deref());
    let host_lives = move || host.as_ref().and_then(ProcessIdentity::is_alive) != Some(false);
    let notices = Notices::start(options, outlets, move || hands.fingerprint(), host_lives)
        .map_err(|error| error.to_string())?;
    teller.take_sight(&notices, FIRST_SIGHT);
    let over = runtime.block_on(drive(
        &mut watcher,
        &mut inbox,
        &changed,
        &orders,
        (cancelled, &stop_round),
        clock,
        |watcher, actions| {
            teller.take_sight(&notices, Duration::ZERO);
            teller.tell(watcher, actions);
        },
    ));
    // Nobody takes events any more: a thread that still wants to tell one must not wait for that.
    drop((inbox, orders));
    drop(notices);
    Ok(teller.end(over))
}

/// The process of the Claude session that began the watch. The session's end normally ends the watch; a client that
/// crashed, or began another conversation meanwhile, says nothing of this one's end.
fn host_of(store: &JobStore, session: Option<&str>) -> Option<ProcessIdentity> {
    let session = session?;
    let lease = sessions(store).ok()?.into_iter();
    let mut own = lease.filter(|lease| lease.session_id == session);
    own.next()?.host
}

/// Carries orders out, one after the other, in a thread of its own. Each is answered, whatever happens.
fn start_hands(
    hands: Hands,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    stop_round: CancelToken,
) -> Result<(), String> {
    let carry_out = move || {
        while let Some(order) = orders.blocking_recv() {
            let event = match order {
                Order::Look { base } => {
                    let look = || hands.look(base.as_deref());
                    match std::panic::catch_unwind(AssertUnwindSafe(look)) {
                        Ok(Ok(look)) => Event::Looked(look),
                        Ok(Err(failure)) => Event::LookFailed {
                            reason: with_causes(&failure),
                        },
                        Err(_) => Event::LookFailed {
                            reason: DEFECT.to_owned(),
                        },
                    }
                }
                Order::Review { subject, allowance } => {
                    let round = || hands.round(&subject, allowance, &stop_round);
                    let end = std::panic::catch_unwind(AssertUnwindSafe(round));
                    Event::RoundEnded(end.unwrap_or_else(|_| RoundEnd {
                        job: None,
                        tokens: None,
                        outcome: RoundOutcome::Failed {
                            reason: DEFECT.to_owned(),
                        },
                    }))
                }
            };
            if events.blocking_send(event).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("watch-hands".to_owned())
        .spawn(carry_out)
        .map(drop)
        .map_err(|error| error.to_string())
}

const DEFECT: &str = "it met a defect of codex-review";

/// Keeps the record, and tells the job's log.
struct Teller<'a> {
    record: WatchRecord,
    saved: Option<WatchRecord>,
    files: WatchFiles,
    sink: &'a mut dyn EventSink,
    cannot_save: bool,
    phase: Option<Phase>,
}

fn watching() -> Phase {
    Phase::Other("watching".to_owned())
}

impl<'a> Teller<'a> {
    fn new(
        asked: &WatchRequest,
        request: &JobRequest,
        limits: Limits,
        files: WatchFiles,
        since: Timestamp,
        sink: &'a mut dyn EventSink,
    ) -> Self {
        Teller {
            record: WatchRecord {
                job: request.job.id.as_str().to_owned(),
                root: asked.root.clone(),
                since,
                trigger: asked.trigger,
                eyes: asked.eyes,
                doing: String::new(),
                reviews: 0,
                tokens: 0,
                budget: limits.tokens_per_day,
                verdict: None,
                last_review: None,
                findings: Vec::new(),
                skips: 0,
                skipped: Vec::new(),
                failing: None,
                spent: Vec::new(),
            },
            saved: None,
            files,
            sink,
            cannot_save: false,
            phase: None,
        }
    }

    fn phase(&mut self, phase: Phase) {
        if self.phase.as_ref() != Some(&phase) {
            self.phase = Some(phase.clone());
            self.sink.emit(JobEvent::Phase { phase });
        }
    }

    fn log(&mut self, body: String) {
        self.sink.emit(JobEvent::Log { title: None, body });
    }

    fn take_sight(&mut self, notices: &Notices, wait: Duration) {
        if let Some(sight) = notices.next_sight(wait) {
            self.record.eyes = sight.eyes;
            if let Some(because) = sight.because {
                self.sink.emit(JobEvent::Warning {
                    text: format!("looking at the tree from time to time, because {because}"),
                });
            }
        }
    }

    /// Puts down what was decided, and then tells it: whoever is told finds it put down.
    fn tell(&mut self, watcher: &Watcher, actions: &[Action]) {
        let wall = Clock::system().now();
        let notices = || {
            actions.iter().filter_map(|action| match action {
                Action::Say(notice) => Some(notice),
                _ => None,
            })
        };
        for notice in notices() {
            self.record.note(wall, notice);
        }
        self.record.doing = watcher.doing().to_owned();
        if !actions.is_empty() || self.saved.is_none() {
            self.record
                .note_spending(watcher.spending(), watcher.now(), wall);
        }
        self.save();
        for notice in notices() {
            self.phase(match notice {
                Notice::Began(_) => Phase::Reviewing,
                _ => watching(),
            });
            self.log(notice.to_string());
            if let Notice::Reviewed { new, .. } = notice {
                for finding in new.iter().take(TOLD_FINDINGS) {
                    self.log(format!("New: {finding}"));
                }
                if new.len() > TOLD_FINDINGS {
                    self.log(format!("And {} more.", new.len() - TOLD_FINDINGS));
                }
            }
        }
        if self.phase.is_none() {
            self.phase(watching());
        }
    }

    /// Recording never fails the work; that it does not work is said once.
    fn save(&mut self) {
        if self.saved.as_ref() == Some(&self.record) {
            return;
        }
        match self.record.save(&self.files) {
            Ok(()) => self.saved = Some(self.record.clone()),
            Err(error) if !self.cannot_save => {
                self.cannot_save = true;
                let text = format!(
                    "`{}` cannot be written: {error}",
                    self.files.record.display()
                );
                self.sink.emit(JobEvent::Warning { text });
            }
            Err(_) => {}
        }
    }

    fn end(mut self, over: Over) -> JobEnd {
        self.record.doing = "over".to_owned();
        self.save();
        let (status, error_message) = match over {
            Over::Asked => (EndStatus::Cancelled, Some(over.reason().to_owned())),
            Over::WorktreeGone | Over::SessionOver => (EndStatus::Completed, None),
        };
        let record = &self.record;
        JobEnd {
            status,
            summary: Some(format!(
                "{}: {}, {} open",
                over.reason(),
                watch_telling::counted(record.reviews, "review"),
                watch_telling::counted(record.findings.len() as u64, "finding"),
            )),
            error_message,
            result: watch_telling::document(Some(record), None, &record.root),
            rendered: watch_telling::page(record, None),
            exit_code: Some(0),
        }
    }
}
