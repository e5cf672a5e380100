//! The typed settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::key::{self, Key};
use super::{Ignored, Provenance, Value};
use crate::review::{FailOn, FindingFilter, Unjudged};

/// Settings, where each came from, and what did not count.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The settings.
    pub settings: Settings,
    /// What a repository's file set and may not.
    pub ignored: Vec<Ignored>,
    pub(super) values: BTreeMap<&'static str, (Value, Provenance)>,
}

impl Resolved {
    /// The value of a setting and where it came from; `None` when it is not set and has no default.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<(&Value, &Provenance)> {
        self.values
            .get(key.name)
            .map(|(value, provenance)| (value, provenance))
    }
}

/// Who reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// `codex app-server`.
    Codex,
    /// The checks built into this program.
    Builtin,
}

impl EngineChoice {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EngineChoice::Codex => "codex",
            EngineChoice::Builtin => "builtin",
        }
    }
}

/// Every setting, as a value of its own type.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Who reviews.
    pub engine: EngineChoice,
    /// The codex executable, where it is not the one on PATH.
    pub codex_bin: Option<PathBuf>,
    /// The model to ask for.
    pub model: Option<String>,
    /// The reasoning effort to ask for.
    pub effort: Option<String>,
    /// The name of the context strategy, or `auto`.
    pub strategy: String,
    /// The threshold of the exit code.
    pub fail_on: FailOn,
    /// Where findings count.
    pub filter: FindingFilter,
    /// The name of the report format.
    pub format: String,
    /// After how long without an event a stream of events says that the job still runs.
    pub heartbeat: Duration,
    /// The shared engine.
    pub broker: BrokerSettings,
    /// How long things may take.
    pub limits: LimitSettings,
    /// What the reviewer is shown.
    pub context: ContextSettings,
    /// The stop gate.
    pub gate: GateSettings,
    /// Whether a plan is reviewed when a session presents it, where `setup` has not said otherwise.
    pub plan_review_hook: bool,
    /// The review of a push.
    pub pre_push: PrePushSettings,
    /// Whether an answer that was given before counts.
    pub cache: bool,
    /// Stored jobs.
    pub jobs: JobSettings,
}

/// Settings of the shared engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Turns that run at once.
    pub max_streams: usize,
    /// How long an unused engine is kept.
    pub idle: Duration,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// One turn.
    pub turn: Duration,
    /// Silence within a turn.
    pub silence: Duration,
    /// One call.
    pub rpc: Duration,
}

/// What the reviewer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSettings {
    /// The largest untracked file that is shown.
    pub untracked_file_bytes: u64,
    /// All untracked files together.
    pub untracked_total_bytes: u64,
    /// Whether authors' names are shown.
    pub include_authors: bool,
}

/// The stop gate. Whether it is on is no setting but state, switched by `setup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSettings {
    /// Its model, or `None` for the common one.
    pub model: Option<String>,
    /// Its effort, or `None` for the common one.
    pub effort: Option<String>,
    /// Blocks in a row.
    pub max_blocks: u32,
    /// How long its review may take.
    pub timeout: Duration,
    /// Whether it blocks when its review failed or was unclear.
    pub fail_closed: bool,
    /// How long it rests after a question.
    pub cooldown: Duration,
    /// Questions in an hour; 0 for no limit.
    pub max_per_hour: u32,
    /// Tokens in an hour; 0 for no limit.
    pub max_tokens_per_hour: u64,
}

/// The review of what is about to be pushed. Whether it takes place depends on the hook being installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrePushSettings {
    /// Who reviews, or `None` for the common engine.
    pub engine: Option<EngineChoice>,
    /// From which severity on findings block the push.
    pub fail_on: FailOn,
    /// How long all reviews of one push may take together.
    pub timeout: Duration,
    /// What becomes of a push that could not be judged.
    pub unjudged: Unjudged,
}

/// Stored jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// Finished jobs that are kept.
    pub retention: usize,
}

impl Settings {
    /// Takes every setting out of values that have been checked against their keys.
    pub(super) fn from_values(values: &BTreeMap<&'static str, (Value, Provenance)>) -> Self {
        let values = Values(values);
        let model = |key: &Key| values.text(key).map(model_name);
        Settings {
            engine: engine_choice(&values.required_text(&key::ENGINE)),
            codex_bin: values.text(&key::CODEX_BIN).map(PathBuf::from),
            model: model(&key::MODEL),
            effort: values.text(&key::EFFORT),
            strategy: values.required_text(&key::STRATEGY),
            fail_on: values
                .required_text(&key::FAIL_ON)
                .parse()
                .expect("the key takes the words of the threshold alone"),
            filter: values
                .required_text(&key::FILTER)
                .parse()
                .expect("the key takes the words of the filter alone"),
            format: values.required_text(&key::FORMAT),
            heartbeat: values.seconds(&key::STREAM_HEARTBEAT_SECONDS),
            broker: BrokerSettings {
                max_streams: values.size(&key::BROKER_MAX_STREAMS),
                idle: values.minutes(&key::BROKER_IDLE_MINUTES),
            },
            limits: LimitSettings {
                turn: values.minutes(&key::LIMITS_TURN_MINUTES),
                silence: values.minutes(&key::LIMITS_SILENCE_MINUTES),
                rpc: values.seconds(&key::LIMITS_RPC_SECONDS),
            },
            context: ContextSettings {
                untracked_file_bytes: values.number(&key::CONTEXT_UNTRACKED_FILE_BYTES),
                untracked_total_bytes: values.number(&key::CONTEXT_UNTRACKED_TOTAL_BYTES),
                include_authors: values.switch(&key::CONTEXT_INCLUDE_AUTHORS),
            },
            gate: GateSettings {
                model: model(&key::GATE_MODEL),
                effort: values.text(&key::GATE_EFFORT),
                max_blocks: u32::try_from(values.number(&key::GATE_MAX_BLOCKS))
                    .expect("the key takes small numbers alone"),
                timeout: values.seconds(&key::GATE_TIMEOUT_SECONDS),
                fail_closed: values.switch(&key::GATE_FAIL_CLOSED),
                cooldown: values.seconds(&key::GATE_COOLDOWN_SECONDS),
                max_per_hour: u32::try_from(values.number(&key::GATE_MAX_PER_HOUR))
                    .expect("the key takes small numbers alone"),
                max_tokens_per_hour: values.number(&key::GATE_MAX_TOKENS_PER_HOUR),
            },
            plan_review_hook: values.switch(&key::PLAN_REVIEW_HOOK),
            pre_push: PrePushSettings {
                engine: values
                    .text(&key::PRE_PUSH_ENGINE)
                    .map(|word| engine_choice(&word)),
                fail_on: values
                    .required_text(&key::PRE_PUSH_FAIL_ON)
                    .parse()
                    .expect("the key takes the words of the threshold alone"),
                timeout: values.seconds(&key::PRE_PUSH_TIMEOUT_SECONDS),
                unjudged: values
                    .required_text(&key::PRE_PUSH_UNJUDGED)
                    .parse()
                    .expect("the key takes these words alone"),
            },
            cache: values.switch(&key::CACHE),
            jobs: JobSettings {
                retention: values.size(&key::JOBS_RETENTION),
            },
        }
    }
}

fn engine_choice(word: &str) -> EngineChoice {
    match word {
        "builtin" => EngineChoice::Builtin,
        _ => EngineChoice::Codex,
    }
}

/// `spark` is a short name that people use.
fn model_name(name: String) -> String {
    if name == "spark" {
        "gpt-5.3-codex-spark".to_owned()
    } else {
        name
    }
}

struct Values<'a>(&'a BTreeMap<&'static str, (Value, Provenance)>);

impl Values<'_> {
    fn text(&self, key: &Key) -> Option<String> {
        match self.0.get(key.name) {
            Some((Value::Text(text), _)) => Some(text.clone()),
            _ => None,
        }
    }

    fn required_text(&self, key: &Key) -> String {
        self.text(key).expect("the key has a default")
    }

    fn switch(&self, key: &Key) -> bool {
        match self.0.get(key.name) {
            Some((Value::Switch(switch), _)) => *switch,
            _ => unreachable!("`{}` is a switch with a default", key.name),
        }
    }

    fn number(&self, key: &Key) -> u64 {
        match self.0.get(key.name) {
            Some((Value::Number(number), _)) => *number,
            _ => unreachable!("`{}` is a number with a default", key.name),
        }
    }

    fn size(&self, key: &Key) -> usize {
        usize::try_from(self.number(key)).expect("the key takes small numbers alone")
    }

    fn minutes(&self, key: &Key) -> Duration {
        Duration::from_secs(self.number(key) * 60)
    }

    fn seconds(&self, key: &Key) -> Duration {
        Duration::from_secs(self.number(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, resolve};

    #[test]
    fn without_any_layer_the_documented_defaults_hold() {
        let settings = resolve(&Layers::default()).unwrap().settings;
        assert_eq!(settings.engine, EngineChoice::Codex);
        assert_eq!(settings.strategy, "auto");
        assert_eq!(settings.broker.max_streams, 4);
        assert_eq!(settings.context.untracked_file_bytes, 24 * 1024);
        assert_eq!(settings.gate.max_blocks, 3);
        assert_eq!(settings.gate.timeout, Duration::from_secs(15 * 60));
        assert_eq!(settings.jobs.retention, 50);
        assert_eq!(settings.model, None);
    }

    #[test]
    fn spark_is_the_name_that_people_use() {
        let resolved = resolve(&Layers {
            flags: vec![crate::config::Flag {
                key: "model",
                flag: "--model",
                value: "spark".to_owned(),
            }],
            ..Layers::default()
        })
        .unwrap();
        assert_eq!(
            resolved.settings.model.as_deref(),
            Some("gpt-5.3-codex-spark")
        );
    }
}
