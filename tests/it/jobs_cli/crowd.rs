//! Many at once.

use std::collections::BTreeSet;

use serde_json::json;

use super::world::{World, job_id};

#[test]
fn twenty_four_reviews_started_at_once_are_all_in_the_index() {
    const RUNS: usize = 24;
    let world = World::new("");
    let args = ["review", "--engine", "builtin", "--background", "--json"];
    let runs: Vec<_> = (0..RUNS).map(|_| world.command(args).spawn()).collect();
    let ids: BTreeSet<_> = runs
        .into_iter()
        .map(|run| job_id(&run.wait().expect_code(0).json()))
        .collect();
    assert_eq!(ids.len(), RUNS);
    for id in &ids {
        assert_eq!(world.ended(id)["status"], "completed");
    }
    let overview = world.json(["status", "--all"]);
    assert_eq!(overview["running"], json!([]));
    assert_eq!(overview.get("warnings"), None, "{overview:#}");
    let listed: BTreeSet<_> = overview["recent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.iter().all(|id| listed.contains(id.as_str())));
    let state = std::fs::read(world.store().folder().join("state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    assert_eq!(state["jobs"].as_array().unwrap().len(), RUNS);
    for id in &ids {
        let result = world.json(["result", id.as_str()]);
        assert_eq!(result["storedJob"]["result"]["jobId"], id.as_str());
    }
}

#[test]
fn runs_that_race_for_the_first_broker_share_one_engine() {
    const RUNS: usize = 6;
    let world = World::new("hold answer");
    let args = ["review", "--background", "--json"];
    let runs: Vec<_> = (0..RUNS).map(|_| world.command(args).spawn()).collect();
    let ids: Vec<_> = runs
        .into_iter()
        .map(|run| job_id(&run.wait().expect_code(0).json()))
        .collect();
    // The default lets four turns run at once; the others wait, and are served by the same engine.
    let mut server = world.control.server();
    for _ in 0..4 {
        server.wait_call("review/start");
    }
    let brokers = world.json(["broker", "status"]);
    assert_eq!(brokers["brokers"].as_array().unwrap().len(), 1);
    server.go("answer");
    for id in &ids {
        let job = world.ended(id);
        assert_eq!(job["status"], "completed", "{job:#}");
        let thread = job["threadId"].as_str().unwrap();
        assert!(thread.starts_with(&format!("thr-{}-", server.pid)));
    }
}
