//! Claims about where a broker listens, and whom it trusts with it.

use codex_review::broker::{self, BrokerError, StopOutcome};

use super::peers::{Client, Played};
use super::{LIMIT, options, serve_options};
use crate::support::Sandbox;

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    let options = options(&sandbox);
    let folder = options.state_dir.join("broker").join(&options.identity.key);
    std::fs::create_dir_all(&folder).unwrap();
    for (path, mode) in [(folder.parent().unwrap(), 0o700), (&*folder, 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let error = broker::connect_or_start(&options).await.unwrap_err();
    assert!(matches!(error, BrokerError::UnsafeFolder { .. }), "{error}");
    assert!(error.hint().unwrap().contains("chmod 700"));
    let error = broker::serve(serve_options(&options), |_| {}, std::future::pending())
        .await
        .unwrap_err();
    assert!(matches!(error, BrokerError::UnsafeFolder { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_of_another_user_or_a_link_is_refused() {
    let sandbox = Sandbox::new();
    let options = options(&sandbox);
    std::fs::create_dir_all(&options.state_dir).unwrap();
    let brokers = options.state_dir.join("broker");
    std::os::unix::fs::symlink(sandbox.path("run"), &brokers).unwrap();
    let error = broker::connect_or_start(&options).await.unwrap_err();
    assert!(error.to_string().contains("it is no folder"), "{error}");
    std::fs::remove_file(&brokers).unwrap();

    // Only root can make a folder that belongs to somebody else.
    std::fs::create_dir(&brokers).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&brokers, Some(12_345), None).unwrap();
        let error = broker::connect_or_start(&options).await.unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
    }
}

#[tokio::test]
async fn a_state_folder_too_deep_for_a_socket_uses_the_runtime_folder() {
    let sandbox = Sandbox::new();
    let mut options = options(&sandbox);
    options.state_dir = sandbox.path("state").join("d".repeat(200));
    options.self_exe = env!("CARGO_BIN_EXE_broker-host").into();
    let connection = broker::connect_or_start(&options).await.unwrap();
    let endpoint = connection.endpoint.to_string();
    let expected = format!("unix:{}", sandbox.path("run/codex-review-").display());
    assert!(endpoint.starts_with(&expected), "{endpoint}");
    let stopped = broker::stop_all(&options.state_dir, false, LIMIT).await;
    assert!(
        matches!(stopped[..], [(_, StopOutcome::Stopped)]),
        "{stopped:?}"
    );

    options.runtime_dir = options.state_dir.clone();
    let error = broker::connect_or_start(&options).await.unwrap_err();
    assert!(
        error.to_string().contains("no folder is short enough"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_given_is_used_and_nothing_is_started() {
    let mut played = Played::start(4).await;
    let (engine, _a, _b) = played.pair().await;
    let record = broker::newest_record(&played.options.state_dir);
    let endpoint = record.unwrap().unwrap().endpoint;
    let found = broker::connect_given(&endpoint).await.unwrap();
    let mut client = Client::of(found);
    assert_eq!(client.status().await.clients, 3);
    drop(client);
    let nobody = broker::Endpoint::parse("unix:/nonexistent/x.sock").unwrap();
    let error = broker::connect_given(&nobody).await.unwrap_err();
    assert!(
        error.to_string().contains("unix:/nonexistent/x.sock"),
        "{error}"
    );
    played.end(engine).await;
}
