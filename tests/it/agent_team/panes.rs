//! A real tmux: a window with a pane for each agent.

use std::time::{Duration, Instant};

use super::world::World;
use crate::support::debian::Tmux;

/// A server of the test's own. Dropping it ends every pane.
struct Server<'w> {
    tmux: Tmux,
    world: &'w World,
}

impl Server<'_> {
    fn run(&self, args: &[&str]) -> String {
        let tmux = self.tmux.program(&self.world.sandbox).args(args);
        tmux.time_limit(Duration::from_secs(30)).run_ok().stdout()
    }
}

impl Server<'_> {
    /// What a pane shows once its command has ended. tmux is asked again and again: of two panes that die at once, its hook
    /// may tell one alone.
    #[track_caller]
    fn shown_at_the_end(&self, pane: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let is_dead = self.run(&["display-message", "-p", "-t", pane, "#{pane_dead}"]);
            let shown = self.run(&["capture-pane", "-p", "-J", "-S", "-", "-t", pane]);
            if is_dead.trim() == "1" {
                return shown;
            }
            assert!(Instant::now() < deadline, "it goes on: {shown}");
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        drop(
            self.tmux
                .program(&self.world.sandbox)
                .arg("kill-server")
                .run(),
        );
    }
}

#[test]
fn each_agent_has_a_pane_that_follows_it_to_its_end() {
    let Some(tmux) = Tmux::find() else { return };
    let world = World::new("answer All done here.");
    let server = Server {
        tmux,
        world: &world,
    };
    // What a person does: a shell in tmux, and the command typed into it.
    let command = world.team(&[]);
    let script = world.sandbox.script("say", command.as_script());
    server.run(&[
        "new-session",
        "-d",
        "-x",
        "160",
        "-y",
        "40",
        "-s",
        "mine",
        "sh",
    ]);
    server.run(&["set-option", "-g", "remain-on-exit", "on"]);
    let typed = format!(
        "{} start 2 --names ada,ben --tmux the task; tmux wait-for -S started",
        script.display()
    );
    server.run(&["send-keys", "-t", "mine", &typed, "Enter"]);
    server.run(&["wait-for", "started"]);
    let shell = server.run(&["capture-pane", "-p", "-t", "mine:0"]);
    let windows = server.run(&["list-windows", "-t", "mine", "-F", "#{window_name}"]);
    assert!(
        windows.lines().any(|name| name == "codex-team"),
        "{windows}\n{shell}"
    );
    let format = "#{pane_id} #{pane_title}";
    let panes = server.run(&["list-panes", "-t", "mine:codex-team", "-F", format]);
    let panes: Vec<(&str, &str)> = panes
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    assert_eq!(
        panes.iter().map(|(_, title)| *title).collect::<Vec<_>>(),
        ["ada", "ben"]
    );
    for (pane, title) in &panes {
        let shown = server.shown_at_the_end(pane);
        assert!(shown.contains("All done here."), "{title}: {shown}");
    }

    // Outside of tmux: a session of its own, and how to get there; asked twice, the same one.
    let outside = |args: &[&str]| {
        let (name, folder) = server.tmux.folder(&world.sandbox);
        world.team(args).env(name, folder)
    };
    for _ in 0..2 {
        let said = outside(&["attach"]).run_ok();
        assert_eq!(said.stdout(), "tmux attach-session -t codex-team\n");
    }
    let panes = server.run(&["list-panes", "-t", "=codex-team:", "-F", "#{pane_title}"]);
    assert_eq!(panes, "ada\nben\n");
    drop(server);

    let without = world.team(&["attach"]).env("PATH", "/nonexistent").run_ok();
    without.assert_stderr_has("tmux is not installed");
    assert_eq!(
        without
            .stdout()
            .matches("codex-review logs --follow task-")
            .count(),
        2
    );
    world.json(&["clean"]);
}
