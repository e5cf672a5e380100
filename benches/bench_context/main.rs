//! How good contexts are, measured without a model on the commits of real histories.
//!
//! ```text
//! cargo bench --bench bench-context -- [--releases DIR] [--repo DIR]… [--most-cases N] [--tune] [--out FILE]
//! ```
//!
//! `--releases` takes what `benches/bench_context/releases/fetch` made: the histories below `held-out`, or with `--tune` those
//! below `tune`, whole. Each `--repo` is split by time: its newer commits are reported, or with `--tune` its older ones.
//! Without either, the history of this repository is taken. `--out` writes the report, and its plot beside it as `.svg`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a program of its own that talks to whoever runs it"
)]

mod experiment;

use std::path::{Path, PathBuf};

use experiment::contexts::METHODS;
use experiment::{Half, Measured, Results, report, run};

const BUDGETS: [u64; 5] = [1_000, 2_000, 4_000, 8_000, 16_000];

const TEMPLATE: &str = "benches/bench_context/report.md";

#[derive(Default)]
struct Arguments {
    releases: Option<PathBuf>,
    repos: Vec<PathBuf>,
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
            "--releases" => found.releases = Some(value().into()),
            "--repo" => found.repos.push(value().into()),
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
    let mut repos = arguments.repos.clone();
    if repos.is_empty() && arguments.releases.is_none() {
        repos.push(env!("CARGO_MANIFEST_DIR").into());
    }
    let most = arguments.most_cases.unwrap_or(400);
    let (half, folder) = match arguments.tune {
        true => (Half::Older, "tune"),
        false => (Half::Newer, "held-out"),
    };
    let mut results = Results {
        budgets: BUDGETS.to_vec(),
        measured: Vec::new(),
    };
    let mut add = |path: &Path, half: Half| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let rows = run(path, half, &BUDGETS, &METHODS, most);
        let name = match half {
            Half::Both => name.unwrap_or_default(),
            Half::Older => format!("{} (older half)", name.unwrap_or_default()),
            Half::Newer => format!("{} (newer half)", name.unwrap_or_default()),
        };
        eprintln!("{name}: {} cases", rows.len());
        results.measured.push(Measured { name, rows });
    };
    if let Some(releases) = &arguments.releases {
        for path in histories(&releases.join(folder)) {
            add(&path, Half::Both);
        }
    }
    for path in &repos {
        add(path, half);
    }
    let text = document(&results, arguments.tune);
    match &arguments.out {
        Some(out) => write(out, &text, &report::plot(&results)),
        None => println!("{text}"),
    }
}

fn histories(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; benches/bench_context/releases/fetch makes it",
            folder.display()
        )
    });
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(".git").is_dir())
        .collect();
    paths.sort();
    paths
}

fn document(results: &Results, tune: bool) -> String {
    let which = match tune {
        true => "the histories that the weights were tuned on",
        false => "histories that nothing was tuned on",
    };
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE);
    std::fs::read_to_string(&template)
        .unwrap_or_else(|error| panic!("{}: {error}", template.display()))
        .replace("{{cases}}", &results.cases().to_string())
        .replace("{{which}}", which)
        .replace("{{histories}}", report::histories(results).trim_end())
        .replace("{{recalls}}", report::recalls(results).trim_end())
        .replace("{{precisions}}", report::precisions(results).trim_end())
        .replace("{{tables}}", report::tables(results).trim_end())
}

fn write(out: &Path, text: &str, plot: &str) {
    for (path, content) in [(out.to_owned(), text), (out.with_extension("svg"), plot)] {
        std::fs::write(&path, content)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        eprintln!("wrote {}", path.display());
    }
}
