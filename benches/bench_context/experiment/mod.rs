//! What a context is measured by, without a model: on commits of a history of which one part is shown.
//!
//! A commit's source files are split in two. One part is the change under review; the other is hidden, and stays in the
//! tree as it was before. Each method makes a context of the visible part within a budget, and is asked: are the hidden
//! files in it, and the definitions in them that changed? Are the definitions there of what the added lines use? How many
//! of the changed lines are shown? All methods are judged by their text alone, by the same rules.

pub mod baselines;
pub mod case;
pub mod contexts;
pub mod corpus;
pub mod measure;
pub mod report;
pub mod statistics;

use std::path::Path;

use codex_review::target::{GitEnvironment, Repository};

use case::cases;
use contexts::Method;
use corpus::Corpus;
use measure::{Scores, measure};

/// The scores of one case, by method and budget, in the order of the methods and of the budgets.
pub type Row = Vec<Vec<Scores>>;

/// The cases of one history.
pub struct Measured {
    pub name: String,
    pub rows: Vec<Row>,
}

impl Measured {
    /// The value of one measure for every case, where it has it.
    pub fn values(
        &self,
        method: usize,
        budget: usize,
        of: fn(&Scores) -> Option<f64>,
    ) -> impl Iterator<Item = Option<f64>> {
        self.rows.iter().map(move |row| of(&row[method][budget]))
    }
}

/// All that was measured.
pub struct Results {
    pub budgets: Vec<u64>,
    pub measured: Vec<Measured>,
}

impl Results {
    pub fn cases(&self) -> usize {
        self.measured.iter().map(|one| one.rows.len()).sum()
    }

    /// The value of one measure for every case of every history.
    pub fn values(
        &self,
        method: usize,
        budget: usize,
        of: fn(&Scores) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let all = self.measured.iter();
        all.flat_map(|one| one.values(method, budget, of)).collect()
    }
}

/// Which commits of a history.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The older half of the commits that make a case.
    Older,
    /// The newer half.
    Newer,
    /// All of them.
    Both,
}

/// Runs each method at every budget on the commits of one repository.
pub fn run(
    root: &Path,
    half: Half,
    budgets: &[u64],
    methods: &[Method],
    most_cases: usize,
) -> Vec<Row> {
    let repository = Repository::open(root, &GitEnvironment::default())
        .unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut corpus = Corpus::new();
    let mut rows = Vec::new();
    let all = cases(&repository, most_cases);
    let middle = all.len() / 2;
    // The newest commit comes first.
    let chosen = match half {
        Half::Older => &all[middle..],
        Half::Newer => &all[..middle],
        Half::Both => &all[..],
    };
    for commit in chosen {
        let Some(case) = case::open(&repository, commit, &mut corpus) else {
            continue;
        };
        let row = methods
            .iter()
            .map(|method| {
                budgets
                    .iter()
                    .map(|budget| measure(&case, &(method.make)(&case, *budget), *budget))
                    .collect()
            })
            .collect();
        rows.push(row);
    }
    rows
}
