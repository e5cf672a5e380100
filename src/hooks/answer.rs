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
        /// In the engine's words, with what stood below the first line; never empty.
        reason: String,
    },
    /// Anything else could not be judged.
    Unclear {
        /// The first line as it came, cut to a readable length.
        first_line: String,
    },
}

const SHOWN_CHARS: usize = 200;
/// A longer reason is cut.
const MAX_REASON_BYTES: usize = 8 << 10;

impl GateAnswer {
    /// Cuts a reason that is longer than anybody reads, and says that the rest is in the result of `job`.
    #[must_use]
    pub fn cut(mut self, job: &str) -> Self {
        if let GateAnswer::Allow { reason } | GateAnswer::Block { reason } = &mut self
            && reason.len() > MAX_REASON_BYTES
        {
            reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
            reason.push_str(&format!("…\n\n(cut; all of it: codex-review result {job})"));
        }
        self
    }
}

/// Reads the engine's answer. Markdown around the word (`**BLOCK:** …`) is tolerated; another word is not. An objection
/// that says nothing is none.
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
    } else if let Some(reason) = worded("BLOCK")
        && let reason = format!("{reason}\n\n{}", below.trim()).trim().to_owned()
        && !reason.is_empty()
    {
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
        check(
            "**BLOCK:**\n\nwhy",
            GateAnswer::Block {
                reason: reason("why"),
            },
        );
        check(
            "ALLOW:",
            GateAnswer::Allow {
                reason: String::new(),
            },
        );
        for unclear in [
            "",
            "BLOCK:",
            "**BLOCK:**",
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

    #[test]
    fn a_long_reason_is_cut_and_says_where_the_rest_is() {
        let said = read_answer(&format!("BLOCK: {}", "é".repeat(100_000)));
        let GateAnswer::Block { reason } = said.cut("task-1") else {
            panic!("it stays an objection");
        };
        assert!(reason.len() < MAX_REASON_BYTES + 100, "{}", reason.len());
        assert!(reason.ends_with("codex-review result task-1)"), "{reason}");
        let short = read_answer("BLOCK: no");
        assert_eq!(short.clone().cut("task-1"), short);
    }
}
