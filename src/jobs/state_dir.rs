//! Where jobs live on disk: the state root, and the folder of one repository below it.
//!
//! [`StateRoot::resolve`] is a pure function of environment values. [`StateFolder::open`] makes the folders, private to
//! the user, and refuses one that belongs to somebody else.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Names the state root, before anything else.
pub const STATE_DIR_VARIABLE: &str = "CODEX_REVIEW_STATE_DIR";

const APP_FOLDER: &str = "codex-review";
const MAX_SLUG_BYTES: usize = 48;
const HASH_DIGITS: usize = 16;

/// The environment values that the state root depends on. Unset and empty are the same.
#[derive(Debug, Clone, Default)]
pub struct StateEnvironment {
    /// `$CODEX_REVIEW_STATE_DIR`.
    pub state_dir: Option<OsString>,
    /// `$XDG_STATE_HOME`.
    pub xdg_state_home: Option<OsString>,
    /// `$HOME`.
    pub home: Option<OsString>,
    /// `%LOCALAPPDATA%`, where there is no home.
    pub local_app_data: Option<OsString>,
}

/// Why there is no usable state folder.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// The variable holds a relative path, which would name another folder from every working directory.
    #[error("`{variable}` is not an absolute path: `{}`", value.display())]
    Relative {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: PathBuf,
    },
    /// None of the variables is set.
    #[error(
        "no folder for state: neither `CODEX_REVIEW_STATE_DIR`, `XDG_STATE_HOME` nor `HOME` is set"
    )]
    NoHome,
    /// The folder cannot be made or written.
    #[error("cannot use the state folder `{}`", path.display())]
    NotUsable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path exists and is no folder.
    #[error("the state folder `{}` is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The folder belongs to another user, who could read or replace what is stored.
    #[error("the state folder `{}` belongs to another user", path.display())]
    ForeignOwner {
        /// The folder.
        path: PathBuf,
    },
    /// The repository's path cannot be made real.
    #[error("cannot resolve the repository's path `{}`", path.display())]
    Workspace {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl StateDirError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            StateDirError::Workspace { .. } => "run this inside an existing repository",
            StateDirError::Relative { .. } => "give an absolute path",
            _ => "set `CODEX_REVIEW_STATE_DIR` to a folder of yours that can be written",
        }
    }
}

/// The folder under which every repository has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRoot(PathBuf);

impl StateRoot {
    /// Chooses the state root. The first that is set counts: `$CODEX_REVIEW_STATE_DIR`,
    /// `$XDG_STATE_HOME/codex-review`, `$HOME/.local/state/codex-review`, `%LOCALAPPDATA%\codex-review`. A relative
    /// `$XDG_STATE_HOME` is passed over, as its specification asks.
    ///
    /// # Errors
    ///
    /// Our own variable holds a relative path, or nothing is set.
    pub fn resolve(environment: &StateEnvironment) -> Result<Self, StateDirError> {
        fn set(value: Option<&OsString>) -> Option<PathBuf> {
            value.filter(|value| !value.is_empty()).map(PathBuf::from)
        }
        if let Some(value) = set(environment.state_dir.as_ref()) {
            if !value.is_absolute() {
                return Err(StateDirError::Relative {
                    variable: STATE_DIR_VARIABLE,
                    value,
                });
            }
            return Ok(StateRoot(value));
        }
        set(environment.xdg_state_home.as_ref())
            .filter(|path| path.is_absolute())
            .map(|path| path.join(APP_FOLDER))
            .or_else(|| {
                set(environment.home.as_ref())
                    .filter(|path| path.is_absolute())
                    .map(|home| home.join(".local").join("state").join(APP_FOLDER))
            })
            .or_else(|| set(environment.local_app_data.as_ref()).map(|path| path.join(APP_FOLDER)))
            .map(StateRoot)
            .ok_or(StateDirError::NoHome)
    }

    /// A root at a known place.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        StateRoot(path.into())
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// The name of a repository's folder: a readable part, and a hash that tells twins apart.
#[must_use]
pub fn folder_name(real_main_worktree: &Path) -> String {
    let base = real_main_worktree
        .file_name()
        .unwrap_or(OsStr::new("root"))
        .to_string_lossy();
    let mut slug = String::new();
    for character in base.chars() {
        if slug.len() >= MAX_SLUG_BYTES {
            break;
        }
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => slug.push(character),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches(['-', '.']);
    let slug = if slug.is_empty() { "workspace" } else { slug };
    let mut name = format!("{slug}-");
    for byte in
        &Sha256::digest(real_main_worktree.as_os_str().as_encoded_bytes())[..HASH_DIGITS / 2]
    {
        write!(name, "{byte:02x}").expect("writing to a string never fails");
    }
    name
}

/// One repository's state folder, made and private to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    path: PathBuf,
    workspace_root: PathBuf,
}

impl StateFolder {
    /// Opens the folder of the repository whose main worktree is given, making what is missing with mode 0700.
    /// Linked worktrees pass the same main worktree and so share the folder.
    ///
    /// # Errors
    ///
    /// The path does not exist, or the folder cannot be made, is no folder, or belongs to somebody else.
    pub fn open(root: &StateRoot, main_worktree: &Path) -> Result<Self, StateDirError> {
        let real =
            std::fs::canonicalize(main_worktree).map_err(|source| StateDirError::Workspace {
                path: main_worktree.to_owned(),
                source,
            })?;
        let path = root.path().join(folder_name(&real));
        ensure_private(&path)?;
        ensure_private(&path.join("jobs"))?;
        Ok(StateFolder {
            path,
            workspace_root: real,
        })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The real path of the repository's main worktree.
    #[must_use]
    pub fn workspace_root(&self) -> &Path {
        &self.workspace_root
    }
}

/// Makes a folder private to the user, or checks one that exists. Parents that are missing become private too.
///
/// # Errors
///
/// As [`StateFolder::open`].
pub fn ensure_private(path: &Path) -> Result<(), StateDirError> {
    let not_usable = |source| StateDirError::NotUsable {
        path: path.to_owned(),
        source,
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if let Err(source) = builder.create(path) {
        if path.exists() && !path.is_dir() {
            return Err(StateDirError::NotAFolder {
                path: path.to_owned(),
            });
        }
        return Err(not_usable(source));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let metadata = std::fs::metadata(path).map_err(not_usable)?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(StateDirError::ForeignOwner {
                path: path.to_owned(),
            });
        }
        if metadata.mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
                .map_err(not_usable)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(state: &str, xdg: &str, home: &str) -> StateEnvironment {
        StateEnvironment {
            state_dir: Some(state.into()),
            xdg_state_home: Some(xdg.into()),
            home: Some(home.into()),
            local_app_data: None,
        }
    }

    #[track_caller]
    fn check(state: &str, xdg: &str, home: &str, expected: &str) {
        let root = StateRoot::resolve(&environment(state, xdg, home)).unwrap();
        assert_eq!(root.path(), Path::new(expected));
    }

    #[test]
    fn our_own_variable_wins_then_xdg_then_home() {
        check("/s", "/x", "/h", "/s");
        check("", "/x", "/h", "/x/codex-review");
        check("", "relative", "/h", "/h/.local/state/codex-review");
        check("", "", "/h", "/h/.local/state/codex-review");
    }

    #[test]
    fn a_relative_root_and_no_root_at_all_are_errors_with_a_hint() {
        let error = StateRoot::resolve(&environment("here", "", "/h")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`CODEX_REVIEW_STATE_DIR` is not an absolute path: `here`"
        );
        let error = StateRoot::resolve(&StateEnvironment::default()).unwrap_err();
        assert!(error.hint().contains("CODEX_REVIEW_STATE_DIR"));
    }

    #[test]
    fn folder_names_are_readable_distinct_and_safe() {
        // printf '/home/u/my repo' | sha256sum
        assert!(folder_name(Path::new("/home/u/my repo")).starts_with("my-repo-"));
        assert_eq!(folder_name(Path::new("/home/u/my repo")).len(), 8 + 16);
        assert_ne!(
            folder_name(Path::new("/a/app")),
            folder_name(Path::new("/b/app"))
        );
        assert!(folder_name(Path::new("/")).starts_with("root-"));
        assert!(folder_name(Path::new("/a/...")).starts_with("workspace-"));
        assert!(folder_name(Path::new(&format!("/{}", "é".repeat(200)))).len() < 80);
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_private_and_a_file_in_the_way_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let temp = tempfile::tempdir().unwrap();
        let root = StateRoot::at(temp.path().join("deep/root"));
        let folder = StateFolder::open(&root, temp.path()).unwrap();
        for path in [root.path(), folder.path(), &folder.path().join("jobs")] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
        let file = temp.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = StateFolder::open(&StateRoot::at(&file), temp.path()).unwrap_err();
        assert!(error.to_string().contains("state folder"), "{error}");
        assert!(matches!(
            ensure_private(&file),
            Err(StateDirError::NotAFolder { .. })
        ));
    }
}
