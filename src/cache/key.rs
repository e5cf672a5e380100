//! Names of entries: hashes of what they belong to.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What was asked, all of it, as one hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerKey(String);

/// A line of reviews that follow each other: the same kind of review of the same branch against the same base.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReviewKey(String);

impl AnswerKey {
    /// The key of named parts. Their order counts, and no two different lists of parts have one key.
    #[must_use]
    pub fn of(parts: &[(&str, &[u8])]) -> Self {
        AnswerKey(digest(parts))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReviewKey {
    /// The key of named parts, as [`AnswerKey::of`].
    #[must_use]
    pub fn of(parts: &[(&str, &[u8])]) -> Self {
        ReviewKey(digest(parts))
    }

    /// A key that was written down with its `Display`. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_key = text.len() == 64
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_key.then(|| ReviewKey(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReviewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn digest(parts: &[(&str, &[u8])]) -> String {
    let mut hash = Sha256::new();
    for (name, value) in parts {
        for bytes in [name.as_bytes(), value] {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
    hex(&hash.finalize())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let keys = [
            AnswerKey::of(&[("a", b"bc")]),
            AnswerKey::of(&[("ab", b"c")]),
            AnswerKey::of(&[("a", b"b"), ("c", b"")]),
            AnswerKey::of(&[("a", b""), ("c", b"b")]),
            AnswerKey::of(&[]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{key:?}");
        }
    }

    #[test]
    fn only_what_a_key_looks_like_is_read_back_as_one() {
        let key = ReviewKey::of(&[("kind", b"review")]);
        assert_eq!(ReviewKey::parse(&key.to_string()), Some(key));
        for text in ["", "../../etc/passwd", &"g".repeat(64), &"A".repeat(64)] {
            assert_eq!(ReviewKey::parse(text), None, "{text}");
        }
    }
}
