//! Writes a small new repository: for `codex-review demo`, and for tests that must not need git.
//!
//! The only place where gix writes to a repository, and only to one that it has just made.

use std::fs;
use std::path::{Path, PathBuf};

use gix::objs::tree::EntryKind;

/// A file to commit: a plain name without folders, and its content.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// The name in the top folder.
    pub name: &'a str,
    /// The content.
    pub content: &'a str,
}

/// Why a repository could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The folder already holds something.
    #[error("`{0}` is not an empty folder")]
    NotEmpty(PathBuf),
    /// The file system refused.
    #[error("could not write `{path}`")]
    Io {
        /// What was written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// gix refused.
    #[error("could not create a repository in `{path}`")]
    Git {
        /// The folder.
        path: PathBuf,
        /// What gix said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Makes a repository in `root` (an empty or absent folder) with one commit on `main` that holds `files`, checked out.
///
/// The author and the date are fixed, so that the same files give the same commit id everywhere.
///
/// # Errors
///
/// Says which file or folder could not be written.
pub fn create_repository(
    root: &Path,
    files: &[NewFile<'_>],
    message: &str,
) -> Result<(), CreateError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| CreateError::Io { path, source }
    };
    fs::create_dir_all(root).map_err(io(root))?;
    if fs::read_dir(root).map_err(io(root))?.next().is_some() {
        return Err(CreateError::NotEmpty(root.to_owned()));
    }
    for file in files {
        let path = root.join(file.name);
        fs::write(&path, file.content).map_err(io(&path))?;
    }
    write_history(root, files, message).map_err(|source| CreateError::Git {
        path: root.to_owned(),
        source,
    })
}

fn write_history(
    root: &Path,
    files: &[NewFile<'_>],
    message: &str,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let repo = gix::ThreadSafeRepository::init_opts(
        root,
        gix::create::Kind::WithWorktree,
        gix::create::Options::default(),
        gix::open::Options::isolated(),
    )?
    .to_thread_local();
    let mut entries = Vec::new();
    for file in files {
        entries.push(gix::objs::tree::Entry {
            mode: EntryKind::Blob.into(),
            filename: file.name.into(),
            oid: repo.write_blob(file.content)?.detach(),
        });
    }
    entries.sort();
    let tree = repo.write_object(gix::objs::Tree { entries })?.detach();
    let author = gix::actor::SignatureRef {
        name: "codex-review demo".into(),
        email: "demo@example.invalid".into(),
        time: "1700000000 +0000",
    };
    repo.commit_as(
        author,
        author,
        "refs/heads/main",
        message,
        tree,
        gix::commit::NO_PARENT_IDS,
    )?;
    let mut index = repo.index_from_tree(&tree)?;
    index.write(gix::index::write::Options::default())?;
    fs::write(repo.git_dir().join("HEAD"), "ref: refs/heads/main\n")?;
    Ok(())
}
