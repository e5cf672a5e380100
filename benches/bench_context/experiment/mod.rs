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
use contexts::METHODS;
use corpus::Corpus;
use measure::{Scores, measure};

/// The scores of every case: by method, budget and case, in the order of [`METHODS`] and of the budgets.
pub struct Results {
    pub budgets: Vec<u64>,
    /// For each case, the row of each method and budget: `rows[case][method][budget]`.
    pub rows: Vec<Vec<Vec<Scores>>>,
}

impl Results {
    /// The value of one measure for every case that has it.
    pub fn values(
        &self,
        method: usize,
        budget: usize,
        of: fn(&Scores) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let row = |row: &Vec<Vec<Scores>>| of(&row[method][budget]);
        self.rows.iter().map(row).collect()
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

/// Runs every method at every budget on the commits of one repository.
pub fn run(root: &Path, half: Half, budgets: &[u64], most_cases: usize) -> Results {
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
        let row = METHODS
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
    Results {
        budgets: budgets.to_vec(),
        rows,
    }
}
