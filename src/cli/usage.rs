//! What can be wrong with a command line that clap cannot see.

use std::path::PathBuf;

use codex_review::near_miss::nearest;
use codex_review::report::FORMATS;
use codex_review::run::KINDS;

/// The command line does not say something that can be done.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    /// The options make no target.
    #[error(transparent)]
    Target(#[from] codex_review::target::SpecError),
    /// `--unjudged` is neither of its words.
    #[error("unknown policy `{0}` (expected pass or block)")]
    UnknownUnjudged(String),
    /// The engine's plain review takes no focus text.
    #[error("`--native` runs the engine's plain review, which takes no focus text")]
    FocusWithNative,
    /// What the engine's own reviewer is shown cannot be narrowed down.
    #[error("`--since-last` does not go with `--native`, which always reviews the whole change")]
    SinceLastWithNative,
    /// Our own engine writes no code.
    #[error("the builtin engine writes no tests")]
    BuiltinWritesNothing,
    /// `--apply=JOB` asks nobody, so that nothing else can be asked with it.
    #[error("`--apply=JOB` applies what a job wrote: it goes with no target, focus or `--run`")]
    ApplyOfJobAlone,
    /// Whoever does not wait cannot apply.
    #[error("`--background` returns before there are tests to apply")]
    ApplyInBackground,
    /// The change is not in the working tree.
    #[error("`--apply` puts tests into the working tree, where {label} is not checked out")]
    ApplyElsewhere {
        /// The target.
        label: String,
    },
    /// A word before the text looks like an option that exists.
    #[error("unknown option `{given}`")]
    MistypedOption {
        /// What was typed.
        given: String,
        /// The option that was probably meant.
        nearest: String,
    },
    /// A word before the text is an option that another verb has.
    #[error("there is no option `{given}` here")]
    OptionOfAnother {
        /// What was typed.
        given: String,
        /// The command that has it.
        other: String,
    },
    /// Arguments on standard input without their end mark.
    #[error("the arguments on standard input arrived cut: their last line is not `CODEX_END`")]
    CutArguments,
    /// `--request` names nothing that was stored.
    #[error("there is no stored request `{0}`")]
    UnknownRequest(String),
    /// `estimate` knows no such kind of run.
    #[error("unknown kind of run `{0}` (expected one of {kinds})", kinds = kinds())]
    UnknownKind(String),
    /// Typed arguments that the verb does not take; in clap's words.
    #[error("{}", .0.trim_end())]
    Typed(String),
    /// There is no plan to review.
    #[error("no plan was given")]
    NoPlan,
    /// `--last` finds nothing that belongs here.
    #[error("no plan of this project was found")]
    NoLastPlan,
    /// The file is not there.
    #[error("there is no plan `{}`", path.display())]
    NoSuchPlan {
        /// As it was given.
        path: PathBuf,
    },
    /// What is named is not read.
    #[error("`{}` is {kind}, and no plan", path.display())]
    PlanNotAFile {
        /// As it was given.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// What was read is no plan.
    #[error("{place} cannot be reviewed")]
    NotAPlan {
        /// Where it comes from.
        place: String,
        /// Why.
        #[source]
        error: codex_review::plan::PlanError,
    },
    /// Focus text that is not Unicode cannot be sent.
    #[error("the focus text is not valid UTF-8")]
    FocusNotUnicode,
    /// Text that is not Unicode cannot be sent.
    #[error("the text is not valid UTF-8")]
    NotUnicode,
    /// Text came both ways.
    #[error("text was given both as arguments and with `--prompt-file`")]
    TextTwice,
    /// A task without anything to do.
    #[error("no task was given")]
    NoText,
    /// The text behind a bare `--resume` begins with the id of a job.
    #[error(
        "`--resume` alone goes on with the newest task, and the text behind it begins with the job `{id}`"
    )]
    JobInText {
        /// The job.
        id: String,
    },
    /// A setting that belongs to the machine.
    #[error("`{key}` cannot be set by a repository")]
    NotForRepositories {
        /// The setting.
        key: String,
    },
    /// There is no place for the user's file.
    #[error("there is no folder for the user's configuration")]
    NoUserFile,
    /// `--scope repo` outside a repository, or in a bare one.
    #[error("there is no working tree here whose configuration could be changed")]
    NoRepositoryFile,
    /// `config edit` without an editor.
    #[error("no editor is named by `$VISUAL` or `$EDITOR`")]
    NoEditor,
    /// `config edit` inside a client, which gives the editor no terminal.
    #[error(
        "`config edit` opens an editor, and there is no terminal here for one: the file is `{}`",
        path.display()
    )]
    EditorWithoutTerminal {
        /// The file that would be edited.
        path: PathBuf,
    },
    /// The editor ended with a failure.
    #[error("the editor `{}` failed, so nothing was taken", editor.display())]
    EditorFailed {
        /// The editor.
        editor: PathBuf,
    },
    /// Somebody else changed the file while it was edited.
    #[error("`{}` was changed by somebody else meanwhile", path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// Codex would take the value and fail at its next start.
    #[error("Codex knows no {key} `{given}`")]
    NotACodexValue {
        /// The setting.
        key: &'static str,
        /// What was given.
        given: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// What is known; empty when anything may be right.
        known: Vec<String>,
    },
    /// The format exists neither here nor anywhere.
    #[error(transparent)]
    UnknownFormat(#[from] codex_review::report::UnknownFormat),
    /// Two documents would be mixed on standard output.
    #[error("`{first}` and `{second}` both print to standard output, which holds one document")]
    PrintedTwice {
        /// An option with its value.
        first: String,
        /// Another.
        second: String,
    },
    /// `--output` names no file behind its `=`.
    #[error("`--output {format}=` names no file")]
    NoOutputFile {
        /// The format.
        format: String,
    },
    /// Two documents would go to one file.
    #[error("two formats go to `{}`", .0.display())]
    WrittenTwice(PathBuf),
    /// The file's folder is not there.
    #[error("the folder of `{}` does not exist", .0.display())]
    NoOutputFolder(PathBuf),
    /// There is a folder where the file should be.
    #[error("`{}` is a folder, not a file", .0.display())]
    OutputIsFolder(PathBuf),
    /// A command that returns at once has no report yet.
    #[error("`--background` returns before there is a report to write")]
    OutputInBackground,
    /// A context has two formats.
    #[error("unknown format `{0}` (expected text or json)")]
    UnknownContextFormat(String),
    /// The threshold is none.
    #[error(transparent)]
    UnknownFailOn(#[from] codex_review::review::UnknownFailOn),
    /// The filter is none.
    #[error("{unknown}")]
    UnknownFilter {
        /// As given.
        unknown: codex_review::review::UnknownFilter,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// `--suppress-from` names none of the sides.
    #[error("unknown side `{word}` (expected base or new)")]
    UnknownSide {
        /// As given.
        word: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// `--shard` names no shard.
    #[error(transparent)]
    NotAShard(#[from] codex_review::review::NotAShard),
    /// `--expires` names no day.
    #[error(transparent)]
    NotADay(#[from] codex_review::review::NotADay),
    /// `--expected-head` can be no commit's id.
    #[error("`{0}` is no commit id (expected 7 to 64 hex digits)")]
    NotACommit(String),
    /// A text that must say something is blank.
    #[error("`{option}` is blank")]
    BlankText {
        /// The option.
        option: &'static str,
    },
    /// Nobody is known who accepts a finding.
    #[error("nobody is named who accepts this")]
    NoAuthor,
    /// A time that is none.
    #[error("`{option}` takes a time such as 20s or 2m, not `{given}`")]
    NotATime {
        /// The option.
        option: &'static str,
        /// As given.
        given: String,
    },
    /// A number of tokens that is none.
    #[error("`{option}` takes a number of tokens such as 200000, 200k or 1m, not `{given}`")]
    NotTokens {
        /// The option.
        option: &'static str,
        /// As given.
        given: String,
    },
    /// Standard input holds one thing.
    #[error("`--patch -` and `--prompt-file -` both read standard input")]
    StdinTwice,
    /// There is no standard input behind a slash command.
    #[error("`-` reads standard input, which a slash command has not")]
    NoStdin,
    /// A word that was meant as a file names none of the change.
    #[error("`{given}` is no file of this change")]
    NotInChange {
        /// As given.
        given: String,
        /// A changed file that was probably meant.
        nearest: Option<String>,
    },
    /// Lines that the change does not touch.
    #[error("no hunk of the change is at `{given}`")]
    NoHunk {
        /// As given.
        given: String,
        /// Where the file's hunks are.
        hunks: Vec<String>,
    },
    /// Rules cannot answer what the verb asks.
    #[error("the builtin engine checks fixed rules, and none of them answers `{0}`")]
    NoRules(&'static str),
    /// The engine is none of ours.
    #[error("unknown engine `{0}` (expected codex or builtin)")]
    UnknownEngine(String),
}

/// The kinds of run that have a verb.
fn kinds() -> String {
    let named: Vec<&str> = KINDS
        .iter()
        .filter(|kind| kind.is_asked_for())
        .map(|kind| kind.name)
        .collect();
    named.join(", ")
}

impl UsageError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            UsageError::FocusWithNative => {
                "leave out `--native`, or use `/codex:adversarial-review` for a review with a focus"
            }
            UsageError::SinceLastWithNative => "leave one of both out",
            UsageError::StdinTwice => "put one of them into a file",
            UsageError::NoStdin => "put it into a file and name it",
            UsageError::NotInChange {
                nearest: Some(nearest),
                ..
            } => return Some(format!("did you mean `{nearest}`?")),
            UsageError::NotInChange { nearest: None, .. } => {
                "name changed files first, as paths from the root of the repository, and then what to look at"
            }
            UsageError::NoHunk { hunks, .. } if hunks.is_empty() => "its change has no lines",
            UsageError::NoHunk { hunks, .. } => {
                return Some(format!(
                    "lines of the new version count; its hunks are at {}",
                    hunks.join(", ")
                ));
            }
            UsageError::NoRules(_) => "ask Codex: `--engine codex`",
            UsageError::BuiltinWritesNothing => "use `--engine codex`",
            UsageError::ApplyOfJobAlone => "leave the job out to have tests written and applied",
            UsageError::ApplyInBackground => "apply them later: `codex-review test --apply=JOB`",
            UsageError::ApplyElsewhere { .. } => {
                "leave `--apply` out: the result holds the patch; or check that commit out first"
            }
            UsageError::MistypedOption { nearest, .. } => {
                return Some(format!(
                    "did you mean `{nearest}`? Put `--` before text that begins with a dash"
                ));
            }
            UsageError::OptionOfAnother { other, .. } => {
                return Some(format!(
                    "`{other}` has it. Put `--` before text that begins with a dash"
                ));
            }
            UsageError::UnknownFormat(unknown) => {
                let names = FORMATS.iter().map(|format| format.name);
                return nearest(&unknown.name, names)
                    .map(|nearest| format!("did you mean `{nearest}`?"));
            }
            UsageError::PrintedTwice { .. } => {
                "give all but one of them a file: `--output FORMAT=PATH`"
            }
            UsageError::NoOutputFile { .. } => "without the `=` the format goes to standard output",
            UsageError::WrittenTwice(_) | UsageError::OutputIsFolder(_) => {
                "name one file for each format"
            }
            UsageError::NoOutputFolder(path) => {
                let folder = path.parent().unwrap_or(path);
                return Some(format!("make it first: `mkdir -p {}`", folder.display()));
            }
            UsageError::OutputInBackground => {
                "ask for it later: `codex-review result JOB --output FORMAT=PATH`"
            }
            UsageError::NotACodexValue { nearest, known, .. } if !known.is_empty() => {
                let list = known.join(", ");
                return Some(match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`? Expected one of {list}"),
                    None => format!("expected one of {list}"),
                });
            }
            UsageError::NotForRepositories { .. } => "leave out `--scope repo`",
            UsageError::NoUserFile => "set HOME or XDG_CONFIG_HOME to an absolute path",
            UsageError::NoRepositoryFile => {
                "leave out `--scope repo`, or name a repository with `--cwd`"
            }
            UsageError::NoEditor => {
                "set EDITOR, or change one setting with `codex-review config set`"
            }
            UsageError::EditorWithoutTerminal { .. } => {
                "`/codex:config set KEY VALUE` changes one setting; `codex-review config edit` works in a terminal"
            }
            UsageError::NoPlan => {
                "name its file, give it on standard input with `-`, or take this Claude session's with `--last`"
            }
            UsageError::NoLastPlan => "name the plan's file",
            UsageError::NoSuchPlan { .. } => {
                "the first word is the plan's file; what to look at stands behind it, or behind `--last`"
            }
            UsageError::PlanNotAFile { .. } | UsageError::NotAPlan { .. } => {
                "a plan is a text of at most 256 KiB: name its file, or give it on standard input with `-`"
            }
            UsageError::FocusNotUnicode => "type it again",
            UsageError::NotUnicode => "put the text into a file and give it with `--prompt-file`",
            UsageError::TextTwice => "give the text once",
            UsageError::NoText => {
                "put the task behind the options, into a file with `--prompt-file`, or on standard input"
            }
            UsageError::JobInText { id } => {
                return Some(format!(
                    "go on with that job by `--resume={id}`; if it is meant as text, put a word before it"
                ));
            }
            UsageError::Target(error) => return error.hint(),
            UsageError::CutArguments | UsageError::UnknownRequest(_) => "type the command again",
            UsageError::NoAuthor => "name yourself with `--author`, or set git's `user.name`",
            UsageError::UnknownFilter {
                nearest: Some(nearest),
                ..
            }
            | UsageError::UnknownSide {
                nearest: Some(nearest),
                ..
            } => return Some(format!("did you mean `{nearest}`?")),
            UsageError::NotACommit(_) => "`git rev-parse HEAD` prints one",
            UsageError::UnknownFilter { nearest: None, .. }
            | UsageError::UnknownSide { nearest: None, .. }
            | UsageError::NotAShard(_)
            | UsageError::NotADay(_)
            | UsageError::BlankText { .. }
            | UsageError::UnknownContextFormat(_)
            | UsageError::UnknownFailOn(_)
            | UsageError::UnknownKind(_)
            | UsageError::UnknownUnjudged(_)
            | UsageError::Typed(_)
            | UsageError::EditorFailed { .. }
            | UsageError::ChangedMeanwhile { .. }
            | UsageError::NotACodexValue { .. }
            | UsageError::NotATime { .. }
            | UsageError::NotTokens { .. }
            | UsageError::UnknownEngine(_) => return None,
        };
        Some(hint.to_owned())
    }
}
