//! The declared settings.

use super::ConfigError;
use crate::near_miss::nearest;

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Switch,
    /// Any text that is not blank.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number between both ends, included.
    Number {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
        /// What is counted.
        unit: Unit,
    },
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Bytes.
    Bytes,
}

/// Whether a repository's own file may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryScope {
    /// It tunes only.
    Allowed,
    /// It costs the user or weakens a gate: only in a repository that the user trusts.
    Trusted,
    /// Only where it makes a gate stricter than the user's own value or the default does: words further to the right,
    /// greater numbers. In a trusted repository it counts either way.
    Stricter,
    /// It names a program or belongs to the machine.
    Never,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name, with dots between table and key.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its value when nobody sets it, as it would be typed; `None` means not set.
    pub default: Option<&'static str>,
    /// The same where a CI system runs the program, for the keys that have another one there.
    pub default_in_ci: Option<&'static str>,
    /// Whether a repository may set it.
    pub repository: RepositoryScope,
    /// What it does, in one line.
    pub about: &'static str,
}

impl Key {
    /// Its value when nobody sets it, in CI or elsewhere.
    #[must_use]
    pub fn default_where(&self, in_ci: bool) -> Option<&'static str> {
        self.default_in_ci.filter(|_| in_ci).or(self.default)
    }

    /// The environment variable that sets it: `CODEX_REVIEW_` and the name in capitals, dots as underscores.
    #[must_use]
    pub fn variable(&self) -> String {
        format!(
            "CODEX_REVIEW_{}",
            self.name.to_ascii_uppercase().replace('.', "_")
        )
    }
}

/// The key of this name, or an error that names the nearest one.
pub fn find_key(name: &str) -> Result<&'static Key, ConfigError> {
    KEYS.iter()
        .find(|key| key.name == name)
        .ok_or_else(|| ConfigError::UnknownKey {
            name: name.to_owned(),
            nearest: nearest(name, KEYS.iter().map(|key| key.name)),
        })
}

macro_rules! keys {
    (@in_ci) => { None };
    (@in_ci $default:literal) => { Some($default) };
    ($($constant:ident = $name:literal, $kind:expr, $default:expr $(=> $in_ci:literal)?, $repository:ident, $about:literal;)*) => {
        $(
            pub(super) const $constant: Key = Key {
                name: $name,
                kind: $kind,
                default: $default,
                default_in_ci: keys!(@in_ci $($in_ci)?),
                repository: RepositoryScope::$repository,
                about: $about,
            };
        )*

        /// Every setting, in the order in which `config list` shows them.
        pub static KEYS: &[Key] = &[$($constant),*];
    };
}

const fn number(min: u64, max: u64, unit: Unit) -> Kind {
    Kind::Number { min, max, unit }
}

/// The names in [`crate::report::FORMATS`], which is no constant.
const FORMATS: &[&str] = &[
    "text",
    "markdown",
    "json",
    "jsonl",
    "sarif",
    "github",
    "gitlab",
    "rdjson",
    "checkstyle",
    "junit",
    "html",
];

const DAY_MINUTES: u64 = 24 * 60;
const MEBIBYTE: u64 = 1024 * 1024;

keys! {
    ENGINE = "engine", Kind::Word(&["codex", "builtin"]), Some("codex"), Trusted,
        "who reviews: the Codex app server, or the checks built into this program";
    CODEX_BIN = "codex_bin", Kind::Text, None, Never,
        "the codex executable to start, instead of the one on PATH";
    MODEL = "model", Kind::Text, None, Allowed,
        "the model to ask for, instead of the engine's own choice";
    EFFORT = "effort", Kind::Text, None, Allowed,
        "the reasoning effort to ask for";
    STRATEGY = "strategy", Kind::Text, Some("auto"), Allowed,
        "how the context is built; `codex-review strategies` lists them";
    FAIL_ON = "fail_on", Kind::Word(&crate::review::FailOn::WORDS), Some("none") => "high", Allowed,
        "from which severity on findings make the exit code 1";
    FILTER = "filter", Kind::Word(&crate::review::FindingFilter::WORDS), Some("none"), Trusted,
        "where findings count: on added lines, in the diff, in changed files, or everywhere";
    FORMAT = "format", Kind::Word(FORMATS), Some("text"), Allowed,
        "how reports are shown";
    STREAM_HEARTBEAT_SECONDS = "stream.heartbeat_seconds", number(1, 3600, Unit::Seconds), Some("15"), Allowed,
        "after how long without an event a stream of events says that the job still runs";
    BROKER_MAX_STREAMS = "broker.max_streams", number(1, 64, Unit::Count), Some("4"), Trusted,
        "turns that run at once in one engine; 1 lets them run one after the other";
    BROKER_IDLE_MINUTES = "broker.idle_minutes", number(1, DAY_MINUTES, Unit::Minutes), Some("15"), Trusted,
        "how long an unused engine is kept";
    LIMITS_TURN_MINUTES = "limits.turn_minutes", number(1, DAY_MINUTES, Unit::Minutes), Some("60"), Allowed,
        "how long one turn may take";
    LIMITS_SILENCE_MINUTES = "limits.silence_minutes", number(1, DAY_MINUTES, Unit::Minutes), Some("10"), Allowed,
        "how long an engine may say nothing";
    LIMITS_RPC_SECONDS = "limits.rpc_seconds", number(1, 3600, Unit::Seconds), Some("60"), Allowed,
        "how long one call to the engine may take";
    CONTEXT_UNTRACKED_FILE_BYTES = "context.untracked_file_bytes", number(0, 16 * MEBIBYTE, Unit::Bytes), Some("24576"), Allowed,
        "the largest untracked file that is shown";
    CONTEXT_UNTRACKED_TOTAL_BYTES = "context.untracked_total_bytes", number(0, 64 * MEBIBYTE, Unit::Bytes), Some("262144"), Allowed,
        "how much of all untracked files together is shown";
    CONTEXT_INCLUDE_AUTHORS = "context.include_authors", Kind::Switch, Some("true"), Allowed,
        "whether the names of commit authors are shown to the reviewer";
    GATE_MODEL = "gate.model", Kind::Text, None, Trusted,
        "the model of the stop gate, instead of `model`";
    GATE_EFFORT = "gate.effort", Kind::Text, None, Trusted,
        "the reasoning effort of the stop gate, instead of `effort`";
    GATE_MAX_BLOCKS = "gate.max_blocks", number(0, 100, Unit::Count), Some("3"), Trusted,
        "how often in a row the gate may block one session";
    GATE_TIMEOUT_SECONDS = "gate.timeout_seconds", number(1, 900, Unit::Seconds), Some("900"), Trusted,
        "how long the gate's review may take; Claude Code waits little longer than the most";
    GATE_FAIL_CLOSED = "gate.fail_closed", Kind::Switch, Some("true"), Trusted,
        "whether the gate blocks when its review failed or was unclear";
    GATE_COOLDOWN_SECONDS = "gate.cooldown_seconds", number(0, 24 * 3600, Unit::Seconds), Some("0"), Trusted,
        "how long the gate rests after a question to the engine";
    GATE_MAX_PER_HOUR = "gate.max_per_hour", number(0, 500, Unit::Count), Some("30"), Trusted,
        "how many questions the gate may ask in an hour; 0 for no limit";
    GATE_MAX_TOKENS_PER_HOUR = "gate.max_tokens_per_hour", number(0, 1_000_000_000, Unit::Count), Some("0"), Trusted,
        "after how many tokens in an hour the gate asks no more; 0 for no limit";
    PLAN_REVIEW_HOOK = "plan_review.hook", Kind::Switch, Some("false"), Trusted,
        "whether a plan is reviewed when a Claude session presents it; `setup` switches it for one repository";
    PRE_PUSH_ENGINE = "pre_push.engine", Kind::Word(&["codex", "builtin"]), None, Trusted,
        "who reviews a push, instead of `engine`";
    PRE_PUSH_FAIL_ON = "pre_push.fail_on", Kind::Word(&crate::review::FailOn::WORDS), Some("high"), Stricter,
        "from which severity on findings block a push";
    PRE_PUSH_TIMEOUT_SECONDS = "pre_push.timeout_seconds", number(5, 3600, Unit::Seconds), Some("120"), Stricter,
        "how long the review of a push may take";
    PRE_PUSH_UNJUDGED = "pre_push.unjudged", Kind::Word(&crate::review::Unjudged::WORDS), Some("pass"), Stricter,
        "what becomes of a push that could not be judged: pass or block";
    WATCH_QUIET_SECONDS = "watch.quiet_seconds", number(1, 3600, Unit::Seconds), Some("20"), Allowed,
        "how long nothing may change before a watch reviews";
    WATCH_MAX_PER_HOUR = "watch.max_per_hour", number(0, 500, Unit::Count), Some("12"), Trusted,
        "how many reviews a watch may make in an hour; 0 for no limit";
    WATCH_BUDGET_TOKENS = "watch.budget_tokens", number(0, 1_000_000_000, Unit::Count), Some("1000000"), Trusted,
        "how many tokens the watches of a working tree may use in 24 hours; 0 for no limit";
    WATCH_TELL_SESSION = "watch.tell_session", Kind::Switch, Some("false"), Trusted,
        "whether new findings of a watch are told to Claude once, with your next prompt";
    CACHE = "cache", Kind::Switch, Some("true"), Allowed,
        "whether an answer that was given before counts when the same is asked again";
    JOBS_RETENTION = "jobs.retention", number(1, 10_000, Unit::Count), Some("50"), Never,
        "how many finished jobs are kept";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Value;

    #[test]
    fn every_default_is_a_value_of_its_own_key() {
        for key in KEYS {
            for default in [key.default, key.default_in_ci].into_iter().flatten() {
                Value::parse(key, default).unwrap_or_else(|error| panic!("{}: {error}", key.name));
            }
        }
    }

    #[test]
    fn names_and_variables_are_distinct() {
        let names: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        let variables: BTreeSet<_> = KEYS.iter().map(Key::variable).collect();
        assert_eq!(names.len(), KEYS.len());
        assert_eq!(variables.len(), KEYS.len());
        assert_eq!(CODEX_BIN.variable(), "CODEX_REVIEW_CODEX_BIN");
        assert_eq!(
            BROKER_MAX_STREAMS.variable(),
            "CODEX_REVIEW_BROKER_MAX_STREAMS"
        );
    }

    #[test]
    fn the_format_words_are_the_formats_that_exist() {
        let names: Vec<_> = crate::report::FORMATS
            .iter()
            .map(|format| format.name)
            .collect();
        assert_eq!(names, FORMATS);
    }

    #[test]
    fn no_repository_may_name_a_program_or_touch_the_gate_untrusted() {
        assert_eq!(CODEX_BIN.repository, RepositoryScope::Never);
        let is_gate = |key: &&Key| {
            ["gate.", "plan_review."]
                .iter()
                .any(|table| key.name.starts_with(table))
        };
        for key in KEYS.iter().filter(is_gate) {
            assert_eq!(key.repository, RepositoryScope::Trusted, "{}", key.name);
        }
    }

    #[test]
    fn a_repository_may_make_the_push_gate_stricter_and_no_laxer() {
        for key in KEYS.iter().filter(|key| key.name.starts_with("pre_push.")) {
            assert!(
                matches!(
                    key.repository,
                    RepositoryScope::Stricter | RepositoryScope::Trusted
                ),
                "{}",
                key.name
            );
        }
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let error = find_key("modle").unwrap_err();
        assert_eq!(error.to_string(), "unknown setting `modle`");
        assert_eq!(error.hint().as_deref(), Some("did you mean `model`?"));
        assert!(
            find_key("zzzzzzzz")
                .unwrap_err()
                .hint()
                .unwrap()
                .contains("config list")
        );
    }
}
