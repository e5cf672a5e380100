//! Where configuration lies. Pure: the environment is a parameter.

use std::ffi::OsString;
use std::path::PathBuf;

/// Looks up environment variables: the real ones, or those of a test.
pub type Variables<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The repository's configuration file, at the root of its working tree.
pub const REPOSITORY_FILE: &str = ".codex-review.toml";

/// The repository's folder for what does not fit into one file, such as strategies.
pub const REPOSITORY_FOLDER: &str = ".codex-review";

/// The user's configuration file, below the configuration folder of the system.
pub const USER_FILE: &str = "codex-review/config.toml";

/// The user's configuration file: below `$XDG_CONFIG_HOME`, else `$APPDATA` (Windows), else `$HOME/.config`. `None` when
/// none of them is set to an absolute path.
#[must_use]
pub fn user_file(variable: &Variables<'_>) -> Option<PathBuf> {
    let folder = absolute(variable, "XDG_CONFIG_HOME")
        .or_else(|| absolute(variable, "APPDATA").filter(|_| cfg!(windows)))
        .or_else(|| absolute(variable, "HOME").map(|home| home.join(".config")))?;
    Some(folder.join(USER_FILE))
}

/// A relative path would mean another folder in every directory: the base-directory rules say to ignore it.
fn absolute(variable: &Variables<'_>, name: &str) -> Option<PathBuf> {
    variable(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        function: impl Fn(&Variables<'_>) -> Option<PathBuf>,
        environment: &[(&str, &str)],
        expected: Option<&str>,
    ) {
        let variable = |name: &str| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        assert_eq!(
            function(&variable),
            expected.map(PathBuf::from),
            "{environment:?}"
        );
    }

    #[test]
    fn the_more_specific_variable_wins_and_relative_ones_are_ignored() {
        check(user_file, &[], None);
        check(
            user_file,
            &[("HOME", "/h")],
            Some("/h/.config/codex-review/config.toml"),
        );
        check(
            user_file,
            &[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")],
            Some("/x/codex-review/config.toml"),
        );
        check(
            user_file,
            &[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")],
            Some("/h/.config/codex-review/config.toml"),
        );
    }
}
