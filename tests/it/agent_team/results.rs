//! Comparing what agents did, and bringing it over.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::world::World;

fn shared(changes: &[(usize, &str)]) -> String {
    (1..=20)
        .map(|line| {
            let changed = changes.iter().find(|(at, _)| *at == line);
            match changed {
                Some((_, text)) => format!("{text}\n"),
                None => format!("line {line}\n"),
            }
        })
        .collect()
}

#[test]
fn files_that_agents_changed_alike_apart_or_on_one_another_are_marked() {
    let world = World::new("");
    world.repo.write("shared.txt", shared(&[(10, "mine")]));
    let started = world.finished(&["3", "--names", "ada,ben,cleo", "x"]);
    let write = |agent: &str, path: &str, content: &str| {
        world.write(&started, agent, path, content);
    };
    write("ada", "shared.txt", &shared(&[(3, "ada"), (10, "mine")]));
    write("ben", "shared.txt", &shared(&[(10, "mine"), (17, "ben")]));
    for (agent, text) in [("ada", "fn ada() {}\n"), ("cleo", "fn cleo() {}\n")] {
        write(agent, "src/a.rs", text);
        write(agent, "same.txt", "the same\n");
    }
    write("ben", "odd \"n\u{e4}me\"\n.txt", "odd\n");
    write("cleo", "data.bin", "a\0b");
    fs::remove_file(world.worktree(&started, "cleo").join("gone.txt")).unwrap();

    let document = world.json(&["diff", "--patch"]);
    let collisions: Vec<_> = document["collisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|collision| {
            (
                collision["path"].as_str().unwrap(),
                collision["meeting"].as_str().unwrap(),
                &collision["agents"],
            )
        })
        .collect();
    assert_eq!(
        collisions,
        [
            ("same.txt", "same", &json!(["ada", "cleo"])),
            ("shared.txt", "apart", &json!(["ada", "ben"])),
            ("src/a.rs", "overlap", &json!(["ada", "cleo"])),
        ]
    );
    let ada = &document["agents"][0];
    // The user's own edit is no agent's.
    assert_eq!(
        (&ada["linesAdded"], &ada["linesRemoved"]),
        (&json!(3), &json!(2)),
        "{ada:#}"
    );
    assert!(!ada["patch"].as_str().unwrap().contains("+mine"), "{ada:#}");
    let cleo = &document["agents"][2];
    let files: Vec<_> = cleo["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["path"].as_str().unwrap(),
                file["status"].as_str().unwrap(),
                &file["linesAdded"],
            )
        })
        .collect();
    assert_eq!(
        files,
        [
            ("data.bin", "A", &Value::Null),
            ("gone.txt", "D", &json!(0)),
            ("same.txt", "A", &json!(1)),
            ("src/a.rs", "M", &json!(1)),
        ]
    );
    let shown = world.team(&["diff", "ben"]).run_ok().stdout();
    assert!(shown.contains("shared.txt"), "{shown}");
    assert!(shown.contains("! collides, in other places"), "{shown}");
    assert!(
        shown.contains("! src/a.rs: ada, cleo (collides, hunks overlap)"),
        "{shown}"
    );
    let (_, patch) = shown.split_once("# ben\n\n").unwrap();
    // The patch is one that git takes, on the state that the agent was handed.
    fs::write(world.sandbox.path("ben.patch"), patch).unwrap();
    let check = world.repo.git_command(["apply", "--check"]);
    check.arg(world.sandbox.path("ben.patch")).run_ok();

    // Apart: one after the other, with what the user has meanwhile.
    world
        .repo
        .write("shared.txt", shared(&[(1, "later"), (10, "mine")]));
    assert_eq!(
        world.json(&["apply", "ada"])["merged"],
        json!(["shared.txt"])
    );
    let ben = world.json(&["apply", "ben"]);
    assert_eq!(ben["merged"], json!(["shared.txt"]), "{ben:#}");
    assert_eq!(
        fs::read_to_string(world.repo.join("shared.txt")).unwrap(),
        shared(&[(1, "later"), (3, "ada"), (10, "mine"), (17, "ben")])
    );
    let cleo = world
        .team(&["apply", "cleo", "--json"])
        .run()
        .expect_code(4)
        .json();
    assert_eq!(
        cleo["conflicts"],
        json!([{"path": "src/a.rs", "reason": "you changed the same lines"}]),
        "{cleo:#}"
    );
    assert!(
        world.repo.join("gone.txt").exists(),
        "nothing is changed then"
    );
    world.json(&["clean", "--force"]);
}

#[test]
fn all_of_an_agents_work_is_brought_over_or_nothing() {
    let world = World::new("");
    world
        .repo
        .write("tool", "#!/bin/sh\n")
        .write("dir/only.txt", "only\n")
        .write("crlf.txt", "a\r\nb\r\n");
    world.repo.commit("More");
    world.repo.config("core.autocrlf", "false");
    let started = world.finished(&["2", "--names", "ada,ben", "x"]);
    let place = world.worktree(&started, "ada");
    world.write(&started, "ada", "src/deep/new.rs", "fn new() {}\n");
    world.write(&started, "ada", "crlf.txt", "a\r\nchanged\r\n");
    fs::set_permissions(place.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("src/a.rs", place.join("link")).unwrap();
    fs::remove_file(place.join("gone.txt")).unwrap();
    // A folder that becomes a file.
    fs::remove_dir_all(place.join("dir")).unwrap();
    fs::write(place.join("dir"), "a file now\n").unwrap();
    // Of no interest: ignored, and a repository of its own.
    world.write(&started, "ada", ".gitignore", "*.log\n");
    world.write(&started, "ada", "debug.log", "noise\n");
    let nested = place.join("nested");
    fs::create_dir(&nested).unwrap();
    world
        .repo
        .git_command(["init", "--quiet"])
        .arg(&nested)
        .run_ok();

    // The user has an untracked file where the agent made another, and one is gone that the agent changed.
    world
        .repo
        .write("src/deep/new.rs", "mine\n")
        .delete("crlf.txt")
        .write("gone.txt", "changed\n");
    world.repo.write("blocked", "x");
    world.write(&started, "ada", "blocked/inside.txt", "x\n");
    let before = world.everything();
    let refused = world.team(&["apply", "ada"]).run().expect_code(4);
    for said in [
        "Nothing was changed: `ada` cannot be applied.",
        "blocked/inside.txt  something that is no file is in its place or above it",
        "crlf.txt  you removed it, and the agent changed it",
        "gone.txt  you changed it, and the agent removed it",
        "src/deep/new.rs  you have another file of this name",
    ] {
        refused.assert_stdout_has(said);
    }
    world.assert_same(&before, "after a conflict");

    fs::remove_dir_all(place.join("blocked")).unwrap();
    fs::remove_dir_all(world.repo.join("src/deep")).unwrap();
    fs::remove_file(world.repo.join("blocked")).unwrap();
    world
        .repo
        .git(["checkout", "--quiet", "--", "crlf.txt", "gone.txt"]);
    let index = world.repo.git_bytes(["ls-files", "--stage", "-z"]);
    let output = world.team(&["apply", "ada"]).run_ok();
    output.assert_stdout_has("Applied `ada`: 8 files of your working tree. Nothing was staged.");
    output.assert_stderr_has("`nested` was not brought over: it is a repository of its own");
    assert_eq!(world.repo.git_bytes(["ls-files", "--stage", "-z"]), index);
    let status = world.repo.git(["status", "--porcelain", "-uall"]);
    let expected = [
        " M crlf.txt",
        " D dir/only.txt",
        " D gone.txt",
        " M tool",
        "?? .gitignore",
        "?? dir",
        "?? link",
        "?? src/deep/new.rs",
    ];
    let lines: Vec<&str> = status.lines().map(str::trim_end).collect();
    let got: Vec<String> = lines
        .iter()
        .map(|line| line.trim_start().to_owned())
        .collect();
    let expected: Vec<String> = expected
        .iter()
        .map(|line| line.trim_start().to_owned())
        .collect();
    assert_eq!(got, expected);
    let read = |path: &str| fs::read_to_string(world.repo.join(path)).unwrap();
    assert_eq!(read("crlf.txt"), "a\r\nchanged\r\n");
    assert_eq!(read("dir"), "a file now\n");
    assert_eq!(
        fs::read_link(world.repo.join("link")).unwrap().to_str(),
        Some("src/a.rs")
    );
    let mode = fs::metadata(world.repo.join("tool"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111);

    let again = world.json(&["apply", "ada"]);
    assert_eq!(again["written"], json!([]), "{again:#}");
    assert_eq!(again["already"].as_array().unwrap().len(), 8);
    world
        .team(&["apply", "ben"])
        .run_ok()
        .assert_stdout_has("`ben` changed nothing.");
    // All that there was is applied, so that nothing is given up.
    world.json(&["clean"]);
}

/// A link above a file leads out of the working tree.
#[test]
fn nothing_is_written_through_a_link_and_no_program_of_an_agents_runs() {
    let world = World::new("");
    let started = world.finished(&["1", "--names", "ada", "x"]);
    world.write(&started, "ada", "out/file.txt", "outside\n");
    let outside = world.sandbox.path("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, world.repo.join("out")).unwrap();
    let refused = world.team(&["apply", "ada"]).run().expect_code(4);
    refused.assert_stdout_has("out/file.txt");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    fs::remove_file(world.repo.join("out")).unwrap();

    // The agent makes its own folder a repository whose configuration names programs.
    let marker = world.sandbox.path("marker");
    let trap = world
        .sandbox
        .script("trap", format!("#!/bin/sh\n: > '{}'\n", marker.display()));
    let place = world.worktree(&started, "ada");
    fs::remove_file(place.join(".git")).unwrap();
    world
        .repo
        .git_command(["init", "--quiet"])
        .arg(&place)
        .run_ok();
    let config = format!(
        "[core]\n\tfsmonitor = {0}\n[filter \"x\"]\n\tclean = {0}\n[diff]\n\texternal = {0}\n",
        trap.display()
    );
    let path = place.join(".git/config");
    let text = fs::read_to_string(&path).unwrap() + &config;
    fs::write(&path, text).unwrap();
    fs::write(place.join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    for args in [
        &["list"][..],
        &["diff", "--patch"],
        &["apply", "ada"],
        &["clean"],
    ] {
        world.team(args).run_ok();
        assert!(!marker.exists(), "{args:?}");
    }
    assert_eq!(
        fs::read_to_string(world.repo.join("out/file.txt")).unwrap(),
        "outside\n"
    );
}
