//! The rules as they are written down, by family, most specific first: where two rules meet, the earlier one names the hit.
//!
//! They are tables of this program and not a file that is read: a command that meets no keyword pays nothing for them.
//! A rule has an id (stable, shown in placeholders: `[redacted:<id>#<n>]`), one line for people, keywords in lower case (its
//! pattern is only tried near one of them) and a [`Pattern`], ASCII only, with every repetition bounded. `private-key` is a
//! block of lines, found by code (`block.rs`).

mod cloud;
mod collaboration;
mod hosting;
mod infrastructure;
mod messaging;
mod models;
mod payment;
mod shapes;

/// All rules, in order of precedence.
pub(super) fn all() -> impl Iterator<Item = &'static RuleText> {
    [
        cloud::RULES,
        hosting::RULES,
        messaging::RULES,
        payment::RULES,
        models::RULES,
        infrastructure::RULES,
        collaboration::RULES,
        shapes::RULES,
    ]
    .into_iter()
    .flatten()
}

/// One rule that looks at single lines.
#[derive(Debug)]
pub(super) struct RuleText {
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    pub(super) keywords: &'static [&'static str],
    pub(super) pattern: Pattern,
    /// Shannon bits per byte that a secret must reach.
    pub(super) entropy: f64,
    /// Nothing but a suspicious name points at the secret, so the value must also look random.
    pub(super) generic: bool,
    /// Patterns, tried on the secret, of values that are known to be harmless.
    pub(super) allow: &'static [&'static str],
}

/// What a rule looks for.
#[derive(Debug)]
pub(super) enum Pattern {
    /// The secret is the first group that took part in a match, else the whole match.
    Regex(&'static str),
    /// The secret is `value` where it is assigned, in any of the usual notations, to something called like `names`.
    Assigned {
        names: &'static str,
        value: &'static str,
    },
}

const fn rule(
    id: &'static str,
    description: &'static str,
    keywords: &'static [&'static str],
    pattern: Pattern,
) -> RuleText {
    RuleText {
        id,
        description,
        keywords,
        pattern,
        entropy: 0.0,
        generic: false,
        allow: &[],
    }
}

const fn regex(pattern: &'static str) -> Pattern {
    Pattern::Regex(pattern)
}

const fn assigned(names: &'static str, value: &'static str) -> Pattern {
    Pattern::Assigned { names, value }
}

impl RuleText {
    const fn entropy(mut self, bits: f64) -> Self {
        self.entropy = bits;
        self
    }

    const fn generic(mut self) -> Self {
        self.generic = true;
        self
    }

    const fn allow(mut self, patterns: &'static [&'static str]) -> Self {
        self.allow = patterns;
        self
    }
}
