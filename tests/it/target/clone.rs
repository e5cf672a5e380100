//! Every commit of any clone.

use codex_review::target::{
    ChangeOptions, GitEnvironment, Repository, ResolveError, Select, TargetSpec,
};

use super::oracle::{assert_same, changes, patches};
use super::sandbox::{DIFF, git_command};

/// Compares each commit of a clone with git's patch of it, and its working tree:
///
/// `CODEX_REVIEW_ORACLE_REPO=/path/to/clone cargo test --release --test it -- --ignored every_commit_of_a_clone --nocapture`
///
/// `CODEX_REVIEW_ORACLE_LIMIT` bounds the number of commits, newest first.
#[test]
#[ignore = "needs a clone, named by CODEX_REVIEW_ORACLE_REPO"]
fn every_commit_of_a_clone() {
    let path = std::env::var_os("CODEX_REVIEW_ORACLE_REPO")
        .expect("CODEX_REVIEW_ORACLE_REPO names a clone");
    let path = std::path::PathBuf::from(path);
    let limit = std::env::var("CODEX_REVIEW_ORACLE_LIMIT")
        .ok()
        .and_then(|limit| limit.parse().ok());
    let home = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let output = git_command(&path, home.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        output.stdout
    };
    let repository = Repository::open(&path, &GitEnvironment::default()).unwrap();
    let ids = String::from_utf8(git(&["rev-list", "HEAD"])).unwrap();
    let mut count = 0;
    for id in ids.lines().take(limit.unwrap_or(usize::MAX)) {
        let select = Select::Commit(id.to_owned());
        // What the last commit of a shallow clone changed, the clone does not know.
        let resolved = repository.resolve(&TargetSpec::of(select.clone()));
        if let Err(ResolveError::ShallowHidesBase { .. }) = resolved {
            continue;
        }
        let set = changes(&repository, select, &ChangeOptions::default());
        let parent = format!("{id}^");
        let has_parent = git_command(&path, home.path())
            .args(["rev-parse", "-q", "--verify", &parent])
            .output()
            .unwrap()
            .status
            .success();
        let old = if has_parent {
            parent
        } else {
            String::from_utf8(git(&["hash-object", "-t", "tree", "/dev/null"]))
                .unwrap()
                .trim()
                .to_owned()
        };
        let mut arguments = vec!["diff"];
        arguments.extend(DIFF);
        arguments.extend([old.as_str(), id]);
        assert_same(&patches(&set, |_| true), &git(&arguments), id);
        count += 1;
    }
    assert!(count > 0, "the clone has commits");
}
