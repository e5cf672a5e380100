//! Starts the programs that trusted strategies name, and ends them.
//!
//! [`ExternalPrograms`] is what a context's collector `exec` runs its programs through. A program gets its request on
//! standard input, an environment cleared to a list, the repository's root as its folder and a process group of its own;
//! no shell is involved. Whatever happens, its whole group is ended before the call returns.
//!
//! [`try_out`] runs a command whose failure is an answer: the tests of a project, where the user asks for that.
//!
//! Whether a program may be started at all is not decided here: only strategies of the user's own, and of repositories
//! that the user trusts, come this far. Failure policy: every fault is a sentence for the context's ledger, none is fatal.

mod group;
mod run;
mod stray;
mod trial;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::causes::with_causes;
use crate::context::{CollectError, Program, ProgramCall, Programs};
use crate::engine::find_in_path;

pub use stray::Strays;
pub use trial::{TRIAL_VARIABLES, Trial, TrialEnd, Tried, try_out};

/// The environment variables that every program gets, where they are set.
pub const PASSED_VARIABLES: [&str; 10] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SystemRoot",
    "TEMP",
    "TMP",
];

/// The surroundings that programs are started in.
#[derive(Debug, Clone)]
pub struct ExternalPrograms {
    root: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl ExternalPrograms {
    /// Programs that work in the folder `root`; `variables` is the environment of which they get a part.
    #[must_use]
    pub fn new(root: &Path, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        ExternalPrograms {
            root: root.to_owned(),
            variables: variables.into_iter().collect(),
        }
    }

    fn variable(&self, name: &str) -> Option<&OsString> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// What is passed on for a call.
    fn environment(&self, call: &ProgramCall) -> Vec<(OsString, OsString)> {
        let asked = call.environment.iter().map(String::as_str);
        PASSED_VARIABLES
            .into_iter()
            .chain(asked)
            .filter_map(|name| Some((name.into(), self.variable(name)?.clone())))
            .collect()
    }

    fn resolve(&self, program: &Program) -> Result<PathBuf, Fault> {
        match program {
            Program::OnSearchPath(name) => {
                let path = self.variable("PATH").cloned().unwrap_or_default();
                find_in_path(name, &path).ok_or_else(|| Fault::NotOnPath(name.clone()))
            }
            Program::File(path) => match std::fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_file() => Ok(path.clone()),
                // What a link leads to is not what was trusted. Where the machine's own programs are links, PATH finds them.
                Ok(_) => Err(Fault::NotAFile(path.clone())),
                Err(source) => Err(Fault::Start {
                    program: path.clone(),
                    source,
                }),
            },
        }
    }
}

impl Programs for ExternalPrograms {
    fn run(&self, call: &ProgramCall) -> Result<Vec<u8>, CollectError> {
        let program = self.resolve(&call.program);
        program
            .and_then(|program| run::run(&program, call, &self.environment(call), &self.root))
            .map_err(|fault| CollectError(with_causes(&fault)))
    }

    fn exists(&self, program: &Program) -> bool {
        self.resolve(program).is_ok()
    }
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The search path has no such program.
    #[error("there is no program `{0}` on PATH")]
    NotOnPath(String),
    /// It is a link, a folder or a device.
    #[error("`{}` is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It cannot be started.
    #[error("`{}` cannot be started", program.display())]
    Start {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// It ended with a fault.
    #[error("the program {ended}{}", last_words.as_deref().map(|words| format!("; its last words: {words}")).unwrap_or_default())]
    Ended {
        /// Such as `exited with status 3`.
        ended: String,
        /// The last line that it wrote to stderr.
        last_words: Option<String>,
    },
    /// It took too long.
    #[error("the program took longer than {seconds} s and was ended")]
    TimedOut { seconds: u64 },
    /// It wrote too much.
    #[error("the program wrote more than {most_bytes} bytes and was ended")]
    TooMuch { most_bytes: usize },
    /// Its output cannot be read.
    #[error("the program's output cannot be read")]
    Output {
        #[source]
        source: std::io::Error,
    },
    /// It ended, and its output did not.
    #[error("the program left a process behind that holds its output open")]
    StillOpen,
    /// The thread that watches over it could not do so.
    #[error("the program could not be watched")]
    Unwatched,
}
