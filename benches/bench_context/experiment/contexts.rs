//! The methods that are compared: our strategies and the baselines.

use codex_review::context::{
    Budget, Catalog, Claims, ContextInput, Cost, Registry, StrategyChoice, build,
};

use super::baselines;
use super::case::Case;

/// The text that a reviewer would be sent, without the frame that is the same for every method.
pub struct Shown {
    pub text: String,
    /// Changed lines that are shown in a patch.
    pub changed_lines: u64,
}

/// A way to make a context of at most so many tokens.
pub struct Method {
    pub name: &'static str,
    pub is_ours: bool,
    pub make: fn(&Case<'_>, u64) -> Shown,
}

const fn baseline(name: &'static str, make: fn(&Case<'_>, u64) -> Shown) -> Method {
    Method {
        name,
        is_ours: false,
        make,
    }
}

const fn ours(name: &'static str, make: fn(&Case<'_>, u64) -> Shown) -> Method {
    Method {
        name,
        is_ours: true,
        make,
    }
}

/// All of them. The first is the one that the others are compared with.
pub const METHODS: [Method; 11] = [
    ours("focused", |case, budget| strategy(case, "focused", budget)),
    ours("deep", |case, budget| strategy(case, "deep", budget)),
    ours("inline", |case, budget| strategy(case, "inline", budget)),
    baseline("plain diff", baselines::plain_diff),
    baseline("diff -U10", baselines::wide_diff),
    baseline("whole files", baselines::whole_files),
    baseline("grep", baselines::grep),
    baseline("BM25", baselines::bm25),
    baseline("BM25, other files", baselines::bm25_elsewhere),
    baseline("PageRank map", baselines::page_rank),
    baseline("co-change history", baselines::partners),
];

/// The sections of a context of ours within `budget` tokens. What frames them (the preface, the envelopes, the ledger)
/// would frame any method's text alike, and is not counted.
fn strategy(case: &Case<'_>, name: &str, budget: u64) -> Shown {
    let registry = Registry::builtin();
    let catalog = Catalog::builtin(&registry);
    let choice = StrategyChoice::Named(name.to_owned());
    let mut tokens = budget + 1_600;
    let mut best = Shown {
        text: String::new(),
        changed_lines: 0,
    };
    // The packer counts frames at their dearest: the budget is moved until the content meets what it may be.
    for _ in 0..4 {
        let input = ContextInput {
            changes: &case.view,
            strategy: &choice,
            catalog: &catalog,
            budget: Some(Budget {
                bytes: 1 << 20,
                tokens: Some(tokens),
            }),
            claims: Claims::Omitted,
        };
        let Ok(context) = build(&input, &registry) else {
            return best;
        };
        let text = sections(&context.text);
        let cost = Cost::of(&text).tokens;
        if cost <= budget {
            let is_more = text.len() > best.text.len();
            if is_more {
                best = Shown {
                    text,
                    changed_lines: context.ledger.lines().full,
                };
            }
            if budget - cost < budget / 16 || !is_more {
                break;
            }
            tokens += (budget - cost) * 3 / 4;
        } else {
            tokens -= (cost - budget) + budget / 50;
        }
    }
    best
}

/// What stands in the envelopes, but for the first (the target) and the last (the ledger).
fn sections(text: &str) -> String {
    let mut out = String::new();
    let mut parts: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        if line.starts_with("<<<data ") {
            inside = true;
            out.clear();
        } else if line.starts_with("<<<end ") {
            inside = false;
            parts.push(std::mem::take(&mut out));
        } else if inside {
            out.push_str(line);
        }
    }
    let last = parts.len().saturating_sub(1);
    parts.get(1..last.max(1)).unwrap_or_default().concat()
}
