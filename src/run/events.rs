//! From the engine's events to the job's: the one place that knows both vocabularies.

use crate::engine::{self, TurnEvent};
use crate::jobs::{EventSink, JobEvent, Phase, TokenCount};

/// Hands a turn's event to a job's sink, in the job's words.
pub(super) fn emit(event: TurnEvent, sink: &mut dyn EventSink) {
    let thread = |thread_id, turn_id| JobEvent::Thread {
        thread_id,
        turn_id,
        endpoint: None,
    };
    let said = |agent: Option<String>, what: String| match agent {
        Some(agent) => format!("{agent}: {what}"),
        None => what,
    };
    let line = |body: String| JobEvent::Log { title: None, body };
    let told = match event {
        TurnEvent::Queued { place } => JobEvent::Queued { place },
        TurnEvent::ThreadReady { thread_id, resumed } => {
            let word = if resumed { "resumed" } else { "ready" };
            sink.emit(line(format!("Thread {word} ({thread_id}).")));
            thread(Some(thread_id), None)
        }
        TurnEvent::TurnStarted { turn_id } => {
            sink.emit(line(format!("Turn started ({turn_id}).")));
            thread(None, Some(turn_id))
        }
        TurnEvent::Phase(phase) => JobEvent::Phase {
            phase: job_phase(phase),
        },
        TurnEvent::Message { agent, text } => JobEvent::Message { agent, text },
        TurnEvent::Reasoning { agent, text } => JobEvent::Reasoning { agent, text },
        TurnEvent::CommandStarted { agent, command } => JobEvent::CommandStarted {
            command: said(agent, command),
        },
        TurnEvent::CommandFinished {
            agent,
            command,
            exit_code,
            ..
        } => JobEvent::CommandFinished {
            command: said(agent, command),
            exit_code: exit_code.and_then(|code| i32::try_from(code).ok()),
        },
        TurnEvent::FilesChanged { paths, .. } => {
            for path in paths {
                sink.emit(JobEvent::FileChange {
                    path,
                    change: "update".to_owned(),
                });
            }
            return;
        }
        TurnEvent::ToolCall { agent, tool } => line(said(agent, format!("Calls {tool}."))),
        TurnEvent::AgentStarted { agent } => line(format!("Subagent {agent} started.")),
        TurnEvent::AgentFinished { agent } => line(format!("Subagent {agent} finished.")),
        TurnEvent::ReviewText { text } => JobEvent::Log {
            title: Some("Review output".to_owned()),
            body: text,
        },
        TurnEvent::Retrying { message } => JobEvent::Warning {
            text: format!("The engine tries again: {message}"),
        },
        TurnEvent::Warning { message } => JobEvent::Warning { text: message },
        TurnEvent::Usage(usage) => JobEvent::Tokens(TokenCount {
            input: usage.input,
            cached_input: usage.cached_input,
            output: usage.output,
        }),
        TurnEvent::Interrupt { confirmed } => JobEvent::Interrupt { confirmed },
        TurnEvent::StillRunning => {
            line("Nothing heard for a while; the engine says that the turn still runs.".to_owned())
        }
    };
    sink.emit(told);
}

fn job_phase(phase: engine::Phase) -> Phase {
    Phase::from_word(phase.as_str())
}
