//! The stop gate's two decisions, both pure: whether to ask the engine, and what its answer comes to. The gate of plans
//! decides the same way; what it holds is [`Gated`].
//!
//! ```text
//! Facts --decide--> Step::Allow | Step::Ask --(the review runs)--> Review --conclude--> Conclusion
//! ```
//!
//! A turn that edited nothing costs nothing, and so does one that changed nothing since it was blocked: an objection is
//! raised once for a tree, and the assistant may answer it instead of obeying. Blocks in a row are capped, so that the
//! gate cannot loop. Every block says how to switch the gate off.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GateAnswer;

/// What a gate holds until it was reviewed. To a plan, each time it is presented is an end of a turn, and its text the tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gated {
    /// A turn that wants to end.
    #[default]
    Turn,
    /// A plan that a session presents.
    Plan,
}

impl Gated {
    /// A stable word for JSON and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Gated::Turn => "turn",
            Gated::Plan => "plan",
        }
    }
}

/// What is known when a turn wants to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether this repository's gate is on.
    pub enabled: bool,
    /// The tree now, or `None` where it could not be read.
    pub fingerprint: Option<String>,
    /// The tree when this turn began; `None` where nobody saw it begin.
    pub at_turn_start: Option<String>,
    /// The tree that the engine last objected to, in this session.
    pub last_blocked: Option<String>,
    /// The tree that was last allowed by the engine, in any session.
    pub last_allowed: Option<String>,
    /// Blocks since the last turn that was allowed, in this session.
    pub blocks_in_row: u32,
    /// The cap on those.
    pub max_blocks: u32,
    /// Whether this turn goes on because a stop hook blocked the one before it.
    pub stop_hook_active: bool,
    /// Since the gate last asked the engine in this repository; `None` when it never did.
    pub since_last_ask: Option<Duration>,
    /// At most one question in this time; zero for no such limit.
    pub cooldown: Duration,
    /// Questions asked in the last hour.
    pub asked_last_hour: u32,
    /// The cap on those; zero for no such limit.
    pub max_per_hour: u32,
    /// Tokens that those cost, as far as the engine said.
    pub tokens_last_hour: u64,
    /// The cap on those; zero for no such limit.
    pub max_tokens_per_hour: u64,
}

/// Why a turn may end without asking the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The gate is off.
    Off,
    /// Nothing was edited since the turn began.
    NothingEdited,
    /// Nothing was changed since the engine objected to exactly this tree.
    ObjectionStands,
    /// Exactly this tree was allowed before.
    AllowedBefore,
    /// What the turn did left nothing that could be shown, such as taking a change back.
    NothingToShow,
    /// Enough blocks in a row.
    TooManyBlocks,
    /// The engine was asked a moment ago.
    CoolingDown,
    /// The engine was asked often enough in this hour.
    HourlyBudget,
    /// The engine was asked for enough tokens in this hour.
    TokenBudget,
    /// The repository could not be read.
    Unreadable,
}

impl Settled {
    /// A stable word for the gate's record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Settled::Off => "off",
            Settled::NothingEdited => "nothing-edited",
            Settled::ObjectionStands => "objection-stands",
            Settled::AllowedBefore => "allowed-before",
            Settled::NothingToShow => "nothing-to-show",
            Settled::TooManyBlocks => "too-many-blocks",
            Settled::CoolingDown => "cooling-down",
            Settled::HourlyBudget => "hourly-budget",
            Settled::TokenBudget => "token-budget",
            Settled::Unreadable => "unreadable",
        }
    }

    /// What people are told, where they should be told anything.
    #[must_use]
    pub fn note(self, gated: Gated) -> Option<&'static str> {
        let (turn, plan) = match self {
            Settled::Off
            | Settled::NothingEdited
            | Settled::AllowedBefore
            | Settled::NothingToShow => return None,
            Settled::ObjectionStands => (
                "The Codex review gate lets this turn end, but nothing was changed since it objected: run /codex:review \
                 to see what it found.",
                "The Codex plan review lets this plan through, but it is the one that it objected to: run /codex:result \
                 to see what it found.",
            ),
            Settled::TooManyBlocks => (
                "The Codex review gate has blocked as often in a row as `gate.max_blocks` allows, and lets this turn end. \
                 Its objections may still stand: run /codex:review to see them.",
                "The Codex plan review has held plans as often in a row as `gate.max_blocks` allows, and lets this one \
                 through. Its objections may still stand: run /codex:plan-review to see them.",
            ),
            Settled::CoolingDown => (
                "The Codex review gate asked a moment ago and did not ask again.",
                "The Codex plan review asked a moment ago and did not ask again.",
            ),
            Settled::HourlyBudget => (
                "The Codex review gate has used its questions for this hour and did not ask.",
                "The Codex plan review has used its questions for this hour and did not ask.",
            ),
            Settled::TokenBudget => (
                "The Codex review gate has used its tokens for this hour and did not ask.",
                "The Codex plan review has used its tokens for this hour and did not ask.",
            ),
            Settled::Unreadable => (
                "The Codex review gate could not read the repository and did not ask.",
                "The Codex plan review could not read the repository and did not ask.",
            ),
        };
        Some(match gated {
            Gated::Turn => turn,
            Gated::Plan => plan,
        })
    }
}

impl Settled {
    /// Whether edits went by unseen that the next question should be about as well.
    #[must_use]
    pub fn leaves_unreviewed(self) -> bool {
        matches!(
            self,
            Settled::CoolingDown | Settled::HourlyBudget | Settled::TokenBudget
        )
    }
}

/// What to do about a turn that wants to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Let it end.
    Allow(Settled),
    /// Ask the engine.
    Ask,
}

/// Decides whether the engine is asked. The order is the contract: cheap and certain reasons first.
#[must_use]
pub fn decide(facts: &Facts) -> Step {
    if !facts.enabled {
        return Step::Allow(Settled::Off);
    }
    let Some(now) = &facts.fingerprint else {
        return Step::Allow(Settled::Unreadable);
    };
    if facts.at_turn_start.as_ref() == Some(now) {
        return Step::Allow(Settled::NothingEdited);
    }
    // Asking again about what has not changed would cost again for the same answer. A review that failed is no verdict:
    // it is tried again.
    if facts.last_blocked.as_ref() == Some(now) {
        return Step::Allow(Settled::ObjectionStands);
    }
    if facts.last_allowed.as_ref() == Some(now) {
        return Step::Allow(Settled::AllowedBefore);
    }
    if facts.blocks_in_row >= facts.max_blocks {
        return Step::Allow(Settled::TooManyBlocks);
    }
    if facts.max_per_hour > 0 && facts.asked_last_hour >= facts.max_per_hour {
        return Step::Allow(Settled::HourlyBudget);
    }
    if facts.max_tokens_per_hour > 0 && facts.tokens_last_hour >= facts.max_tokens_per_hour {
        return Step::Allow(Settled::TokenBudget);
    }
    // A turn that mends what was blocked is looked at at once.
    let cooling = facts
        .since_last_ask
        .is_some_and(|since| since < facts.cooldown);
    if cooling && !facts.stop_hook_active {
        return Step::Allow(Settled::CoolingDown);
    }
    Step::Ask
}

/// What the review of a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// The engine answered.
    Answered(GateAnswer),
    /// The engine is not installed, or not logged in; in a sentence.
    NoEngine(String),
    /// It timed out or failed; in a sentence.
    Failed(String),
}

/// What the host is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// The turn may end; the note goes to people, on stderr.
    Allow {
        /// What they should know.
        note: Option<String>,
        /// Whether the engine itself allowed this tree.
        judged: bool,
    },
    /// The turn goes on; the reason goes to the assistant.
    Block {
        /// What must be mended, and how to switch the gate off.
        reason: String,
    },
}

impl Gated {
    /// What every block ends with.
    fn off_switch(self) -> &'static str {
        match self {
            Gated::Turn => {
                "(This is the Codex review gate. To switch it off: /codex:setup --disable-review-gate)"
            }
            Gated::Plan => {
                "(This is the Codex plan review. To switch it off: /codex:setup --disable-plan-review)"
            }
        }
    }

    fn objection(self, reason: &str) -> String {
        match self {
            Gated::Turn => {
                format!("Codex found something to mend before this turn ends: {reason}")
            }
            Gated::Plan => {
                format!(
                    "Codex found something to change in this plan before it is carried out: {reason}"
                )
            }
        }
    }

    fn not_judged(self, what: &str) -> String {
        match self {
            Gated::Turn => format!(
                "This turn could not be judged: {what}. Run /codex:review, or try to end the turn again."
            ),
            Gated::Plan => format!(
                "This plan could not be judged: {what}. Run /codex:plan-review, or present the plan again."
            ),
        }
    }

    fn not_judged_note(self, what: &str) -> String {
        match self {
            Gated::Turn => format!("The Codex review gate could not judge this turn: {what}."),
            Gated::Plan => format!("The Codex plan review could not judge this plan: {what}."),
        }
    }

    fn no_engine(self, what: &str) -> String {
        let gate = match self {
            Gated::Turn => "review gate",
            Gated::Plan => "plan review",
        };
        format!("The Codex {gate} is on, but {what}. Run /codex:setup to mend that.")
    }
}

/// Turns the review's end into the host's answer. `fail_closed` says what an unclear or failed review is; a missing
/// engine always allows.
#[must_use]
pub fn conclude(review: Review, fail_closed: bool, gated: Gated) -> Conclusion {
    let block = |said: String| Conclusion::Block {
        reason: format!("{said}\n\n{}", gated.off_switch()),
    };
    let not_judged = |what: String| {
        if fail_closed {
            block(gated.not_judged(&what))
        } else {
            Conclusion::Allow {
                note: Some(gated.not_judged_note(&what)),
                judged: false,
            }
        }
    };
    match review {
        Review::Answered(GateAnswer::Allow { .. }) => Conclusion::Allow {
            note: None,
            judged: true,
        },
        Review::Answered(GateAnswer::Block { reason }) => block(gated.objection(&reason)),
        Review::Answered(GateAnswer::Unclear { first_line }) if first_line.is_empty() => {
            not_judged("the engine gave no answer".to_owned())
        }
        Review::Answered(GateAnswer::Unclear { first_line }) => not_judged(format!(
            "the answer was neither `ALLOW: <reason>` nor `BLOCK: <reason>` (`{first_line}`)"
        )),
        Review::NoEngine(what) => Conclusion::Allow {
            note: Some(gated.no_engine(&what)),
            judged: false,
        },
        Review::Failed(what) => not_judged(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited() -> Facts {
        Facts {
            enabled: true,
            fingerprint: Some("now".into()),
            at_turn_start: Some("before".into()),
            last_blocked: None,
            last_allowed: None,
            blocks_in_row: 0,
            max_blocks: 3,
            stop_hook_active: false,
            since_last_ask: None,
            cooldown: Duration::ZERO,
            asked_last_hour: 0,
            max_per_hour: 0,
            tokens_last_hour: 0,
            max_tokens_per_hour: 0,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Facts), expected: Step) {
        let mut facts = edited();
        change(&mut facts);
        assert_eq!(decide(&facts), expected, "for {facts:?}");
    }

    #[test]
    fn an_edited_turn_is_asked_about_and_each_reason_not_to_ask_has_its_name() {
        use Settled as S;
        check(|_| {}, Step::Ask);
        check(|facts| facts.enabled = false, Step::Allow(S::Off));
        check(|facts| facts.fingerprint = None, Step::Allow(S::Unreadable));
        check(
            |facts| facts.at_turn_start = Some("now".into()),
            Step::Allow(S::NothingEdited),
        );
        check(|facts| facts.at_turn_start = None, Step::Ask);
        check(
            |facts| facts.last_allowed = Some("now".into()),
            Step::Allow(S::AllowedBefore),
        );
        check(
            |facts| facts.blocks_in_row = 3,
            Step::Allow(S::TooManyBlocks),
        );
        let minute = Duration::from_secs(60);
        let recent = |facts: &mut Facts| {
            facts.since_last_ask = Some(Duration::from_secs(59));
            facts.cooldown = minute;
        };
        check(recent, Step::Allow(S::CoolingDown));
        check(
            |facts| {
                recent(facts);
                facts.since_last_ask = Some(minute);
            },
            Step::Ask,
        );
        check(
            |facts| (facts.asked_last_hour, facts.max_per_hour) = (5, 5),
            Step::Allow(S::HourlyBudget),
        );
    }

    #[test]
    fn the_order_of_reasons_is_the_contract() {
        let mut facts = Facts {
            enabled: false,
            fingerprint: None,
            at_turn_start: Some("now".into()),
            last_blocked: Some("now".into()),
            last_allowed: Some("now".into()),
            blocks_in_row: 3,
            since_last_ask: Some(Duration::ZERO),
            cooldown: Duration::from_secs(60),
            asked_last_hour: 5,
            max_per_hour: 5,
            tokens_last_hour: 9,
            max_tokens_per_hour: 9,
            ..edited()
        };
        type Lift = fn(&mut Facts);
        let reasons: [(Settled, Lift); 9] = [
            (Settled::Off, |facts| facts.enabled = true),
            (Settled::Unreadable, |facts| {
                facts.fingerprint = Some("now".into());
            }),
            (Settled::NothingEdited, |facts| facts.at_turn_start = None),
            (Settled::ObjectionStands, |facts| facts.last_blocked = None),
            (Settled::AllowedBefore, |facts| facts.last_allowed = None),
            (Settled::TooManyBlocks, |facts| facts.blocks_in_row = 2),
            (Settled::HourlyBudget, |facts| facts.max_per_hour = 0),
            (Settled::TokenBudget, |facts| facts.max_tokens_per_hour = 0),
            (Settled::CoolingDown, |facts| facts.stop_hook_active = true),
        ];
        for (settled, lift) in reasons {
            assert_eq!(decide(&facts), Step::Allow(settled));
            lift(&mut facts);
        }
        assert_eq!(decide(&facts), Step::Ask);
    }

    #[test]
    fn an_objection_is_raised_once_for_a_tree_and_a_failed_review_is_tried_again() {
        let goes_on = |facts: &mut Facts| {
            facts.blocks_in_row = 1;
            facts.stop_hook_active = true;
        };
        check(goes_on, Step::Ask);
        check(
            |facts| {
                goes_on(facts);
                facts.last_blocked = Some("now".into());
            },
            Step::Allow(Settled::ObjectionStands),
        );
        check(
            |facts| {
                goes_on(facts);
                facts.last_blocked = Some("before it was mended".into());
            },
            Step::Ask,
        );
    }

    #[test]
    fn the_gate_ends_by_itself_however_often_it_would_block() {
        let mut facts = edited();
        facts.stop_hook_active = true;
        let mut asked = 0;
        while decide(&facts) == Step::Ask {
            asked += 1;
            facts.blocks_in_row += 1;
            assert!(asked < 100, "the gate loops");
        }
        assert_eq!(asked, 3);
        assert!(Settled::TooManyBlocks.note(Gated::Turn).is_some());
    }

    #[test]
    fn an_outage_is_no_defect_and_every_block_names_its_own_off_switch() {
        for (gated, switch) in [
            (Gated::Turn, "--disable-review-gate)"),
            (Gated::Plan, "--disable-plan-review)"),
        ] {
            check_conclusions(gated, switch);
        }
    }

    fn check_conclusions(gated: Gated, switch: &str) {
        let unclear = GateAnswer::Unclear {
            first_line: "Hm".into(),
        };
        for review in [
            Review::Answered(GateAnswer::Block { reason: "x".into() }),
            Review::Answered(unclear.clone()),
            Review::Failed("the turn timed out".into()),
        ] {
            let Conclusion::Block { reason } = conclude(review, true, gated) else {
                panic!("fail-closed must block");
            };
            assert!(reason.ends_with(switch), "{reason}");
        }
        for review in [Review::Answered(unclear), Review::Failed("quota".into())] {
            let open = conclude(review, false, gated);
            assert!(
                matches!(
                    open,
                    Conclusion::Allow {
                        note: Some(_),
                        judged: false
                    }
                ),
                "{open:?}"
            );
        }
        let missing = Review::NoEngine("codex is not installed".into());
        let Conclusion::Allow {
            note: Some(note),
            judged: false,
        } = conclude(missing, true, gated)
        else {
            panic!("a missing engine must allow");
        };
        assert!(note.contains("/codex:setup"));
    }
}
