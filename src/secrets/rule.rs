//! The rules of `rules.toml`, compiled as they are needed.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::block::PRIVATE_KEY;

/// What can be said about a rule without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// The stable id that placeholders and findings carry.
    pub id: &'static str,
    /// One line for people: what kind of credential it is.
    pub description: &'static str,
}

/// Every rule, the ones that look at single lines first, in order of precedence.
#[must_use]
pub fn rule_infos() -> Vec<RuleInfo> {
    let lines = RULES.rules.iter().map(|rule| RuleInfo {
        id: &rule.id,
        description: &rule.description,
    });
    lines.chain([PRIVATE_KEY]).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRules {
    rule: Vec<WireRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRule {
    id: String,
    description: String,
    keywords: Vec<String>,
    regex: Option<String>,
    names: Option<String>,
    value: Option<String>,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    generic: bool,
    #[serde(default)]
    allow: Vec<String>,
}

/// One rule that looks at single lines.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    description: String,
    pattern: String,
    compiled: OnceLock<Regex>,
    /// Bits per byte that a secret must reach.
    pub(super) entropy: f64,
    /// Nothing but a name points at the secret.
    pub(super) generic: bool,
    allow: Vec<String>,
    allowed: OnceLock<Vec<Regex>>,
}

impl Rule {
    fn from_wire(wire: WireRule) -> Self {
        let pattern = match (wire.regex, wire.names, wire.value) {
            (Some(regex), None, None) => regex,
            (None, Some(names), Some(value)) => assignment(&names, &value),
            _ => panic!("rule `{}` needs `regex`, or `names` and `value`", wire.id),
        };
        Rule {
            id: wire.id,
            description: wire.description,
            pattern,
            compiled: OnceLock::new(),
            entropy: wire.entropy,
            generic: wire.generic,
            allow: wire.allow,
            allowed: OnceLock::new(),
        }
    }

    /// The pattern; its first group that took part in a match is the secret.
    pub(super) fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| compile(&self.pattern))
    }

    /// Whether a value is known to be harmless.
    pub(super) fn allows(&self, secret: &[u8]) -> bool {
        self.allowed
            .get_or_init(|| self.allow.iter().map(|pattern| compile(pattern)).collect())
            .iter()
            .any(|pattern| pattern.is_match(secret))
    }
}

/// `value` is assigned, in any of the usual notations, to something called like `names`.
fn assignment(names: &str, value: &str) -> String {
    format!(
        r#"(?i:{names})["'\]]{{0,2}}\s{{0,8}}(?:=>|:=|=|:)\s{{0,8}}["'`]?({value})(?:["'`\s;,)\\]|$)"#
    )
}

fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("a test compiles every embedded pattern")
}

/// All rules, with the automaton that finds their keywords.
#[derive(Debug)]
pub(super) struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) keywords: AhoCorasick,
    /// For each keyword, the rules that it belongs to.
    pub(super) owners: Vec<Vec<usize>>,
}

/// The embedded rules.
pub(super) static RULES: LazyLock<RuleSet> = LazyLock::new(|| load(include_str!("rules.toml")));

fn load(text: &str) -> RuleSet {
    let wire: WireRules = toml::from_str(text).expect("a test reads the embedded rules");
    let mut words: Vec<String> = Vec::new();
    let mut owners: Vec<Vec<usize>> = Vec::new();
    let mut rules = Vec::with_capacity(wire.rule.len());
    for (index, mut rule) in wire.rule.into_iter().enumerate() {
        for word in std::mem::take(&mut rule.keywords) {
            match words.iter().position(|known| *known == word) {
                Some(at) => owners[at].push(index),
                None => {
                    words.push(word);
                    owners.push(vec![index]);
                }
            }
        }
        rules.push(Rule::from_wire(rule));
    }
    let keywords = AhoCorasickBuilder::new()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(&words)
        .expect("a hundred short words always fit an automaton");
    RuleSet {
        rules,
        keywords,
        owners,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_embedded_rule_compiles_and_is_well_formed() {
        let mut ids = BTreeSet::new();
        for rule in &RULES.rules {
            assert!(ids.insert(&rule.id), "two rules are called `{}`", rule.id);
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(rule.id.bytes().all(plain), "`{}`", rule.id);
            assert!(!rule.description.is_empty(), "`{}`", rule.id);
            assert!(
                rule.regex().captures_len() >= 2,
                "`{}` has no group",
                rule.id
            );
            assert!(!rule.allows(b"never-a-value"), "`{}`", rule.id);
        }
        assert!(ids.len() >= 60, "only {} rules", ids.len());
    }

    #[test]
    fn every_keyword_is_lower_case_and_no_rule_lacks_one() {
        let wire: WireRules = toml::from_str(include_str!("rules.toml")).unwrap();
        for rule in wire.rule {
            assert!(!rule.keywords.is_empty(), "`{}`", rule.id);
            for word in rule.keywords {
                assert_eq!(word, word.to_lowercase(), "`{}`", rule.id);
                assert!(word.len() >= 2, "`{}`: `{word}` is too short", rule.id);
            }
        }
    }

    /// A match of a pattern without bounds could reach over a whole window again and again.
    #[test]
    fn every_repetition_is_bounded() {
        for rule in &RULES.rules {
            let mut in_class = false;
            let mut escaped = false;
            let mut previous = ' ';
            for (at, letter) in rule.pattern.char_indices() {
                let literal = escaped || in_class;
                escaped = !escaped && letter == '\\';
                match letter {
                    '[' if !literal => in_class = true,
                    ']' if in_class && previous != '\\' => in_class = false,
                    '*' | '+' if !literal => panic!("`{}` repeats without end at {at}", rule.id),
                    '}' if !literal && previous == ',' => {
                        panic!("`{}` repeats without end at {at}", rule.id)
                    }
                    _ => {}
                }
                previous = letter;
            }
        }
    }
}
