//! How good contexts are, measured without a model on the commits of real histories.
//!
//! ```text
//! cargo bench --bench bench-context -- [--repo DIR]… [--held-out DIR]… [--most-cases N] [--tune] [--out FILE]
//! ```
//!
//! With `--held-out`, those histories are reported and `--repo` ones are for tuning. Without, each history is split by time:
//! its older commits are for tuning (`--tune` reports them), its newer ones are reported. Without `--repo`, the history
//! of this repository is taken. `--out` writes the report, and its plot beside it as `.svg`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a program of its own that talks to whoever runs it"
)]

mod experiment;

use std::path::{Path, PathBuf};

use experiment::{Half, Results, report, run};

const BUDGETS: [u64; 5] = [1_000, 2_000, 4_000, 8_000, 16_000];

#[derive(Default)]
struct Arguments {
    repos: Vec<PathBuf>,
    held_out: Vec<PathBuf>,
    most_cases: Option<usize>,
    tune: bool,
    out: Option<PathBuf>,
}

fn arguments() -> Arguments {
    let mut found = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("`{word}` needs a value"))
        };
        match word.as_str() {
            "--repo" => found.repos.push(value().into()),
            "--held-out" => found.held_out.push(value().into()),
            "--most-cases" => found.most_cases = Some(value().parse().expect("a number")),
            "--out" => found.out = Some(value().into()),
            "--tune" => found.tune = true,
            // What cargo itself passes on.
            "--bench" => {}
            other => panic!("unknown argument `{other}`"),
        }
    }
    found
}

fn main() {
    let arguments = arguments();
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let repos = match arguments.repos.is_empty() {
        true => vec![own],
        false => arguments.repos.clone(),
    };
    let most = arguments.most_cases.unwrap_or(400);
    let (paths, half) = match (arguments.held_out.is_empty(), arguments.tune) {
        (true, true) => (repos, Half::Older),
        (true, false) => (repos, Half::Newer),
        (false, true) => (repos, Half::Both),
        (false, false) => (arguments.held_out.clone(), Half::Both),
    };
    let results = all(&paths, half, most);
    let text = document(&results, half);
    match &arguments.out {
        Some(out) => write(out, &text, &report::plot(&results)),
        None => println!("{text}"),
    }
}

fn all(paths: &[PathBuf], half: Half, most: usize) -> Results {
    let mut results = Results {
        budgets: BUDGETS.to_vec(),
        rows: Vec::new(),
    };
    for path in paths {
        results.rows.extend(run(path, half, &BUDGETS, most).rows);
    }
    results
}

fn document(results: &Results, half: Half) -> String {
    let which = match half {
        Half::Older => "the older half of the history, which was used for tuning",
        Half::Newer => "the newer half of the history, which was not used for tuning",
        Half::Both => "whole histories",
    };
    include_str!("report.md")
        .replace("{{cases}}", &results.rows.len().to_string())
        .replace("{{which}}", which)
        .replace("{{differences}}", &report::differences(results))
        .replace("{{tables}}", report::tables(results).trim_end())
}

fn write(out: &Path, text: &str, plot: &str) {
    for (path, content) in [(out.to_owned(), text), (out.with_extension("svg"), plot)] {
        std::fs::write(&path, content)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        eprintln!("wrote {}", path.display());
    }
}
