//! Names of agents and teams: parts of a branch's name, of a folder's name and of a window's title at once.

use super::TeamError;

/// The folder of branches that every team's are in.
pub const BRANCH_FOLDER: &str = "codex-team";
/// What a team is called when nobody says so.
pub const DEFAULT_TEAM: &str = "team";
/// The most agents of a team: each is a worktree, and a pane that somebody wants to read.
pub const MOST_AGENTS: u16 = 12;
/// A name stands in paths and in a table.
const MOST_CHARACTERS: usize = 32;

/// The names of `count` agents: those that were given, or `agent-1`, `agent-2`, …
///
/// # Errors
///
/// A name does not fit, appears twice, or there are more or fewer than agents.
pub fn agent_names(count: usize, given: &[String]) -> Result<Vec<String>, TeamError> {
    if given.is_empty() {
        return Ok((1..=count)
            .map(|number| format!("agent-{number}"))
            .collect());
    }
    for (at, name) in given.iter().enumerate() {
        check(name, "an agent")?;
        if given[..at].contains(name) {
            return Err(TeamError::NameTwice(name.clone()));
        }
    }
    if given.len() != count {
        return Err(TeamError::NameCount {
            names: given.len(),
            agents: count,
        });
    }
    Ok(given.to_vec())
}

/// A team's name.
///
/// # Errors
///
/// It does not fit.
pub fn team_name(given: &str) -> Result<String, TeamError> {
    check(given, "a team")?;
    Ok(given.to_owned())
}

/// Lower case alone: two names that differ by case are one folder on some systems.
fn check(name: &str, of: &'static str) -> Result<(), TeamError> {
    let fault = if name.is_empty() {
        "it is empty"
    } else if name.len() > MOST_CHARACTERS {
        "it has more than 32 characters"
    } else if !name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        "it holds something else than lower-case letters, digits and dashes"
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        "a dash stands at an end, or beside another"
    } else {
        return Ok(());
    };
    Err(TeamError::BadName {
        name: name.to_owned(),
        of,
        fault,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize, given: &[&str]) -> Result<Vec<String>, String> {
        let given: Vec<String> = given.iter().map(|&name| name.to_owned()).collect();
        agent_names(count, &given).map_err(|error| error.to_string())
    }

    #[test]
    fn agents_are_numbered_or_called_as_they_are_called() {
        assert_eq!(names(2, &[]).unwrap(), ["agent-1", "agent-2"]);
        assert_eq!(names(2, &["ada", "b2-x"]).unwrap(), ["ada", "b2-x"]);
    }

    #[test]
    fn what_no_branch_or_folder_can_be_called_is_refused() {
        for name in [
            "", "A", "ü", "a b", "a/b", "a.lock", "..", "-a", "a-", "a--b", "@{", "a~1", "a:b",
        ] {
            assert!(names(1, &[name]).is_err(), "{name}");
            assert!(team_name(name).is_err(), "{name}");
        }
        assert!(names(1, &[&"a".repeat(33)]).is_err());
        assert!(names(1, &[&"a".repeat(32)]).is_ok());
    }

    #[test]
    fn a_name_is_given_once_and_to_everybody() {
        assert_eq!(
            names(2, &["a", "a"]).unwrap_err(),
            "two agents are called `a`"
        );
        assert_eq!(
            names(3, &["a", "b"]).unwrap_err(),
            "2 names were given for 3 agents"
        );
    }
}
