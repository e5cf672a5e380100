//! The results as a table and a plot.

use std::fmt::Write as _;

use super::Results;
use super::contexts::METHODS;
use super::measure::Scores;
use super::statistics::{estimate, paired};

/// A measure with its name.
pub type Measure = (&'static str, fn(&Scores) -> Option<f64>);

/// All measures, in the order of the report.
pub const MEASURES: [Measure; 8] = [
    ("Definition recall", |scores| scores.definition_recall),
    ("Co-change recall, files", |scores| scores.file_recall),
    ("Co-change recall, definitions", |scores| {
        scores.symbol_recall
    }),
    ("Precision of tokens, changed files", |scores| {
        scores.strict_token_precision
    }),
    (
        "Precision of tokens, changed files or definitions",
        |scores| scores.token_precision,
    ),
    ("Precision of files, changed", |scores| {
        scores.strict_precision(usize::MAX)
    }),
    ("Precision of files, changed or defining", |scores| {
        scores.precision(usize::MAX)
    }),
    ("Coverage of changed lines", |scores| scores.coverage),
];

fn percent(value: f64) -> String {
    format!("{:.1}", value * 100.0)
}

/// One table a measure: a row for each method, a column for each budget; means in percent with their interval.
pub fn tables(results: &Results) -> String {
    let mut out = String::new();
    for (title, of) in MEASURES {
        write!(out, "### {title}\n\n| Method |").expect("a String takes any text");
        for budget in &results.budgets {
            write!(out, " {budget} tokens |").expect("a String takes any text");
        }
        out.push_str("\n| --- |");
        out.push_str(&" --- |".repeat(results.budgets.len()));
        out.push('\n');
        for (method, info) in METHODS.iter().enumerate() {
            let name = match info.is_ours {
                true => format!("**{}**", info.name),
                false => info.name.to_owned(),
            };
            write!(out, "| {name} |").expect("a String takes any text");
            for budget in 0..results.budgets.len() {
                let values: Vec<f64> = results
                    .values(method, budget, of)
                    .into_iter()
                    .flatten()
                    .collect();
                let cell = match estimate(&values) {
                    Some(found) => format!(
                        "{} ({}–{}, n = {})",
                        percent(found.mean),
                        percent(found.low),
                        percent(found.high),
                        found.n
                    ),
                    None => "–".to_owned(),
                };
                write!(out, " {cell} |").expect("a String takes any text");
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// `focused` minus each baseline in what they reach.
pub fn recalls(results: &Results) -> String {
    compared(results, &[0, 1, 2].map(|at| (MEASURES[at].0, At::All(at))))
}

/// `focused` minus each baseline in what of it is to the point.
pub fn precisions(results: &Results) -> String {
    let columns = [
        ("Tokens, changed files", At::All(3)),
        ("Tokens, changed files or definitions", At::All(4)),
        ("Files, changed", At::All(5)),
        ("Files, changed or defining", At::All(6)),
        (
            "As many files, changed",
            At::AsMany(|scores, most| scores.strict_precision(most)),
        ),
        (
            "As many files, changed or defining",
            At::AsMany(|scores, most| scores.precision(most)),
        ),
    ];
    compared(results, &columns)
}

/// How two contexts of one case are compared.
#[derive(Clone, Copy)]
enum At {
    /// By a measure of each.
    All(usize),
    /// By the first files of ours, as many as the other shows.
    AsMany(fn(&Scores, usize) -> Option<f64>),
}

/// `focused` minus each baseline, paired by case, at the budgets that the target names.
fn compared(results: &Results, columns: &[(&str, At)]) -> String {
    let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    let mut out = format!(
        "| Against | Budget | {} |\n| --- | --- |{}\n",
        titles.join(" | "),
        " --- |".repeat(columns.len())
    );
    for (method, info) in METHODS.iter().enumerate().filter(|(_, info)| !info.is_ours) {
        for (number, budget) in results.budgets.iter().enumerate() {
            if ![2_000, 4_000, 8_000].contains(budget) {
                continue;
            }
            write!(out, "| {} | {budget} |", info.name).expect("a String takes any text");
            for (_, at) in columns {
                let rows = results.measured.iter().flat_map(|one| &one.rows);
                let (ours, theirs): (Vec<_>, Vec<_>) = rows
                    .map(|row| (&row[0][number], &row[method][number]))
                    .map(|(ours, theirs)| match at {
                        At::All(measure) => {
                            let of = MEASURES[*measure].1;
                            (of(ours), of(theirs))
                        }
                        At::AsMany(of) => {
                            let most = theirs.files.len();
                            (of(ours, most), of(theirs, most))
                        }
                    })
                    .unzip();
                let cell = match paired(&ours, &theirs) {
                    Some(found) => format!(
                        "{:+.1} ({:+.1} to {:+.1}, n = {})",
                        found.mean * 100.0,
                        found.low * 100.0,
                        found.high * 100.0,
                        found.n
                    ),
                    None => "–".to_owned(),
                };
                write!(out, " {cell} |").expect("a String takes any text");
            }
            out.push('\n');
        }
    }
    out
}

/// A row for each history: how many cases it has, and what the methods that matter reach at 4,000 tokens.
pub fn histories(results: &Results) -> String {
    const BUDGET: u64 = 4_000;
    const AMONG: [&str; 3] = ["focused", "BM25", "PageRank map"];
    let budget = results.budgets.iter().position(|budget| *budget == BUDGET);
    let budget = budget.expect("the budgets have the one that is compared");
    let mut out = String::from(
        "| History | Cases | Definition recall: focused, BM25, PageRank map | Co-change recall, files: the same |\n| --- | --- | --- | --- |\n",
    );
    for one in &results.measured {
        let cell = |of| {
            let methods = METHODS.iter().enumerate();
            let among = methods.filter(|(_, info)| AMONG.contains(&info.name));
            let cells = among.map(|(method, _)| {
                let values: Vec<f64> = one.values(method, budget, of).flatten().collect();
                estimate(&values).map_or("–".to_owned(), |found| percent(found.mean))
            });
            cells.collect::<Vec<_>>().join(", ")
        };
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            one.name,
            one.rows.len(),
            cell(MEASURES[0].1),
            cell(MEASURES[1].1)
        )
        .expect("a String takes any text");
    }
    out
}

/// Three panels, a line for each method, over the budgets.
pub fn plot(results: &Results) -> String {
    const COLOURS: [&str; 11] = [
        "#c1121f", "#e76f51", "#f4a261", "#8d99ae", "#adb5bd", "#6c757d", "#2a9d8f", "#1d3557",
        "#457b9d", "#8338ec", "#588157",
    ];
    const WIDTH: f64 = 300.0;
    const HEIGHT: f64 = 220.0;
    let panels = [MEASURES[0], MEASURES[1], MEASURES[4]];
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1080\" height=\"360\" viewBox=\"0 0 1080 360\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"1080\" height=\"360\" fill=\"#ffffff\"/>\n",
    );
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    for (panel, (title, of)) in panels.into_iter().enumerate() {
        // As much as fits above a panel; the report says the rest.
        let title = title.split(',').next().unwrap_or(title);
        let left = 50.0 + panel as f64 * 345.0;
        let top = 40.0;
        line(format!(
            "<text x=\"{left}\" y=\"24\" font-weight=\"bold\">{title}, %</text>"
        ));
        for tick in 0..=5 {
            let y = top + HEIGHT - HEIGHT * f64::from(tick) / 5.0;
            line(format!(
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#e9ecef\"/>",
                left + WIDTH
            ));
            line(format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#495057\">{}</text>",
                left - 6.0,
                y + 4.0,
                tick * 20
            ));
        }
        let x = |budget: usize| {
            let steps = results.budgets.len().saturating_sub(1).max(1);
            left + WIDTH * budget as f64 / steps as f64
        };
        for (number, budget) in results.budgets.iter().enumerate() {
            line(format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#495057\">{}k</text>",
                x(number),
                top + HEIGHT + 16.0,
                budget / 1000
            ));
        }
        // Ours last, so that it lies on top.
        for (method, info) in METHODS.iter().enumerate().rev() {
            let points: Vec<String> = (0..results.budgets.len())
                .filter_map(|budget| {
                    let values: Vec<f64> = results
                        .values(method, budget, of)
                        .into_iter()
                        .flatten()
                        .collect();
                    let y = top + HEIGHT * (1.0 - estimate(&values)?.mean);
                    Some(format!("{:.1},{y:.1}", x(budget)))
                })
                .collect();
            let width = if info.is_ours && method == 0 { 3 } else { 1 };
            line(format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"/>",
                points.join(" "),
                COLOURS[method]
            ));
        }
    }
    for (method, info) in METHODS.iter().enumerate() {
        let x = 50.0 + (method % 6) as f64 * 170.0;
        let y = 312.0 + (method / 6) as f64 * 22.0;
        line(format!(
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{}\"/>",
            y - 5.0,
            COLOURS[method]
        ));
        line(format!(
            "<text x=\"{}\" y=\"{y}\">{}</text>",
            x + 20.0,
            info.name
        ));
    }
    out.push_str("</svg>\n");
    out
}
