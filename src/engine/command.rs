//! Which program an engine is, and how it is started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A program that speaks the app-server protocol on stdio, with its arguments.
///
/// The child inherits this process's environment; `env` adds to it or replaces single variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineCommand {
    /// The executable: an absolute path, or a name that the system looks up.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables to set for the child.
    pub env: Vec<(OsString, OsString)>,
    /// Where the child runs; `None` inherits. Threads carry their own folder, so this need not be the repository.
    pub cwd: Option<PathBuf>,
}

impl EngineCommand {
    /// A command without arguments, variables or folder of its own.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        EngineCommand {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
        }
    }

    /// The Codex app server that `program` starts.
    ///
    /// npm installs a Node launcher in front of the native executable. Where the layout is the one that npm makes and
    /// both halves carry the same version, the native executable is started itself: one process and a Node start less.
    /// Anything else is started as it is.
    #[must_use]
    pub fn codex(program: &Path) -> Self {
        let mut command = match NpmInstall::find(program) {
            Some(install) => {
                let mut command = EngineCommand::new(install.executable);
                // What the launcher itself sets; Codex words its upgrade hint by it.
                command.env.push((
                    "CODEX_MANAGED_PACKAGE_ROOT".into(),
                    install.package_root.into(),
                ));
                command
                    .env
                    .push(("CODEX_MANAGED_BY_NPM".into(), "1".into()));
                command
            }
            None => EngineCommand::new(program),
        };
        command.args.push("app-server".into());
        command
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.args.push(argument.into());
        self
    }

    /// Sets a variable for the child.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The value that `env` gives a variable, or `None` where the child inherits it.
    #[must_use]
    pub fn env_value(&self, name: &str) -> Option<&OsString> {
        self.env
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// `PATH` without relative and empty entries, which mean the folder that a program runs in: a script that looks for its
/// interpreter must not find one that the repository put there. `None` where there are none.
#[must_use]
pub fn absolute_path(path: &std::ffi::OsStr) -> Option<OsString> {
    let is_odd = std::env::split_paths(path).any(|folder| !folder.is_absolute());
    let kept = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    is_odd.then(|| std::env::join_paths(kept).expect("what was split can be joined"))
}

/// Looks a program up in the folders of a `PATH` value. `None` when no folder holds an executable of that name.
#[must_use]
pub fn find_in_path(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    let names: &[String] = &if cfg!(windows) {
        vec![format!("{name}.exe"), format!("{name}.cmd")]
    } else {
        vec![name.to_owned()]
    };
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|candidate| is_executable(candidate))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// An install by npm: launcher, and the native executable that it would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NpmInstall {
    pub(crate) executable: PathBuf,
    pub(crate) package_root: PathBuf,
    pub(crate) version: String,
}

impl NpmInstall {
    /// Follows links to `…/@openai/codex/bin/codex.js` and looks for the platform package beside or below it.
    pub(crate) fn find(program: &Path) -> Option<NpmInstall> {
        let launcher = program.canonicalize().ok()?;
        if !launcher.ends_with("@openai/codex/bin/codex.js") {
            return None;
        }
        // pnpm and bun keep their own layout and tell Codex so; their launcher is left to do its work.
        let foreign = |part: std::path::Component<'_>| {
            part.as_os_str() == ".pnpm" || part.as_os_str() == ".bun"
        };
        if launcher.components().any(foreign) {
            return None;
        }
        let package_root = launcher.parent()?.parent()?.to_path_buf();
        let version = package_version(&package_root)?;
        let (package, triple) = platform()?;
        let homes = [
            package_root.join("node_modules/@openai").join(package),
            package_root.parent()?.join(package),
        ];
        let home = homes.iter().find(|home| home.is_dir())?;
        // An interrupted upgrade leaves two versions: the launcher then says what to do.
        if package_version(home)?
            .strip_prefix(version.as_str())?
            .chars()
            .next()
            .is_some_and(|c| c != '-')
        {
            return None;
        }
        let name = if cfg!(windows) { "codex.exe" } else { "codex" };
        let executable = home.join("vendor").join(triple).join("bin").join(name);
        is_executable(&executable).then_some(NpmInstall {
            executable,
            package_root,
            version,
        })
    }
}

fn package_version(root: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Package {
        version: String,
    }
    let text = std::fs::read(root.join("package.json")).ok()?;
    let package: Package = serde_json::from_slice(&text).ok()?;
    Some(package.version)
}

/// The npm package and the target triple for this machine, where Codex is built for it.
fn platform() -> Option<(&'static str, &'static str)> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some(("codex-linux-x64", "x86_64-unknown-linux-musl")),
        ("linux", "aarch64") => Some(("codex-linux-arm64", "aarch64-unknown-linux-musl")),
        ("macos", "x86_64") => Some(("codex-darwin-x64", "x86_64-apple-darwin")),
        ("macos", "aarch64") => Some(("codex-darwin-arm64", "aarch64-apple-darwin")),
        ("windows", "x86_64") => Some(("codex-win32-x64", "x86_64-pc-windows-msvc")),
        ("windows", "aarch64") => Some(("codex-win32-arm64", "aarch64-pc-windows-msvc")),
        _ => None,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn install(modules: &Path, launcher_version: &str, native_version: &str) -> PathBuf {
        let (package, triple) = platform().expect("tests run where Codex is built");
        let root = modules.join("@openai/codex");
        write(&root.join("bin/codex.js"), "", 0o755);
        write(
            &root.join("package.json"),
            &format!(r#"{{"version":"{launcher_version}"}}"#),
            0o644,
        );
        let home = modules.join("@openai").join(package);
        write(
            &home.join("package.json"),
            &format!(r#"{{"version":"{native_version}"}}"#),
            0o644,
        );
        write(
            &home.join("vendor").join(triple).join("bin/codex"),
            "",
            0o755,
        );
        std::fs::create_dir_all(modules.join(".bin")).unwrap();
        let link = modules.join(".bin/codex");
        symlink("../@openai/codex/bin/codex.js", &link).unwrap();
        link
    }

    #[test]
    fn an_npm_launcher_resolves_to_its_native_executable() {
        let dir = tempfile::tempdir().unwrap();
        let link = install(dir.path(), "1.2.3", "1.2.3-linux-x64");
        let command = EngineCommand::codex(&link);
        assert!(command.program.ends_with("bin/codex"), "{command:?}");
        assert!(
            command.program.to_string_lossy().contains("vendor"),
            "{command:?}"
        );
        assert_eq!(command.args, ["app-server"]);
        assert_eq!(command.env_value("CODEX_MANAGED_BY_NPM").unwrap(), "1");
    }

    #[test]
    fn a_half_upgraded_install_is_left_to_its_launcher() {
        let dir = tempfile::tempdir().unwrap();
        let link = install(dir.path(), "1.2.3", "1.2.30-linux-x64");
        assert_eq!(EngineCommand::codex(&link).program, link);
    }

    #[test]
    fn any_other_program_is_started_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("codex");
        write(&own, "#!/bin/sh\n", 0o755);
        assert_eq!(EngineCommand::codex(&own).program, own);
        let path = std::env::join_paths([Path::new("relative"), dir.path()]).unwrap();
        assert_eq!(find_in_path("codex", &path), Some(own));
        assert_eq!(find_in_path("codex.js", &path), None);
    }
}
