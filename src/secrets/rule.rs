//! The rules, compiled as they are needed.

use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use super::block::PRIVATE_KEY;
use super::keywords::Keywords;
use super::rules::{self, Pattern, RuleText};

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
    let lines = rules::all().map(|rule| RuleInfo {
        id: rule.id,
        description: rule.description,
    });
    lines.chain([PRIVATE_KEY]).collect()
}

/// One rule that looks at single lines.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) text: &'static RuleText,
    compiled: OnceLock<Regex>,
    allowed: OnceLock<Vec<Regex>>,
}

impl Rule {
    fn new(text: &'static RuleText) -> Self {
        Rule {
            text,
            compiled: OnceLock::new(),
            allowed: OnceLock::new(),
        }
    }

    /// The pattern; its first group that took part in a match is the secret.
    pub(super) fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| compile(&self.pattern()))
    }

    /// Whether a value is known to be harmless.
    pub(super) fn allows(&self, secret: &[u8]) -> bool {
        let compile_all = || self.text.allow.iter().map(|pattern| compile(pattern));
        self.allowed
            .get_or_init(|| compile_all().collect())
            .iter()
            .any(|pattern| pattern.is_match(secret))
    }

    fn pattern(&self) -> String {
        match self.text.pattern {
            Pattern::Regex(pattern) => pattern.to_owned(),
            Pattern::Assigned { names, value } => format!(
                r#"(?i:{names})["'\]]{{0,2}}\s{{0,8}}(?:=>|:=|=|:)\s{{0,8}}["'`]?({value})(?:["'`\s;,)\\]|$)"#
            ),
        }
    }
}

fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("a test compiles every embedded pattern")
}

/// All rules, and where to look for them.
pub(super) struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) keywords: Keywords,
}

/// The embedded rules.
pub(super) static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet {
    rules: rules::all().map(Rule::new).collect(),
    keywords: Keywords::of(rules::all()),
});

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_embedded_rule_compiles_and_is_well_formed() {
        let mut ids = BTreeSet::new();
        for rule in &RULES.rules {
            let id = rule.text.id;
            assert!(ids.insert(id), "two rules are called `{id}`");
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(id.bytes().all(plain), "`{id}`");
            assert!(!rule.text.description.is_empty(), "`{id}`");
            assert!(rule.regex().captures_len() >= 2, "`{id}` has no group");
            assert!(!rule.allows(b"never-a-value"), "`{id}`");
        }
        assert!(ids.len() >= 60, "only {} rules", ids.len());
    }

    #[test]
    fn every_keyword_is_lower_case_and_no_rule_lacks_one() {
        for rule in rules::all() {
            assert!(!rule.keywords.is_empty(), "`{}`", rule.id);
            for word in rule.keywords {
                assert_eq!(*word, word.to_lowercase(), "`{}`", rule.id);
                assert!(word.len() >= 2, "`{}`: `{word}` is too short", rule.id);
            }
        }
    }

    /// A match of a pattern without bounds could reach over a whole window again and again.
    #[test]
    fn every_repetition_is_bounded() {
        for rule in &RULES.rules {
            let (id, pattern) = (rule.text.id, rule.pattern());
            let mut in_class = false;
            let mut escaped = false;
            let mut previous = ' ';
            for (at, letter) in pattern.char_indices() {
                let literal = escaped || in_class;
                escaped = !escaped && letter == '\\';
                match letter {
                    '[' if !literal => in_class = true,
                    ']' if in_class && previous != '\\' => in_class = false,
                    '*' | '+' if !literal => panic!("`{id}` repeats without end at {at}"),
                    '}' if !literal && previous == ',' => {
                        panic!("`{id}` repeats without end at {at}")
                    }
                    _ => {}
                }
                previous = letter;
            }
        }
    }
}
