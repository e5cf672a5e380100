//! What most verbs need: the repository, its settings and its jobs, opened once.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};

use bstr::ByteSlice as _;
use codex_review::config::{
    ConfigError, EngineChoice as EngineSetting, FileText, Flag, REPOSITORY_FILE, Resolved,
    Settings, Trust, TrustState, load_file,
};
use codex_review::hooks::SESSION_ID_VARIABLE;
use codex_review::jobs::{
    Clock, JobStore, JobsError, STATE_DIR_VARIABLE, StateEnvironment, StateRoot, StoreOptions,
    Surface, WorkerProgram,
};
use codex_review::review::SuppressFrom;
use codex_review::run::{self, Access, Budgets, CacheUse, EngineChoice, EngineOptions};
use codex_review::target::{Endpoint, GitEnvironment, OpenError, Repository, ResolvedTarget};

use crate::cli::failure::Failure;
use crate::cli::options::{Color, Isolation};
use crate::cli::surroundings::{Settled, Surroundings};
use crate::cli::ui::Ui;

use super::hook::quiet;

/// Claude Code's own name for its session, where our hook has not set ours.
const CLAUDE_SESSION_VARIABLE: &str = "CLAUDE_CODE_SESSION_ID";
/// Use this broker and no other.
pub(crate) const ENDPOINT_VARIABLE: &str = "CODEX_COMPANION_APP_SERVER_ENDPOINT";
/// The codex executable to start.
const CODEX_BIN_VARIABLE: &str = "CODEX_REVIEW_CODEX_BIN";
/// Codex's own folder.
const CODEX_HOME_VARIABLE: &str = "CODEX_HOME";
/// Set in CI systems.
const CI_VARIABLE: &str = "CI";

/// What is said where trusted content has changed.
const VOID_TRUST: &str = "what this repository configures has changed since you trusted it, so your trust is void: \
     look at it, then run `codex-review trust` again";

/// A folder that is worked in: a repository, or any folder for verbs that need none.
pub(crate) struct Workspace {
    /// The root of the working tree, or the folder itself outside a repository.
    pub(crate) root: PathBuf,
    /// The repository; `None` outside of one.
    pub(crate) repository: Option<Repository>,
    /// The settings that hold here.
    pub(crate) resolved: Resolved,
    /// Whether the user trusts what the repository configures.
    pub(crate) trust: TrustState,
    /// The jobs.
    pub(crate) store: JobStore,
    /// Where the state of every repository is.
    pub(crate) state_root: StateRoot,
    /// The Claude session that asks.
    pub(crate) session: Option<String>,
    oddities: Oddities,
}

/// Says what is odd about the store, at the latest when the workspace goes: whoever reads a damaged store mends it, so
/// what is not said by then is never said.
struct Oddities {
    store: JobStore,
    ui: Ui,
}

impl Oddities {
    fn tell(&self) {
        for warning in self.store.take_warnings() {
            self.ui.warning(&warning.to_string());
        }
    }
}

impl Drop for Oddities {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Workspace {
    /// Opens the workspace. Outside a repository this is the folder itself.
    pub(crate) fn open(
        surroundings: &Surroundings,
        flags: Vec<Flag>,
        ui: &Ui,
    ) -> Result<Workspace, Failure> {
        let repository = match surroundings.repository() {
            Ok(repository) => Some(repository),
            Err(OpenError::NotARepository { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Workspace::around(surroundings, repository, flags, state_root()?, ui)
    }

    /// As [`Workspace::open`], for verbs that review: there must be a repository.
    pub(crate) fn open_repository(
        surroundings: &Surroundings,
        flags: Vec<Flag>,
        ui: &Ui,
    ) -> Result<(Workspace, Repository), Failure> {
        Workspace::open_repository_at(surroundings, flags, state_root()?, ui)
    }

    /// As [`Workspace::open_repository`], with the state in another place than the user's.
    pub(crate) fn open_repository_at(
        surroundings: &Surroundings,
        flags: Vec<Flag>,
        state_root: StateRoot,
        ui: &Ui,
    ) -> Result<(Workspace, Repository), Failure> {
        let repository = surroundings.repository()?;
        let mut workspace =
            Workspace::around(surroundings, Some(repository), flags, state_root, ui)?;
        let repository = workspace
            .repository
            .take()
            .expect("it was just handed over");
        Ok((workspace, repository))
    }

    /// Hands the repository over, for a verb that learns only after opening that it reviews: there must be one.
    pub(crate) fn take_repository(
        &mut self,
        surroundings: &Surroundings,
    ) -> Result<Repository, Failure> {
        let outside = || OpenError::NotARepository {
            path: surroundings.cwd.clone(),
        };
        Ok(self.repository.take().ok_or_else(outside)?)
    }

    /// Lets the old side of a change say how the change is reviewed, instead of the change itself. Returns what is to be
    /// told where the two differ.
    ///
    /// Nobody has been asked whether they trust the file of that side, so it has no more say than any stranger's.
    pub(crate) fn settle_by_base(
        &mut self,
        repository: &Repository,
        target: &ResolvedTarget,
        flags: Vec<Flag>,
        ui: &Ui,
    ) -> Result<Option<String>, Failure> {
        if repository.is_bare() {
            return Ok(None);
        }
        let changed = load_file(&self.root.join(REPOSITORY_FILE))?;
        let (side, base) = match &target.old {
            Endpoint::Commit(commit) => (
                commit.short().to_owned(),
                repository.file_at(commit, REPOSITORY_FILE.into())?,
            ),
            Endpoint::EmptyTree | Endpoint::Index | Endpoint::WorkTree | Endpoint::Patched(_) => {
                ("the base".to_owned(), None)
            }
        };
        if base.as_deref() == changed.as_ref().map(|file| file.text.as_bytes()) {
            return Ok(None);
        }
        let path = PathBuf::from(format!("{side}:{REPOSITORY_FILE}"));
        let base = match base {
            None => None,
            Some(bytes) => Some(FileText {
                text: bytes
                    .to_str()
                    .map_err(|error| ConfigError::Read {
                        path: path.clone(),
                        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
                    })?
                    .to_owned(),
                path,
            }),
        };
        let resolved = Surroundings::settings_by(base, Trust::Untrusted, flags)?;
        for ignored in &resolved.ignored {
            ui.warning(&super::config::ignored_warning(ignored));
        }
        self.resolved = resolved;
        Ok(Some(format!(
            "`{REPOSITORY_FILE}` of {side} has the word: what it says now differs, and counts once it is part of the base"
        )))
    }

    fn around(
        surroundings: &Surroundings,
        repository: Option<Repository>,
        flags: Vec<Flag>,
        state_root: StateRoot,
        ui: &Ui,
    ) -> Result<Workspace, Failure> {
        let Settled { resolved, trust } =
            surroundings.settings_at(repository.as_ref(), Some(&state_root), flags)?;
        for ignored in &resolved.ignored {
            ui.warning(&super::config::ignored_warning(ignored));
        }
        match &trust {
            TrustState::Changed { .. } => ui.warning(VOID_TRUST),
            TrustState::Unfit(error) => {
                ui.warning(&format!("this repository cannot be trusted: {error}"));
            }
            TrustState::Nothing | TrustState::Untrusted | TrustState::Trusted { .. } => {}
        }
        let main_worktree = match &repository {
            Some(repository) => repository.main_worktree(),
            None => surroundings
                .cwd
                .canonicalize()
                .unwrap_or_else(|_| surroundings.cwd.clone()),
        };
        let root = match &repository {
            Some(repository) => repository.root().to_owned(),
            None => main_worktree.clone(),
        };
        let mut options = StoreOptions::new(Clock::system());
        options.keep_finished = resolved.settings.jobs.retention;
        let store = JobStore::open(&state_root, &main_worktree, options)?;
        Ok(Workspace {
            root,
            repository,
            oddities: Oddities {
                store: store.clone(),
                ui: *ui,
            },
            store,
            state_root,
            resolved,
            trust,
            session: session(),
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.resolved.settings
    }

    /// What a run needs to know of this process.
    pub(crate) fn surroundings(&self) -> Result<run::Surroundings, Failure> {
        run_surroundings(self.store.folder())
    }

    /// Who answers, how and how long, from the settings and the environment.
    pub(crate) fn engine_options(&self, isolation: Isolation) -> EngineOptions {
        let settings = self.settings();
        let engine = match settings.engine {
            EngineSetting::Builtin => EngineChoice::Builtin,
            EngineSetting::Codex => EngineChoice::Codex(codex_bin(settings)),
        };
        EngineOptions {
            access: access(&engine, isolation, settings),
            engine,
            model: settings.model.clone(),
            effort: settings.effort.clone(),
            budgets: Budgets {
                turn: settings.limits.turn,
                silence: settings.limits.silence,
                rpc: settings.limits.rpc,
            },
            cache: if settings.cache {
                CacheUse::Use
            } else {
                CacheUse::Off
            },
        }
    }

    /// Codex, whatever engine the settings name: for what is Codex's own, such as its login and its account.
    pub(crate) fn codex(&self) -> EngineChoice {
        EngineChoice::Codex(codex_bin(self.settings()))
    }

    /// How [`Self::codex`] is asked about what is its own: where every run asks, if the environment says so; else a child of
    /// its own, because a shared one may have read its configuration or login before they changed.
    pub(crate) fn codex_access(&self) -> Access {
        given_endpoint().map_or(Access::Isolated, Access::Endpoint)
    }

    /// Whose commands the reader can type.
    pub(crate) fn surface(&self) -> Surface {
        match self.session {
            Some(_) => Surface::ClaudeCode,
            None => Surface::Shell,
        }
    }

    /// The program that starts a job's detached worker: we ourselves.
    pub(crate) fn launcher(&self) -> Result<WorkerProgram, Failure> {
        Ok(WorkerProgram {
            program: self_exe()?,
            args: worker_arguments("launch", &self.state_root, self.store.workspace_root()),
            env: Vec::new(),
        })
    }

    /// As [`Workspace::open`], for Claude Code's hooks: they say little, and what they mend in the store.
    pub(crate) fn open_in_hook(surroundings: &Surroundings) -> Result<Workspace, Failure> {
        let mut workspace = Workspace::open(surroundings, Vec::new(), &quiet())?;
        workspace.oddities.ui = Ui::new(Color::Never, false);
        Ok(workspace)
    }

    /// Says what was odd about the store, where what comes next may take long.
    pub(crate) fn tell_warnings(&self) {
        self.oddities.tell();
    }
}

/// The hidden verb that is a job's launcher (`launch`) or its worker (`run`).
pub(crate) fn worker_arguments(
    part: &str,
    state_root: &StateRoot,
    workspace_root: &Path,
) -> Vec<std::ffi::OsString> {
    vec![
        "worker".into(),
        part.into(),
        "--state-root".into(),
        state_root.path().into(),
        "--workspace".into(),
        workspace_root.into(),
    ]
}

/// What a run needs to know of this process.
pub(crate) fn run_surroundings(state_folder: &Path) -> Result<run::Surroundings, Failure> {
    let path = |name: &str| Surroundings::variable(name).filter(|value| !value.is_empty());
    let home = path("HOME")
        .or_else(|| path("USERPROFILE"))
        .map(PathBuf::from);
    Ok(run::Surroundings {
        self_exe: self_exe()?,
        search_path: path("PATH").unwrap_or_default(),
        codex_home: path(CODEX_HOME_VARIABLE)
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".codex")))
            .unwrap_or_else(|| PathBuf::from(".codex")),
        git: GitEnvironment::from_lookup(Surroundings::variable),
        variables: std::env::vars_os().collect(),
        state_folder: state_folder.to_owned(),
        runtime_dir: path("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from),
    })
}

/// The state root of this user.
pub(crate) fn state_root() -> Result<StateRoot, Failure> {
    let environment = StateEnvironment {
        state_dir: Surroundings::variable(STATE_DIR_VARIABLE),
        xdg_state_home: Surroundings::variable("XDG_STATE_HOME"),
        home: Surroundings::variable("HOME"),
        local_app_data: Surroundings::variable("LOCALAPPDATA"),
    };
    Ok(StateRoot::resolve(&environment).map_err(JobsError::from)?)
}

/// Our own executable.
pub(crate) fn self_exe() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|source| Failure::OwnExecutable { source })
}

/// A number that nobody can guess, for ids.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(super) fn session() -> Option<String> {
    [SESSION_ID_VARIABLE, CLAUDE_SESSION_VARIABLE]
        .into_iter()
        .filter_map(Surroundings::variable)
        .filter_map(|value| value.into_string().ok())
        .find(|value| !value.trim().is_empty())
}

/// The environment names an executable for one call, the settings one for good.
fn codex_bin(settings: &Settings) -> Option<PathBuf> {
    Surroundings::variable(CODEX_BIN_VARIABLE)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| settings.codex_bin.clone())
}

/// The broker that the environment names. `None` where it names none.
pub(crate) fn given_endpoint() -> Option<String> {
    Surroundings::variable(ENDPOINT_VARIABLE)
        .and_then(|value| value.into_string().ok())
        .filter(|value| !value.trim().is_empty())
}

fn access(engine: &EngineChoice, isolation: Isolation, settings: &Settings) -> Access {
    match (engine, isolation) {
        // Our own engine costs nothing to start: sharing it would only leave a process behind.
        (EngineChoice::Builtin, _) | (_, Isolation::Isolated) => Access::Isolated,
        (EngineChoice::Codex(_), Isolation::Default) => match given_endpoint() {
            Some(endpoint) => Access::Endpoint(endpoint),
            None if in_ci() => Access::Isolated,
            None => Access::Shared {
                max_streams: settings.broker.max_streams,
                idle_timeout_ms: u64::try_from(settings.broker.idle.as_millis())
                    .unwrap_or(u64::MAX),
            },
        },
    }
}

/// The day that it is, in UTC.
pub(crate) fn today() -> codex_review::review::Day {
    let now = Clock::system().now().to_string();
    now.get(..10)
        .and_then(|day| day.parse().ok())
        .expect("a timestamp begins with its day")
}

/// Which side of a change says how it is reviewed and what is excused, unless `asked`: the base where nobody reads along.
pub(crate) fn side_with_the_word(asked: Option<SuppressFrom>) -> SuppressFrom {
    asked.unwrap_or(if in_ci() {
        SuppressFrom::Base
    } else {
        SuppressFrom::New
    })
}

/// Whether a CI system runs us.
pub(crate) fn in_ci() -> bool {
    Surroundings::variable(CI_VARIABLE)
        .is_some_and(|value| !matches!(value.to_str(), Some("" | "0" | "false" | "no")))
}
