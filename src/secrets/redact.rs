//! Text in, text without its secrets out.

use std::collections::HashMap;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::block::{self, PRIVATE_KEY};
use super::placeholder::placeholder;
use super::scan::{Hit, scan};

/// Takes secrets out of texts and remembers (as hashes) which ones it has met, so that one secret bears one number
/// through a whole run.
#[derive(Debug, Default)]
pub struct Redactor {
    numbers: HashMap<[u8; 32], usize>,
    taken: usize,
}

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The text, with as many lines as before.
    pub text: String,
    /// What was taken out, in order.
    pub found: Vec<Redaction>,
}

/// One secret that was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// The rule that found it.
    pub rule: &'static str,
    /// The secret's number within the redactor's life.
    pub ordinal: usize,
    /// The line where it begins, 1-based.
    pub line: u32,
}

/// Taking one secret out can bring another into view (an overlap, a cut); more rounds than this were never needed.
const ROUNDS: usize = 4;

impl Redactor {
    /// A redactor that has met no secret yet.
    #[must_use]
    pub fn new() -> Self {
        Redactor::default()
    }

    /// A redactor that has met no secret yet and gives out numbers behind `taken`.
    #[must_use]
    pub fn after(taken: usize) -> Self {
        Redactor {
            taken,
            ..Redactor::default()
        }
    }

    /// Replaces every secret by `[redacted:<rule>#<n>]`. A private key of many lines becomes one placeholder a line.
    pub fn redact(&mut self, text: &str) -> Redacted {
        let mut redacted = Redacted {
            text: text.to_owned(),
            found: Vec::new(),
        };
        for _ in 0..ROUNDS {
            let hits = scan(&redacted.text);
            if hits.is_empty() {
                break;
            }
            redacted.text = self.replace(&redacted.text, &hits, &mut redacted.found);
        }
        redacted.found.sort_by_key(|redaction| redaction.line);
        redacted
    }

    fn replace(&mut self, text: &str, hits: &[Hit], found: &mut Vec<Redaction>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for hit in hits {
            out.push_str(&text[copied..hit.range.start]);
            copied = hit.range.end;
            let ordinal = self.number(text, hit);
            let mark = placeholder(hit.rule_id, ordinal);
            if hit.rule_id == PRIVATE_KEY.id {
                push_lines(&mut out, text, &hit.range, &mark);
            } else {
                out.push_str(&mark);
            }
            found.push(Redaction {
                rule: hit.rule_id,
                ordinal,
                line: hit.line,
            });
        }
        out.push_str(&text[copied..]);
        out
    }

    fn number(&mut self, text: &str, hit: &Hit) -> usize {
        let secret = &text[hit.range.clone()];
        self.ordinal(if hit.rule_id == PRIVATE_KEY.id {
            key_digest(secret)
        } else {
            Sha256::digest(secret).into()
        })
    }

    /// The number of the secret with this hash.
    pub(super) fn ordinal(&mut self, digest: [u8; 32]) -> usize {
        let next = self.taken + self.numbers.len() + 1;
        *self.numbers.entry(digest).or_insert(next)
    }
}

/// The hash of a private key. The same key in a file and in a patch is the same key.
pub(super) fn key_digest(key: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for line in key.lines() {
        hash.update(line.trim_matches(['+', '-', ' ', '\t']));
    }
    hash.finalize().into()
}

/// The lines of the block at `block`: of each, the part behind its own prefix, so that a patch keeps its shape.
pub(super) fn key_lines<'a>(
    text: &'a str,
    block: &Range<usize>,
) -> impl Iterator<Item = Range<usize>> + use<'a> {
    let indented = text[..block.start].ends_with(['+', '-', ' ', '\t']);
    let mut start = block.start;
    let lines = text[block.clone()].split('\n').enumerate();
    lines.map(move |(index, line)| {
        let content = line.strip_suffix('\r').unwrap_or(line);
        let prefix = match index > 0 && indented {
            true => block::prefix(content),
            false => 0,
        };
        let range = start + prefix..start + content.len();
        start += line.len() + 1;
        range
    })
}

/// One placeholder for each line of a block that holds something.
fn push_lines(out: &mut String, text: &str, block: &Range<usize>, mark: &str) {
    let mut copied = block.start;
    for line in key_lines(text, block) {
        out.push_str(&text[copied..line.start]);
        if !line.is_empty() {
            out.push_str(mark);
        }
        copied = line.end;
    }
    out.push_str(&text[copied..block.end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(seed: &str) -> String {
        let body: String = seed.chars().cycle().take(36).collect();
        ["ghp", &body].join("_")
    }

    const ONE: &str = "aB3dE5fG7hJ9kL1mN";
    const TWO: &str = "zY8xW6vU4tS2rQ0pO";

    #[test]
    fn the_same_secret_bears_the_same_number_across_texts() {
        let mut redactor = Redactor::new();
        let first = redactor.redact(&format!("a = {}\nb = {}\n", token(ONE), token(TWO)));
        assert_eq!(
            first.text,
            "a = [redacted:github-pat#1]\nb = [redacted:github-pat#2]\n"
        );
        assert_eq!(first.found[1].line, 2);
        let second = redactor.redact(&token(TWO));
        assert_eq!(second.text, "[redacted:github-pat#2]");
    }

    #[test]
    fn redacting_redacted_text_changes_nothing() {
        let text = format!(
            "password = \"{}\"\nurl = https://u:{}@h/\n",
            token(ONE),
            token(TWO)
        );
        let once = Redactor::new().redact(&text);
        assert!(!once.text.contains("ghp_"), "{}", once.text);
        let twice = Redactor::new().redact(&once.text);
        assert_eq!(twice.text, once.text);
        assert_eq!(twice.found, []);
    }

    #[test]
    fn a_key_in_a_patch_keeps_its_lines_and_markers() {
        let label = ["PRIVATE", "KEY"].join(" ");
        let material = "MIIFakeFakeFakeNotAKey0000/+abcDEF";
        let body = format!(
            "+-----BEGIN {label}-----\r\n+{material}\r\n+{material}\r\n+-----END {label}-----\r\n"
        );
        let text = format!("@@ -0,0 +1,5 @@\n{body}+next\n");
        let redacted = Redactor::new().redact(&text);
        let mark = "[redacted:private-key#1]";
        assert_eq!(
            redacted.text,
            format!("@@ -0,0 +1,5 @@\n+{mark}\r\n+{mark}\r\n+{mark}\r\n+{mark}\r\n+next\n")
        );
        assert_eq!(redacted.found.len(), 1);
        assert_eq!(redacted.found[0].line, 2);
    }

    #[test]
    fn the_same_key_has_one_number_in_a_file_and_in_a_patch() {
        let label = ["PRIVATE", "KEY"].join(" ");
        let material = "MIIFakeFakeFakeNotAKey0000/abcDEF";
        let file =
            format!("-----BEGIN {label}-----\n{material}\n{material}\n-----END {label}-----\n");
        let patch: String = file.lines().map(|line| format!("+{line}\n")).collect();
        let mut redactor = Redactor::new();
        assert_eq!(redactor.redact(&file).found[0].ordinal, 1);
        assert_eq!(redactor.redact(&patch).found[0].ordinal, 1);
    }
}
