//! What a broker is started with, and how a starter hands it over: as arguments of `broker serve`.
//!
//! Variables of the engine's command travel in the environment of the broker's process and not in its arguments, which
//! every user of the machine can read.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::BrokerError;
use super::client::CONNECT_TIMEOUT;
use crate::engine::{EngineCommand, EngineIdentity};

/// What a broker is keyed by: its engine, and this program's own version. An upgrade of either, or another login, never
/// meets a broker from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerIdentity {
    /// Sixteen hex digits.
    pub key: String,
    /// The engine's executable, for people.
    pub executable: PathBuf,
    /// The engine's version, for people.
    pub engine_version: String,
    /// The engine's home, for people.
    pub home: PathBuf,
}

impl From<&EngineIdentity> for BrokerIdentity {
    fn from(engine: &EngineIdentity) -> Self {
        let mut digest = Sha256::new();
        digest.update(engine.key());
        digest.update([0]);
        digest.update(env!("CARGO_PKG_VERSION"));
        let key = digest.finalize();
        BrokerIdentity {
            key: key
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            executable: engine.executable.clone(),
            engine_version: engine.version.clone(),
            home: engine.home.clone(),
        }
    }
}

/// What may be tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerTuning {
    /// Turns that run at once; at least 1.
    pub max_streams: usize,
    /// How long a broker stays without clients and turns.
    pub idle_timeout: Duration,
}

impl Default for BrokerTuning {
    fn default() -> Self {
        BrokerTuning {
            max_streams: 4,
            idle_timeout: Duration::from_secs(600),
        }
    }
}

/// What it takes to reach a broker, or to start one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerOptions {
    /// The workspace's state folder.
    pub state_dir: PathBuf,
    /// A short folder for sockets where the state folder's path is too long: `$XDG_RUNTIME_DIR`, or the folder for
    /// temporary files.
    pub runtime_dir: PathBuf,
    /// The engine that the broker is to serve.
    pub identity: BrokerIdentity,
    /// How it is started.
    pub engine: EngineCommand,
    /// The program that serves as a broker when `serve_verb` and the arguments of [`ServeOptions::to_arguments`] follow.
    pub self_exe: PathBuf,
    /// The words that come before these arguments: `broker serve`.
    pub serve_verb: Vec<OsString>,
    /// What may be tuned.
    pub tuning: BrokerTuning,
    /// How long a broker may take to answer when it is asked whether it is there.
    pub connect_timeout: Duration,
    /// How long a new broker may take to be ready, and another starter to finish.
    pub start_timeout: Duration,
}

impl BrokerOptions {
    /// Options with the usual verb, tuning and times.
    #[must_use]
    pub fn new(
        state_dir: impl Into<PathBuf>,
        runtime_dir: impl Into<PathBuf>,
        self_exe: impl Into<PathBuf>,
        identity: BrokerIdentity,
        engine: EngineCommand,
    ) -> Self {
        BrokerOptions {
            state_dir: state_dir.into(),
            runtime_dir: runtime_dir.into(),
            identity,
            engine,
            self_exe: self_exe.into(),
            serve_verb: vec!["broker".into(), "serve".into()],
            tuning: BrokerTuning::default(),
            connect_timeout: CONNECT_TIMEOUT,
            start_timeout: Duration::from_secs(15),
        }
    }

    pub(super) fn serve_options(&self) -> ServeOptions {
        ServeOptions {
            state_dir: self.state_dir.clone(),
            runtime_dir: self.runtime_dir.clone(),
            identity: self.identity.clone(),
            engine: self.engine.clone(),
            tuning: self.tuning,
        }
    }
}

/// What a broker serves with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// The workspace's state folder.
    pub state_dir: PathBuf,
    /// As in [`BrokerOptions::runtime_dir`].
    pub runtime_dir: PathBuf,
    /// The engine that is served.
    pub identity: BrokerIdentity,
    /// How it is started.
    pub engine: EngineCommand,
    /// What may be tuned.
    pub tuning: BrokerTuning,
}

impl ServeOptions {
    /// The arguments that [`ServeOptions::from_arguments`] reads. The variables of the engine's command are not among
    /// them.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: &OsStr| {
            arguments.push(name.into());
            arguments.push(value.into());
        };
        option("--state-dir", self.state_dir.as_os_str());
        option("--runtime-dir", self.runtime_dir.as_os_str());
        option("--key", self.identity.key.as_ref());
        option("--engine-executable", self.identity.executable.as_os_str());
        option("--engine-version", self.identity.engine_version.as_ref());
        option("--engine-home", self.identity.home.as_os_str());
        option(
            "--max-streams",
            self.tuning.max_streams.to_string().as_ref(),
        );
        let idle_ms = self.tuning.idle_timeout.as_millis().to_string();
        option("--idle-timeout-ms", idle_ms.as_ref());
        if let Some(cwd) = &self.engine.cwd {
            option("--engine-cwd", cwd.as_os_str());
        }
        arguments.push("--".into());
        arguments.push(self.engine.program.clone().into());
        arguments.extend(self.engine.args.iter().cloned());
        arguments
    }

    /// Reads what [`ServeOptions::to_arguments`] wrote: what stands after `broker serve`.
    ///
    /// # Errors
    ///
    /// An argument is missing, unknown or of the wrong form.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, BrokerError> {
        let bad = |problem: String| BrokerError::BadArguments { problem };
        let mut arguments = arguments.into_iter();
        let mut named: Vec<(String, OsString)> = Vec::new();
        let program = loop {
            let name = arguments
                .next()
                .ok_or_else(|| bad("no engine after `--`".to_owned()))?;
            if name == "--" {
                break arguments
                    .next()
                    .ok_or_else(|| bad("no engine after `--`".to_owned()))?;
            }
            let name = name.to_string_lossy().into_owned();
            if !NAMES.contains(&name.as_str()) {
                return Err(bad(format!("unknown argument `{name}`")));
            }
            let value = arguments
                .next()
                .ok_or_else(|| bad(format!("`{name}` without a value")))?;
            named.push((name, value));
        };
        let find = |name: &str| {
            let found = named.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| value.clone())
        };
        let required = |name: &str| find(name).ok_or_else(|| bad(format!("`{name}` is missing")));
        let text = |name: &str| {
            required(name)?
                .into_string()
                .map_err(|value| bad(format!("`{name}` is no text: {}", value.display())))
        };
        let number = |name: &str| {
            let text = text(name)?;
            text.parse::<u64>()
                .map_err(|_| bad(format!("`{name}` is no number: `{text}`")))
        };
        let key = text("--key")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(bad(format!("`--key` is no key: `{key}`")));
        }
        Ok(ServeOptions {
            state_dir: required("--state-dir")?.into(),
            runtime_dir: required("--runtime-dir")?.into(),
            identity: BrokerIdentity {
                key,
                executable: required("--engine-executable")?.into(),
                engine_version: text("--engine-version")?,
                home: required("--engine-home")?.into(),
            },
            tuning: BrokerTuning {
                max_streams: usize::try_from(number("--max-streams")?).unwrap_or(usize::MAX),
                idle_timeout: Duration::from_millis(number("--idle-timeout-ms")?),
            },
            engine: EngineCommand {
                program: program.into(),
                args: arguments.collect(),
                env: Vec::new(),
                cwd: find("--engine-cwd").map(PathBuf::from),
            },
        })
    }
}

const NAMES: [&str; 9] = [
    "--state-dir",
    "--runtime-dir",
    "--key",
    "--engine-executable",
    "--engine-version",
    "--engine-home",
    "--max-streams",
    "--idle-timeout-ms",
    "--engine-cwd",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ServeOptions {
        ServeOptions {
            state_dir: "/state dir".into(),
            runtime_dir: "/run/--key".into(),
            identity: BrokerIdentity {
                key: "0123abcd".into(),
                executable: "/bin/codex".into(),
                engine_version: "0.169.0".into(),
                home: "/home/é".into(),
            },
            engine: EngineCommand::new("/bin/codex")
                .arg("app-server")
                .arg("--")
                .arg("-x"),
            tuning: BrokerTuning {
                max_streams: 3,
                idle_timeout: Duration::from_millis(1500),
            },
        }
    }

    #[test]
    fn arguments_survive_the_way_to_the_broker() {
        let mut options = options();
        assert_eq!(
            ServeOptions::from_arguments(options.to_arguments()).unwrap(),
            options
        );
        options.engine.cwd = Some("/elsewhere".into());
        assert_eq!(
            ServeOptions::from_arguments(options.to_arguments()).unwrap(),
            options
        );
    }

    #[test]
    fn secrets_of_the_engines_environment_are_not_among_the_arguments() {
        let mut options = options();
        options.engine = options.engine.env("OPENAI_API_KEY", "sk-secret");
        let shown = format!("{:?}", options.to_arguments());
        assert!(!shown.contains("sk-secret"), "{shown}");
    }

    #[test]
    fn wrong_arguments_are_named() {
        let arguments = options().to_arguments();
        for (change, part) in [
            (vec!["--strange".into(), "x".into()], "--strange"),
            (vec!["--key".into(), "../x".into()], "`../x`"),
        ] {
            let mut changed: Vec<OsString> = change;
            changed.extend(arguments.clone());
            let error = ServeOptions::from_arguments(changed).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(ServeOptions::from_arguments([]).is_err());
        let no_key: Vec<OsString> = ["--", "x"].into_iter().map(Into::into).collect();
        let error = ServeOptions::from_arguments(no_key).unwrap_err();
        assert!(error.to_string().contains("--key"), "{error}");
    }
}
