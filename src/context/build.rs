//! From a change and a strategy to the text that is sent.

use sha2::{Digest as _, Sha256};

use super::account::{Considered, SectionAccount};
use super::budget::{Budget, Cost, Room};
use super::choose::{Measures, StrategyChoice};
use super::collector::{Claims, Collector, Scene};
use super::ledger::{FailedSection, Ledger, LedgerBuilder, Omission, counts_text, details_text};
use super::pack::{PackedSection, dearest_id, frame_cost, pack};
use super::present::Presenter;
use super::registry::Registry;
use super::strategy::{Catalog, Strategy, StrategyError};
use super::summary::summary_line;
use super::surroundings::Surroundings;
use super::target_section::target_text;
use super::tokens::estimate;
use super::view::ChangeView;
use crate::prompt::{Envelope, fill};
use crate::secrets::{Redaction, is_secret_name};

const PREFACE: &str = include_str!("preface.md");
const TARGET_TITLE: &str = "Target";
const LEDGER_TITLE: &str = "Not shown in full";

/// What is always kept free for the ledger's counts, and for the word on lines of it that did not fit.
const LEDGER_RESERVE: Cost = Cost {
    bytes: 1_400,
    tokens: 400,
};

/// What a context is built from.
#[derive(Clone, Copy)]
pub struct ContextInput<'a> {
    /// The change.
    pub changes: &'a dyn ChangeView,
    /// Which strategy.
    pub strategy: &'a StrategyChoice,
    /// The strategies there are.
    pub catalog: &'a Catalog,
    /// A budget in place of the strategy's own.
    pub budget: Option<Budget>,
    /// Whether author names and commit messages are shown.
    pub claims: Claims,
}

/// What the reviewer is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The name of the strategy that made it.
    pub strategy: String,
    /// Why that one, as a fragment for people.
    pub reason: String,
    /// Exactly what is sent: the same inputs give the same bytes.
    pub text: String,
    /// The text's length in bytes.
    pub bytes: u64,
    /// A realistic number of tokens.
    pub token_estimate: u64,
    /// A number of tokens that it never exceeds, by the tokenizer that the bound is proven for: what the budget counts.
    pub token_bound: u64,
    /// The most that it could have been.
    pub budget: Budget,
    /// What is shown of each changed file and hunk.
    pub ledger: Ledger,
    /// The SHA-256 of the text, in lower-case hex.
    pub hash: String,
    /// Such as `3 files, +10 −2 (1 staged, 2 untracked)`.
    pub summary: String,
    /// The sections in the text, in order.
    pub sections: Vec<SectionSummary>,
    /// Every section of the strategy, whether it is shown or not, in order.
    pub accounts: Vec<SectionAccount>,
    /// The strategies that were considered, in order; one that was asked for by name stands alone.
    pub considered: Vec<Considered>,
    /// The secrets that were taken out, in the order in which their placeholders stand in the text. Lines are counted
    /// within each piece of text.
    pub redactions: Vec<Redaction>,
    /// How many characters or bytes are written out because they do not show.
    pub escaped: usize,
}

/// One section of a context, as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionSummary {
    /// Its heading.
    pub title: String,
    /// The collector that made it.
    pub collector: String,
    /// Bytes of its content.
    pub bytes: u64,
    /// Items that are shown.
    pub items: usize,
    /// Items that are not.
    pub missing: usize,
    /// Why the collector could not make it.
    pub failure: Option<String>,
}

/// Why no context could be built.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No strategy has this name.
    #[error("there is no strategy `{name}`")]
    UnknownStrategy {
        /// As given.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
    },
    /// The strategy is there and broken.
    #[error("strategy `{name}` ({layer}) is broken: {message}")]
    BrokenStrategy {
        /// Its name.
        name: String,
        /// Where it comes from.
        layer: String,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// No strategy applies to the change.
    #[error("no strategy applies to this change: {0}")]
    NoneApplies(String),
    /// The budget does not even hold the frame of a context.
    #[error(
        "a budget of {given} bytes is too small for strategy `{strategy}`, which needs at least {needed}"
    )]
    BudgetTooSmall {
        /// The strategy.
        strategy: String,
        /// The budget.
        given: u64,
        /// The least that would do.
        needed: u64,
    },
    /// The strategy names a collector that the registry does not have.
    #[error("strategy `{strategy}` cannot be used: {message}")]
    Unusable {
        /// The strategy.
        strategy: String,
        /// What is missing.
        message: String,
    },
}

impl ContextError {
    /// What the user can do, where it is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ContextError::UnknownStrategy { suggestion, .. } => Some(match suggestion {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`codex-review strategies list` shows all of them".to_owned(),
            }),
            ContextError::BrokenStrategy { hint, .. } => hint.clone(),
            ContextError::NoneApplies(_) => Some("name one with `--strategy`".to_owned()),
            ContextError::BudgetTooSmall { needed, .. } => Some(format!(
                "allow at least {needed} bytes, or leave the budget to the strategy"
            )),
            ContextError::Unusable { .. } => None,
        }
    }
}

/// Builds the context of a change.
///
/// # Errors
///
/// When the strategy is unknown or broken, none applies, or the budget is too small to say anything. A file that cannot
/// be read is no error: the ledger says so.
pub fn build(input: &ContextInput<'_>, registry: &Registry) -> Result<Context, ContextError> {
    let secret_names: Vec<bool> = input
        .changes
        .files()
        .iter()
        .map(|file| {
            is_secret_name(&file.path) || file.old_path.as_ref().is_some_and(is_secret_name)
        })
        .collect();
    let builder = Builder {
        input,
        registry,
        secret_names: &secret_names,
        surroundings: &Surroundings::new(input.changes),
    };
    match input.strategy {
        StrategyChoice::Named(name) => {
            let strategy = builder.named(name)?;
            let mut context = builder.build(strategy, "asked for by name".to_owned())?;
            context.considered.push(Considered {
                strategy: name.clone(),
                taken: true,
                reason: context.reason.clone(),
            });
            Ok(context)
        }
        StrategyChoice::Auto => builder.auto(),
    }
}

struct Builder<'a> {
    input: &'a ContextInput<'a>,
    registry: &'a Registry,
    secret_names: &'a [bool],
    /// Shared by all strategies that are tried: the index is made once.
    surroundings: &'a Surroundings<'a>,
}

impl Builder<'_> {
    fn named(&self, name: &str) -> Result<&Strategy, ContextError> {
        let catalog = self.input.catalog;
        let entry = catalog
            .get(name)
            .ok_or_else(|| ContextError::UnknownStrategy {
                name: name.to_owned(),
                suggestion: catalog.nearest(name).map(str::to_owned),
            })?;
        entry.strategy().map_err(|error| broken(entry, error))
    }

    /// The first strategy, by rank, that applies and shows the change without cutting it; failing that, the last one
    /// that applies.
    fn auto(&self) -> Result<Context, ContextError> {
        let catalog = self.input.catalog;
        if let Some(entry) = catalog.broken_replacement()
            && let Err(error) = entry.strategy()
        {
            return Err(broken(entry, error));
        }
        let ranked = catalog.ranked();
        let mut measures = Measures::new(self.input.changes, self.secret_names);
        let mut considered: Vec<Considered> = Vec::new();
        let mut cut: Option<Context> = None;
        for strategy in ranked {
            let pass = |reason: String| Considered {
                strategy: strategy.name.clone(),
                taken: false,
                reason,
            };
            match measures.judge(strategy) {
                Err(miss) => considered.push(pass(miss)),
                Ok(fit) => {
                    let reason = match considered.as_slice() {
                        [] => fit.clone(),
                        missed => format!("{fit}; {}", passed_over(missed)),
                    };
                    let mut context = self.build(strategy, reason)?;
                    // A strategy that says when it applies promises to show the change whole.
                    if strategy.when.is_empty() || !context.ledger.is_cut() {
                        considered.push(Considered {
                            taken: true,
                            ..pass(fit)
                        });
                        context.considered = considered;
                        return Ok(context);
                    }
                    considered.push(pass("its budget would cut the change".to_owned()));
                    cut = Some(context);
                }
            }
        }
        let Some(mut context) = cut else {
            return Err(ContextError::NoneApplies(passed_over(&considered)));
        };
        for other in &mut considered {
            other.taken = other.strategy == context.strategy;
        }
        context.considered = considered;
        Ok(context)
    }

    fn build(&self, strategy: &Strategy, reason: String) -> Result<Context, ContextError> {
        let changes = self.input.changes;
        let budget = self.input.budget.unwrap_or(strategy.budget);
        let collectors = self.collectors(strategy)?;
        let presenter = Presenter::new();
        let target = target_text(changes, &presenter);
        let opening = opening(&strategy.guidance, &dearest_id());
        let fixed = Cost::of(&opening)
            + Cost::of(&target.text)
            + frame_cost(TARGET_TITLE)
            + frame_cost(LEDGER_TITLE)
            + LEDGER_RESERVE;
        let room = Room::of(budget)
            .without(fixed)
            .ok_or_else(|| ContextError::BudgetTooSmall {
                strategy: strategy.name.clone(),
                given: budget.bytes,
                // Where tokens are what is short, as many bytes are certain to hold them.
                needed: fixed.bytes.max(fixed.tokens),
            })?;
        let scene = Scene {
            changes,
            presenter: &presenter,
            claims: self.input.claims,
            secret_names: self.secret_names,
            surroundings: self.surroundings,
            programs: self.registry.programs(),
            strategy_folder: strategy.folder.as_deref(),
        };
        self.surroundings.begin_context();
        let packed = pack(&strategy.sections, &collectors, &scene, room);
        let ledger = self.ledger(&packed);
        let mut parts = vec![(TARGET_TITLE, target.text)];
        let mut sections = Vec::new();
        let mut redactions = target.redactions;
        let mut escaped = target.escaped;
        for section in &packed {
            let Some(text) = section.text() else {
                continue;
            };
            let pieces = section.items.iter().filter_map(|item| item.piece.as_ref());
            for piece in pieces.clone() {
                redactions.extend(piece.redactions.iter().cloned());
                escaped += piece.escaped;
            }
            sections.push(SectionSummary {
                title: section.spec.title.clone(),
                collector: section.spec.collector.clone(),
                bytes: text.len() as u64,
                items: pieces.count(),
                missing: section.missing(),
                failure: section.failure.clone(),
            });
            parts.push((section.spec.title.as_str(), text));
        }
        parts.push((
            LEDGER_TITLE,
            self.ledger_text(
                &ledger,
                &presenter,
                (&mut redactions, escaped),
                &packed,
                room,
            ),
        ));
        let text = assemble(&strategy.guidance, &parts);
        let cost = Cost::of(&text);
        debug_assert!(Room::of(budget).fits(cost), "{cost:?} exceeds {budget:?}");
        Ok(Context {
            strategy: strategy.name.clone(),
            reason,
            bytes: cost.bytes,
            token_estimate: estimate(&text),
            token_bound: cost.tokens,
            budget,
            ledger,
            hash: sha256_hex(text.as_bytes()),
            text,
            summary: summary_line(changes.files()),
            sections,
            accounts: packed.iter().map(SectionAccount::of).collect(),
            considered: Vec::new(),
            redactions,
            escaped,
        })
    }

    fn collectors(&self, strategy: &Strategy) -> Result<Vec<Box<dyn Collector>>, ContextError> {
        let unusable = |message: String| ContextError::Unusable {
            strategy: strategy.name.clone(),
            message,
        };
        strategy
            .sections
            .iter()
            .map(|section| {
                let name = &section.collector;
                let info = self
                    .registry
                    .get(name)
                    .ok_or_else(|| unusable(format!("there is no collector `{name}`")))?;
                (info.make)(&section.options)
                    .map_err(|error| unusable(format!("options of `{name}`: {error}")))
            })
            .collect()
    }

    fn ledger(&self, packed: &[PackedSection<'_>]) -> Ledger {
        let mut ledger = LedgerBuilder::new(self.input.changes.files());
        for (file, secret) in self.secret_names.iter().enumerate() {
            if *secret {
                ledger.omit(file, Omission::SecretName);
            }
        }
        for item in packed.iter().flat_map(|section| &section.items) {
            for (file, reason) in item.omissions() {
                ledger.omit(file, reason);
            }
            for (file, coverage) in item.piece.iter().flat_map(|piece| &piece.coverage) {
                ledger.record(*file, coverage);
            }
        }
        let mut ledger = ledger.finish(self.input.changes);
        ledger.failed_sections = packed
            .iter()
            .filter_map(|section| {
                Some(FailedSection {
                    title: section.spec.title.clone(),
                    reason: section.failure.clone()?,
                })
            })
            .collect();
        ledger
    }

    /// The ledger for the reader: counts always, details as far as there is room.
    fn ledger_text(
        &self,
        ledger: &Ledger,
        presenter: &Presenter,
        (redactions, escaped): (&mut Vec<Redaction>, usize),
        packed: &[PackedSection<'_>],
        room: Room,
    ) -> String {
        let used: Cost = packed.iter().map(|section| section.cost).sum();
        let left = room.less(used);
        let details = details_text(ledger, presenter, |lines| left.fits(Cost::of(lines)));
        redactions.extend(details.redactions);
        let mut text = counts_text(ledger);
        if !redactions.is_empty() || escaped > 0 {
            text.push_str(&format!(
                "secrets taken out: {}; characters written out: {escaped}\n",
                redactions.len()
            ));
        }
        text.push_str(&details.text);
        text
    }
}

/// `not `inline`: 21 files (at most 2); …`
fn passed_over(considered: &[Considered]) -> String {
    let words: Vec<String> = considered
        .iter()
        .map(|other| format!("not `{}`: {}", other.strategy, other.reason))
        .collect();
    words.join("; ")
}

fn broken(entry: &super::strategy::Entry, error: &StrategyError) -> ContextError {
    ContextError::BrokenStrategy {
        name: entry.name.clone(),
        layer: entry.layer.to_string(),
        message: error.to_string(),
        hint: error.hint(),
    }
}

/// What stands before the first envelope.
fn opening(guidance: &str, id: &str) -> String {
    let preface = fill(PREFACE, &[("id", id)]).expect("a test builds a context");
    match guidance {
        "" => format!("{preface}\n"),
        guidance => format!("{preface}\n{guidance}\n\n"),
    }
}

fn assemble(guidance: &str, parts: &[(&str, String)]) -> String {
    let envelope = Envelope::around(parts.iter().map(|(_, text)| text.as_str()));
    let mut text = opening(guidance, envelope.id());
    for (index, (title, content)) in parts.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        envelope.wrap_into(&mut text, title, content);
    }
    text
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
