//! The gate's engine answer: its first line says `ALLOW: …` or `BLOCK: …`.

/// What the engine said about a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateAnswer {
    /// The turn may end.
    Allow {
        /// In the engine's words; may be empty.
        reason: String,
    },
    /// Something must be mended first.
    Block {
        /// In the engine's words, with what stood below the first line.
        reason: String,
    },
    /// Anything else could not be judged.
    Unclear {
        /// The first line as it came, cut to a readable length.
        first_line: String,
    },
}

const SHOWN_CHARS: usize = 200;

/// Reads the engine's answer. Markdown around the word (`**BLOCK:** …`) is tolerated; another word is not.
#[must_use]
pub fn read_answer(text: &str) -> GateAnswer {
    let text = text.trim();
    let (first_line, below) = text.split_once('\n').unwrap_or((text, ""));
    let bare = first_line.trim().trim_matches(['*', '`', '#', ' ']);
    let worded = |word: &str| {
        let rest = bare.strip_prefix(word)?.trim_start_matches(['*', '`']);
        let rest = rest.strip_prefix(':')?;
        Some(rest.trim_start_matches(['*', '`']).trim().to_owned())
    };
    if let Some(reason) = worded("ALLOW") {
        GateAnswer::Allow { reason }
    } else if let Some(mut reason) = worded("BLOCK") {
        let below = below.trim();
        if !below.is_empty() {
            reason.push_str("\n\n");
            reason.push_str(below);
        }
        GateAnswer::Block { reason }
    } else {
        GateAnswer::Unclear {
            first_line: first_line.chars().take(SHOWN_CHARS).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: GateAnswer) {
        assert_eq!(read_answer(text), expected, "for {text:?}");
    }

    #[test]
    fn only_the_two_words_decide() {
        let reason = |text: &str| text.to_owned();
        check(
            "ALLOW: fine",
            GateAnswer::Allow {
                reason: reason("fine"),
            },
        );
        check(
            "\n**ALLOW:** fine\nmore",
            GateAnswer::Allow {
                reason: reason("fine"),
            },
        );
        check(
            "BLOCK: a.rs:3 leaks",
            GateAnswer::Block {
                reason: reason("a.rs:3 leaks"),
            },
        );
        check(
            "BLOCK: no\n\nwhy",
            GateAnswer::Block {
                reason: reason("no\n\nwhy"),
            },
        );
        for unclear in [
            "",
            "I would ALLOW: this",
            "ALLOWED: x",
            "BLOCK it",
            "allow: x",
            "{}",
        ] {
            let first_line = unclear.to_owned();
            check(unclear, GateAnswer::Unclear { first_line });
        }
    }
}
