//! Claims about brokers and engines that are processes: started, raced for, killed, ended.

use std::path::Path;
use std::time::Duration;

use codex_review::broker::{self, BrokerError, BrokerOptions, BrokerReason, StopOutcome};
use codex_review::engine::{
    Cancel, ClientInfo, Connection, ConnectionBounds, EngineCommand, Limits, Sandbox as Access,
    ThreadChoice, TurnAction, TurnEvent, TurnRequest, handshake, run_turn,
};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;

use super::peers::Client;
use super::{LIMIT, options, serve_options, within};
use crate::support::Sandbox;

/// A workspace whose brokers and engines are processes.
struct Workspace {
    options: BrokerOptions,
    sandbox: Sandbox,
}

impl Workspace {
    /// With an engine that plays `script`.
    fn new(script: &str) -> Self {
        let sandbox = Sandbox::new();
        let mut options = options(&sandbox);
        options.self_exe = env!("CARGO_BIN_EXE_broker-host").into();
        let script = sandbox.write("script", script);
        options.engine = EngineCommand::new(env!("CARGO_BIN_EXE_fake-app-server"))
            .env("FAKE_APP_SERVER_SCRIPT_FILE", script)
            .env("CODEX_HOME", sandbox.codex_home());
        Workspace { options, sandbox }
    }

    async fn client(&self) -> Client {
        let mut client = Client::connect(&self.options).await;
        client.call("hello", "initialize", json!({})).await;
        let greeting = client.answer("hello").await;
        assert!(greeting["result"].is_object(), "{greeting}");
        client
    }

    /// A connection as commands use it.
    async fn connection(&self) -> Connection {
        let found = within("connecting", broker::connect_or_start(&self.options))
            .await
            .unwrap();
        let connection = Connection::over(found.reader, found.writer, ConnectionBounds::default());
        handshake(
            &connection.caller(),
            &ClientInfo::default(),
            &Limits::default(),
        )
        .await
        .unwrap();
        connection
    }

    async fn stop(&self) {
        let stopped = broker::stop_all(&self.options.state_dir, true, LIMIT).await;
        assert!(
            stopped
                .iter()
                .all(|(_, outcome)| matches!(outcome, StopOutcome::Stopped)),
            "{stopped:?}"
        );
    }

    fn assert_no_process(&self) {
        self.sandbox.assert_no_process_left();
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn turn(cwd: &Path) -> TurnRequest {
    TurnRequest {
        cwd: cwd.to_owned(),
        sandbox: Access::ReadOnly,
        thread: ThreadChoice::New {
            ephemeral: true,
            name: None,
        },
        action: TurnAction::Prompt {
            text: "look".into(),
            output_schema: None,
        },
        model: None,
        effort: None,
        extension: None,
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn a_turn_runs_through_a_broker() {
    let workspace = Workspace::new("answer all is well\n");
    let mut connection = workspace.connection().await;
    let request = turn(workspace.sandbox.root());
    let result = within(
        "a turn",
        run_turn(&mut connection, &request, &mut |_| {}, &Cancel::never()),
    )
    .await
    .unwrap();
    assert!(format!("{result:?}").contains("all is well"), "{result:?}");
    drop(connection);
    workspace.stop().await;
    workspace.assert_no_process();
}

#[tokio::test]
async fn a_second_turn_waits_in_the_queue_with_its_place_and_runs_when_the_first_ends() {
    let control = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut workspace = Workspace::new("hold first\nanswer done\n");
    workspace.options.tuning.max_streams = 1;
    workspace.options.engine = workspace.options.engine.clone().env(
        "FAKE_APP_SERVER_CONTROL",
        control.local_addr().unwrap().to_string(),
    );
    let request = turn(workspace.sandbox.root());
    let (seen, mut events) = mpsc::unbounded_channel();
    let run = |connection: Connection| {
        let (request, seen) = (request.clone(), seen.clone());
        tokio::spawn(async move {
            let mut connection = connection;
            let mut observe = |event| seen.send(event).unwrap();
            run_turn(&mut connection, &request, &mut observe, &Cancel::never()).await
        })
    };
    let first = run(workspace.connection().await);
    let (engine, _) = within("the engine's control", control.accept())
        .await
        .unwrap();
    let (reports, mut orders) = engine.into_split();
    let mut reports = BufReader::new(reports).lines();
    within("the first turn's start", async {
        while !reports
            .next_line()
            .await
            .unwrap()
            .unwrap()
            .contains("turn/start")
        {}
    })
    .await;
    let second = run(workspace.connection().await);
    within("a place in the queue", async {
        while events.recv().await.unwrap() != (TurnEvent::Queued { place: Some(1) }) {}
    })
    .await;
    orders.write_all(b"go first\n").await.unwrap();
    for turn in [first, second] {
        let result = within("a turn", turn).await.unwrap().unwrap();
        assert!(format!("{result:?}").contains("done"), "{result:?}");
    }
    workspace.stop().await;
}

#[tokio::test]
async fn racing_starters_end_with_one_broker() {
    let workspace = Workspace::new("");
    let mut starters = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let options = workspace.options.clone();
        starters.spawn(async move { broker::connect_or_start(&options).await.unwrap() });
    }
    let connections = within("eight connections", starters.join_all()).await;
    let started = connections.iter().filter(|found| found.started).count();
    assert_eq!(started, 1);
    let mut pids = Vec::new();
    for connection in connections {
        pids.push(Client::of(connection).status().await.pid);
    }
    pids.dedup();
    assert_eq!(pids.len(), 1, "{pids:?}");
    workspace.stop().await;
}

#[tokio::test]
async fn a_killed_broker_takes_its_engine_along_and_the_next_client_starts_anew() {
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    let before = client.status().await;
    let engine_pid = before.engine_pid.unwrap();
    kill(before.pid);
    assert!(client.is_cut().await);
    let record = workspace.options.state_dir.join("broker.json");
    assert!(record.exists(), "a killed broker cannot clean up");
    workspace.assert_no_process();

    // What is recorded is stale: another broker is started in its place.
    let mut client = workspace.client().await;
    let after = client.status().await;
    assert_ne!(after.pid, before.pid);
    assert_ne!(after.engine_pid.unwrap(), engine_pid);
    workspace.stop().await;
    assert!(!record.exists());
    workspace.assert_no_process();
}

/// Where the system tells when a process started, one that is left can be ended.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_engine_that_outlives_its_killed_broker_is_ended_with_its_group_by_whoever_comes_next() {
    let mut workspace = Workspace::new("at-start : deaf\n");
    // A launcher, as npm's is, with the engine as its child.
    let fake = workspace.options.engine.program.display();
    let launcher = format!("#!/bin/sh\n'{fake}'\nexit 0\n");
    workspace.options.engine.program = workspace.sandbox.script("launcher", launcher);
    let folder = |workspace: &Workspace| {
        let brokers = workspace.options.state_dir.join("broker");
        brokers.join(&workspace.options.identity.key)
    };
    let kill_broker = async |workspace: &Workspace| {
        kill(workspace.client().await.status().await.pid);
        // It is free once the broker is gone.
        let lock = std::fs::File::open(folder(workspace).join("broker.lock")).unwrap();
        lock.lock_shared().unwrap();
    };
    kill_broker(&workspace).await;
    let left = folder(&workspace).join("engine.json");
    assert!(left.exists());

    // The next broker, though it has another key.
    workspace.options.identity.key = "fedcba9876543210".into();
    drop(workspace.client().await);
    assert!(!left.exists(), "it is ended and forgotten");

    // `broker stop`, of a broker that was killed.
    kill_broker(&workspace).await;
    let stopped = broker::stop_all(&workspace.options.state_dir, false, LIMIT).await;
    assert!(stopped.is_empty(), "{stopped:?}");
    workspace.assert_no_process();
}

#[tokio::test]
async fn a_broker_whose_record_is_lost_is_found_by_the_copy_in_its_lock() {
    let workspace = Workspace::new("");
    let state_dir = &workspace.options.state_dir;
    let folder = state_dir
        .join("broker")
        .join(&workspace.options.identity.key);
    let records = [folder.join("broker.json"), state_dir.join("broker.json")];
    let pid = workspace.client().await.status().await.pid;
    for damage in [None, Some(""), Some("{not json"), Some("{}")] {
        let lose = || {
            for record in &records {
                match damage {
                    None => std::fs::remove_file(record).unwrap(),
                    Some(text) => std::fs::write(record, text).unwrap(),
                }
            }
        };
        lose();
        let views = broker::status_all(state_dir, LIMIT).await;
        assert!(
            matches!(&views[..], [broker::BrokerView { status: Ok(status), .. }] if status.pid == pid),
            "{damage:?}: {views:?}"
        );
        assert_eq!(workspace.client().await.status().await.pid, pid);
        let newest = broker::newest_record(state_dir).unwrap();
        assert_eq!(newest.expect("it is written again").pid, pid);
    }
    std::fs::remove_file(&records[0]).unwrap();
    workspace.stop().await;
    workspace.assert_no_process();
    assert!(!records[1].exists());
}

#[tokio::test]
async fn a_broker_of_which_nothing_is_known_is_an_error_and_not_none() {
    let workspace = Workspace::new("");
    let state_dir = &workspace.options.state_dir;
    let folder = state_dir
        .join("broker")
        .join(&workspace.options.identity.key);
    let pid = workspace.client().await.status().await.pid;
    std::fs::write(folder.join("broker.json"), "{").unwrap();
    std::fs::write(folder.join("broker.lock"), "{").unwrap();
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    assert!(matches!(error, BrokerError::Nameless { .. }), "{error}");
    let views = broker::status_all(state_dir, LIMIT).await;
    assert!(
        matches!(views[..], [broker::BrokerView { status: Err(_), .. }]),
        "{views:?}"
    );
    let stopped = broker::stop_all(state_dir, true, LIMIT).await;
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Failed(_))]),
        "{stopped:?}"
    );
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    workspace.assert_no_process();
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_not_safe_hides_no_other_broker() {
    use std::os::unix::fs::PermissionsExt as _;
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    let pid = client.status().await.pid;
    let state_dir = &workspace.options.state_dir;
    // It comes first.
    let open = state_dir.join("broker/0000000000000000");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let views = broker::status_all(state_dir, LIMIT).await;
    let [unsafe_one, other] = &views[..] else {
        panic!("{views:?}");
    };
    assert!(matches!(
        unsafe_one.status,
        Err(BrokerError::UnsafeFolder { .. })
    ));
    assert_eq!(unsafe_one.broker.folder, open);
    assert_eq!(other.status.as_ref().unwrap().pid, pid);
    let stopped = broker::stop_all(state_dir, false, LIMIT).await;
    assert!(
        matches!(
            stopped[..],
            [(_, StopOutcome::Failed(_)), (_, StopOutcome::Stopped)]
        ),
        "{stopped:?}"
    );
    workspace.assert_no_process();
}

#[tokio::test]
async fn a_killed_engine_is_reported_and_replaced() {
    let workspace = Workspace::new("on model/list : hang\n");
    let mut client = workspace.client().await;
    let engine_pid = client.status().await.engine_pid.unwrap();
    client.call("1", "model/list", json!({})).await;
    kill(engine_pid);
    let error = client.error("1").await;
    assert!(error.message.contains("killed by signal 9"), "{error}");
    client.call("2", "account/read", json!({})).await;
    let answer = client.answer("2").await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(client.status().await.engine_exits, 1);

    let record = broker::newest_record(&workspace.options.state_dir);
    let log_file = record.unwrap().expect("it runs").log_file;
    workspace.stop().await;
    let log = std::fs::read_to_string(log_file).unwrap();
    for line in [
        "] codex-review ",
        "] the engine started, pid ",
        "killed by signal 9",
        "] ends: a client asked for it",
    ] {
        assert!(log.contains(line), "no `{line}` in {log}");
    }
}

#[tokio::test]
async fn an_engine_that_cannot_be_started_is_named_to_the_client() {
    let mut workspace = Workspace::new("");
    workspace.options.engine = EngineCommand::new("/nonexistent/codex");
    let mut client = Client::connect(&workspace.options).await;
    client.call("1", "initialize", json!({})).await;
    let error = client.error("1").await;
    assert_eq!(
        BrokerReason::of(&error),
        Some(BrokerReason::EngineUnavailable)
    );
    assert!(error.message.contains("/nonexistent/codex"), "{error}");
    workspace.stop().await;
}

#[tokio::test]
async fn a_broker_that_dies_at_its_start_is_reported_with_the_end_of_its_log() {
    let mut workspace = Workspace::new("");
    workspace.options.self_exe = workspace.sandbox.script(
        "bad",
        "#!/bin/sh\necho first >&2; echo 'it hurts here' >&2; exit 4\n",
    );
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("it hurts here") && text.contains("exit status: 4"),
        "{text}"
    );

    workspace.options.self_exe = "/nonexistent/codex-review".into();
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("/nonexistent/codex-review"),
        "{error}"
    );
}

#[tokio::test]
async fn a_broker_ends_at_a_signal_with_all_that_it_started() {
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    let pid = client.status().await.pid.cast_signed();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(client.is_cut().await);
    workspace.assert_no_process();
    assert!(!workspace.options.state_dir.join("broker.json").exists());
}

#[tokio::test]
async fn an_engine_that_ignores_the_end_of_its_input_is_killed_with_the_broker() {
    let workspace = Workspace::new("at-start : deaf\n");
    let client = workspace.client().await;
    drop(client);
    workspace.stop().await;
    workspace.assert_no_process();
}

#[tokio::test]
async fn a_broker_that_hangs_is_left_alone_until_its_end_is_forced() {
    let mut workspace = Workspace::new("");
    workspace.options.connect_timeout = Duration::from_millis(300);
    let mut client = workspace.client().await;
    let pid = client.status().await.pid;
    let raw = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::STOP).unwrap();
    let error = broker::connect_or_start(&workspace.options)
        .await
        .unwrap_err();
    assert!(
        matches!(error, BrokerError::NotResponding { .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--force"));
    let short = Duration::from_millis(300);
    let state_dir = &workspace.options.state_dir;
    let views = broker::status_all(state_dir, short).await;
    assert!(
        matches!(views[..], [broker::BrokerView { status: Err(_), .. }]),
        "{views:?}"
    );
    let stopped = broker::stop_all(state_dir, false, short).await;
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Failed(_))]),
        "{stopped:?}"
    );
    let stopped = broker::stop_all(state_dir, true, short).await;
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Killed)]),
        "{stopped:?}"
    );
    workspace.assert_no_process();
}

#[tokio::test]
async fn brokers_of_all_workspaces_are_found_by_their_state() {
    let workspace = Workspace::new("");
    let mut other_engine = workspace.options.clone();
    other_engine.identity.key = "fedcba9876543210".into();
    let first = Client::connect(&workspace.options).await;
    let second = Client::connect(&other_engine).await;
    let root = workspace.options.state_dir.parent().unwrap();
    assert_eq!(
        broker::workspaces_with_brokers(root),
        std::slice::from_ref(&workspace.options.state_dir)
    );
    let views = broker::status_all(&workspace.options.state_dir, LIMIT).await;
    let keys: Vec<String> = views
        .iter()
        .map(|view| view.status.as_ref().unwrap().key.clone())
        .collect();
    assert_eq!(keys, ["0123456789abcdef", "fedcba9876543210"]);
    drop((first, second));
    workspace.stop().await;
    assert!(
        broker::status_all(&workspace.options.state_dir, LIMIT)
            .await
            .is_empty()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_broker_stays_small() {
    let workspace = Workspace::new("");
    let mut client = workspace.client().await;
    for id in 0..1000 {
        client
            .call(&id.to_string(), "account/read", json!({}))
            .await;
        client.answer(&id.to_string()).await;
    }
    let pid = client.status().await.pid;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().split(' ').next()?.parse().ok())
        .unwrap();
    assert!(resident < 12 * 1024, "{resident} KiB resident");
    workspace.stop().await;
}

#[test]
fn a_broker_keeps_none_of_its_starters_files_open() {
    let sandbox = Sandbox::new();
    let marker = sandbox.write("marker", "");
    let host = env!("CARGO_BIN_EXE_broker-host");
    let options = options(&sandbox);
    let arguments = serve_options(&options).to_arguments();
    let script = sandbox.script(
        "leak",
        format!(
            "#!/bin/sh\nexec 7>>'{}'\nexec '{host}' \"$@\"\n",
            marker.display()
        ),
    );
    let child = sandbox
        .program(&script)
        .args(["broker", "serve"])
        .args(arguments)
        .spawn();
    child.stdout_line(|line| line == "ready");
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.pid()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .any(|target| target == marker);
    assert!(!open, "the marker is open in the broker");
    let stopped = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(broker::stop_all(&options.state_dir, false, LIMIT));
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Stopped)]),
        "{stopped:?}"
    );
    child.wait().expect_code(0);
}
