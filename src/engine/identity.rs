//! Which engine exactly: what makes two runs share one app server, and what makes them not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::EngineCommand;
use super::command::NpmInstall;
use super::stderr_tail::plain;

/// One engine: executable, version, Codex home and login. A broker serves exactly one of these, so that an upgrade
/// or a new login never meets an app server that does not know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineIdentity {
    /// The executable's real path.
    pub executable: PathBuf,
    /// What it says of itself, such as `0.169.0`; where that names no version, the first line of it, or `unknown`. One
    /// line without control characters.
    pub version: String,
    /// Codex's own folder.
    pub home: PathBuf,
    /// Arguments and variables of the command, and the executable's size and time of change: what the version does
    /// not tell.
    build: String,
    /// A digest of who is logged in, not of the tokens: they are renewed all the time.
    login: String,
}

/// Why an engine could not be identified.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no such program, or it cannot be run.
    #[error("cannot run `{}`", program.display())]
    NotRunnable {
        /// The program.
        program: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It did not answer `--version` in time.
    #[error("`{} --version` did not end within {limit:?}", program.display())]
    NoAnswer {
        /// The program.
        program: PathBuf,
        /// How long it had.
        limit: Duration,
    },
    /// Something ended it before it said anything.
    #[error("`{} --version` was killed ({status})", program.display())]
    Killed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: std::process::ExitStatus,
    },
}

impl EngineIdentity {
    /// Finds out. `codex_home` is the folder that the engine will use unless the command sets `CODEX_HOME`; `limit`
    /// bounds the one child that may be needed (`--version`; an install by npm is read without one).
    ///
    /// # Errors
    ///
    /// Says whether the program cannot be run, hangs or is killed. One that names no version is an engine as well: whether
    /// it works shows when it is started.
    pub async fn probe(
        command: &EngineCommand,
        codex_home: &Path,
        limit: Duration,
    ) -> Result<Self, IdentityError> {
        let executable = real_path(&command.program);
        let meta = executable
            .as_ref()
            .and_then(|path| std::fs::metadata(path).ok());
        let executable = executable.unwrap_or_else(|| command.program.clone());
        let version = match npm_version(command) {
            Some(version) => version,
            None => ask_version(command, limit).await?,
        };
        let home = command
            .env_value("CODEX_HOME")
            .map_or_else(|| codex_home.to_path_buf(), PathBuf::from);
        let mut build = Sha256::new();
        for argument in &command.args {
            build.update(argument.as_encoded_bytes());
            build.update([0]);
        }
        for (name, value) in &command.env {
            build.update(name.as_encoded_bytes());
            build.update(b"=");
            build.update(value.as_encoded_bytes());
            build.update([0]);
        }
        if let Some(meta) = meta {
            build.update(meta.len().to_le_bytes());
            let changed = meta
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            build.update(changed.unwrap_or_default().as_nanos().to_le_bytes());
        }
        Ok(EngineIdentity {
            executable,
            version,
            login: login_digest(&home),
            home,
            build: hex(&build.finalize()),
        })
    }

    /// Whether the version is one, and not some other text.
    #[must_use]
    pub fn has_version(&self) -> bool {
        parse_version(&self.version).is_some()
    }

    /// Sixteen hex digits that name this identity in file names.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        for part in [
            self.executable.as_os_str().as_encoded_bytes(),
            self.version.as_bytes(),
            self.home.as_os_str().as_encoded_bytes(),
            self.build.as_bytes(),
            self.login.as_bytes(),
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex(&hash.finalize())[..16].to_owned()
    }
}

fn real_path(program: &Path) -> Option<PathBuf> {
    program.canonicalize().ok()
}

/// The version from the package files, where the command starts the native half of an install by npm.
fn npm_version(command: &EngineCommand) -> Option<String> {
    let root = command.env_value("CODEX_MANAGED_PACKAGE_ROOT")?;
    let install = NpmInstall::find(&Path::new(root).join("bin/codex.js"))?;
    (install.executable == command.program).then_some(install.version)
}

async fn ask_version(command: &EngineCommand, limit: Duration) -> Result<String, IdentityError> {
    let program = command.program.clone();
    let child = tokio::process::Command::new(&program)
        .arg("--version")
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| IdentityError::NotRunnable {
            program: program.clone(),
            source,
        })?;
    match bounded_output(child, limit).await {
        Some(Ok((stdout, status))) if stdout.is_empty() && status.code().is_none() => {
            Err(IdentityError::Killed { program, status })
        }
        Some(Ok((stdout, _))) => Ok(version_of(&stdout)),
        Some(Err(source)) => Err(IdentityError::NotRunnable { program, source }),
        None => Err(IdentityError::NoAnswer { program, limit }),
    }
}

/// Reads at most 64 KiB; a program that says more, or holds its output open, runs into the limit.
async fn bounded_output(
    mut child: tokio::process::Child,
    limit: Duration,
) -> Option<std::io::Result<(Vec<u8>, std::process::ExitStatus)>> {
    use tokio::io::AsyncReadExt as _;
    let stdout = child.stdout.take()?;
    let read = async {
        let mut out = Vec::new();
        stdout.take(1 << 16).read_to_end(&mut out).await?;
        Ok((out, child.wait().await?))
    };
    tokio::time::timeout(limit, read).await.ok()
}

/// What a program says of its version, coloured or not: the version, or the first line, or `unknown`.
fn version_of(said: &[u8]) -> String {
    const CHARS: usize = 60;
    let lines: Vec<String> = said
        .split(|&byte| byte == b'\n')
        .map(plain)
        .filter(|line| !line.is_empty())
        .collect();
    let version = lines.iter().find_map(|line| parse_version(line));
    version.unwrap_or_else(|| match lines.first() {
        Some(line) => {
            let line = line.strip_prefix("codex-cli ").unwrap_or(line);
            line.chars().take(CHARS).collect()
        }
        None => "unknown".to_owned(),
    })
}

/// The first word that begins with a digit and holds a dot: `codex-cli 0.169.0` → `0.169.0`.
pub(crate) fn parse_version(text: &str) -> Option<String> {
    text.split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

/// Who is logged in, from the account id, the mode and a digest of an API key in Codex's `auth.json`. An absent,
/// unreadable or strange file counts as nobody: the app server has the last word on logins, this is only a key.
fn login_digest(home: &Path) -> String {
    const LIMIT: u64 = 1 << 20;
    let path = home.join("auth.json");
    let readable = std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= LIMIT);
    let text = if readable {
        std::fs::read(&path).ok()
    } else {
        None
    };
    let value: serde_json::Value = text
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [
        &value["auth_mode"],
        &value["OPENAI_API_KEY"],
        &value["tokens"]["account_id"],
    ] {
        hash.update(part.as_str().unwrap_or("").as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Written by a child: a file that this process wrote may still be open for writing in a child that another test
    /// forks at the same moment, and cannot be run then.
    fn script(dir: &Path, body: &str) -> EngineCommand {
        let path = dir.join("engine");
        let written = std::process::Command::new("/bin/sh")
            .args([
                "-c",
                r##"printf '#!/bin/sh\n%s\n' "$1" >"$2" && chmod 755 "$2""##,
                "sh",
                body,
            ])
            .arg(&path)
            .status();
        assert!(written.unwrap().success());
        EngineCommand::new(path).arg("app-server")
    }

    async fn probe(command: &EngineCommand, home: &Path) -> Result<EngineIdentity, IdentityError> {
        EngineIdentity::probe(command, home, Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn an_upgrade_and_another_login_change_the_key_and_renewed_tokens_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let auth = dir.path().join("auth.json");
        let command = script(dir.path(), "echo codex-cli 1.2.3");
        let first = probe(&command, dir.path()).await.unwrap();
        assert_eq!(first.version, "1.2.3");
        assert_eq!(
            first.key(),
            probe(&command, dir.path()).await.unwrap().key()
        );

        std::fs::write(&auth, r#"{"tokens":{"account_id":"a","access_token":"1"}}"#).unwrap();
        let login = probe(&command, dir.path()).await.unwrap();
        assert_ne!(login.key(), first.key(), "a login is another engine");
        std::fs::write(&auth, r#"{"tokens":{"account_id":"a","access_token":"2"}}"#).unwrap();
        assert_eq!(
            login.key(),
            probe(&command, dir.path()).await.unwrap().key()
        );

        let command = script(dir.path(), "echo codex-cli 1.2.4");
        assert_ne!(
            login.key(),
            probe(&command, dir.path()).await.unwrap().key()
        );
        let elsewhere = command.env("CODEX_HOME", "/elsewhere");
        let elsewhere = probe(&elsewhere, dir.path()).await.unwrap();
        assert_eq!(elsewhere.home, Path::new("/elsewhere"));
    }

    #[test]
    fn a_version_is_read_without_its_colours_and_any_other_text_kept_short() {
        assert_eq!(version_of(b"\x1b[32mcodex-cli 0.169.0\x1b[0m\n"), "0.169.0");
        assert_eq!(version_of(b"a note\r\n\ncodex-cli v1.2\n"), "1.2");
        assert_eq!(version_of(b"\x1b[1mcodex-cli te\x07st\x1b[0m\n"), "test");
        assert_eq!(version_of("é".repeat(1000).as_bytes()).chars().count(), 60);
        assert_eq!(version_of(b" \n"), "unknown");
    }

    #[tokio::test]
    async fn a_program_without_a_version_is_an_engine_and_an_absent_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let command = script(dir.path(), "echo codex-cli test");
        let nameless = probe(&command, dir.path()).await.unwrap();
        assert_eq!(nameless.version, "test");
        assert!(!nameless.has_version());
        let absent = EngineCommand::new(dir.path().join("absent"));
        let error = probe(&absent, dir.path()).await.unwrap_err();
        assert!(
            matches!(error, IdentityError::NotRunnable { .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_given_up_on() {
        let dir = tempfile::tempdir().unwrap();
        let command = script(dir.path(), "exec sleep 1000");
        let error = EngineIdentity::probe(&command, dir.path(), Duration::from_millis(50))
            .await
            .unwrap_err();
        assert!(matches!(error, IdentityError::NoAnswer { .. }), "{error}");
    }
}
