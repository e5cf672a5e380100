//! What the items of a turn come to: messages, commands, files, sub-agents and the review.

use super::super::super::protocol::Item;
use super::{CommandRun, KEPT, KEPT_FILES, Phase, TurnEvent, TurnReducer, keep};

impl TurnReducer {
    pub(super) fn item(
        &mut self,
        item: Item,
        begins: bool,
        agent_id: Option<&str>,
        emit: &mut dyn FnMut(TurnEvent),
    ) {
        let agent = agent_id
            .and_then(|id| self.agents.name(id))
            .map(str::to_owned);
        let own = agent_id.is_none();
        // What the engine itself puts down, such as the question, is `Other`.
        self.model_answers |= !matches!(
            item,
            Item::EnteredReview | Item::ExitedReview { .. } | Item::Other
        );
        match item {
            Item::AgentMessage { text, phase } => {
                self.said(text, phase.as_deref(), begins, own, agent, emit);
            }
            Item::Reasoning { summary } if !begins => {
                for text in summary.into_iter().filter(|text| !text.trim().is_empty()) {
                    if own {
                        keep(&mut self.reasoning, text.clone(), KEPT);
                    }
                    let agent = agent.clone();
                    emit(TurnEvent::Reasoning { agent, text });
                }
            }
            Item::Command {
                command,
                only_reads,
                ..
            } if begins => {
                if own {
                    self.enter(Phase::of_command(&command, only_reads), emit);
                }
                emit(TurnEvent::CommandStarted { agent, command });
            }
            Item::Command {
                command,
                exit_code,
                duration_ms,
                ..
            } => {
                let run = CommandRun {
                    command: command.clone(),
                    exit_code,
                };
                keep(&mut self.commands, run, KEPT);
                emit(TurnEvent::CommandFinished {
                    agent,
                    command,
                    exit_code,
                    duration_ms,
                });
            }
            Item::FileChange { .. } if begins && own => self.enter(Phase::Editing, emit),
            Item::FileChange { paths, refused } => {
                if begins || refused || paths.is_empty() {
                    return;
                }
                for path in &paths {
                    if self.touched.len() < KEPT_FILES && self.touched_once.insert(path.clone()) {
                        self.touched.push(path.clone());
                    }
                }
                emit(TurnEvent::FilesChanged { agent, paths });
            }
            Item::ToolCall { name } if begins => {
                if own {
                    self.enter(Phase::Investigating, emit);
                }
                emit(TurnEvent::ToolCall { agent, tool: name });
            }
            Item::Collab { receivers, working } => {
                for receiver in receivers {
                    if !self.agents.contains(&receiver) {
                        self.agent_works(&receiver, None, true, emit);
                    }
                }
                for (thread, works) in working {
                    self.agent_works(&thread, None, works, emit);
                }
            }
            Item::SubAgent {
                thread_id,
                name,
                working,
            } => {
                let name = Some(name.as_str()).filter(|name| !name.is_empty());
                self.agent_works(&thread_id, name, working, emit);
            }
            Item::EnteredReview if own => {
                self.in_review = true;
                self.enter(Phase::Reviewing, emit);
            }
            Item::ExitedReview { text } if own => {
                // Said twice, at the start and the end of the item.
                if self.in_review {
                    self.in_review = false;
                    self.enter(Phase::Finalizing, emit);
                    emit(TurnEvent::ReviewText { text: text.clone() });
                }
                self.review_text = Some(text);
            }
            _ => {}
        }
    }

    fn said(
        &mut self,
        text: String,
        phase: Option<&str>,
        begins: bool,
        own: bool,
        agent: Option<String>,
        emit: &mut dyn FnMut(TurnEvent),
    ) {
        if text.trim().is_empty() {
            return;
        }
        if own && self.in_review {
            // The reviewer's own words: its raw JSON only ever starts, it never completes.
            if looks_like_review(&text) {
                self.review_json = Some(text);
            } else if !begins {
                emit(TurnEvent::Message { agent, text });
            }
            return;
        }
        if begins {
            return;
        }
        if own {
            if phase == Some("final_answer") {
                self.enter(Phase::Finalizing, emit);
                self.final_message = Some(text.clone());
            }
            self.has_spoken |= !matches!(phase, Some("commentary" | "partial_answer"));
            self.message.clone_from(&text);
            // The reviewer's text is said once more as a message.
            if self.review_text.as_deref() == Some(text.as_str()) {
                return;
            }
        }
        emit(TurnEvent::Message { agent, text });
    }
}

/// Whether a message within a review is the reviewer's raw JSON, and not its small talk.
fn looks_like_review(text: &str) -> bool {
    text.contains("\"overall_correctness\"") || text.contains("\"findings\"")
}
