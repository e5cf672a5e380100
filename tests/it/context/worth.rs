//! What `focused` is worth on a small history, by the measures of `cargo bench --bench bench-context`: not less than it was.

#[allow(
    dead_code,
    reason = "the benchmark's baselines and reports have no part here"
)]
#[path = "../../../benches/bench_context/experiment/mod.rs"]
mod experiment;

use std::path::Path;

use experiment::measure::Scores;
use experiment::{Half, Measured, contexts, run};

use crate::support::Sandbox;

/// What was reached when this was written, in percent. A change that reaches more may raise them.
const RECORDED: [(u64, [f64; 3]); 2] = [(2_000, [96.4, 80.6, 35.1]), (4_000, [98.6, 87.5, 34.7])];
/// Half a point, for what a change elsewhere may move by chance.
const SLACK: f64 = 0.5;

fn mean(measured: &Measured, budget: usize, of: fn(&Scores) -> Option<f64>) -> f64 {
    let values: Vec<f64> = measured.values(0, budget, of).flatten().collect();
    assert!(!values.is_empty());
    100.0 * values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn focused_is_worth_what_it_was() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("httpcore");
    let patches = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/histories/httpcore.mbox");
    repo.git([
        "-c".as_ref(),
        "core.autocrlf=false".as_ref(),
        "am".as_ref(),
        "--quiet".as_ref(),
        "--keep-cr".as_ref(),
        "--committer-date-is-author-date".as_ref(),
        patches.as_os_str(),
    ]);
    let budgets = RECORDED.map(|(budget, _)| budget);
    let focused = &contexts::METHODS[..1];
    let measured = Measured {
        name: "httpcore".to_owned(),
        rows: run(repo.path(), Half::Both, &budgets, focused, 400),
    };
    assert!(measured.rows.len() >= 8, "{} cases", measured.rows.len());
    let reached: Vec<[f64; 3]> = (0..budgets.len())
        .map(|budget| {
            [
                mean(&measured, budget, |scores| scores.definition_recall),
                mean(&measured, budget, |scores| scores.file_recall),
                mean(&measured, budget, |scores| scores.token_precision),
            ]
        })
        .collect();
    for ((budget, recorded), reached) in RECORDED.iter().zip(&reached) {
        for measure in 0..recorded.len() {
            assert!(
                reached[measure] >= recorded[measure] - SLACK,
                "at {budget} tokens definition recall, co-change recall and precision of tokens are {reached:?}, and were {recorded:?}"
            );
        }
    }
}
