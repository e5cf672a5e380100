//! Puts our pre-push hook where git runs hooks from, and takes it away again.
//!
//! What somebody else wrote is never overwritten: a hook that is there is renamed (so its bytes and mode stay) and runs
//! first; taking ours away gives it its name back. What was edited since we wrote it stays where it is. Every step that
//! fails leaves a hook in place that worked before.

mod framework;
mod script;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use script::Author;

pub use framework::{FoundFramework, HookFramework, find_framework};
pub use script::CHAINED_SUFFIX;

const HOOK: &str = "pre-push";
/// A longer hook is not ours.
const OUR_BYTES: u64 = 64 * 1024;

/// What is at a hook's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// Nothing.
    Absent,
    /// Our hook.
    Ours {
        /// Whether it is as we wrote it.
        edited: bool,
        /// Whether another hook runs before it.
        chained: bool,
    },
    /// Another's hook.
    Foreign,
}

/// Whether a folder for hooks may be made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingFolder {
    /// It is made.
    Create,
    /// That is an error.
    Refuse,
}

/// What installing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// The hook is new.
    New,
    /// The hook is new, and another one that was there runs first.
    Chained,
    /// Ours was there, from another version or place, and was renewed.
    Renewed,
    /// Ours was there.
    Already,
}

/// What uninstalling came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uninstalled {
    /// Our hook is gone.
    Removed,
    /// Our hook is gone, and the one before it has its place back.
    Restored,
}

/// Why a hook could not be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The folder is not there.
    #[error("there is no folder `{}` to put a hook into", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A hook of ours was edited.
    #[error("the hook `{}` was edited since it was written", path.display())]
    Edited {
        /// The hook.
        path: PathBuf,
    },
    /// The place for the hook that runs before is taken.
    #[error("`{}` is there already", path.display())]
    ChainTaken {
        /// The file.
        path: PathBuf,
    },
    /// Something that is no file is at the hook's place.
    #[error("`{}` is no file", path.display())]
    NotAFile {
        /// The place.
        path: PathBuf,
    },
    /// There is no hook of ours.
    #[error("`{}` is not a hook of codex-review", path.display())]
    NotOurs {
        /// The place.
        path: PathBuf,
    },
    /// The files could not be read or changed.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// `read`, `write`, `rename` or `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl InstallError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            InstallError::NoFolder { .. } => {
                Some("make it, or point `core.hooksPath` to a folder that exists".to_owned())
            }
            InstallError::Edited { .. } => Some(
                "take what was added out of it, or remove it by hand, and run this again"
                    .to_owned(),
            ),
            InstallError::ChainTaken { path } => Some(format!(
                "an earlier hook was kept there: look at it, and move `{}` away",
                path.display()
            )),
            InstallError::NotOurs { .. } => {
                Some("`codex-review hook status` shows where hooks are".to_owned())
            }
            InstallError::NotAFile { .. } | InstallError::Io { .. } => None,
        }
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Io {
        action,
        path,
        source,
    }
}

/// The hook's place in a folder.
#[must_use]
pub fn hook_path(folder: &Path) -> PathBuf {
    folder.join(HOOK)
}

/// Where the hook that ran before ours is kept.
#[must_use]
pub fn chained_path(folder: &Path) -> PathBuf {
    folder.join(format!("{HOOK}{CHAINED_SUFFIX}"))
}

/// What is at the hook's place.
///
/// # Errors
///
/// It cannot be looked at.
pub fn hook_state(folder: &Path) -> Result<HookState, InstallError> {
    let path = hook_path(folder);
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(HookState::Absent);
        }
        Err(error) => return Err(failed("read", &path)(error)),
    };
    if metadata.is_symlink() {
        return Ok(HookState::Foreign);
    }
    if !metadata.is_file() {
        return Err(InstallError::NotAFile { path });
    }
    if metadata.len() > OUR_BYTES {
        return Ok(HookState::Foreign);
    }
    let mut text = Vec::new();
    fs::File::open(&path)
        .and_then(|file| file.take(OUR_BYTES).read_to_end(&mut text))
        .map_err(failed("read", &path))?;
    let chained = fs::symlink_metadata(chained_path(folder)).is_ok();
    Ok(match script::author(&text) {
        Author::Somebody => HookState::Foreign,
        Author::Us => HookState::Ours {
            edited: false,
            chained,
        },
        Author::UsAndSomebody => HookState::Ours {
            edited: true,
            chained,
        },
    })
}

/// Puts our hook into a folder. `fallback` is where this program lies, for when PATH does not have it.
///
/// # Errors
///
/// See [`InstallError`].
pub fn install_hook(
    folder: &Path,
    fallback: Option<&Path>,
    missing: MissingFolder,
) -> Result<Installed, InstallError> {
    if !folder.is_dir() {
        if missing == MissingFolder::Refuse {
            return Err(InstallError::NoFolder {
                path: folder.to_owned(),
            });
        }
        fs::create_dir_all(folder).map_err(failed("write", folder))?;
    }
    let path = hook_path(folder);
    let text = script::render(fallback);
    match hook_state(folder)? {
        HookState::Absent => {
            write_new(folder, &text)?
                .persist_noclobber(&path)
                .map_err(|error| failed("write", &path)(error.error))?;
            Ok(Installed::New)
        }
        HookState::Ours { edited: true, .. } => Err(InstallError::Edited { path }),
        HookState::Ours { edited: false, .. } => {
            if fs::read(&path).map_err(failed("read", &path))? == text.as_bytes() {
                make_executable(&path)?;
                return Ok(Installed::Already);
            }
            write_new(folder, &text)?
                .persist(&path)
                .map_err(|error| failed("write", &path)(error.error))?;
            Ok(Installed::Renewed)
        }
        HookState::Foreign => {
            let chained = chained_path(folder);
            if fs::symlink_metadata(&chained).is_ok() {
                return Err(InstallError::ChainTaken { path: chained });
            }
            let ours = write_new(folder, &text)?;
            fs::rename(&path, &chained).map_err(failed("rename", &path))?;
            if let Err(error) = ours.persist_noclobber(&path) {
                // Better the old hook alone than none.
                drop(fs::rename(&chained, &path));
                return Err(failed("write", &path)(error.error));
            }
            Ok(Installed::Chained)
        }
    }
}

/// Takes our hook out of a folder, and gives the one before it its place back.
///
/// # Errors
///
/// See [`InstallError`].
pub fn uninstall_hook(folder: &Path) -> Result<Uninstalled, InstallError> {
    let path = hook_path(folder);
    match hook_state(folder)? {
        HookState::Absent | HookState::Foreign => Err(InstallError::NotOurs { path }),
        HookState::Ours { edited: true, .. } => Err(InstallError::Edited { path }),
        HookState::Ours { chained: true, .. } => {
            // Renaming over ours leaves no moment without a hook.
            fs::rename(chained_path(folder), &path).map_err(failed("rename", &path))?;
            Ok(Uninstalled::Restored)
        }
        HookState::Ours { chained: false, .. } => {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            Ok(Uninstalled::Removed)
        }
    }
}

/// An executable file beside the hook's place.
fn write_new(folder: &Path, text: &str) -> Result<tempfile::NamedTempFile, InstallError> {
    let mut file = tempfile::Builder::new()
        .prefix(".codex-review-")
        .tempfile_in(folder)
        .map_err(failed("write", folder))?;
    file.write_all(text.as_bytes())
        .map_err(failed("write", file.path()))?;
    make_executable(file.path())?;
    Ok(file)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<(), InstallError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(failed("write", path))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<(), InstallError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn install(folder: &Path) -> Result<Installed, InstallError> {
        install_hook(folder, None, MissingFolder::Refuse)
    }

    #[test]
    fn a_hook_comes_and_goes_and_leaves_nothing() {
        let folder = folder();
        let hooks = folder.path().join("hooks");
        assert!(matches!(
            install(&hooks),
            Err(InstallError::NoFolder { .. })
        ));
        let made = install_hook(&hooks, None, MissingFolder::Create).unwrap();
        assert_eq!(made, Installed::New);
        assert_eq!(install(&hooks).unwrap(), Installed::Already);
        let renewed = install_hook(&hooks, Some(Path::new("/bin/x")), MissingFolder::Refuse);
        assert_eq!(renewed.unwrap(), Installed::Renewed);
        assert_eq!(uninstall_hook(&hooks).unwrap(), Uninstalled::Removed);
        assert_eq!(fs::read_dir(&hooks).unwrap().count(), 0);
        assert!(matches!(
            uninstall_hook(&hooks),
            Err(InstallError::NotOurs { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn another_s_hook_comes_back_byte_for_byte_with_its_mode() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = folder();
        let path = hook_path(folder.path());
        for mode in [0o755, 0o700, 0o644] {
            let bytes = b"#!/bin/sh\r\n\xff\x00exit 0";
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(install(folder.path()).unwrap(), Installed::Chained);
            assert_eq!(install(folder.path()).unwrap(), Installed::Already);
            assert_eq!(
                uninstall_hook(folder.path()).unwrap(),
                Uninstalled::Restored
            );
            assert_eq!(fs::read(&path).unwrap(), bytes);
            let kept = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(kept, mode);
            fs::remove_file(&path).unwrap();
        }
        symlink("elsewhere", &path).unwrap();
        assert_eq!(install(folder.path()).unwrap(), Installed::Chained);
        uninstall_hook(folder.path()).unwrap();
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("elsewhere"));
    }

    #[test]
    fn what_was_edited_or_is_in_the_way_stays() {
        let folder = folder();
        let path = hook_path(folder.path());
        install(folder.path()).unwrap();
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("npm test\n");
        fs::write(&path, &text).unwrap();
        assert!(matches!(
            install(folder.path()),
            Err(InstallError::Edited { .. })
        ));
        assert!(matches!(
            uninstall_hook(folder.path()),
            Err(InstallError::Edited { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);

        fs::write(&path, "theirs").unwrap();
        fs::write(chained_path(folder.path()), "older").unwrap();
        assert!(matches!(
            install(folder.path()),
            Err(InstallError::ChainTaken { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(fs::read(chained_path(folder.path())).unwrap(), b"older");

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(
            install(folder.path()),
            Err(InstallError::NotAFile { .. })
        ));
    }
}
