//! Values that only stand in for a secret, and our own placeholders.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// What our placeholders begin with.
pub(super) const OPENING: &str = "[redacted:";

/// The placeholder for the `ordinal`th secret of a run.
pub(super) fn placeholder(rule: &str, ordinal: usize) -> String {
    format!("{OPENING}{rule}#{ordinal}]")
}

/// Where our own placeholders stand in a text.
pub(super) fn existing(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(OPENING) {
        let start = from + at;
        from = start + OPENING.len();
        let tail = &text.as_bytes()[from..];
        let rule = tail
            .iter()
            .take(64)
            .take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || **byte == b'-')
            .count();
        if rule == 0 || tail.get(rule) != Some(&b'#') {
            continue;
        }
        let digits = tail[rule + 1..]
            .iter()
            .take(20)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits > 0 && tail.get(rule + 1 + digits) == Some(&b']') {
            let end = from + rule + digits + 2;
            found.push(start..end);
            from = end;
        }
    }
    found
}

/// Words that nobody's real credential holds.
static STAND_IN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)example|placeholder|change[_-]?me|xxxx|\*{3}|\.{3}|your[_-]|redacted|dummy|<[a-z_ -]{1,40}>|0123456789|1234567890|abcdefghij|deadbeef|insert[_-]|replace[_-]|todo",
    )
});

/// More words, for values that nothing but a name makes suspicious.
static WEAK_STAND_IN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:test|fake|mock|sample|demo|foo|bar|none|null|undefined|true|false|default)|test|fake|mock|secret|passw|token|sample|123456|qwerty|abcdef|hunter2|s3cr3t|letmein",
    )
});

/// Code and templates: an expression stands where a value could.
static EXPRESSION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^[$%@<\[({&#]|\$\{|\{\{|#\{|%\(|\{[A-Za-z_.]{0,40}\}|^process\.env|^os\.|^env[.(\[]|^[A-Za-z_.]{1,80}\(|\)$|^https?://|^[a-z]{1,12}:[a-z/]|^[./~]|^arn:|^[a-z]{1,20}\||\\u[0-9a-f]{4}",
    )
});

/// Words, names and paths: parts that each look like a word or a number of one or two digits.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[A-Z]{1,30}|[A-Za-z]?[a-z]{1,30}|[A-Z]{2,6}[a-z]{1,30}|[a-z]{1,20}[0-9]{1,2})(?:[-_./: ,#@]{0,2}(?:[A-Z]{1,6}[a-z]{0,30}|[a-z]{1,30}|[0-9]{1,3})){0,30}$",
    )
});

fn pattern(text: &str) -> Regex {
    regex::bytes::RegexBuilder::new(text)
        .unicode(false)
        .build()
        .expect("constant patterns compile")
}

/// Whether a value only stands in for a secret, whatever rule found it.
pub(super) fn is_stand_in(secret: &[u8]) -> bool {
    STAND_IN.is_match(secret) || longest_run(secret) >= 6
}

/// Whether a value that nothing but a name makes suspicious looks like anything but a random secret.
pub(super) fn is_ordinary(secret: &[u8]) -> bool {
    let digits = secret.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = secret
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    digits == 0
        || letters == 0
        || WEAK_STAND_IN.is_match(secret)
        || EXPRESSION.is_match(secret)
        || looks_like_words(secret)
}

/// Few digits, and everything else words: an identifier, a path, a version.
fn looks_like_words(secret: &[u8]) -> bool {
    let digits = secret.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits * 6 < secret.len() && mean_word(secret) >= 3.0 && WORDS.is_match(secret)
}

/// The mean length of the runs of letters of one case (a leading capital belongs to its word).
fn mean_word(secret: &[u8]) -> f64 {
    let mut words = 0_u32;
    let mut letters = 0_u32;
    let mut inside = false;
    let mut previous_lower = false;
    for byte in secret {
        let letter = byte.is_ascii_alphabetic();
        let breaks = byte.is_ascii_uppercase() && previous_lower;
        if letter {
            letters += 1;
            if !inside || breaks {
                words += 1;
            }
        }
        inside = letter;
        previous_lower = byte.is_ascii_lowercase();
    }
    if words == 0 {
        return 0.0;
    }
    f64::from(letters) / f64::from(words)
}

fn longest_run(bytes: &[u8]) -> usize {
    let (mut longest, mut current) = (0, 0);
    let mut previous = None;
    for byte in bytes {
        current = if previous == Some(byte) {
            current + 1
        } else {
            1
        };
        longest = longest.max(current);
        previous = Some(byte);
    }
    longest
}

/// Shannon entropy in bits per byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_zero_for_one_letter_and_log2_for_all_different() {
        assert!(entropy(b"aaaa") < 1e-9);
        assert!((entropy(b"abcdefgh") - 3.0).abs() < 1e-9);
        assert!((entropy(b"aabb") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn stand_ins_are_told_from_random_values() {
        for value in [
            "AKIAIOSFODNN7EXAMPLE",
            "xxxxxxxxxxxxxxxxxxxx",
            "ghp_000000000000000000000000000000000000",
            "<your token>",
            "changeme-now-1",
        ] {
            assert!(is_stand_in(value.as_bytes()), "`{value}`");
        }
        assert!(!is_stand_in(b"q8Zk2vN0pRt7Lw4XyB9c"));
    }

    #[test]
    fn code_words_and_paths_are_ordinary() {
        for value in [
            "${API_TOKEN_2}",
            "process.env.API_KEY1",
            "user.session.v2",
            "secrets/prod/v1/db",
            "onlyLettersHere",
            "4815162342",
            "https://idp.internal/oauth2",
            "getSecret(42)",
            "OAuth2AccessTokenProvider",
            "reset-link-v2",
        ] {
            assert!(is_ordinary(value.as_bytes()), "`{value}`");
        }
        for value in [
            "q8Zk2vN0pRt7Lw4XyB9c",
            "9f86d081884c7d65",
            "c0rrect-h0rse-b4ttery!",
        ] {
            assert!(!is_ordinary(value.as_bytes()), "`{value}`");
        }
    }

    #[test]
    fn only_well_formed_placeholders_count() {
        let text = format!(
            "a {} b [redacted:#1] [redacted:x#] [redacted:x#1",
            placeholder("jwt", 12)
        );
        let found = existing(&text);
        assert_eq!(found.len(), 1);
        assert_eq!(&text[found[0].clone()], "[redacted:jwt#12]");
    }
}
