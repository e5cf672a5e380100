//! Carries out `ci init`: writes the files that `docs/ci/` holds, for they are the same.

use std::io::Write as _;
use std::path::Path;

use codex_review::review::ExitStatus;

use crate::cli::ci::{CiRequest, CiSystem, Existing};
use crate::cli::failure::Failure;
use crate::cli::surroundings::Surroundings;
use crate::cli::ui::Ui;

const GITHUB: &str = include_str!("../../../docs/ci/github.yml");
const GITLAB: &str = include_str!("../../../docs/ci/gitlab.yml");
/// What stands for the action's place in the workflow.
const ACTION_PLACEHOLDER: &str = "OWNER/codex-review@REF";

pub(crate) fn init(
    request: CiRequest,
    surroundings: &Surroundings,
    ui: &Ui,
) -> Result<ExitStatus, Failure> {
    let root = surroundings
        .repository_root()?
        .unwrap_or_else(|| surroundings.cwd.clone());
    let (path, text) = match request.system {
        CiSystem::Github => {
            let text = match &request.action {
                Some(action) => GITHUB.replace(ACTION_PLACEHOLDER, action),
                None => GITHUB.to_owned(),
            };
            (root.join(".github/workflows/codex-review.yml"), text)
        }
        CiSystem::Gitlab => (root.join(".gitlab/codex-review.yml"), GITLAB.to_owned()),
    };
    write(&path, &text, request.existing)?;
    let next = match request.system {
        CiSystem::Github if request.action.is_none() => format!(
            "Replace {ACTION_PLACEHOLDER} in it by where you keep the action, and commit it.\n"
        ),
        CiSystem::Github => "Commit it; the next pull request is reviewed.\n".to_owned(),
        CiSystem::Gitlab => {
            "Commit it, and add this to .gitlab-ci.yml:\n\ninclude:\n  - local: .gitlab/codex-review.yml\n"
                .to_owned()
        }
    };
    ui.result(format!("Wrote {}.\n{next}", path.display()).as_bytes())?;
    Ok(ExitStatus::Passed)
}

/// A link at the file's place is not followed: it is there already, or it is replaced.
fn write(path: &Path, text: &str, existing: Existing) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Failure::Write { path, source }
    };
    let folder = path.parent().expect("the file is in a folder");
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(folder).map_err(failed(folder))?;
    file.write_all(text.as_bytes()).map_err(failed(path))?;
    let kept = match existing {
        Existing::Replace => file.persist(path),
        Existing::Keep => file.persist_noclobber(path),
    };
    kept.map_err(|error| {
        if error.error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::FileExists {
                path: path.to_owned(),
            }
        } else {
            failed(path)(error.error)
        }
    })?;
    Ok(())
}
