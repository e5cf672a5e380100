//! Linked worktrees against git's own word: what is made is a worktree like any other, what is carried is the user's state
//! to the byte, and what is removed leaves the repository as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use codex_review::target::{GitEnvironment, ObjectId, Repository};
use codex_review::worktrees::{
    Carried, CarryLimits, Git, Worktree, WorktreeError, create, delete_branch, remove,
};

use crate::support::{Repo, Sandbox};

struct World {
    repo: Repo,
    sandbox: Sandbox,
}

impl World {
    fn new(object_format: &str) -> World {
        let sandbox = Sandbox::new();
        let repo = Repo::init(&sandbox, sandbox.path("repo"), object_format);
        repo.write("kept.txt", "kept\n")
            .write("edited.txt", "one\ntwo\n")
            .write("staged.txt", "one\n")
            .write("both.txt", "one\n")
            .write("gone.txt", "gone\n")
            .write("staged-gone.txt", "gone\n")
            .write("dir/file.txt", "in a folder\n")
            .write("becomes-folder", "a file\n")
            .write("program", "#!/bin/sh\n")
            .write("crlf.txt", "a\r\nb\r\n")
            .write(".gitignore", "*.log\nbuild/\n")
            .symlink("link", "kept.txt");
        repo.commit("Start");
        World { repo, sandbox }
    }

    /// Every way in which work can be uncommitted.
    fn make_dirty(&self) {
        let repo = &self.repo;
        repo.write("edited.txt", "one\nTWO\n")
            .write("staged.txt", "staged\n")
            .write("both.txt", "staged\n")
            .write("new-staged.txt", "new\n")
            .delete("staged-gone.txt");
        repo.stage([
            "staged.txt",
            "both.txt",
            "new-staged.txt",
            "staged-gone.txt",
        ]);
        repo.write("both.txt", "staged, then edited\n")
            .write("crlf.txt", "a\r\nchanged\r\n")
            .delete("gone.txt")
            .delete("becomes-folder")
            .write("becomes-folder/inside.txt", "a folder now\n")
            .mode("program", 0o755)
            .delete("link")
            .symlink("link", "edited.txt")
            .write("announced.txt", "intent to add\n")
            .write("new/un tracked\u{e9}.txt", "é\0binary")
            .write("odd \"name\"\n\ttab", "odd\n")
            .write("ignored.log", "ignored\n")
            .symlink("new/dangling", "nowhere");
        fs::write(repo.path().join("caf\u{e9}.txt"), "x").unwrap();
        let raw = <std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(
            b"raw-\xff\xfe".to_vec(),
        );
        fs::write(repo.path().join(raw), "bytes").unwrap();
        repo.git(["add", "--intent-to-add", "announced.txt"]);
        // A folder in which a file was.
        fs::remove_file(repo.join("dir/file.txt")).unwrap();
        fs::remove_dir(repo.join("dir")).unwrap();
        repo.write("dir", "a file now\n");
    }

    fn git(&self) -> Git {
        Git::new(self.sandbox.environment())
    }

    fn open(&self) -> Repository {
        Repository::open(self.repo.path(), &GitEnvironment::default()).unwrap()
    }

    fn place(&self) -> PathBuf {
        let folder = self.sandbox.path("state/trees");
        fs::create_dir_all(&folder).unwrap();
        folder.join("one")
    }

    fn head(&self) -> ObjectId {
        ObjectId::from_hex(&self.repo.rev("HEAD")).unwrap()
    }

    fn make(&self, branch: Option<&str>) -> Result<Worktree, WorktreeError> {
        create(
            &self.git(),
            &self.open(),
            &self.place(),
            &self.head(),
            branch,
        )
    }

    fn carry(&self, worktree: &Worktree, limits: CarryLimits) -> Result<Carried, WorktreeError> {
        let repository = self.open();
        worktree.carry(&repository, &repository.uncommitted()?, limits)
    }

    fn linked(&self) -> Repo {
        Repo::at(&self.sandbox, self.place())
    }

    /// All that a user could notice: refs, worktrees, configuration, index, status, and every file of the git directory
    /// but the objects.
    fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let repo = &self.repo;
        let mut all = files(repo.path());
        all.retain(|path, _| !path.starts_with(".git/objects/"));
        for words in [
            &["for-each-ref"][..],
            &["worktree", "list", "--porcelain"],
            &["config", "--list", "--local"],
            &["status", "--porcelain=v2", "--branch", "-z"],
            &["ls-files", "--stage", "-z"],
        ] {
            let git = repo.git_command(words).env("GIT_OPTIONAL_LOCKS", "0");
            all.insert(words.join(" "), git.run_ok().stdout);
        }
        all
    }
}

/// Every file below a folder, links and modes included, `.git` of a linked worktree left out.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{:?}", path.strip_prefix(root).unwrap());
            let name = name.trim_matches('"').to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                walk(root, &path, all);
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                all.insert(name, format!("link to {}", target.display()).into_bytes());
            } else {
                let mut content = format!("{:o} ", metadata.permissions().mode()).into_bytes();
                content.extend(fs::read(&path).unwrap());
                all.insert(name, content);
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(root, root, &mut all);
    all
}

fn status(repo: &Repo) -> String {
    let words = ["status", "--porcelain", "-uall", "-z", "--no-renames"];
    repo.git(words)
}

#[test]
fn a_link_in_the_place_of_a_folder_is_carried_and_not_followed() {
    let world = World::new("sha1");
    let outside = world.sandbox.path("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("file.txt"), "not of this repository\n").unwrap();
    fs::remove_file(world.repo.join("dir/file.txt")).unwrap();
    fs::remove_dir(world.repo.join("dir")).unwrap();
    world.repo.symlink("dir", &outside);
    let worktree = world.make(Some("codex-team/t/one")).unwrap();
    world.carry(&worktree, CarryLimits::default()).unwrap();
    assert_eq!(fs::read_link(world.linked().join("dir")).unwrap(), outside);
    assert_eq!(status(&world.linked()), status(&world.repo));
    assert_eq!(
        fs::read(outside.join("file.txt")).unwrap(),
        b"not of this repository\n"
    );
}

#[test]
fn what_is_not_committed_is_carried_to_the_byte_and_nothing_of_the_users_changes() {
    for format in ["sha1", "sha256"] {
        let world = World::new(format);
        world.make_dirty();
        let before = world.everything();
        let worktree = world.make(Some("codex-team/t/one")).unwrap();
        let carried = world.carry(&worktree, CarryLimits::default()).unwrap();
        assert_eq!(carried.left_out, []);
        assert!(carried.paths.len() > 12, "{carried:?}");

        let linked = world.linked();
        // What was announced is staged without content in one, and unknown in the other.
        let announced = |status: String| status.replace(" A announced.txt\0", "");
        let theirs = announced(status(&world.repo));
        let ours = status(&linked).replace("?? announced.txt\0", "");
        assert_eq!(ours, theirs);
        let cached = [
            "diff",
            "--cached",
            "--no-ext-diff",
            "--full-index",
            "--binary",
        ];
        let without = |repo: &Repo| {
            repo.git_command(cached)
                .args(["--", ".", ":!announced.txt"])
                .run_ok()
                .stdout()
        };
        assert_eq!(without(&linked), without(&world.repo));
        let mut theirs = files(world.repo.path());
        theirs.retain(|path, _| !path.starts_with(".git/") && path != "ignored.log");
        let mut ours = files(linked.path());
        ours.remove(".git");
        assert_eq!(ours, theirs);
        let fsck = world.repo.git_command(["fsck", "--no-dangling"]).run_ok();
        assert_eq!(fsck.stderr().replace("notice: ", ""), "", "{fsck}");
        let listed = world.repo.git(["worktree", "list", "--porcelain"]);
        assert!(
            listed.contains("branch refs/heads/codex-team/t/one"),
            "{listed}"
        );

        remove(&world.open(), &world.place()).unwrap();
        delete_branch(
            &world.git(),
            &world.open(),
            "codex-team/t/one",
            &world.head(),
        )
        .unwrap();
        let after = world.everything();
        let changed: Vec<&String> = after
            .keys()
            .chain(before.keys())
            .filter(|name| after.get(*name) != before.get(*name))
            .collect();
        assert_eq!(changed, Vec::<&String>::new());
        assert!(!world.place().exists());
    }
}

#[test]
fn what_is_too_much_is_left_out_by_name_and_a_conflict_is_refused() {
    let world = World::new("sha1");
    world
        .repo
        .write("big.bin", "x".repeat(100))
        .write("small.txt", "x");
    world.repo.write("edited.txt", "y".repeat(1000));
    let worktree = world.make(None).unwrap();
    let limits = CarryLimits {
        untracked_file_bytes: 50,
        ..CarryLimits::default()
    };
    let carried = world.carry(&worktree, limits).unwrap();
    assert_eq!(carried.paths, ["edited.txt", "small.txt"]);
    let left_out: Vec<_> = carried
        .left_out
        .iter()
        .map(|file| (&file.path, file.size))
        .collect();
    assert_eq!(left_out, [(&"big.bin".into(), Some(100))]);
    remove(&world.open(), &world.place()).unwrap();

    world.repo.delete("big.bin").commit("Ours");
    world
        .repo
        .git(["checkout", "--quiet", "-b", "side", "HEAD~"]);
    world.repo.write("edited.txt", "theirs\n").commit("Theirs");
    world
        .repo
        .try_git(["merge", "--quiet", "main"])
        .expect_code(1);
    let worktree = world.make(None).unwrap();
    let refused = world.carry(&worktree, CarryLimits::default()).unwrap_err();
    assert_eq!(refused.to_string(), "`edited.txt` is in conflict");
    remove(&world.open(), &world.place()).unwrap();
}

#[test]
fn what_is_taken_is_refused_and_nothing_is_left_behind() {
    let world = World::new("sha1");
    let before = world.everything();
    world.repo.git(["branch", "codex-team"]);
    let refused = world.make(Some("codex-team/t/one")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the branch `codex-team` already exists"
    );
    world.repo.git(["branch", "-d", "codex-team"]);
    fs::create_dir(world.place()).unwrap();
    assert!(matches!(world.make(None), Err(WorktreeError::Exists(_))));
    fs::remove_dir(world.place()).unwrap();
    let missing = ObjectId::from_hex(&"0f".repeat(20)).unwrap();
    let failed = create(
        &world.git(),
        &world.open(),
        &world.place(),
        &missing,
        Some("b"),
    );
    assert!(matches!(failed, Err(WorktreeError::Git { .. })));
    let no_git = Git::new([("PATH".into(), "/nonexistent".into())]);
    let failed = create(&no_git, &world.open(), &world.place(), &world.head(), None);
    assert!(matches!(failed, Err(WorktreeError::NoGit)));
    assert_eq!(world.everything(), before);

    // Of two worktrees with one name, git would number the second; we do not touch the first.
    let theirs = world
        .repo
        .worktree(&world.sandbox, "elsewhere/one", "theirs");
    assert!(matches!(
        world.make(None),
        Err(WorktreeError::NameTaken { .. })
    ));
    let refused = remove(&world.open(), &world.place()).unwrap_err();
    assert!(matches!(refused, WorktreeError::NameTaken { .. }));
    assert_eq!(status(&theirs), "");
}

/// A condition on the branch makes configuration count in the new worktree alone.
#[test]
fn no_program_runs_that_is_configured_for_the_new_worktree_alone() {
    let world = World::new("sha1");
    let marker = world.sandbox.path("marker");
    let trap = world.sandbox.script(
        "trap",
        format!("#!/bin/sh\necho \"$0 $@\" >> '{}'\ncat\n", marker.display()),
    );
    let trap = trap.display();
    let config = world.sandbox.write(
        "conditional",
        format!(
            "[filter \"a=b\"]\n\tclean = {trap}\n\tsmudge = {trap}\n\trequired\n\
             [filter \"long\"]\n\tprocess = {trap}\n\trequired\n[core]\n\tfsmonitor = {trap}\n"
        ),
    );
    world
        .repo
        .write(".gitattributes", "*.txt filter=a=b\nprogram filter=long\n");
    world.repo.commit("Attributes");
    world.repo.config(
        "includeIf.onbranch:codex-team/**.path",
        config.to_str().unwrap(),
    );
    for hook in [
        "post-checkout",
        "reference-transaction",
        "post-index-change",
    ] {
        let path = format!("repo/.git/hooks/{hook}");
        world
            .sandbox
            .script(path, format!("#!/bin/sh\n{trap} {hook}\n"));
    }
    world
        .repo
        .write("edited.txt", "dirty\n")
        .write("new.txt", "new\n");
    world
        .repo
        .git_command(["add", "edited.txt"])
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.hooksPath")
        .env("GIT_CONFIG_VALUE_0", "/dev/null")
        .run_ok();
    fs::write(&marker, "").unwrap();
    let worktree = world.make(Some("codex-team/t/one")).unwrap();
    world.carry(&worktree, CarryLimits::default()).unwrap();
    let read = worktree.repository(&GitEnvironment::default()).unwrap();
    assert_eq!(read.uncommitted().unwrap().untracked, ["new.txt"]);
    assert_eq!(fs::read_to_string(&marker).unwrap(), "");
    // Plain git falls for it: the traps are real.
    fs::remove_file(world.place().join("kept.txt")).unwrap();
    let fallen = world.linked().try_git(["checkout", "--", "kept.txt"]);
    assert_ne!(fs::read_to_string(&marker).unwrap(), "", "{fallen}");
    remove(&world.open(), &world.place()).unwrap();
    assert!(!world.place().exists());
}

#[test]
fn whatever_a_crash_leaves_is_cleared_away() {
    let world = World::new("sha1");
    let before = world.everything();
    let registration = world.repo.join(".git/worktrees/one");
    // Registered, and not a word on where; as git does it, before anything else.
    fs::create_dir_all(&registration).unwrap();
    fs::write(registration.join("locked"), "initializing\n").unwrap();
    remove(&world.open(), &world.place()).unwrap();
    assert_eq!(world.everything(), before);
    // The folder is gone, or nothing but the folder is there, or one that nobody may enter.
    for stage in 0..3 {
        world.make(None).unwrap();
        match stage {
            0 => fs::remove_dir_all(world.place()).unwrap(),
            1 => fs::remove_dir_all(&registration).unwrap(),
            _ => {
                let sealed = world.place().join("sealed");
                fs::create_dir_all(sealed.join("inside")).unwrap();
                fs::set_permissions(&sealed, fs::Permissions::from_mode(0o500)).unwrap();
            }
        }
        remove(&world.open(), &world.place()).unwrap();
        assert_eq!(world.everything(), before, "{stage}");
        assert!(!world.place().exists());
    }
    remove(&world.open(), &world.place()).unwrap();
}
