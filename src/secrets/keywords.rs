//! Where the keywords of the rules begin in a text.
//!
//! Keywords are few and short, and most texts are too: building an automaton for them costs more than looking at the text.
//! So one bit for each pair of letters says whether some keyword begins with it, and only there keywords are compared.

use super::rules::RuleText;

/// The keywords of all rules. A keyword has at least two letters, in lower case; texts may have either case.
pub(super) struct Keywords {
    /// A bit for each pair of bytes.
    pairs: Box<[u64; 1024]>,
    /// Each keyword with its rule, sorted by its first two bytes.
    words: Vec<Keyword>,
}

#[derive(Clone, Copy)]
struct Keyword {
    pair: u16,
    text: &'static str,
    rule: usize,
}

impl Keywords {
    pub(super) fn of(rules: impl Iterator<Item = &'static RuleText>) -> Self {
        let mut words: Vec<Keyword> = rules
            .enumerate()
            .flat_map(|(rule, text)| text.keywords.iter().map(move |text| (rule, *text)))
            .map(|(rule, text)| {
                let bytes = text.as_bytes();
                Keyword {
                    pair: pair(bytes[0], bytes[1]),
                    text,
                    rule,
                }
            })
            .collect();
        words.sort_by_key(|word| word.pair);
        let mut pairs = Box::new([0; 1024]);
        for word in &words {
            pairs[usize::from(word.pair >> 6)] |= 1_u64 << (word.pair & 63);
        }
        Keywords { pairs, words }
    }

    /// Calls `found` for every keyword in `text`, in the order in which they begin, with its place and its rule.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(std::ops::Range<usize>, usize)) {
        for (at, two) in text.windows(2).enumerate() {
            let pair = pair(two[0], two[1]);
            if self.pairs[usize::from(pair >> 6)] & (1 << (pair & 63)) == 0 {
                continue;
            }
            let first = self.words.partition_point(|word| word.pair < pair);
            for word in self.words[first..]
                .iter()
                .take_while(|word| word.pair == pair)
            {
                let end = at + word.text.len();
                let here = text.get(at..end);
                if here.is_some_and(|here| here.eq_ignore_ascii_case(word.text.as_bytes())) {
                    found(at..end, word.rule);
                }
            }
        }
    }
}

fn pair(first: u8, second: u8) -> u16 {
    u16::from_be_bytes([first.to_ascii_lowercase(), second.to_ascii_lowercase()])
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;

    fn found(text: &str) -> Vec<(&str, &'static str)> {
        let all: Vec<&RuleText> = rules::all().collect();
        let mut found = Vec::new();
        Keywords::of(rules::all()).find(text.as_bytes(), |range, rule| {
            found.push((&text[range], all[rule].id));
        });
        found
    }

    #[test]
    fn keywords_are_found_in_either_case_and_where_they_overlap() {
        assert_eq!(found(""), []);
        assert_eq!(found("a"), []);
        assert_eq!(found("GHP_"), [("GHP_", "github-pat")]);
        let at_the_end = found("ops_eyJ");
        assert!(
            at_the_end.contains(&("ops_eyJ", "onepassword-token")),
            "{at_the_end:?}"
        );
        assert!(at_the_end.contains(&("eyJ", "jwt")), "{at_the_end:?}");
    }

    #[test]
    fn every_keyword_leads_to_its_rule() {
        for rule in rules::all() {
            for word in rule.keywords {
                let hits = found(word);
                assert!(hits.contains(&(word, rule.id)), "`{word}`: {hits:?}");
            }
        }
    }
}
