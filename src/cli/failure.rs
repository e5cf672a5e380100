//! The one table from errors to hints and exit codes.

use std::io;
use std::path::PathBuf;

use codex_review::baseline::BaselineError;
use codex_review::broker::BrokerError;
use codex_review::config::{ConfigError, TrustError};
use codex_review::context::ContextError;
use codex_review::engine::EngineError;
use codex_review::engine::own_config::OwnConfigError;
use codex_review::hooks::{InputError, InstallError};
use codex_review::jobs::{JobId, JobsError};
use codex_review::report::json::ParseError;
use codex_review::review::{ExitStatus, NotJudged};
use codex_review::run::{ApplyError, NoTests, PrepareError, TermsError};
use codex_review::target::{ChangesError, CreateError, OpenError, PatchError, ResolveError};
use codex_review::team::TeamError;
use codex_review::worktrees::WorktreeError;

use super::usage::UsageError;

/// Why a command could not do its work. What a *review* ended with is no failure but an outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The repository's content cannot be trusted, or the user's word not be recorded.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// There is no repository, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The folder to work in is not there.
    #[error("cannot work in `{}`", path.display())]
    WorkingDirectory {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A patch could not be read.
    #[error("cannot read the patch from {place}")]
    ReadPatch {
        /// A path in backticks, or `standard input`.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A patch cannot be reviewed.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A text could not be read.
    #[error("cannot read the text from {place}")]
    ReadText {
        /// A path in backticks, or `standard input`.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The target cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The change cannot be read.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// No context can be built.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// What excuses findings cannot be read.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The baseline cannot be read or changed.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// There is no working tree that holds the baseline.
    #[error("this is a bare repository: it has no working tree that holds a baseline")]
    NoWorkingTree,
    /// No finding of the review, or more than one, is meant.
    #[error("`{given}` is the fingerprint of {fits} findings of this review, not of one")]
    WhichFinding {
        /// As given.
        given: String,
        /// How many it fits.
        fits: usize,
    },
    /// An earlier version reviewed.
    #[error("the finding `{title}` has no fingerprint: an earlier version reported it")]
    NoFingerprint {
        /// The finding.
        title: String,
    },
    /// A saved result cannot be read.
    #[error("cannot read `{}`", path.display())]
    ReadResult {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is no saved result: what it was meant to show was not shown.
    #[error("`{}` is no saved review", path.display())]
    NotAResult {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ParseError,
    },
    /// A folder that should hold saved results.
    #[error("`{}` holds no `.json` file", path.display())]
    NoResults {
        /// The folder.
        path: PathBuf,
    },
    /// No request can be made of it.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The jobs cannot be read or written, or none fits.
    #[error(transparent)]
    Jobs(#[from] JobsError),
    /// A team of agents cannot be made, compared, applied or removed.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// The shared engine cannot be looked after.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// No strategy has this name.
    #[error("there is no strategy `{name}`")]
    UnknownStrategy {
        /// As given.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// A new strategy cannot be called so.
    #[error("a strategy cannot be called `{name}`: {fault}")]
    StrategyName {
        /// As given.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A new strategy's folder is there already.
    #[error("`{}` is there already", folder.display())]
    StrategyExists {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no place for the user's own files.
    #[error(
        "no configuration folder: neither `XDG_CONFIG_HOME` nor `HOME` is set to an absolute path"
    )]
    NoConfigFolder,
    /// A strategy is there and cannot be used.
    #[error("{message}")]
    BrokenStrategy {
        /// Which, where, and what is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// `--resume` without anything to go on with. Scripts match the sentence.
    #[error("No previous Codex task thread was found for this repository.")]
    NoTaskThread,
    /// `--resume` names a job that runs.
    #[error("job `{id}` still runs, so its thread cannot be continued yet")]
    StillRunning {
        /// The job.
        id: JobId,
    },
    /// `--resume` names a job that never got a thread.
    #[error("job `{id}` has no thread to continue")]
    NoThreadOfJob {
        /// The job.
        id: JobId,
    },
    /// `result --format` for a job that has no report.
    #[error("job `{id}` has no stored report")]
    NoReport {
        /// The job.
        id: JobId,
    },
    /// There is nothing that tests could be written for.
    #[error(transparent)]
    NoTests(#[from] NoTests),
    /// `test --apply=JOB` for a job that wrote none.
    #[error("job `{id}` holds no accepted tests")]
    NoTestsOfJob {
        /// The job.
        id: JobId,
    },
    /// Tests cannot be put into the working tree.
    #[error("the tests of job `{id}` were not applied, and nothing was changed")]
    ApplyTests {
        /// The job.
        id: JobId,
        /// Why.
        #[source]
        source: ApplyError,
    },
    /// A worker that was started without a job.
    #[error("a worker needs `CODEX_REVIEW_JOB_ID`")]
    NoJobId,
    /// Our own executable cannot be found.
    #[error("cannot find this program's own executable")]
    OwnExecutable {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program cannot be started.
    #[error("cannot start `{}`", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The demo's repository cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A file of the demo cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file for the report cannot be written, which shows before the review begins.
    #[error("cannot write `{}`", path.display())]
    OutputNotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A report is there and could not be written.
    #[error("cannot write the report to `{}`", path.display())]
    WriteReport {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The job whose report it is, where there is one.
        job_id: Option<String>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Our own engine lost its peer.
    #[error("the engine's input or output failed")]
    EngineStreams {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A hook was told something else than what Claude Code says.
    #[error(transparent)]
    HookInput(#[from] InputError),
    /// A hook of git cannot be installed or removed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The user's configuration sends git elsewhere, for every repository.
    #[error("git runs hooks from `{}` in every repository, as `{}` says", folder.display(), file.display())]
    HooksEverywhere {
        /// That folder.
        folder: PathBuf,
        /// The configuration file.
        file: PathBuf,
    },
    /// No folder for the hooks of all repositories.
    #[error(
        "git has no folder for the hooks of all repositories: `core.hooksPath` is not set in the user's configuration"
    )]
    NoGlobalHooks,
    /// A person typed what git calls.
    #[error("`hook pre-push` reads what git writes to a hook, and this is a terminal")]
    PushFromTerminal,
    /// Standard input has no end.
    #[error("standard input did not end within {} s", waited.as_secs())]
    PushInputOpen {
        /// How long nothing came.
        waited: std::time::Duration,
    },
    /// Standard input is no list of refs.
    #[error("standard input holds more than {limit} bytes")]
    PushInputTooLong {
        /// The bound.
        limit: u64,
    },
    /// A file that is there stays as it is.
    #[error("`{}` is there already", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The engine cannot be reached.
    #[error("{}", .0.detail)]
    Engine(NotJudged),
    /// Codex's own settings could not be read or changed.
    #[error("Codex's own settings are out of reach")]
    OwnConfig(#[from] OwnConfigError),
    /// Neither an option nor the session names a transcript.
    #[error("no Claude session to transfer: its transcript is not known here")]
    NoTranscript,
    /// Only Claude's own transcripts are read.
    #[error("`{}` is not a transcript of Claude Code", path.display())]
    NotATranscript {
        /// As given.
        path: PathBuf,
        /// Where transcripts are.
        projects: PathBuf,
    },
    /// The engine knows no import.
    #[error("this version of Codex cannot import a Claude session")]
    TransferTooOld,
    /// The import failed.
    #[error("the session could not be imported")]
    Transfer {
        /// Why.
        #[source]
        source: EngineError,
    },
    /// No runtime for waiting.
    #[error("cannot start a runtime")]
    Runtime {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A bare repository has nothing to watch.
    #[error("this is a bare repository: it has no working tree to watch")]
    NothingToWatch,
    /// One watch for a working tree is enough.
    #[error("`{}` is watched already, by job {id}", root.display())]
    AlreadyWatched {
        /// The working tree.
        root: PathBuf,
        /// The watch.
        id: JobId,
    },
    /// There is no watch to stop.
    #[error("`{}` is not watched", root.display())]
    NotWatched {
        /// The working tree.
        root: PathBuf,
    },
    /// Standard output does not take the result.
    #[error("cannot write the result to standard output")]
    Output(#[from] io::Error),
}

impl Failure {
    /// How the process ends, and what the user can do.
    pub(crate) fn judge(&self) -> (ExitStatus, Option<String>) {
        match self {
            Failure::Usage(error) => (ExitStatus::Usage, error.hint()),
            Failure::Config(error) => (ExitStatus::Usage, error.hint()),
            Failure::Trust(error @ TrustError::Write { .. }) => {
                (ExitStatus::Incomplete, error.hint().map(str::to_owned))
            }
            Failure::Trust(error) => (ExitStatus::Usage, error.hint().map(str::to_owned)),
            Failure::Open(error) => (ExitStatus::Usage, error.hint()),
            Failure::WorkingDirectory { .. } => (
                ExitStatus::Usage,
                Some("give a folder that exists with `--cwd`".to_owned()),
            ),
            Failure::ReadPatch { .. } => (
                ExitStatus::Usage,
                Some("name a file that `git diff`, `git format-patch` or `diff -u` wrote".to_owned()),
            ),
            Failure::Patch(error) => {
                let status = match error {
                    PatchError::Base(error) => resolve_status(error),
                    PatchError::Read(_) => ExitStatus::Incomplete,
                    _ => ExitStatus::Usage,
                };
                (status, error.hint())
            }
            Failure::Resolve(error) => (resolve_status(error), error.hint()),
            Failure::Changes(error) => (ExitStatus::Incomplete, error.hint()),
            Failure::Context(error) => (ExitStatus::Usage, error.hint()),
            Failure::Terms(TermsError::Changes(error)) => (ExitStatus::Incomplete, error.hint()),
            Failure::Terms(error) => (ExitStatus::Usage, error.hint()),
            Failure::Baseline(error) => (ExitStatus::Usage, Some(error.hint().to_owned())),
            Failure::NoWorkingTree => (ExitStatus::Usage, None),
            Failure::WhichFinding { fits: 0, .. } => (
                ExitStatus::Usage,
                Some("`codex-review result --format json` shows the fingerprint of each finding; `--job` or `--from` name another review".to_owned()),
            ),
            Failure::WhichFinding { .. } => (ExitStatus::Usage, Some("give more digits".to_owned())),
            Failure::NoFingerprint { .. } => {
                (ExitStatus::Usage, Some("review it again".to_owned()))
            }
            Failure::ReadResult { .. } => (
                ExitStatus::Usage,
                Some("name a JSON report, as `review --format json` prints it".to_owned()),
            ),
            Failure::NotAResult { .. } | Failure::NoResults { .. } => (
                ExitStatus::Incomplete,
                Some("`codex-review review --format json` prints what can be read here".to_owned()),
            ),
            Failure::Prepare(error) => {
                let status = match error {
                    PrepareError::NothingRead(_) => ExitStatus::Incomplete,
                    PrepareError::RootNotUtf8(_) | PrepareError::NotNative(_) => ExitStatus::Usage,
                };
                (status, Some(error.hint().to_owned()))
            }
            Failure::Jobs(error) => (jobs_status(error), error.hint()),
            Failure::Team(error) => (team_status(error), error.hint()),
            Failure::Broker(error) => (
                ExitStatus::EngineUnavailable,
                error.hint().map(str::to_owned),
            ),
            Failure::UnknownStrategy {
                nearest: Some(nearest),
                ..
            } => (
                ExitStatus::Usage,
                Some(format!("did you mean `{nearest}`?")),
            ),
            Failure::UnknownStrategy { nearest: None, .. } => (
                ExitStatus::Usage,
                Some("`codex-review strategies` lists all of them".to_owned()),
            ),
            Failure::StrategyName { .. } | Failure::NoConfigFolder => (ExitStatus::Usage, None),
            Failure::StrategyExists { .. } => (
                ExitStatus::Usage,
                Some("edit that one, or choose another name".to_owned()),
            ),
            Failure::BrokenStrategy { hint, .. } => (ExitStatus::Usage, hint.clone()),
            Failure::NoTaskThread | Failure::NoThreadOfJob { .. } => (
                ExitStatus::Usage,
                Some("begin a new one with `--fresh`".to_owned()),
            ),
            Failure::StillRunning { id } => (
                ExitStatus::Usage,
                Some(format!(
                    "wait for it with `codex-review status {id} --wait`, or cancel it"
                )),
            ),
            Failure::NoReport { .. } => (
                ExitStatus::Usage,
                Some("only a review that came to an end has one".to_owned()),
            ),
            Failure::NoTests(error) => (ExitStatus::Usage, error.hint().map(str::to_owned)),
            Failure::NoTestsOfJob { .. } => (
                ExitStatus::Usage,
                Some("`codex-review status --all` lists the jobs; `codex-review test` writes tests".to_owned()),
            ),
            Failure::ApplyTests { id, .. } => (
                ExitStatus::Incomplete,
                Some(format!(
                    "the patch is kept: `codex-review result {id}` shows it, and `git apply --3way` may merge it"
                )),
            ),
            Failure::OutputNotWritable { .. } => (
                ExitStatus::Usage,
                Some("name a file in a folder that can be written".to_owned()),
            ),
            Failure::WriteReport { job_id, format, .. } => (
                ExitStatus::Incomplete,
                job_id.as_ref().map(|id| {
                    format!("the report is kept: `codex-review result {id} --output {format}=PATH` writes it again")
                }),
            ),
            Failure::NoJobId | Failure::HookInput(_) => (ExitStatus::Usage, None),
            Failure::Install(error) => (ExitStatus::Usage, error.hint()),
            Failure::HooksEverywhere { .. } => (
                ExitStatus::Usage,
                Some(
                    "install it for all of them with `--global`, or give this repository hooks of its own: git config --local core.hooksPath .git/hooks"
                        .to_owned(),
                ),
            ),
            Failure::NoGlobalHooks => (
                ExitStatus::Usage,
                Some(
                    "choose one, and know that git then ignores `.git/hooks` everywhere: git config --global core.hooksPath ~/.config/git/hooks"
                        .to_owned(),
                ),
            ),
            Failure::PushFromTerminal => (
                ExitStatus::Usage,
                Some("`codex-review review` reviews what you name".to_owned()),
            ),
            Failure::PushInputOpen { .. } | Failure::PushInputTooLong { .. } => {
                (ExitStatus::Incomplete, None)
            }
            Failure::FileExists { .. } => (
                ExitStatus::Usage,
                Some("`--force` replaces it".to_owned()),
            ),
            Failure::Engine(_) => (
                ExitStatus::EngineUnavailable,
                Some("`codex-review setup` says what is missing".to_owned()),
            ),
            Failure::OwnConfig(_) => (
                ExitStatus::EngineUnavailable,
                Some("`codex-review setup` says what is missing".to_owned()),
            ),
            Failure::NoTranscript => (
                ExitStatus::Usage,
                Some("run it inside Claude Code, or name one with `--source`".to_owned()),
            ),
            Failure::NotATranscript { projects, .. } => (
                ExitStatus::Usage,
                Some(format!(
                    "transcripts are the `.jsonl` files below `{}`",
                    projects.display()
                )),
            ),
            Failure::TransferTooOld => (
                ExitStatus::EngineUnavailable,
                Some("upgrade it: npm install -g @openai/codex@latest".to_owned()),
            ),
            Failure::Transfer { .. } => (ExitStatus::Incomplete, None),
            Failure::Create(_) | Failure::Write { .. } => (
                ExitStatus::Incomplete,
                Some("check that the folder for temporary files can be written".to_owned()),
            ),
            Failure::OwnExecutable { .. }
            | Failure::Start { .. }
            | Failure::EngineStreams { .. }
            | Failure::Runtime { .. } => (ExitStatus::Incomplete, None),
            Failure::ReadText { .. } => (ExitStatus::Usage, None),
            Failure::NothingToWatch => (ExitStatus::Usage, None),
            Failure::AlreadyWatched { .. } => (
                ExitStatus::Usage,
                Some(
                    "`codex-review watch status` shows it, `codex-review watch stop` ends it"
                        .to_owned(),
                ),
            ),
            Failure::NotWatched { .. } => (
                ExitStatus::Usage,
                Some("`codex-review watch` starts a watch".to_owned()),
            ),
            Failure::Output(_) => (ExitStatus::Incomplete, None),
        }
    }
}

/// A full disk, a folder that cannot be written and a worker that cannot be started are no mistakes of the command line:
/// nothing was judged.
fn jobs_status(error: &JobsError) -> ExitStatus {
    match error {
        JobsError::Io { .. }
        | JobsError::EndNotStored { .. }
        | JobsError::LockTimeout { .. }
        | JobsError::NoFreeId
        | JobsError::Spawn { .. }
        | JobsError::Launch { .. } => ExitStatus::Incomplete,
        _ => ExitStatus::Usage,
    }
}

/// What git or the file system refuses is no mistake of the command line.
fn team_status(error: &TeamError) -> ExitStatus {
    match error {
        TeamError::Io { .. }
        | TeamError::NotWritten { .. }
        | TeamError::HalfWritten { .. }
        | TeamError::Changes(_)
        | TeamError::StateDir(_)
        | TeamError::Worktree(
            WorktreeError::Git { .. } | WorktreeError::Io { .. } | WorktreeError::Changes(_),
        ) => ExitStatus::Incomplete,
        _ => ExitStatus::Usage,
    }
}

/// History that this clone does not have is no mistake of the caller's: the change could not be judged.
fn resolve_status(error: &ResolveError) -> ExitStatus {
    match error {
        ResolveError::ShallowHidesBase { .. }
        | ResolveError::ShallowHidesRevision { .. }
        | ResolveError::Status(_)
        | ResolveError::Repository { .. } => ExitStatus::Incomplete,
        _ => ExitStatus::Usage,
    }
}
