//! The system's file events, made into one bit: something under review may have changed.
//!
//! A thread of its own owns the watching. What is ignored (`.gitignore`, `.codexreviewignore`, path filters, the temporary
//! files of editors, nearly all of `.git`) makes no sign. Where the system watches folders one by one, only those that are
//! not ignored are watched. Events are collected within a bound; beyond it they become "anything may have changed".
//!
//! Where the system's limit on watches is hit, or it cannot watch here, the tree is looked at from time to time instead,
//! seldom enough to cost little; [`Sight`] says so. A working tree that is gone ends the thread with an event.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use bstr::ByteSlice as _;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};

use super::event::{Event, Trigger};
use super::interest::{is_editor_noise, is_telling_git_path};
use crate::target::{
    GitEnvironment, OpenError, PathFilter, REVIEW_IGNORE_FILE, Repository, ReviewIgnore,
    WatchRules, WatchedFolders,
};

/// More paths at once are "anything".
const MOST_PATHS: usize = 256;
/// More folders than this are not watched one by one.
const MOST_FOLDERS: usize = 30_000;
/// How often it is looked whether the working tree is there, when nothing happens.
const BEAT: Duration = Duration::from_secs(30);
/// Signs are worked off at this pace at most.
const PACE: Duration = Duration::from_millis(100);
/// How long a working tree that is gone may be replaced by another one.
const AWAY: Duration = Duration::from_secs(1);
/// As [`PACE`], after everything was watched anew: a storm of events must not make that go on and on.
const ARMING_PAUSE: Duration = Duration::from_secs(2);
/// The shortest time between two polls.
const POLL: Duration = Duration::from_secs(2);
/// A poll may take one part in so many of the time.
const POLL_SHARE: u32 = 20;
/// Whether the system watches a folder at a time.
const FOLDER_BY_FOLDER: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// How changes are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eyes {
    /// The system tells of them.
    Events,
    /// The tree is looked at from time to time.
    Polling,
}

impl Eyes {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Eyes::Events => "events",
            Eyes::Polling => "polling",
        }
    }
}

/// What is watched, and how.
#[derive(Debug, Clone)]
pub struct NoticeOptions {
    /// The root of the working tree, as a real path.
    pub root: PathBuf,
    /// What git would take from the environment.
    pub git: GitEnvironment,
    /// What counts.
    pub trigger: Trigger,
    /// Path globs.
    pub paths: Vec<String>,
    /// How to see changes.
    pub eyes: Eyes,
}

/// How changes are seen from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// How.
    pub eyes: Eyes,
    /// Why not by events, where they were wanted.
    pub because: Option<String>,
}

/// Watching that goes on until this is dropped.
#[derive(Debug)]
pub struct Notices {
    signs: Arc<Signs>,
    thread: Option<std::thread::JoinHandle<()>>,
    sights: std_mpsc::Receiver<Sight>,
}

/// Where a watching thread tells.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// Told of each sign of change; many count as one.
    pub changed: Arc<Notify>,
    /// Takes the end of the working tree.
    pub inbox: mpsc::Sender<Event>,
}

impl Notices {
    /// Starts watching, for as long as `wanted` says yes. `fingerprint` is asked where events cannot be had; `None` is a
    /// moment at which nobody can tell.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(
        options: NoticeOptions,
        outlets: Outlets,
        fingerprint: impl FnMut() -> Option<String> + Send + 'static,
        wanted: impl FnMut() -> bool + Send + 'static,
    ) -> io::Result<Notices> {
        let signs = Arc::new(Signs::default());
        let (seen, sights) = std_mpsc::channel();
        let watching = Watching {
            options,
            outlets,
            fingerprint: Box::new(fingerprint),
            wanted: Box::new(wanted),
            signs: Arc::clone(&signs),
            seen,
            last_polled: None,
        };
        let thread = std::thread::Builder::new()
            .name("watch-files".to_owned())
            .spawn(move || watching.run())?;
        Ok(Notices {
            signs,
            thread: Some(thread),
            sights,
        })
    }

    /// How changes are seen, as soon as that is known, and each time that it changes.
    #[must_use]
    pub fn next_sight(&self, wait: Duration) -> Option<Sight> {
        self.sights.recv_timeout(wait).ok()
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        self.signs.change(|held| held.quit = true);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What has come from the system and was not worked off yet.
#[derive(Debug, Default)]
struct Signs {
    held: Mutex<Held>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    paths: BTreeSet<PathBuf>,
    /// Anything may have happened.
    anything: bool,
    quit: bool,
}

impl Held {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.anything && !self.quit
    }
}

impl Signs {
    fn change(&self, act: impl FnOnce(&mut Held)) {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_one();
    }

    fn take_event(&self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) => event,
            Err(_) => return self.change(|held| held.anything = true),
        };
        let is_reading = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
            EventKind::Access(_) => true,
            _ => false,
        };
        if is_reading {
            return;
        }
        self.change(|held| {
            held.anything |= event.need_rescan();
            for path in event.paths {
                if held.paths.len() < MOST_PATHS {
                    held.paths.insert(path);
                } else {
                    held.anything = true;
                }
            }
        });
    }

    /// Waits for signs, for at most `bound`. A request to quit stays.
    fn wait(&self, bound: Duration) -> Held {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut held, _) = self
            .more
            .wait_timeout_while(held, bound, |held| held.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let quit = held.quit;
        Held {
            quit,
            ..std::mem::replace(
                &mut *held,
                Held {
                    quit,
                    ..Held::default()
                },
            )
        }
    }

    /// Sleeps; returns whether to go on.
    fn pace(&self, bound: Duration) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, _) = self
            .more
            .wait_timeout_while(held, bound, |held| !held.quit)
            .unwrap_or_else(PoisonError::into_inner);
        !held.quit
    }
}

struct Watching {
    options: NoticeOptions,
    outlets: Outlets,
    fingerprint: Box<dyn FnMut() -> Option<String> + Send>,
    wanted: Box<dyn FnMut() -> bool + Send>,
    signs: Arc<Signs>,
    seen: std_mpsc::Sender<Sight>,
    last_polled: Option<String>,
}

/// The system's watching of one set of folders.
struct Armed {
    watcher: RecommendedWatcher,
    git_folders: Vec<PathBuf>,
}

impl Watching {
    fn run(mut self) {
        let mut armed = match self.options.eyes {
            Eyes::Events => self.arm_or_say(),
            Eyes::Polling => None,
        };
        if armed.is_none() {
            // What is there when it begins is no change.
            self.last_polled = (self.fingerprint)();
        }
        if self.options.eyes == Eyes::Polling {
            self.say(Eyes::Polling, None);
        }
        let mut rest = match armed {
            Some(_) => BEAT,
            None => POLL,
        };
        let mut last_beat: Option<Instant> = None;
        loop {
            if last_beat.is_none_or(|last| last.elapsed() >= BEAT) {
                last_beat = Some(Instant::now());
                if !(self.wanted)() {
                    // Nobody may be listening any more, which is as good.
                    drop(self.outlets.inbox.blocking_send(Event::SessionOver));
                    return;
                }
            }
            let held = self.signs.wait(rest);
            if held.quit {
                return;
            }
            let mut was_away = false;
            if self.is_gone() {
                // Something else may be about to take its place.
                if !self.signs.pace(AWAY) {
                    return;
                }
                if self.is_gone() {
                    drop(self.outlets.inbox.blocking_send(Event::WorktreeGone));
                    return;
                }
                was_away = true;
            }
            let mut pause = PACE;
            match &mut armed {
                Some(watching) => {
                    let (matters, mut rearm) = self.work_off(watching, &held);
                    rearm |= was_away;
                    if rearm {
                        armed = self.arm_or_say();
                        pause = ARMING_PAUSE;
                    }
                    if matters || rearm {
                        self.outlets.changed.notify_one();
                    }
                    rest = if armed.is_some() { BEAT } else { POLL };
                }
                None => rest = self.poll(),
            }
            if !self.signs.pace(pause) {
                return;
            }
        }
    }

    /// Whether there is no working tree of a repository any more.
    fn is_gone(&self) -> bool {
        let root = &self.options.root;
        if root.join(".git").exists() {
            return false;
        }
        matches!(
            Repository::open(root, &self.options.git),
            Err(OpenError::NotADirectory { .. } | OpenError::NotARepository { .. })
        )
    }

    fn say(&self, eyes: Eyes, because: Option<String>) {
        // Nobody may want to know.
        drop(self.seen.send(Sight { eyes, because }));
    }

    fn arm_or_say(&self) -> Option<Armed> {
        match self.arm() {
            Ok(armed) => {
                self.say(Eyes::Events, None);
                Some(armed)
            }
            Err(because) => {
                self.say(Eyes::Polling, Some(because));
                None
            }
        }
    }

    fn arm(&self) -> Result<Armed, String> {
        let repository = Repository::open(&self.options.root, &self.options.git)
            .map_err(|error| error.to_string())?;
        let signs = Arc::clone(&self.signs);
        let config = notify::Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(move |event| signs.take_event(event), config)
            .map_err(|error| unwatchable(&error))?;
        let mut git_folders = vec![repository.git_dir().to_owned()];
        let common = repository.common_dir();
        if common != repository.git_dir() {
            git_folders.push(common.clone());
        }
        for folder in &git_folders {
            watch(&mut watcher, folder, RecursiveMode::NonRecursive)?;
        }
        let branches = common.join("refs").join("heads");
        if branches.is_dir() {
            watch(&mut watcher, &branches, RecursiveMode::Recursive)?;
        }
        let root = repository.root();
        if self.options.trigger == Trigger::OnCommit {
            watch(&mut watcher, root, RecursiveMode::NonRecursive)?;
        } else if FOLDER_BY_FOLDER {
            let mut rules = rules_of(&repository).ok_or("its index cannot be read")?;
            watch_folders(&mut watcher, &mut rules, root)?;
        } else {
            watch(&mut watcher, root, RecursiveMode::Recursive)?;
        }
        Ok(Armed {
            watcher,
            git_folders,
        })
    }

    /// Whether something under review may have changed, and whether everything has to be watched anew.
    fn work_off(&self, armed: &mut Armed, held: &Held) -> (bool, bool) {
        if held.anything {
            return (true, true);
        }
        let (git, work): (Vec<&PathBuf>, Vec<&PathBuf>) = held.paths.iter().partition(|path| {
            armed
                .git_folders
                .iter()
                .any(|folder| path.starts_with(folder))
        });
        let mut matters = git.iter().any(|path| {
            armed
                .git_folders
                .iter()
                .filter_map(|folder| path.strip_prefix(folder).ok())
                .any(is_telling_git_path)
        });
        if self.options.trigger == Trigger::OnCommit || work.is_empty() {
            return (matters, false);
        }
        // Without rules everything counts: it costs a look.
        let Ok(repository) = Repository::open(&self.options.root, &self.options.git) else {
            return (true, false);
        };
        let Some(mut rules) = rules_of(&repository) else {
            return (true, false);
        };
        let Ok(filter) = PathFilter::compile(&self.options.paths) else {
            return (true, false);
        };
        let own_rules = std::fs::read(self.options.root.join(REVIEW_IGNORE_FILE))
            .map_or_else(|_| ReviewIgnore::none(), |text| ReviewIgnore::parse(&text));
        for path in work {
            let Some(below) = rules.below_root(path).filter(|below| !below.is_empty()) else {
                continue;
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_inside_git = path.components().any(|part| part.as_os_str() == ".git");
            if is_inside_git || is_editor_noise(&name) {
                continue;
            }
            if name == ".gitignore" || name == REVIEW_IGNORE_FILE {
                return (true, true);
            }
            let is_folder = path
                .symlink_metadata()
                .is_ok_and(|metadata| metadata.is_dir());
            if rules.covers(below.as_bstr(), is_folder) {
                continue;
            }
            if is_folder && FOLDER_BY_FOLDER {
                if watch_folders(&mut armed.watcher, &mut rules, path).is_err() {
                    return (true, true);
                }
                matters = true;
                continue;
            }
            matters |= filter.passes(below.as_bstr()) && !own_rules.takes_out(below.as_bstr());
        }
        (matters, false)
    }

    /// Looks at the tree, and says how long to wait for the next time.
    fn poll(&mut self) -> Duration {
        let began = Instant::now();
        let polled = (self.fingerprint)();
        if polled.is_some() && polled != self.last_polled {
            if self.last_polled.is_some() {
                self.outlets.changed.notify_one();
            }
            self.last_polled = polled;
        }
        POLL.max(began.elapsed().saturating_mul(POLL_SHARE))
    }
}

fn rules_of(repository: &Repository) -> Option<WatchRules<'_>> {
    repository.watch_rules().ok().flatten()
}

fn watch_folders(
    watcher: &mut RecommendedWatcher,
    rules: &mut WatchRules<'_>,
    start: &Path,
) -> Result<(), String> {
    match rules.folders(start, MOST_FOLDERS) {
        WatchedFolders::TooMany => Err(format!("it has more than {MOST_FOLDERS} folders")),
        WatchedFolders::All(folders) => {
            for folder in folders {
                watch(watcher, &folder, RecursiveMode::NonRecursive)?;
            }
            Ok(())
        }
    }
}

/// A folder that went away in the meantime is nothing to be watched.
fn watch(watcher: &mut RecommendedWatcher, path: &Path, mode: RecursiveMode) -> Result<(), String> {
    match watcher.watch(path, mode) {
        Err(error) if path.is_dir() => Err(unwatchable(&error)),
        _ => Ok(()),
    }
}

fn unwatchable(error: &notify::Error) -> String {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the system's limit on watched files is reached (fs.inotify.max_user_watches)"
                .to_owned()
        }
        _ => format!("the system cannot watch it: {error}"),
    }
}
