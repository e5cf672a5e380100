//! A number of tokens that a text never exceeds, by o200k: what budgets are kept with.
//!
//! o200k first splits a text into pieces by a pattern, and then joins the bytes of each piece: as long as two neighbours
//! together are in its vocabulary, some such pair is joined. Two things follow. A piece that is in the vocabulary is one
//! token. And at the end no two neighbours are together in the vocabulary, so that a piece has at most as many tokens as the
//! longest way to cut it in which no two neighbouring parts together are *known* to be in the vocabulary. What is known is
//! a list, `known_tokens.txt`: every short combination of letters, and the most frequent pieces of source code and prose.
//! Tests hold each entry, and the bound itself, against the real tokenizer.
//!
//! Pieces are found here as the pattern finds them in ASCII. A run of characters up to the next blank that holds anything
//! else counts a token for each byte, which no byte-level tokenizer exceeds.
//!
//! The bound of a text is the sum over its lines, so that budgets can be kept part by part. Two kinds of pieces can reach
//! over a line end, and are paid for where they go on: a line that is blank pays for each of its bytes, and one that begins
//! with a line end or a slash pays for what the piece before it may have got too cheaply.

use super::known_tokens::{is_known, is_known_with_line_end, known_endings};

/// A longer piece counts its bytes.
const LONGEST_CUT: usize = 24;
/// A piece with the line end behind it, of up to so many bytes, may count as one token where it is known.
const LONGEST_KNOWN_END: usize = 4;
/// What such a piece may have counted too little, should it go on in the next line.
const GOES_ON: u64 = LONGEST_KNOWN_END as u64 - 1;
/// Runs of so many spaces or tabs are one token each.
const MOST_SPACES: usize = 79;
const MOST_TABS: usize = 20;

/// A number of tokens that `text` never exceeds. The bound of a text is the sum of those of its lines.
#[must_use]
pub fn bound(text: &str) -> u64 {
    text.split_inclusive('\n')
        .map(|line| bound_of_line(line, u64::MAX))
        .sum()
}

/// As [`bound`]; `None` once it is more than `most`, without a look at the rest.
#[must_use]
pub(super) fn bound_within(text: &str, most: u64) -> Option<u64> {
    let mut tokens = 0;
    for line in text.split_inclusive('\n') {
        tokens += bound_of_line(line, most - tokens);
        if tokens > most {
            return None;
        }
    }
    Some(tokens)
}

/// The bound of a line, or a number above `most` that the bound is at least.
fn bound_of_line(line: &str, most: u64) -> u64 {
    let bytes = line.as_bytes();
    let (body, has_end) = match bytes.strip_suffix(b"\n") {
        Some(body) => (body, true),
        None => (bytes, false),
    };
    let goes_on = match bytes.first() {
        Some(b'\n' | b'\r' | b'/') => GOES_ON,
        _ => 0,
    };
    // A carriage return, and a blank that ASCII does not know, take part in pieces that are not looked for here.
    let is_odd = || {
        body.contains(&b'\r')
            || (!line.is_ascii()
                && line
                    .chars()
                    .any(|char| !char.is_ascii() && char.is_whitespace()))
    };
    if body.iter().all(|byte| is_blank(*byte)) || is_odd() {
        return bytes.len() as u64 + goes_on;
    }
    let mut tokens = goes_on;
    let mut at = 0;
    // Where the last word ends that was looked through: a long one has many pieces and is looked through once.
    let mut ascii_until = 0;
    while at < body.len() {
        let (length, cost) = piece(&body[at..], has_end, at, &mut ascii_until);
        tokens += cost;
        if tokens > most {
            return tokens;
        }
        at += length;
    }
    // Behind a letter or a digit a line end is a token; signs and blanks before it have counted it.
    let last = body[body.len() - 1];
    tokens + u64::from(has_end && (last.is_ascii_alphanumeric() || !last.is_ascii()))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

fn is_sign(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !is_blank(byte)
}

/// The first piece of the rest of a line: its length, and the most tokens that it is. `has_end` says that a line end follows
/// the rest. The rest begins at `at`, and the word there is known to be ASCII up to `ascii_until`.
fn piece(rest: &[u8], has_end: bool, at: usize, ascii_until: &mut usize) -> (usize, u64) {
    let blanks = run(rest, is_blank);
    if blanks == rest.len() {
        // With the line end behind it, or without, one piece.
        return (blanks, blanks as u64 + u64::from(has_end));
    }
    if at + blanks >= *ascii_until {
        let word_length = run(&rest[blanks..], |byte| !is_blank(byte));
        let word = &rest[blanks..blanks + word_length];
        if !word.is_ascii() {
            return (
                blanks + word_length,
                blanks_cost(&rest[..blanks]) + word_length as u64 + 1,
            );
        }
        *ascii_until = at + blanks + word_length;
    }
    if blanks > 1 {
        // All but the last of several blanks are a piece; the last one may go with what follows.
        return (blanks - 1, blanks_cost(&rest[..blanks - 1]));
    }
    let first = rest[blanks];
    let second = rest.get(blanks + 1).copied().unwrap_or(0);
    if first.is_ascii_alphabetic() {
        let length = blanks + letters(&rest[blanks..]);
        return (length, cut(&rest[..length]));
    }
    if first.is_ascii_digit() {
        if blanks == 1 {
            return (1, 1);
        }
        // Every group of up to three digits is in the vocabulary.
        let length = run(&rest[..rest.len().min(3)], |byte| byte.is_ascii_digit());
        return (length, 1);
    }
    if blanks == 0 && second.is_ascii_alphabetic() {
        let length = 1 + letters(&rest[1..]);
        return (length, cut(&rest[..length]));
    }
    if blanks == 1 && rest[0] != b' ' {
        return (1, 1);
    }
    let length = blanks + run(&rest[blanks..], is_sign);
    let signs = &rest[..length];
    if length < rest.len() || !has_end {
        return (length, cut(signs));
    }
    let with_end = length + 1;
    let is_known = with_end <= LONGEST_KNOWN_END && is_known_with_line_end(signs);
    (length, if is_known { 1 } else { with_end as u64 })
}

/// Letters as the pattern takes them: capitals, then small ones, and a contraction behind them.
fn letters(bytes: &[u8]) -> usize {
    let capitals = run(bytes, |byte| byte.is_ascii_uppercase());
    let small = run(&bytes[capitals..], |byte| byte.is_ascii_lowercase());
    let length = capitals + small;
    let behind = &bytes[length..];
    if behind.first() != Some(&b'\'') {
        return length;
    }
    let contraction = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
        .into_iter()
        .find(|word| {
            behind
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        });
    length + contraction.map_or(0, str::len)
}

/// A run of one kind of blank is one token up to a length; any other counts its bytes.
fn blanks_cost(blanks: &[u8]) -> u64 {
    let all = |byte: u8| blanks.iter().all(|other| *other == byte);
    let is_known =
        (blanks.len() <= MOST_SPACES && all(b' ')) || (blanks.len() <= MOST_TABS && all(b'\t'));
    match is_known {
        true => u64::from(!blanks.is_empty()),
        false => blanks.len() as u64,
    }
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| !belongs(*byte))
        .unwrap_or(bytes.len())
}

/// The most parts that a piece can be cut into so that no two neighbours together are known tokens.
fn cut(piece: &[u8]) -> u64 {
    let length = piece.len();
    if length <= 1 || is_known(piece) {
        return length.min(1) as u64;
    }
    if length > LONGEST_CUT {
        return length as u64;
    }
    // At `slot(start, end)`: the most parts of the beginning up to `end` whose last part begins at `start`; 0 for none.
    const SIDE: usize = LONGEST_CUT + 1;
    let slot = |start: usize, end: usize| start * SIDE + end;
    let mut most = [0_u8; SIDE * SIDE];
    for end in 1..=length {
        // Looked up once for all the places at which the last part may begin.
        let mut joined = [false; SIDE];
        known_endings(&piece[..end], &mut joined[..end - 1]);
        most[slot(0, end)] = 1;
        for start in 1..end {
            let before = (0..start)
                .filter(|earlier| most[slot(*earlier, start)] > 0 && !joined[*earlier])
                .map(|earlier| most[slot(earlier, start)])
                .max();
            most[slot(start, end)] = before.map_or(0, |parts| parts + 1);
        }
    }
    let longest = (0..length).map(|start| most[slot(start, length)]).max();
    u64::from(longest.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::known_tokens::{LINE_END_MARK, LIST};

    #[test]
    fn a_bound_within_a_limit_is_the_bound_or_nothing() {
        for text in [
            "",
            "\n",
            "fn main() {}\n",
            "a b c\n\n  d\n",
            "日本 x\r\n/y\n",
        ] {
            let whole = bound(text);
            assert_eq!(bound_within(text, whole), Some(whole), "{text:?}");
            for most in 0..whole {
                assert_eq!(bound_within(text, most), None, "{text:?} in {most}");
            }
        }
    }

    /// What used to happen: each piece of a word looked through the rest of it, so that a line of base64 took minutes.
    #[test]
    fn a_long_word_is_looked_through_once() {
        let began = std::time::Instant::now();
        let word = "a1B2/".repeat(200_000);
        assert!(bound(&word) >= word.len() as u64 / 24);
        assert!(began.elapsed() < std::time::Duration::from_secs(60));
    }

    fn truth(text: &str) -> u64 {
        let tokenizer = tiktoken_rs::o200k_base_singleton();
        tokenizer.encode_ordinary(text).len() as u64
    }

    #[test]
    fn every_known_token_is_one_token() {
        let wrong: Vec<&str> = LIST
            .lines()
            .filter(|line| truth(&line.replace(LINE_END_MARK, "\n")) != 1)
            .collect();
        assert_eq!(wrong, [] as [&str; 0]);
        for count in 1..=MOST_SPACES {
            assert_eq!(truth(&" ".repeat(count)), 1, "{count} spaces");
        }
        for count in 1..=MOST_TABS {
            assert_eq!(truth(&"\t".repeat(count)), 1, "{count} tabs");
        }
        for number in 0..1000 {
            for digits in [
                format!("{number}"),
                format!("{number:02}"),
                format!("{number:03}"),
            ] {
                assert_eq!(truth(&digits), 1, "{digits}");
            }
        }
    }

    #[test]
    fn over_this_source_the_bound_holds_and_is_near() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut all, mut all_bounds) = (0, 0);
        for entry in ignore::WalkBuilder::new(root)
            .build()
            .filter_map(Result::ok)
        {
            let is_text = |name: &str| {
                [
                    ".rs", ".md", ".toml", ".json", ".lock", ".snap", ".txt", ".yml",
                ]
                .into_iter()
                .any(|end| name.ends_with(end))
            };
            if !entry.file_name().to_str().is_some_and(is_text) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(entry.path()) else {
                continue;
            };
            // As a patch shows it, and as it is.
            let patch: String = text
                .lines()
                .take(80)
                .map(|line| format!("+{line}\n"))
                .collect();
            let beginning: String = text.split_inclusive('\n').take(80).collect();
            for text in [patch, beginning] {
                let (truth, bound) = (truth(&text), bound(&text));
                assert!(
                    truth <= bound,
                    "{}: {truth} > {bound}",
                    entry.path().display()
                );
                all += truth;
                all_bounds += bound;
            }
        }
        assert!(all > 100_000, "the walk found the source: {all}");
        assert!(
            all_bounds * 2 < all * 3,
            "the bound is {all_bounds} for {all} tokens"
        );
    }

    fn check(text: &str) {
        let (truth, bound) = (truth(text), bound(text));
        assert!(truth <= bound, "{text:?}: {truth} > {bound}");
    }

    #[test]
    fn pieces_that_reach_over_line_ends_are_paid_for() {
        for text in [
            "}\n// x\n",
            ");\n\n\n/a",
            "a  \n \n\t\nb",
            "x\r\n\r\ny\r\n",
            "*/\n/\n//\n///\n",
            "don't I'LL we'Re x'start\n",
            "caf\u{e9}'s \u{2014} \u{a0} \u{3000}x\u{2028}\n\u{85}\n",
            "\t\t(x) \t [y]\n",
            "zqzvkqwzxjqjv QJXKZQ\n",
        ] {
            check(text);
        }
    }

    fn words() -> impl Strategy<Value = String> {
        "([ \t]{1,5}|[A-Za-z]{1,9}|[a-z]{1,30}|[A-Z]{1,12}|[0-9]{1,7}|[!-/:-@\\[-`{-~]{1,6}|'s|'LL|\n{1,3}|\r\n|é|漢|—|\u{a0}|\u{3000}|[^\\x00]){0,24}"
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn no_text_has_more_tokens_than_its_bound(text in words()) {
            let (truth, bound) = (truth(&text), bound(&text));
            prop_assert!(truth <= bound, "{text:?}: {truth} > {bound}");
        }

        #[test]
        fn a_whole_is_the_sum_of_its_lines(texts in proptest::collection::vec(words(), 0..6)) {
            let lines: Vec<String> = texts.into_iter().map(|text| text + "\n").collect();
            let sum: u64 = lines.iter().map(|line| bound(line)).sum();
            prop_assert_eq!(bound(&lines.concat()), sum);
        }
    }
}
