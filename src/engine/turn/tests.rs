//! Claims about the reducer.

use serde_json::{Value, json};

use super::*;
use crate::rpc::Notification;

struct Turn {
    reducer: TurnReducer,
    events: Vec<TurnEvent>,
}

impl Turn {
    fn new(kind: TurnKind) -> Self {
        Turn {
            reducer: TurnReducer::new(kind, "main"),
            events: Vec::new(),
        }
    }

    fn hear(&mut self, method: &str, params: Value) -> &mut Self {
        let notification = Notification {
            method: method.to_owned(),
            params,
        };
        let events = &mut self.events;
        self.reducer
            .apply(&notification, &mut |event| events.push(event));
        self
    }

    fn answered(&mut self, turn_id: &str) -> &mut Self {
        let events = &mut self.events;
        self.reducer
            .answered(turn_id, &mut |event| events.push(event));
        self
    }

    fn item(&mut self, thread: &str, item: Value) -> &mut Self {
        let params = json!({"threadId": thread, "turnId": "t", "item": item});
        self.hear("item/started", params.clone());
        self.hear("item/completed", params)
    }

    fn completed(&mut self, thread: &str, turn: &str, status: &str) -> &mut Self {
        self.hear(
            "turn/completed",
            json!({"threadId": thread, "turn": {"id": turn, "status": status, "items": []}}),
        )
    }

    fn started(&mut self, thread: &str, turn: &str) -> &mut Self {
        self.hear(
            "turn/started",
            json!({"threadId": thread, "turn": {"id": turn}}),
        )
    }

    fn idle(&mut self, thread: &str) -> &mut Self {
        self.thread_is(thread, "idle")
    }

    fn thread_is(&mut self, thread: &str, status: &str) -> &mut Self {
        self.hear(
            "thread/status/changed",
            json!({"threadId": thread, "status": {"type": status}}),
        )
    }

    fn progress(&self) -> Progress {
        self.reducer.progress()
    }

    fn finish(self) -> TurnResult {
        self.reducer.finish()
    }
}

fn is_failure(end: &TurnEnd, words: &str) -> bool {
    matches!(end, TurnEnd::Failed(failure) if failure.message.contains(words))
}

fn message(text: &str) -> Value {
    json!({"type": "agentMessage", "id": "m", "text": text, "phase": null})
}

#[test]
fn a_review_gives_raw_json_and_text_and_ends_under_its_announced_id() {
    let raw = r#"{"findings":[],"overall_correctness":"patch is correct"}"#;
    let mut turn = Turn::new(TurnKind::Review);
    turn.answered("announced")
        .item(
            "main",
            json!({"type": "enteredReviewMode", "id": "e", "review": "x"}),
        )
        .started("main", "inner");
    assert_eq!(turn.reducer.active_turn(), Some("inner"));
    turn.hear(
        "item/started",
        json!({"threadId": "main", "turnId": "announced", "item": message(raw)}),
    )
    .item(
        "main",
        json!({"type": "exitedReviewMode", "id": "x", "review": "Fine."}),
    )
    .item("main", message("Fine."));
    assert_eq!(turn.progress(), Progress::LooksOver);
    turn.idle("main")
        .completed("main", "announced", "completed");
    assert_eq!(turn.progress(), Progress::Over);

    let texts = turn.events.iter().filter(|event| {
        matches!(
            event,
            TurnEvent::ReviewText { .. } | TurnEvent::Message { .. }
        )
    });
    assert_eq!(texts.count(), 1, "the text is told once: {:?}", turn.events);
    let result = turn.finish();
    assert_eq!(result.review_json.as_deref(), Some(raw));
    assert_eq!(result.review_text.as_deref(), Some("Fine."));
    assert_eq!((result.end, result.inferred), (TurnEnd::Completed, false));
    assert_eq!(result.turn_id, "announced");
}

#[test]
fn a_sub_agent_is_labelled_and_its_end_is_not_the_turns() {
    let mut turn = Turn::new(TurnKind::Turn);
    turn.answered("t")
        .started("main", "t")
        .hear(
            "thread/started",
            json!({"thread": {"id": "sub", "parentThreadId": "main", "agentNickname": "Ada"}}),
        )
        .item("sub", message("from the sub-agent"))
        .item(
            "sub",
            json!({"type": "reasoning", "id": "r", "summary": ["thinking"]}),
        )
        .item("main", message("from the turn"))
        .idle("main");
    assert_eq!(
        turn.progress(),
        Progress::Running,
        "a sub-agent still works"
    );
    turn.completed("sub", "other", "completed");
    assert_eq!(turn.progress(), Progress::LooksOver);
    let ada = Some("Ada".to_owned());
    for expected in [
        TurnEvent::AgentStarted {
            agent: "Ada".into(),
        },
        TurnEvent::Message {
            agent: ada.clone(),
            text: "from the sub-agent".into(),
        },
        TurnEvent::Reasoning {
            agent: ada,
            text: "thinking".into(),
        },
        TurnEvent::AgentFinished {
            agent: "Ada".into(),
        },
    ] {
        assert!(
            turn.events.contains(&expected),
            "{expected:?} in {:?}",
            turn.events
        );
    }
    let result = turn.finish();
    assert_eq!(result.message, "from the turn");
    assert!(result.reasoning.is_empty());
    assert!(result.inferred);
    assert_eq!(result.end, TurnEnd::Completed);
}

#[test]
fn agents_that_are_only_known_from_calls_count_as_well() {
    let mut turn = Turn::new(TurnKind::Turn);
    let call = |status: &str| {
        json!({"type": "collabAgentToolCall", "id": "c", "tool": "wait", "senderThreadId": "main",
               "receiverThreadIds": ["sub"], "agentsStates": {"sub": {"status": status}}})
    };
    turn.started("main", "t")
        .item("main", call("running"))
        .idle("main");
    assert_eq!(turn.progress(), Progress::Running);
    turn.item("main", call("completed"));
    assert_eq!(turn.progress(), Progress::LooksOver);
    turn.item(
        "main",
        json!({"type": "subAgentActivity", "id": "s", "kind": "started", "agentThreadId": "two", "agentPath": "/root/two"}),
    );
    assert_eq!(turn.progress(), Progress::Running);
    assert!(turn.events.contains(&TurnEvent::AgentStarted {
        agent: "two".into()
    }));
}

#[test]
fn another_turns_end_and_other_threads_change_nothing() {
    let mut turn = Turn::new(TurnKind::Turn);
    turn.answered("mine");
    let before = turn.events.len();
    turn.completed("main", "an earlier one", "completed")
        .completed("foreign", "mine", "completed")
        .item("foreign", message("not for us"))
        .hear("future/news", json!({"threadId": "main", "x": 1}))
        .item("main", json!({"type": "futureItem", "id": "f"}))
        .hear("turn/completed", json!("nonsense"));
    assert_eq!(turn.progress(), Progress::Running);
    assert_eq!(turn.events.len(), before);
}

#[test]
fn an_idle_thread_before_the_turn_is_not_its_end() {
    let mut turn = Turn::new(TurnKind::Turn);
    turn.idle("main");
    assert_eq!(turn.progress(), Progress::Running);
}

/// What used to happen: any state but an active one was the end of a good turn.
#[test]
fn a_system_error_is_no_end_of_a_good_turn() {
    for answer in [Some("looks fine"), None] {
        let mut turn = Turn::new(TurnKind::Turn);
        turn.started("main", "t");
        if let Some(answer) = answer {
            turn.item("main", message(answer));
        }
        turn.thread_is("main", "systemError");
        assert_eq!(turn.progress(), Progress::LooksOver);
        let result = turn.finish();
        assert!(
            is_failure(&result.end, "system error"),
            "{answer:?}: {result:?}"
        );
        assert_eq!(result.message, answer.unwrap_or_default(), "it is kept");
    }
    let mut named = Turn::new(TurnKind::Turn);
    named
        .started("main", "t")
        .hear(
            "error",
            json!({"threadId": "main", "error": {"message": "no quota"}}),
        )
        .thread_is("main", "systemError");
    assert!(is_failure(&named.finish().end, "no quota"));
    let mut before = Turn::new(TurnKind::Turn);
    before
        .thread_is("main", "systemError")
        .started("main", "t")
        .item("main", message("done"))
        .idle("main");
    assert_eq!(before.finish().end, TurnEnd::Completed);
}

#[test]
fn a_closed_thread_ends_a_good_turn_only_with_its_final_answer_and_nothing_open() {
    let closed = |words: Value, open: bool, first: Option<&str>| {
        let mut turn = Turn::new(TurnKind::Turn);
        turn.started("main", "t");
        let command = json!({"type": "commandExecution", "id": "c", "command": "make"});
        let params = json!({"threadId": "main", "turnId": "t", "item": command});
        turn.hear("item/started", params.clone());
        if !open {
            turn.hear("item/completed", params);
        }
        turn.item("main", words);
        if let Some(first) = first {
            turn.thread_is("main", first);
        }
        turn.hear("thread/closed", json!({"threadId": "main"}));
        assert_eq!(turn.progress(), Progress::LooksOver);
        turn.finish().end
    };
    let last =
        || json!({"type": "agentMessage", "id": "m", "text": "done", "phase": "final_answer"});
    assert_eq!(closed(last(), false, None), TurnEnd::Completed);
    for end in [
        closed(last(), true, None),
        closed(message("I look first."), false, None),
        closed(message("I look first."), false, Some("notLoaded")),
    ] {
        assert!(is_failure(&end, "the thread was closed"), "{end:?}");
    }
    let idle_first = closed(message("done"), false, Some("idle"));
    assert_eq!(idle_first, TurnEnd::Completed, "it was over before");
}

#[test]
fn an_end_that_nobody_told_of_needs_an_answer() {
    let mut silent = Turn::new(TurnKind::Turn);
    silent.started("main", "t").idle("main");
    assert!(is_failure(&silent.finish().end, "without an answer"));
    let mut remark = Turn::new(TurnKind::Turn);
    remark
        .started("main", "t")
        .item(
            "main",
            json!({"type": "agentMessage", "id": "m", "text": "I look first.", "phase": "commentary"}),
        )
        .idle("main");
    assert!(is_failure(&remark.finish().end, "without an answer"));
}

#[test]
fn a_failure_keeps_its_kind_and_a_retry_is_none() {
    let mut turn = Turn::new(TurnKind::Turn);
    let error = |retry: bool, info: Value| json!({"threadId": "main", "turnId": "t", "willRetry": retry, "error": {"message": "no", "codexErrorInfo": info}});
    turn.started("main", "t").hear(
        "error",
        error(
            true,
            json!({"responseStreamDisconnected": {"httpStatusCode": null}}),
        ),
    );
    assert_eq!(turn.progress(), Progress::Running);
    assert!(turn.events.contains(&TurnEvent::Retrying {
        message: "no".into()
    }));
    turn.hear("error", error(false, json!("usageLimitExceeded")));
    assert_eq!(
        turn.progress(),
        Progress::LooksOver,
        "the failure may be all that comes"
    );
    turn.completed("main", "t", "failed");
    let result = turn.finish();
    let not_judged = result.not_judged().unwrap();
    assert_eq!(
        not_judged.detail,
        "the engine reported `usageLimitExceeded`: no"
    );
    assert_eq!(
        not_judged.reason,
        crate::review::NotJudgedReason::TurnFailed
    );
}

#[test]
fn a_missing_login_is_told_apart() {
    let mut turn = Turn::new(TurnKind::Turn);
    turn.hear(
        "turn/completed",
        json!({"threadId": "main", "turn": {"id": "t", "status": "failed", "error":
            {"message": "401", "codexErrorInfo": {"httpConnectionFailed": {"httpStatusCode": 401}}}}}),
    );
    let reason = turn.finish().not_judged().unwrap().reason;
    assert_eq!(reason, crate::review::NotJudgedReason::NotLoggedIn);
}

/// What used to happen: with any message at all, each of these was an approval.
#[test]
fn a_status_that_is_not_known_is_no_success_whatever_was_said() {
    for status in [
        json!("aborted"),
        json!("cancelled"),
        json!("errored"),
        json!("inProgress"),
        json!(""),
        json!(null),
        json!(5),
    ] {
        let mut turn = Turn::new(TurnKind::Turn);
        turn.item("main", message("an answer")).hear(
            "turn/completed",
            json!({"threadId": "main", "turn": {"id": "t", "status": status}}),
        );
        assert_eq!(turn.progress(), Progress::Over);
        let result = turn.finish();
        let word = status
            .as_str()
            .map_or_else(|| status.to_string(), str::to_owned);
        assert!(
            is_failure(&result.end, &format!("`{word}`")),
            "{status}: {result:?}"
        );
        assert_eq!(
            (result.message.as_str(), result.inferred),
            ("an answer", false)
        );
    }
}

#[test]
fn a_missing_status_is_inferred_from_what_there_is() {
    let over = json!({"threadId": "main", "turn": {"id": "t"}});
    let mut answered = Turn::new(TurnKind::Turn);
    answered
        .item("main", message("an answer"))
        .hear("turn/completed", over.clone());
    assert_eq!(answered.progress(), Progress::Over);
    let result = answered.finish();
    assert_eq!((result.end, result.inferred), (TurnEnd::Completed, true));
    let mut silent = Turn::new(TurnKind::Turn);
    silent.hear("turn/completed", over);
    assert!(is_failure(&silent.finish().end, "without an answer"));
    let mut faulty = Turn::new(TurnKind::Turn);
    faulty.item("main", message("an answer")).hear(
        "turn/completed",
        json!({"threadId": "main", "turn": {"id": "t", "error": {"message": "no quota"}}}),
    );
    assert!(is_failure(&faulty.finish().end, "no quota"));
}

#[test]
fn commands_and_files_are_told_and_kept() {
    let mut turn = Turn::new(TurnKind::Turn);
    let command = json!({"type": "commandExecution", "id": "c", "command": "cargo test", "exitCode": 1, "durationMs": 5,
        "commandActions": [{"type": "unknown"}], "status": "failed"});
    let change = |status: &str| {
        json!({"type": "fileChange", "id": "f", "status": status, "changes": [
        {"path": "a.rs", "diff": "", "kind": {"type": "update", "move_path": "b.rs"}},
        {"path": "a.rs", "diff": "", "kind": {"type": "add"}}]})
    };
    turn.started("main", "t")
        .item("main", command)
        .item("main", change("declined"))
        .item("main", change("completed"));
    for phase in [Phase::Investigating, Phase::Verifying, Phase::Editing] {
        assert!(
            turn.events.contains(&TurnEvent::Phase(phase)),
            "{phase} in {:?}",
            turn.events
        );
    }
    let result = turn.finish();
    assert_eq!(result.touched_files, ["a.rs", "b.rs"]);
    assert_eq!(
        result.commands,
        [CommandRun {
            command: "cargo test".into(),
            exit_code: Some(1)
        }]
    );
}

#[test]
fn a_declared_final_answer_wins_over_a_later_remark() {
    let mut turn = Turn::new(TurnKind::Turn);
    turn.item("main", json!({"type": "agentMessage", "id": "m", "text": "the answer", "phase": "final_answer"}))
        .item("main", message("by the way"))
        .hear("thread/tokenUsage/updated", json!({"threadId": "main", "tokenUsage": {"total": {"totalTokens": 9, "inputTokens": "?"}}}))
        .completed("main", "t", "completed");
    let result = turn.finish();
    assert_eq!(result.message, "the answer");
    assert_eq!(
        result.usage,
        Some(TokenUsage {
            total: 9,
            ..TokenUsage::default()
        })
    );
}

#[test]
fn a_message_that_only_the_end_repeats_is_not_lost() {
    let mut turn = Turn::new(TurnKind::Turn);
    turn.hear(
        "turn/completed",
        json!({"threadId": "main", "turn": {"id": "t", "status": "completed", "items": [message("late")]}}),
    );
    assert_eq!(turn.finish().message, "late");
}

#[test]
fn ten_thousand_summaries_stay_within_the_bound() {
    let mut turn = Turn::new(TurnKind::Turn);
    for n in 0..10_000 {
        turn.item(
            "main",
            json!({"type": "reasoning", "id": "r", "summary": [format!("{n}")]}),
        );
    }
    let result = turn.finish();
    assert_eq!(result.reasoning.len(), 500);
    assert_eq!(result.reasoning.last().unwrap(), "9999");
}
